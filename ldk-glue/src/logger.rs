//! LDK's log lines, handed to `tracing` under the target `ldk`.

use lightning::util::logger::{Level, Logger, Record};

/// LDK's logger. Lines that nobody listens to are not formatted.
#[derive(Debug)]
pub(crate) struct Log;

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
            Level::Error => line!(WARN, record),
            Level::Warn => line!(INFO, record),
            Level::Info => line!(DEBUG, record),
            Level::Debug | Level::Trace | Level::Gossip => line!(TRACE, record),
        }
    }
}
