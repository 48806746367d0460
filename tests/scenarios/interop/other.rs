//! The other taker at work.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use bitcoin::{Address, ScriptBuf};
use cambista_harness::Market;
use cambista_harness::market::p2p_addresses;
use serde_json::{Value, json};

use super::{AMOUNT, CONFIRMATIONS, FEE_RATE};

/// What to run, or nothing (and a word why) where it cannot run.
pub(crate) fn python() -> Option<Command> {
    let found = Command::new("python3").arg("--version").output();
    if !found.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: there is no python3 on this machine to run the other implementation");
        return None;
    }
    let mut python = Command::new("python3");
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("interop");
    python.current_dir(folder).arg("-B").stdin(Stdio::null());
    Some(python)
}

/// A number it reported.
pub(crate) fn number(said: &Value, name: &str) -> i64 {
    let value = said[name].as_i64();
    value.unwrap_or_else(|| panic!("no {name} in {said}"))
}

/// The other taker.
pub(crate) struct Other {
    child: Child,
    lines: BufReader<ChildStdout>,
    destination: ScriptBuf,
}

impl Other {
    /// Starts it, with the Lightning balance of the market's taker, to pay to a stranger's address.
    pub(crate) fn start(mut python: Command, market: &Market, more: &[&str]) -> Self {
        let chain = &market.bitcoind;
        // The one kind of address it knows besides bech32.
        let params = json!(["", "bech32m"]);
        let stranger = chain.rpc_wallet("getnewaddress", params).unwrap();
        let stranger = stranger.as_str().unwrap();
        let address: Address<_> = stranger.parse().unwrap();
        let mut child = python
            .args(["taker.py", "--network", "regtest", "--lightning"])
            .arg(market.taker.dir())
            .args(["--peer", &p2p_addresses(&market.makers[0])[0]])
            .args(["--bitcoind", &chain.rpc_url()])
            .arg("--cookie")
            .arg(chain.cookie_path())
            .args(["--amount", &AMOUNT.to_string()])
            .args(["--destination", stranger])
            .args(["--confirmations", &CONFIRMATIONS.to_string()])
            .args(["--fee-rate", &FEE_RATE.to_string()])
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .expect("start the other taker");
        Self {
            lines: BufReader::new(child.stdout.take().unwrap()),
            child,
            destination: address.assume_checked().script_pubkey(),
        }
    }

    /// What the stranger's coins are locked to.
    pub(crate) fn destination(&self) -> ScriptBuf {
        self.destination.clone()
    }

    /// Reads on until it reports `event`.
    ///
    /// # Panics
    /// When it ends before, or reports that something does not fit.
    #[track_caller]
    pub(crate) fn until(&mut self, event: &str) -> Value {
        loop {
            let mut line = String::new();
            self.lines.read_line(&mut line).unwrap();
            assert!(!line.is_empty(), "it ended before \"{event}\"");
            println!("other taker: {}", line.trim());
            let said: Value = serde_json::from_str(&line).unwrap();
            assert_ne!(said["event"], "failed", "{line}");
            if said["event"] == event {
                return said;
            }
        }
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When that is not a good one.
    #[track_caller]
    pub(crate) fn end(mut self) {
        let status = self.child.wait().unwrap();
        assert!(status.success(), "it ended with {status}");
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
