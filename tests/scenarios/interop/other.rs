//! The other taker at work, and the Lightning node that pays for it.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use bitcoin::hashes::Hash as _;
use bitcoin::hex::FromHex;
use bitcoin::{Address, ScriptBuf};
use cambista_harness::Market;
use cambista_harness::market::{lightning_address, p2p_addresses};
use cambista_harness::wait::secs;
use cambista_ldk::{Bolt11Invoice, LightningEvent, OpenChannel, PayRequest, PaymentState};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{AMOUNT, CONFIRMATIONS, FEE_RATE};
use crate::hold_invoices::node::Running;

const CHANNEL: u64 = 2_000_000;

/// What to run, or nothing (and a word why) where it cannot run.
pub(super) fn python() -> Option<Command> {
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
pub(super) fn number(said: &Value, name: &str) -> i64 {
    let value = said[name].as_i64();
    value.unwrap_or_else(|| panic!("no {name} in {said}"))
}

/// A Lightning node with a channel to the maker, all of it on its own side.
struct Wallet {
    runtime: Runtime,
    node: Running,
    channel: [u8; 32],
}

impl Wallet {
    fn open(market: &Market) -> Self {
        let runtime = Runtime::new().unwrap();
        let chain = &market.bitcoind;
        let (node, channel) = runtime.block_on(async {
            let node = Running::start(chain, 77).await;
            node.fund(chain, CHANNEL + 1_000_000).await;
            let at = lightning_address(&market.makers[0]);
            let (peer, address) = at.split_once('@').unwrap();
            let open = OpenChannel {
                peer: peer.parse().unwrap(),
                address: Some(address.to_owned()),
                amount_sat: CHANNEL,
                push_msat: 0,
                announced: false,
            };
            market.sync();
            let channel = node.node.open_channel(open).await.unwrap();
            chain.wait_for_mempool(1, secs(20));
            market.mine(1);
            let ready = |event: &LightningEvent| match event {
                LightningEvent::ChannelReady { id, .. } if *id == channel => Some(()),
                _ => None,
            };
            node.events.expect("channel ready", ready).await;
            node.settled_outbound(channel).await;
            (node, channel)
        });
        Self {
            runtime,
            node,
            channel,
        }
    }

    fn answer(&self, said: &Value) -> Option<Value> {
        match said["event"].as_str()? {
            "pay" => {
                let text = said["invoice"].as_str().unwrap();
                let invoice: Bolt11Invoice = text.parse().unwrap();
                let request = PayRequest {
                    invoice: text.to_owned(),
                    payment_id: invoice.payment_hash().to_byte_array(),
                    max_fee_msat: 0,
                    max_total_cltv_delta: u32::try_from(number(said, "max_cltv_delta")).unwrap(),
                    max_parts: 4,
                    retry_secs: 10,
                    first_hops: None,
                    last_hop: None,
                };
                let _guard = self.runtime.enter();
                self.node.node.pay(&request).unwrap();
                Some(Value::Null)
            }
            "in_flight" => {
                let hash = said["payment_hash"].as_str().unwrap();
                let id = <[u8; 32]>::from_hex(hash).unwrap();
                let state = self.node.node.payment(id);
                Some(json!(state == Some(PaymentState::Pending)))
            }
            _ => None,
        }
    }
}

/// The other taker.
pub(super) struct Other {
    child: Child,
    answers: ChildStdin,
    lines: BufReader<ChildStdout>,
    wallet: Option<Wallet>,
    destination: ScriptBuf,
}

impl Other {
    /// Starts it, to pay to a stranger's address.
    pub(super) fn start(mut python: Command, market: &Market, more: &[&str]) -> Self {
        let chain = &market.bitcoind;
        let wallet = Wallet::open(market);
        // The one kind of address it knows besides bech32.
        let params = json!(["", "bech32m"]);
        let stranger = chain.rpc_wallet("getnewaddress", params).unwrap();
        let stranger = stranger.as_str().unwrap();
        let address: Address<_> = stranger.parse().unwrap();
        let mut child = python
            .args(["taker.py", "--network", "regtest"])
            .args(["--peer", &p2p_addresses(&market.makers[0])[0]])
            .args(["--bitcoind", &chain.rpc_url()])
            .arg("--cookie")
            .arg(chain.cookie_path())
            .args(["--amount", &AMOUNT.to_string()])
            .args(["--destination", stranger])
            .args(["--confirmations", &CONFIRMATIONS.to_string()])
            .args(["--fee-rate", &FEE_RATE.to_string()])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start the other taker");
        Self {
            answers: child.stdin.take().unwrap(),
            lines: BufReader::new(child.stdout.take().unwrap()),
            child,
            wallet: Some(wallet),
            destination: address.assume_checked().script_pubkey(),
        }
    }

    /// What the stranger's coins are locked to.
    pub(super) fn destination(&self) -> ScriptBuf {
        self.destination.clone()
    }

    /// What it can send, once nothing is under way (msat).
    pub(super) fn lightning_msat(&self) -> i64 {
        let wallet = self.wallet.as_ref().unwrap();
        let settled = wallet.node.settled_outbound(wallet.channel);
        i64::try_from(wallet.runtime.block_on(settled)).unwrap()
    }

    /// Reads on until it reports `event`, and pays what it asks to be paid.
    ///
    /// # Panics
    /// When it ends before, or reports that something does not fit.
    #[track_caller]
    pub(super) fn until(&mut self, event: &str) -> Value {
        loop {
            let mut line = String::new();
            self.lines.read_line(&mut line).unwrap();
            assert!(!line.is_empty(), "it ended before \"{event}\"");
            println!("other taker: {}", line.trim());
            let said: Value = serde_json::from_str(&line).unwrap();
            assert_ne!(said["event"], "failed", "{line}");
            if let Some(answer) = self.wallet.as_ref().and_then(|w| w.answer(&said)) {
                writeln!(self.answers, "{answer}").unwrap();
            }
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
    pub(super) fn end(mut self) {
        let status = self.child.wait().unwrap();
        assert!(status.success(), "it ended with {status}");
        if let Some(wallet) = self.wallet.take() {
            wallet.runtime.block_on(wallet.node.stop());
        }
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
