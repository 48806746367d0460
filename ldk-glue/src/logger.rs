//! LDK's log lines, handed to `tracing` under the target `ldk`, without its secrets.

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

/// What LDK calls the things that must never be read by others: whoever knows a preimage takes the payment, whoever
/// knows a per-commitment secret or a session's key the channel's coins or the payment's route.
const SECRETS: [&str; 3] = ["preimage", "secret", "priv"];

/// What may be printed of a line. LDK prints secrets where it speaks of them, so such a line is kept back whole; where it
/// was written is said beside it.
fn printable(text: &str) -> &str {
    let lower = text.to_lowercase();
    if SECRETS.iter().any(|secret| lower.contains(secret)) && has_long_number(&lower) {
        "(a line about a secret is kept back)"
    } else {
        text
    }
}

/// Whether 32 bytes stand somewhere in a text, in hex or as Rust prints lists of bytes.
fn has_long_number(lower: &str) -> bool {
    let mut hex = lower.split(|letter: char| !letter.is_ascii_hexdigit());
    let mut list =
        lower.split(|letter: char| !(letter.is_ascii_digit() || ", \n".contains(letter)));
    hex.any(|run| run.len() >= 64) || list.any(|run| run.matches(',').count() >= 31)
}

macro_rules! line {
    ($level:ident, $record:ident) => {
        if tracing::enabled!(target: "ldk", tracing::Level::$level) {
            tracing::event!(
                target: "ldk",
                tracing::Level::$level,
                module = $record.module_path,
                line = $record.line,
                "{}", printable(&$record.args.to_string())
            )
        }
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
            Level::Debug => line!(TRACE, record),
            // Whole messages and events, with the preimages and revocation secrets that are in them.
            Level::Trace | Level::Gossip => {}
        }
    }
}

#[cfg(test)]
mod tests;
