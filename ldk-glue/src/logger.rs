//! LDK's log lines, handed to `tracing` under the target `ldk`.

use std::sync::atomic::{AtomicBool, Ordering};

use lightning::util::logger::{Level, Logger, Record};

use crate::fatal::Fatal;

/// How LDK begins to say that a peer has proved our state to be an old one. It stops itself there, in the middle of what it
/// does, and tells nobody in any other way.
const FALLEN_BEHIND: &str = "We have fallen behind";

/// What that means to the owner.
const OLD_COPY: &str = "this is an old copy of the node's folder: the other side of a channel has proved that there is a newer \
    state, and all of the channel's coins would be lost if the old one were published. Nothing was published. Put the newest \
    folder back. If there is none, leave this node off and ask the other side of every channel to close it by itself; once \
    these closings have confirmed, this folder can be started again and what was yours in the channels comes to its wallet";

/// Whether a node had to stop because its folder is an old copy: starting it again is no help then.
pub fn is_old_copy(reason: &str) -> bool {
    reason == OLD_COPY
}

/// LDK's logger. Lines that nobody listens to are not formatted.
#[derive(Debug)]
pub(crate) struct Log {
    fatal: Fatal,
    behind: AtomicBool,
}

impl Log {
    /// What LDK cannot go on after is told to `fatal`.
    pub(crate) const fn new(fatal: Fatal) -> Self {
        Self {
            fatal,
            behind: AtomicBool::new(false),
        }
    }

    /// Whether LDK has stopped itself because its state is an old one. None of its locks can be taken any more.
    pub(crate) fn fell_behind(&self) -> bool {
        self.behind.load(Ordering::Acquire)
    }

    fn is_behind(&self, record: &Record<'_>) {
        if record.args.to_string().starts_with(FALLEN_BEHIND) {
            self.behind.store(true, Ordering::Release);
            self.fatal.fail(OLD_COPY.to_owned());
        }
    }
}

macro_rules! line {
    ($level:ident, $record:ident) => {
        tracing::event!(
            target: "ldk",
            tracing::Level::$level,
            module = $record.module_path,
            line = $record.line,
            "{}", $record.args
        )
    };
}

impl Logger for Log {
    fn log(&self, record: Record) {
        match record.level {
            // LDK reports peers' misbehaviour and routes not found as errors; none of that is ours.
            Level::Error => {
                self.is_behind(&record);
                line!(WARN, record);
            }
            Level::Warn => line!(INFO, record),
            Level::Info => line!(DEBUG, record),
            Level::Debug | Level::Trace | Level::Gossip => line!(TRACE, record),
        }
    }
}
