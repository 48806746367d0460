//! A taker written in Python from the specification alone takes an `out` of a maker that runs this code.
//!
//! It shares nothing with this code but `spec/`: neither the contract nor the messages, nor the transport, nor BOLT11.
//! Only its Lightning balance is that of a node of ours, which is asked to pay invoices and knows nothing of the swap.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use bitcoin::{OutPoint, Txid};
use cambista_harness::market::p2p_addresses;
use cambista_harness::transaction::{Path, Seen, spend_in_blocks};
use cambista_harness::{Change, Market, Purse};
use serde_json::{Value, json};

const AMOUNT: u64 = 400_000;
const CONFIRMATIONS: u32 = 2;
const FEE_RATE: u64 = 5;

/// Where the programs are, or nothing (and a word why) where they cannot run.
fn python() -> Option<Command> {
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

/// The other taker at work.
struct Other {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Other {
    /// Starts it with the Lightning balance of the market's taker, for a stranger's address.
    fn start(mut python: Command, market: &Market, destination: &str, more: &[&str]) -> Self {
        let chain = &market.bitcoind;
        let mut child = python
            .args(["taker.py", "--network", "regtest"])
            .args(["--peer", &p2p_addresses(&market.makers[0])[0]])
            .arg("--lightning")
            .arg(market.taker.dir())
            .args(["--bitcoind", &chain.rpc_url()])
            .arg("--cookie")
            .arg(chain.cookie_path())
            .args(["--amount", &AMOUNT.to_string()])
            .args(["--destination", destination])
            .args(["--confirmations", &CONFIRMATIONS.to_string()])
            .args(["--fee-rate", &FEE_RATE.to_string()])
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .expect("start the other taker");
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Reads on until it reports `event`.
    ///
    /// # Panics
    /// When it ends before, or reports that something does not fit.
    #[track_caller]
    fn until(&mut self, event: &str) -> Value {
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

    fn end(mut self) {
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

/// An address of bech32m, the one kind the other taker knows besides bech32.
fn stranger(market: &Market) -> String {
    let chain = &market.bitcoind;
    let made = chain
        .rpc_wallet("getnewaddress", json!(["", "bech32m"]))
        .unwrap();
    made.as_str().unwrap().to_owned()
}

fn number(said: &Value, name: &str) -> i64 {
    said[name]
        .as_i64()
        .unwrap_or_else(|| panic!("no {name} in {said}"))
}

#[test]
fn every_vector_comes_out_the_same_in_another_language() {
    let Some(mut python) = python() else { return };
    let status = python.args(["-m", "unittest"]).status().unwrap();
    assert!(status.success(), "{status}");
}

#[test]
fn a_taker_of_another_make_takes_an_out() {
    let Some(python) = python() else { return };
    let market = Market::direct(3);
    let (taker, maker, chain) = (&market.taker, &market.makers[0], &market.bitcoind);
    let before = [Purse::of(taker, chain), Purse::of(maker, chain)];
    let stranger = stranger(&market);
    let mut other = Other::start(python, &market, &stranger, &[]);

    let quoted = other.until("quoted");
    let agreed = other.until("agreed");
    let funded = other.until("funded");
    let txid: Txid = funded["txid"].as_str().unwrap().parse().unwrap();
    let outpoint = OutPoint::new(txid, u32::try_from(number(&funded, "vout")).unwrap());
    market.mine(CONFIRMATIONS);
    let claimed = other.until("claimed");
    market.mine(1);
    let spend = spend_in_blocks(chain, outpoint, 2).expect("the claim in a block");
    assert_eq!(spend.tx.compute_txid().to_string(), claimed["txid"]);
    assert_eq!(spend.path(outpoint), Path::Key);
    assert_eq!(spend.only_output(), AMOUNT - spend.fee_sat);
    spend.assert_rate(FEE_RATE);
    market.mine(5);
    let done = other.until("done");
    assert_eq!(done["received"], spend.only_output());
    other.end();

    let paid = i64::try_from(AMOUNT).unwrap() + number(&quoted, "maker_fee");
    let funding = Seen::read(chain, txid);
    let spent = AMOUNT + funding.fee_sat;
    let nothing = Change::default();
    before[0].assert_changed(
        taker,
        chain,
        Change {
            lightning: -paid,
            ..nothing
        },
    );
    let chain_change = -i64::try_from(spent).unwrap();
    before[1].assert_changed(
        maker,
        chain,
        Change {
            lightning: paid,
            chain: chain_change,
        },
    );

    // The maker saw nothing out of the ordinary.
    let list = maker.api_get("/swaps");
    let swaps = list["swaps"].as_array().unwrap();
    let seen = swaps
        .iter()
        .find(|swap| swap["payment_hash"] == agreed["payment_hash"]);
    assert_eq!(seen.expect("the swap at the maker")["outcome"], "done");
}
