#![allow(clippy::unwrap_used)]

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use lightning::types::payment::PaymentPreimage;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::subscriber::with_default;
use tracing::{Event, Metadata, Subscriber};

use super::*;

/// Listens to everything.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<String>>>);

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0.push_str(&format!(" {value:?}"));
        }
    }
}

/// What is printed when LDK says this at this level, to somebody who listens to everything.
fn printed(level: Level, text: &str) -> Vec<String> {
    let listener = Listener::default();
    let log = Log::new(Fatal::new());
    let module = "lightning::ln::peer_handler";
    with_default(listener.clone(), || {
        log.log(Record::new(
            level,
            None,
            None,
            format_args!("{text}"),
            module,
            "peer_handler.rs",
            1,
            None,
        ));
    });
    let lines = listener.0.lock().unwrap();
    lines.clone()
}

#[test]
fn what_prints_whole_messages_and_events_is_never_printed() {
    let preimage = PaymentPreimage([7; 32]);
    for level in [Level::Trace, Level::Gossip] {
        for text in [
            format!("Received message UpdateFulfillHTLC({preimage:?}) from 02ab"),
            format!(
                "Enqueueing message RevokeAndACK {{ per_commitment_secret: {:?} }}",
                [9; 32]
            ),
            "Nothing in particular".to_owned(),
        ] {
            assert!(printed(level, &text).is_empty(), "{text}");
        }
    }
}

#[test]
fn a_line_that_tells_a_secret_is_kept_back_at_any_level() {
    let preimage = PaymentPreimage([7; 32]);
    let private = [0xab; 32];
    let hex: String = private.iter().map(|byte| format!("{byte:02x}")).collect();
    for level in [Level::Debug, Level::Info, Level::Warn, Level::Error] {
        for text in [
            format!("Claiming inbound HTLC id 1 with payment hash {hex} with preimage {preimage}"),
            format!("Added a pending payment for path with session priv {hex}"),
            format!("Pending in-flight updates are: [PaymentPreimage {{ {preimage:?} }}]"),
            format!("CommitmentSecret {{ idx: 3, secret: {private:#?} }}"),
        ] {
            let lines = printed(level, &text);
            assert_eq!(lines.len(), 1, "{text}");
            assert!(lines[0].contains("kept back"), "{lines:?}");
            assert!(!lines[0].contains(&hex), "{lines:?}");
            assert!(!lines[0].contains("171"), "{lines:?}");
        }
    }
}

#[test]
fn everything_else_is_printed_as_it_is() {
    for (level, text, line) in [
        (
            Level::Error,
            "Peer sent nonsense",
            "WARN Peer sent nonsense",
        ),
        (Level::Warn, "Something odd", "INFO Something odd"),
        (Level::Info, "Channel is ready", "DEBUG Channel is ready"),
        (Level::Debug, "Have no preimage", "TRACE Have no preimage"),
    ] {
        assert_eq!(printed(level, text), [line]);
    }
}
