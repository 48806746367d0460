//! A market for block space: transactions of strangers, of any size and fee rate.
//!
//! They spend coins that need no signature, so that thousands of kilobytes are made in a moment.

use bitcoin::absolute::LockTime;
use bitcoin::consensus::encode::serialize_hex;
use bitcoin::script::Builder;
use bitcoin::transaction::Version;
use bitcoin::{
    Address, Amount, Network, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid,
    Witness,
};
use serde_json::{Map, json};

use crate::bitcoind::Bitcoind;

/// The smallest output of this kind that is relayed (sat).
const PADDING: u64 = 330;
/// Outputs of one payment of bitcoind's wallet.
const PER_PAYMENT: usize = 200;

/// A confirmed coin that anybody can spend.
#[derive(Clone, Debug)]
pub struct OpenCoin {
    /// Where it is.
    pub outpoint: OutPoint,
    /// Its value (sat).
    pub value: u64,
    /// All its witness needs.
    pub witness_script: ScriptBuf,
}

impl OpenCoin {
    fn script(number: i64) -> ScriptBuf {
        // A number that is not zero is all a script has to leave.
        Builder::new().push_int(number).into_script()
    }

    /// The output it is.
    pub fn output(&self) -> TxOut {
        TxOut {
            value: Amount::from_sat(self.value),
            script_pubkey: self.witness_script.to_p2wsh(),
        }
    }

    /// The input that spends it.
    pub fn input(&self) -> TxIn {
        TxIn {
            previous_output: self.outpoint,
            script_sig: ScriptBuf::new(),
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            witness: Witness::from_slice(&[self.witness_script.as_bytes()]),
        }
    }
}

/// Coins for strangers' transactions.
#[derive(Debug)]
pub struct Filler {
    coins: Vec<OpenCoin>,
}

impl Filler {
    /// Makes `count` coins of `value` sat and a block they are in.
    ///
    /// # Panics
    /// When the wallet of `bitcoind` has not enough, or refuses.
    #[track_caller]
    pub fn new(bitcoind: &Bitcoind, count: u32, value: u64) -> Self {
        let scripts: Vec<ScriptBuf> = (1..=i64::from(count)).map(OpenCoin::script).collect();
        let mut coins = Vec::new();
        let mut payments = Vec::new();
        for some in scripts.chunks(PER_PAYMENT) {
            let amounts: Map<String, serde_json::Value> = some
                .iter()
                .map(|script| {
                    let address = Address::p2wsh(script, Network::Regtest);
                    let btc = Amount::from_sat(value).to_btc();
                    (address.to_string(), json!(btc))
                })
                .collect();
            let params = json!({ "dummy": "", "amounts": amounts, "fee_rate": 5 });
            let txid: Txid = bitcoind
                .rpc_wallet("sendmany", params)
                .expect("pay for the coins of strangers")
                .as_str()
                .and_then(|txid| txid.parse().ok())
                .expect("a txid");
            let hex = bitcoind.rpc("getrawtransaction", json!([txid])).unwrap();
            let hex = hex.as_str().unwrap().to_owned();
            let tx: Transaction = bitcoin::consensus::encode::deserialize_hex(&hex).unwrap();
            for (vout, output) in (0u32..).zip(&tx.output) {
                let script = some
                    .iter()
                    .find(|script| script.to_p2wsh() == output.script_pubkey);
                coins.extend(script.map(|script| OpenCoin {
                    outpoint: OutPoint::new(txid, vout),
                    value,
                    witness_script: script.clone(),
                }));
            }
            payments.push(hex);
        }
        bitcoind.mine_only(&payments);
        assert_eq!(coins.len(), usize::try_from(count).unwrap());
        Self { coins }
    }

    /// Of coins made before.
    pub const fn of(coins: Vec<OpenCoin>) -> Self {
        Self { coins }
    }

    /// Takes one of the coins.
    ///
    /// # Panics
    /// When none is left.
    #[track_caller]
    pub fn coin(&mut self) -> OpenCoin {
        self.coins.pop().expect("another coin of strangers")
    }

    /// How many coins are left.
    pub fn left(&self) -> usize {
        self.coins.len()
    }

    /// A transaction that spends one coin, of at least `vsize` vB (the smallest has about 95), at `sat_per_vb`.
    ///
    /// # Panics
    /// When the coin cannot pay that.
    #[track_caller]
    pub fn make(&mut self, sat_per_vb: u64, vsize: u64) -> Transaction {
        let coin = self.coin();
        let padding = TxOut {
            value: Amount::from_sat(PADDING),
            script_pubkey: coin.witness_script.to_p2wsh(),
        };
        let mut tx = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![coin.input()],
            output: vec![coin.output()],
        };
        let size = |tx: &Transaction| u64::try_from(tx.vsize()).unwrap();
        let missing = vsize.saturating_sub(size(&tx)).div_ceil(43);
        let missing = usize::try_from(missing).unwrap();
        tx.output.extend(std::iter::repeat_n(padding, missing));
        let paid = u64::try_from(missing).unwrap() * PADDING + size(&tx) * sat_per_vb;
        let rest = coin.value.checked_sub(paid).expect("a larger coin");
        tx.output[0].value = Amount::from_sat(rest);
        tx
    }

    /// As [`Filler::make`], and sends it.
    ///
    /// # Panics
    /// When `bitcoind` refuses it.
    #[track_caller]
    pub fn send(&mut self, bitcoind: &Bitcoind, sat_per_vb: u64, vsize: u64) -> Txid {
        let tx = self.make(sat_per_vb, vsize);
        // Without a limit on what strangers may pay.
        let sent = bitcoind.rpc("sendrawtransaction", json!([serialize_hex(&tx), 0]));
        sent.unwrap_or_else(|why| panic!("a stranger's transaction: {why}"));
        tx.compute_txid()
    }

    /// A block of nothing but strangers' transactions at this rate, as many as it takes for `estimatesmartfee` to
    /// believe in it. What else waits stays where it is.
    #[track_caller]
    pub fn spike(&mut self, bitcoind: &Bitcoind, sat_per_vb: u64) {
        let mined: Vec<String> = (0..20)
            .map(|_| self.send(bitcoind, sat_per_vb, 150).to_string())
            .collect();
        bitcoind.mine_only(&mined);
    }

    /// Fills a mempool that was started with `-maxmempool=5` until everything below `sat_per_vb` has been thrown out, and
    /// returns the floor it has then (sat per 1000 vB).
    ///
    /// # Panics
    /// When the coins do not suffice.
    #[track_caller]
    pub fn flood(&mut self, bitcoind: &Bitcoind, sat_per_vb: u64) -> u64 {
        let mut rate = sat_per_vb;
        loop {
            let floor = floor(bitcoind);
            if floor >= sat_per_vb * 1_000 {
                return floor;
            }
            let tx = self.make(rate, 90_000);
            let sent = bitcoind.rpc("sendrawtransaction", json!([serialize_hex(&tx), 0]));
            match sent {
                Ok(_) => {}
                // It would have been the one to go: from here on each pushes out another.
                Err(why) if why.contains("mempool full") || why.contains("min fee not met") => {
                    rate += 1;
                }
                Err(why) => panic!("a stranger's transaction: {why}"),
            }
        }
    }
}

/// The least `bitcoind` takes into its mempool now (sat per 1000 vB).
///
/// # Panics
/// When it does not say.
#[track_caller]
pub fn floor(bitcoind: &Bitcoind) -> u64 {
    let info = bitcoind.rpc("getmempoolinfo", json!([])).unwrap();
    let btc = info["mempoolminfee"].as_f64().unwrap();
    Amount::from_btc(btc).unwrap().to_sat()
}

/// What `bitcoind` thinks it takes to be in one of the next two blocks (sat per 1000 vB); 0 while it does not know.
///
/// # Panics
/// When it does not say.
#[track_caller]
pub fn estimate(bitcoind: &Bitcoind) -> u64 {
    let answer = bitcoind.rpc("estimatesmartfee", json!([2])).unwrap();
    let btc = answer["feerate"].as_f64().unwrap_or_default();
    Amount::from_btc(btc).unwrap().to_sat()
}
