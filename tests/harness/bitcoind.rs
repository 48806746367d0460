//! A regtest `bitcoind` of one's own.
//!
//! Which program is run: `$BITCOIND`, else `bitcoind` on PATH, else what `scripts/bitcoind` fetches. The fetched one is
//! Bitcoin Knots 29. Where its policy differs from Bitcoin Core's in what matters to a swap:
//! - version-3 (TRUC) limits are not enforced unless asked for; the config written here asks for it, and Core, which
//!   always enforces them, ignores the line;
//! - 1 sat/vB is the lowest fee rate relayed and the smallest step of a replacement (as in Core before 30), every
//!   replacement is allowed whether or not it was signalled, dust is reckoned at 3 sat/vB;
//! - a transaction with lock time 21 is refused unless told otherwise, and the wallet that pays here, which locks to a
//!   height not far below the tip now and then, makes one on a chain as short as this: it is told otherwise;
//! - it leaves a part of its blocks to those who pay little and whose coins are old: here all of it is for who pays most;
//! - standardness is demanded on regtest too, so a transaction that passes here is one that would be relayed; data
//!   carriers are limited to 83 bytes and a script with its witness to 1650, both far from anything a swap makes.

use std::fmt::Display;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use bitcoin::{BlockHash, Txid};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::json_rpc::JsonRpc;
use crate::program::free_port;
use crate::wait::wait_for;

/// The wallet that mines and pays.
const WALLET: &str = "miner";
const START_TIMEOUT: Duration = Duration::from_secs(180);
/// How often another free port is tried when the one chosen was taken in between.
const START_TRIES: usize = 5;
/// A wallet that has the coins pays within this.
const FUND_TIMEOUT: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(50);

/// Options Core does not know are ignored in a config file, but fatal on the command line.
const CONFIG: &str = "[regtest]\nmempooltruc=enforce\nrejectparasites=0\nblockprioritysize=0\n";

/// A running `bitcoind` on regtest with its own folder, killed and removed on drop.
#[derive(Debug)]
pub struct Bitcoind {
    child: Child,
    rpc: JsonRpc,
    rpc_port: u16,
    dir: PathBuf,
    extra_args: Vec<String>,
    /// Present when the folder is ours to remove.
    _temp: Option<TempDir>,
}

impl Bitcoind {
    /// Starts one in a temporary folder and waits until it answers. No block is mined yet.
    ///
    /// `extra_args` come last on the command line and so win over the defaults, for instance
    /// `["-fallbackfee=0.0001"]`, or `["-blockfilterindex=1"]`.
    ///
    /// # Panics
    /// With the end of its log if no `bitcoind` can be found or it does not start.
    #[track_caller]
    pub fn start(extra_args: &[&str]) -> Self {
        let temp = tempfile::Builder::new()
            .prefix("cambista-bitcoind-")
            .tempdir()
            .expect("a temporary folder");
        let mut started = Self::start_in(temp.path(), extra_args);
        started._temp = Some(temp);
        started
    }

    /// The same in the existing folder `dir`, which is left there on drop (to look into it afterwards).
    ///
    /// # Panics
    /// As [`Bitcoind::start`].
    #[track_caller]
    pub fn start_in(dir: &Path, extra_args: &[&str]) -> Self {
        let program = find_program();
        fs::write(dir.join("bitcoin.conf"), CONFIG).expect("write bitcoin.conf");
        let extra_args: Vec<String> = extra_args.iter().map(ToString::to_string).collect();
        let mut failure = String::new();
        for _ in 0..START_TRIES {
            let rpc_port = free_port();
            match launch(&program, dir, &extra_args, rpc_port) {
                Ok(child) => {
                    let started = Self {
                        child,
                        rpc: JsonRpc::new(rpc_port, cookie_in(dir)),
                        rpc_port,
                        dir: dir.to_owned(),
                        extra_args,
                        _temp: None,
                    };
                    started.open_wallet();
                    return started;
                }
                Err(why) => failure = why,
            }
        }
        panic!("{} did not start: {failure}", program.display());
    }

    /// Ends it and starts it again where it was, with the chain it had and an empty mempool: whoever wants a transaction
    /// mined must send it again.
    ///
    /// # Panics
    /// With the end of its log when it does not start again.
    #[track_caller]
    pub fn restart_forgetful(&mut self) {
        self.away();
        let _ = fs::remove_file(self.dir.join("regtest").join("mempool.dat"));
        self.back();
    }

    /// Ends it in good order; nobody answers at its address until [`Bitcoind::back`].
    ///
    /// # Panics
    /// When it does not end.
    #[track_caller]
    pub fn away(&mut self) {
        self.expect::<Value>("stop", Value::Null);
        self.child.wait().expect("the end of bitcoind");
    }

    /// Starts it again at the same address, with what it had.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn back(&mut self) {
        let again = launch(&find_program(), &self.dir, &self.extra_args, self.rpc_port);
        self.child = again.unwrap_or_else(|why| panic!("bitcoind did not start again: {why}"));
        self.open_wallet();
    }

    /// Leaves everybody who follows it without an answer, and is back when the chain has a block of exactly these
    /// transactions (hex) and `n` empty ones more.
    ///
    /// # Panics
    /// When it does not start again.
    #[track_caller]
    pub fn mine_while_away(&mut self, transactions: &[String], n: u32) {
        let address = self.new_address();
        let start = |port| launch(&find_program(), &self.dir, &self.extra_args, port);
        self.expect::<Value>("stop", Value::Null);
        self.child.wait().expect("the end of bitcoind");
        let _ = fs::remove_file(self.dir.join("regtest").join("mempool.dat"));
        let elsewhere = free_port();
        let mut away = start(elsewhere).unwrap_or_else(|why| panic!("bitcoind, away: {why}"));
        let rpc = JsonRpc::new(elsewhere, cookie_in(&self.dir));
        let block = json!([address, transactions]);
        must::<Value>("generateblock", rpc.call("generateblock", block));
        let more = rpc.call("generatetoaddress", json!([n, address]));
        must::<Value>("generatetoaddress", more);
        must::<Value>("stop", rpc.call("stop", Value::Null));
        away.wait().expect("the end of bitcoind");
        let again = start(self.rpc_port);
        self.child = again.unwrap_or_else(|why| panic!("bitcoind did not start again: {why}"));
        self.open_wallet();
    }

    /// Calls an RPC method: `params` is an array, an object of named parameters, or null.
    ///
    /// # Errors
    /// The server's message with its code, or why it could not be reached.
    pub fn rpc(&self, method: &str, params: Value) -> Result<Value, String> {
        self.rpc.call(method, params)
    }

    /// Calls an RPC method of the wallet that mines and pays.
    ///
    /// # Errors
    /// As [`Bitcoind::rpc`].
    pub fn rpc_wallet(&self, method: &str, params: Value) -> Result<Value, String> {
        self.rpc.call_wallet(WALLET, method, params)
    }

    /// A client that can be handed to another thread and outlives the borrow of this value.
    pub fn client(&self) -> JsonRpc {
        self.rpc.clone()
    }

    /// Mines `n` blocks to the own wallet. Coins can be spent when 100 blocks are on top of them: mine 101 first.
    #[track_caller]
    pub fn mine(&self, n: u32) -> Vec<BlockHash> {
        self.mine_to(self.new_address(), n)
    }

    /// Mines `n` blocks that pay to `address`.
    #[track_caller]
    pub fn mine_to(&self, address: impl Display, n: u32) -> Vec<BlockHash> {
        self.expect("generatetoaddress", json!([n, address.to_string()]))
    }

    /// Mines a block of exactly these transactions, given as txid or as hex; what else waits in the mempool stays there.
    #[track_caller]
    pub fn mine_only(&self, transactions: &[String]) {
        let params = json!([self.new_address(), transactions]);
        must::<Value>("generateblock", self.rpc("generateblock", params));
    }

    /// Takes the block at `height` and all above it off the chain, for good.
    #[track_caller]
    pub fn invalidate(&self, height: u32) {
        let hash: BlockHash = self.expect("getblockhash", json!([height]));
        self.expect::<Value>("invalidateblock", json!([hash]));
    }

    /// The height of the tip.
    #[track_caller]
    pub fn height(&self) -> u32 {
        self.expect("getblockcount", Value::Null)
    }

    /// A new address of the own wallet.
    #[track_caller]
    pub fn new_address(&self) -> String {
        must(
            "getnewaddress",
            self.rpc_wallet("getnewaddress", Value::Null),
        )
    }

    /// Pays `sats` to `address` at 2 sat/vB. The transaction is in the mempool afterwards, not yet in a block.
    #[track_caller]
    pub fn fund_address(&self, address: impl Display, sats: u64) -> Txid {
        let amount = format!("{}.{:08}", sats / 100_000_000, sats % 100_000_000);
        let params = json!({ "address": address.to_string(), "amount": amount, "fee_rate": 2 });
        // The wallet hears of blocks and of its own change a moment after the node does.
        let sent = wait_for("the wallet of bitcoind to pay", FUND_TIMEOUT, || {
            self.rpc_wallet("sendtoaddress", params.clone())
        });
        let txid: Txid = must("sendtoaddress", Ok(sent));
        // The wallet keeps quiet about a transaction that its own mempool refused, and takes its coins as spent.
        wait_for("the payment to be in the mempool", FUND_TIMEOUT, || {
            if self.mempool().contains(&txid) {
                return Ok(());
            }
            let known = self.rpc_wallet("gettransaction", json!([txid]))?;
            self.rpc("sendrawtransaction", json!([known["hex"]]))
                .map(|_| ())
        });
        txid
    }

    /// The transactions waiting to be mined.
    #[track_caller]
    pub fn mempool(&self) -> Vec<Txid> {
        self.expect("getrawmempool", Value::Null)
    }

    /// The transaction as `getrawtransaction` decodes it, wherever it is (mempool or block).
    #[track_caller]
    pub fn tx(&self, txid: Txid) -> Value {
        self.expect("getrawtransaction", json!([txid, true]))
    }

    /// Waits until at least `n` transactions are in the mempool and returns them all.
    ///
    /// # Panics
    /// If they are not there within `timeout`.
    #[track_caller]
    pub fn wait_for_mempool(&self, n: usize, timeout: Duration) -> Vec<Txid> {
        let started = Instant::now();
        loop {
            let found = self.mempool();
            if found.len() >= n {
                return found;
            }
            assert!(
                started.elapsed() < timeout,
                "expected {n} transactions in the mempool within {timeout:?}, found {found:?}"
            );
            sleep(POLL);
        }
    }

    /// Where the RPC cookie is.
    pub fn cookie_path(&self) -> PathBuf {
        cookie_in(&self.dir)
    }

    /// The port of the RPC server on 127.0.0.1.
    pub fn rpc_port(&self) -> u16 {
        self.rpc_port
    }

    /// The address of the RPC server as `http://127.0.0.1:port`.
    pub fn rpc_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.rpc_port)
    }

    /// The folder it keeps its data in.
    pub fn datadir(&self) -> &Path {
        &self.dir
    }

    #[track_caller]
    fn expect<T: DeserializeOwned>(&self, method: &str, params: Value) -> T {
        must(method, self.rpc(method, params))
    }

    /// Creates the wallet, or loads it where the folder has been used before.
    #[track_caller]
    fn open_wallet(&self) {
        if let Err(why) = self.rpc("createwallet", json!([WALLET])) {
            let loaded = self.rpc("loadwallet", json!([WALLET]));
            assert!(loaded.is_ok(), "{why}; {loaded:?}");
        }
    }
}

impl Drop for Bitcoind {
    fn drop(&mut self) {
        // Nothing in the folder is needed again, except where the caller chose it: then let it be written out.
        if self._temp.is_some() || self.rpc("stop", Value::Null).is_err() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Starts the program and waits until it answers; the error says why it does not.
fn launch(
    program: &Path,
    dir: &Path,
    extra_args: &[String],
    rpc_port: u16,
) -> Result<Child, String> {
    let output = File::create(dir.join("output.log")).map_err(|e| e.to_string())?;
    let errors = output.try_clone().map_err(|e| e.to_string())?;
    let mut child = Command::new(program)
        .arg(format!("-datadir={}", dir.display()))
        .arg(format!("-rpcport={rpc_port}"))
        .args(["-regtest", "-server", "-txindex=1", "-listen=0"])
        .args(["-fallbackfee=0.00002", "-acceptnonstdtxn=0"])
        // Its wallet is there to mine and pay: a thousand keys ahead of need take longer to make than a swap takes, and
        // nothing of it is missed when it is killed.
        .args(["-keypool=20", "-unsafesqlitesync=1"])
        // Several nodes share one server; each keeps one of its threads waiting for a block.
        .args(["-rpcthreads=32", "-rpcworkqueue=256", "-par=1"])
        .args(extra_args)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .map_err(|e| e.to_string())?;
    let rpc = JsonRpc::new(rpc_port, cookie_in(dir));
    let begun = Instant::now();
    loop {
        let Err(why) = is_ready(&rpc) else {
            return Ok(child);
        };
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("{status}\n{}", log_end(dir)));
        }
        if begun.elapsed() > START_TIMEOUT {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("{why}\n{}", log_end(dir)));
        }
        sleep(POLL);
    }
}

/// Whether it answers, and finds every transaction, if it was told to keep them: it reads the blocks for its index of them while
/// it answers already.
fn is_ready(rpc: &JsonRpc) -> Result<(), String> {
    let index = rpc.call("getindexinfo", json!(["txindex"]))?;
    (index["txindex"]["synced"] != false)
        .then_some(())
        .ok_or_else(|| format!("its index is not ready: {index}"))
}

/// The last lines of what the program said.
fn log_end(dir: &Path) -> String {
    let log = fs::read_to_string(dir.join("output.log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

fn cookie_in(dir: &Path) -> PathBuf {
    dir.join("regtest").join(".cookie")
}

#[track_caller]
fn must<T: DeserializeOwned>(method: &str, answer: Result<Value, String>) -> T {
    let value = answer.unwrap_or_else(|why| panic!("bitcoind refused: {why}"));
    serde_json::from_value(value).unwrap_or_else(|why| panic!("{method}: unexpected answer: {why}"))
}

/// Asks `scripts/bitcoind`, which knows the order of places to look in and fetches one as the last of them.
fn find_program() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/bitcoind");
    let output = Command::new(&script)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|why| panic!("cannot run {}: {why}", script.display()));
    assert!(
        output.status.success(),
        "no bitcoind to run: see the message of scripts/bitcoind above"
    );
    let path = String::from_utf8(output.stdout).expect("a path in UTF-8");
    PathBuf::from_str(path.trim()).expect("a path")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mines_pays_and_leaves_nothing_behind() {
        let bitcoind = Bitcoind::start(&["-fallbackfee=0.0001"]);
        assert_eq!(bitcoind.height(), 0);
        assert_eq!(bitcoind.mine(101).len(), 101);
        assert_eq!(bitcoind.height(), 101);

        let receiver = bitcoind.new_address();
        let txid = bitcoind.fund_address(&receiver, 123_456_789);
        assert_eq!(bitcoind.wait_for_mempool(1, Duration::from_secs(5)), [txid]);
        let paid = |tx: &Value| {
            tx["vout"].as_array().unwrap().iter().any(|out| {
                out["scriptPubKey"]["address"] == json!(receiver)
                    && out["value"] == json!(1.23456789)
            })
        };
        assert!(paid(&bitcoind.tx(txid)));
        bitcoind.mine_to(&receiver, 1);
        assert!(bitcoind.mempool().is_empty());
        assert_eq!(bitcoind.tx(txid)["confirmations"], 1);

        let folder = bitcoind.datadir().to_owned();
        assert!(bitcoind.cookie_path().starts_with(&folder) && bitcoind.cookie_path().exists());
        let client = bitcoind.client();
        drop(bitcoind);
        assert!(!folder.exists(), "the folder was left behind");
        assert!(client.call("getblockcount", Value::Null).is_err());
    }

    #[test]
    fn a_refused_call_says_why() {
        let bitcoind = Bitcoind::start(&[]);
        let why = bitcoind.rpc("getblockhash", json!([7])).unwrap_err();
        assert!(
            why.contains("Block height out of range") && why.contains("-8"),
            "{why}"
        );
    }

    #[test]
    fn version_three_limits_are_enforced() {
        let bitcoind = Bitcoind::start(&[]);
        let info = bitcoind.rpc("getmempoolinfo", Value::Null).unwrap();
        // Core enforces them always and does not report it.
        let policy = info.get("truc_policy").cloned();
        assert!(
            policy.is_none() || policy == Some(json!("enforce")),
            "{info}"
        );
    }

    #[test]
    fn a_chosen_folder_survives_and_can_be_used_again() {
        let folder = TempDir::new().unwrap();
        let first = Bitcoind::start_in(folder.path(), &[]);
        first.mine(3);
        drop(first);
        let second = Bitcoind::start_in(folder.path(), &[]);
        assert_eq!(second.height(), 3);
    }
}
