//! R in the mempool is R: the funder learns it from a payer's unconfirmed claim, also from one that is thrown out of the
//! mempool again, and claims its payment. No block is needed for that.

use bitcoin::consensus::encode::serialize_hex;
use bitcoin::hex::DisplayHex as _;
use bitcoin::{Amount, OutPoint, Transaction, TxOut, Txid};
use cambista_harness::filler::OpenCoin;
use cambista_harness::market::USUAL;
use cambista_harness::program::free_port;
use cambista_harness::transaction::{Path, Seen, spend_in_mempool};
use cambista_harness::{Change, Filler, Market, MarketOptions, Purse};
use serde_json::Value;

use crate::interop::other::{Other, number, python};
use crate::interop::{AMOUNT, CONFIRMATIONS};

/// A coin the payer throws away to be believed (sat).
const COIN: u64 = 60_000;

#[test]
fn a_payer_that_says_nothing_is_paid_for_by_its_unconfirmed_claim() {
    let Some(python) = python() else { return };
    let market = Market::direct(3);
    let (maker, chain) = (&market.makers[0], &market.bitcoind);
    let before = Purse::of(maker, chain);
    let mut other = Other::start(python, &market, &["--alone"]);
    let quoted = other.until("quoted");
    other.until("paying");
    chain.wait_for_mempool(1, cambista_harness::wait::FOUND_AGAIN);
    let funding = Seen::read(chain, chain.mempool()[0]);
    market.mine(CONFIRMATIONS);
    let claimed = other.until("claimed");

    // Nothing is mined before the maker has its money.
    let height = chain.height();
    before.assert_settled(maker, chain, paid(&quoted, &funding));
    assert_eq!(chain.height(), height);
    let txid: Txid = claimed["txid"].as_str().unwrap().parse().unwrap();
    assert!(chain.mempool().contains(&txid));
    market.mine(6);
    other.until("done");
    other.end();
}

/// The payer waits for the refund, replaces it by a claim that spends a coin of its own as well, and that claim by a spend
/// of the coin alone: neither refund nor claim is left, and R was there for a moment.
#[test]
fn a_claim_that_is_cycled_out_has_told_r() {
    let Some(python) = python() else { return };
    let mut cycle = Cycle::begin(python, None);
    let said = cycle.other.until("cycled");
    let (maker, chain) = (&cycle.market.makers[0], &cycle.market.bitcoind);
    let claim: Txid = said["claim"].as_str().unwrap().parse().unwrap();
    assert_eq!(Seen::read(chain, claim).path(cycle.outpoint), Path::Claim);
    let paid = paid(&cycle.quoted, &cycle.funding);
    cycle.before.assert_settled(maker, chain, paid);
    cycle.take_coin_away();
    assert_eq!(spend_in_mempool(chain, cycle.outpoint), None);
    cycle.market.mine(3);
    cycle.before.assert_settled(maker, chain, paid);
}

/// As fast as bitcoind answers, between two looks at the mempool: where bitcoind announces what it takes, R is heard all
/// the same.
#[test]
fn a_claim_that_is_cycled_out_in_a_blink_has_told_r_where_bitcoind_announces_it() {
    let Some(python) = python() else { return };
    let address = format!("-zmqpubrawtx=tcp://127.0.0.1:{}", free_port());
    let mut cycle = Cycle::begin(python, Some(address));
    cycle.other.until("cycled");
    let (maker, chain) = (&cycle.market.makers[0], &cycle.market.bitcoind);
    assert_eq!(spend_in_mempool(chain, cycle.outpoint), None);
    let paid = paid(&cycle.quoted, &cycle.funding);
    cycle.before.assert_settled(maker, chain, paid);
    assert_eq!(chain.height(), cycle.height, "no block was needed");
}

struct Cycle {
    market: Market,
    other: Other,
    quoted: Value,
    funding: Seen,
    outpoint: OutPoint,
    before: Purse,
    out: Transaction,
    height: u32,
}

impl Cycle {
    /// With a bitcoind that announces transactions the claim is thrown out at once.
    fn begin(python: std::process::Command, announced: Option<String>) -> Self {
        let mut options = MarketOptions::new(3, &[USUAL]);
        options.refund_delta = 76;
        options.bitcoind_args.extend(announced.clone());
        let market = Market::start(&options);
        let mut filler = Filler::new(&market.bitcoind, 1, COIN);
        market.sync();
        let coin = filler.coin();
        // Pays more than the claim with the whole coin can.
        let out = spend_all(&coin);
        let named = coin.outpoint;
        let script = coin.witness_script.as_bytes().to_lower_hex_string();
        let named = format!("{}:{}:{COIN}:{script}", named.txid, named.vout);
        let hex = serialize_hex(&out);
        let mut more = vec!["--cycle", named.as_str()];
        if announced.is_some() {
            more.extend(["--cycle-out", hex.as_str()]);
        }
        let before = Purse::of(&market.makers[0], &market.bitcoind);
        let mut other = Other::start(python, &market, &more);
        let quoted = other.until("quoted");
        let agreed = other.until("agreed");
        let funded = other.until("funded");
        let txid: Txid = funded["txid"].as_str().unwrap().parse().unwrap();
        let vout = u32::try_from(number(&funded, "vout")).unwrap();
        market.mine(CONFIRMATIONS);
        other.until("waiting");
        let refund_height = u32::try_from(number(&agreed, "refund_height")).unwrap();
        market.mine_empty_to_height(refund_height);
        Self {
            funding: Seen::read(&market.bitcoind, txid),
            outpoint: OutPoint::new(txid, vout),
            height: market.bitcoind.height(),
            market,
            other,
            quoted,
            before,
            out,
        }
    }

    fn take_coin_away(&self) {
        let params = serde_json::json!([serialize_hex(&self.out), 0]);
        self.market
            .bitcoind
            .rpc("sendrawtransaction", params)
            .unwrap();
    }
}

/// All of the coin goes to miners but for what a transaction must have.
fn spend_all(coin: &OpenCoin) -> Transaction {
    let mut filler = Filler::of(vec![coin.clone()]);
    let mut tx = filler.make(1, 0);
    tx.output = vec![TxOut {
        value: Amount::from_sat(1_000),
        script_pubkey: tx.output[0].script_pubkey.clone(),
    }];
    tx
}

/// What a maker has that was paid for the funding it paid for, whatever becomes of the contract's output.
fn paid(quoted: &Value, funding: &Seen) -> Change {
    let amount = i64::try_from(AMOUNT).unwrap();
    Change {
        lightning: amount + number(quoted, "maker_fee"),
        chain: -amount - i64::try_from(funding.fee_sat).unwrap(),
    }
}
