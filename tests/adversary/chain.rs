//! Coins of its own (those of bitcoind's wallet) and transactions nobody's rules bind.

use bitcoin::absolute::LockTime;
use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::transaction::Version;
use bitcoin::{
    Address, Amount, FeeRate, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid,
};
use cambista_harness::Bitcoind;
use cambista_protocol::contract::{Contract, Method, Spend, SpendInput};
use serde_json::{Value, json};

/// A coin that can be spent.
#[derive(Clone, Debug)]
pub(crate) struct Coin {
    pub(crate) outpoint: OutPoint,
    pub(crate) value: Amount,
}

/// A script of bitcoind's wallet.
pub(crate) fn own_script(bitcoind: &Bitcoind) -> ScriptBuf {
    let address: Address<_> = bitcoind.new_address().parse().unwrap();
    address.assume_checked().script_pubkey()
}

/// The largest coins of bitcoind's wallet that nothing spends, so many.
pub(crate) fn coins(bitcoind: &Bitcoind, n: usize) -> Vec<Coin> {
    let list = bitcoind.rpc_wallet("listunspent", json!([1])).unwrap();
    let mut coins: Vec<Coin> = list.as_array().unwrap().iter().map(coin).collect();
    coins.sort_by_key(|coin| std::cmp::Reverse(coin.value));
    coins.truncate(n);
    assert_eq!(coins.len(), n, "not enough coins");
    coins
}

fn coin(json: &Value) -> Coin {
    let txid: Txid = json["txid"].as_str().unwrap().parse().unwrap();
    let vout = u32::try_from(json["vout"].as_u64().unwrap()).unwrap();
    Coin {
        outpoint: OutPoint { txid, vout },
        value: Amount::from_btc(json["amount"].as_f64().unwrap()).unwrap(),
    }
}

/// A signed transaction from `coins` to `outputs`, the rest but for `fee` sat back to the wallet, as the last output.
pub(crate) fn pay(
    bitcoind: &Bitcoind,
    coins: &[Coin],
    outputs: &[(ScriptBuf, u64)],
    fee: u64,
) -> Transaction {
    let all: Amount = coins.iter().map(|coin| coin.value).sum();
    let paid: u64 = outputs.iter().map(|(_, sat)| sat).sum();
    let change = (own_script(bitcoind), all.to_sat() - paid - fee);
    let output = |(script_pubkey, sat): &(ScriptBuf, u64)| TxOut {
        script_pubkey: script_pubkey.clone(),
        value: Amount::from_sat(*sat),
    };
    let tx = Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: coins.iter().map(spent).collect(),
        output: outputs.iter().chain([&change]).map(output).collect(),
    };
    signed(bitcoind, &tx)
}

/// A signed transaction of this version from `coins` back to the wallet, blown up to at most `vsize` vB, for `fee` sat. The
/// rest is its first output.
pub(crate) fn padded(
    bitcoind: &Bitcoind,
    coins: &[Coin],
    version: i32,
    vsize: usize,
    fee: u64,
) -> Transaction {
    /// Sizes of a frame, a signed input and an output of the wallet (vB), and the least an output may be (sat).
    const SIZES: (usize, usize, usize, u64) = (12, 148, 34, 546);
    let (frame, input, output, least) = SIZES;
    let script = own_script(bitcoind);
    let more = vsize.saturating_sub(frame + input * coins.len() + output) / output;
    let all: Amount = coins.iter().map(|coin| coin.value).sum();
    let padding = u64::try_from(more).unwrap() * least;
    let to = |sat| TxOut {
        script_pubkey: script.clone(),
        value: Amount::from_sat(sat),
    };
    let mut tx = Transaction {
        version: Version(version),
        lock_time: LockTime::ZERO,
        input: coins.iter().map(spent).collect(),
        output: vec![to(all.to_sat() - padding - fee)],
    };
    tx.output.extend(std::iter::repeat_n(to(least), more));
    signed(bitcoind, &tx)
}

/// The input that spends a coin, and may be replaced.
fn spent(coin: &Coin) -> TxIn {
    TxIn {
        previous_output: coin.outpoint,
        sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
        ..TxIn::default()
    }
}

/// Signed by bitcoind's wallet.
fn signed(bitcoind: &Bitcoind, tx: &Transaction) -> Transaction {
    let signed = bitcoind
        .rpc_wallet("signrawtransactionwithwallet", json!([serialize_hex(tx)]))
        .unwrap();
    assert_eq!(signed["complete"], true, "{signed}");
    deserialize_hex(signed["hex"].as_str().unwrap()).unwrap()
}

/// Gives a transaction to the network.
#[track_caller]
pub(crate) fn send(bitcoind: &Bitcoind, tx: &Transaction) -> Txid {
    try_send(bitcoind, tx).unwrap_or_else(|why| panic!("not taken: {why}"))
}

/// Gives it to the network, which may not take it.
pub(crate) fn try_send(bitcoind: &Bitcoind, tx: &Transaction) -> Result<Txid, String> {
    // Any fee, and any amount burnt.
    bitcoind.rpc("sendrawtransaction", json!([serialize_hex(tx), 0]))?;
    Ok(tx.compute_txid())
}

/// Puts a transaction into a block of its own, past the mempool.
pub(crate) fn mine_alone(bitcoind: &Bitcoind, tx: &Transaction) -> Result<(), String> {
    let block = json!([bitcoind.new_address(), [serialize_hex(tx)]]);
    bitcoind.rpc("generateblock", block).map(|_| ())
}

/// Pays a contract these values from a coin nothing else spends, and gives that to the network.
#[track_caller]
pub(crate) fn fund(bitcoind: &Bitcoind, contract: &Contract, values: &[u64]) -> Transaction {
    fund_from(bitcoind, contract, &coins(bitcoind, 1), values)
}

/// The same from these coins.
#[track_caller]
pub(crate) fn fund_from(
    bitcoind: &Bitcoind,
    contract: &Contract,
    coins: &[Coin],
    values: &[u64],
) -> Transaction {
    let script = contract.script_pubkey();
    let outputs: Vec<_> = values.iter().map(|sat| (script.clone(), *sat)).collect();
    let tx = pay(bitcoind, coins, &outputs, 1_000);
    send(bitcoind, &tx);
    tx
}

/// An output of a transaction.
pub(crate) fn output(tx: &Transaction, index: u32) -> (OutPoint, Amount) {
    let outpoint = OutPoint::new(tx.compute_txid(), index);
    (outpoint, tx.output[usize::try_from(index).unwrap()].value)
}

/// The first output of a transaction, to be spent.
pub(crate) fn first_coin(tx: &Transaction) -> Coin {
    let (outpoint, value) = output(tx, 0);
    Coin { outpoint, value }
}

/// Where a transaction pays a contract, the first time.
pub(crate) fn output_of(tx: &Transaction, contract: &Contract) -> (OutPoint, Amount) {
    let (vout, value) = contract.outputs_in(tx).next().expect("an output");
    let txid = tx.compute_txid();
    (OutPoint { txid, vout }, value)
}

/// A spend of a contract to bitcoind's wallet at so many sat/vB.
pub(crate) fn spend(
    bitcoind: &Bitcoind,
    contract: &Contract,
    (outpoint, value): (OutPoint, Amount),
    method: Method,
    rate: u64,
) -> Transaction {
    let spend = Spend {
        inputs: vec![SpendInput {
            outpoint,
            value,
            contract: contract.clone(),
            method,
        }],
        destination: own_script(bitcoind),
        truc: false,
    };
    let rate = FeeRate::from_sat_per_vb(rate).unwrap();
    spend.sign(rate).unwrap().tx
}
