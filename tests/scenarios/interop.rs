//! A taker written in Python from the specification alone takes an `out` of a maker that runs this code.
//!
//! It shares nothing with this code but `spec/`: neither the contract nor the messages, nor the transport, nor BOLT11.
//! Only its Lightning balance is that of a node of ours, which is asked to pay two invoices and knows nothing of the swap.

pub(crate) mod other;

use bitcoin::{OutPoint, Txid};
use cambista_harness::market::{USUAL, p2p_addresses};
use cambista_harness::transaction::{Path, Seen, spend_in_blocks};
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Change, Market, MarketOptions, Purse};
use serde_json::Value;

use other::{Other, number, python};

pub(crate) const AMOUNT: u64 = 400_000;
pub(crate) const CONFIRMATIONS: u32 = 2;
const FEE_RATE: u64 = 5;

#[test]
fn every_vector_comes_out_the_same_in_another_language() {
    let Some(mut python) = python() else { return };
    let status = python.args(["-m", "unittest"]).status().unwrap();
    assert!(status.success(), "{status}");
}

#[test]
fn a_maker_refuses_what_the_specification_refuses() {
    let Some(mut python) = python() else { return };
    // The first maker has a channel of its own to the second, and so something to send over Lightning.
    let market = Market::start(&MarketOptions::new(3, &[USUAL, USUAL]));
    let address = &p2p_addresses(&market.makers[0])[0];
    let status = python.args(["probe.py", "--peer", address]).status();
    let status = status.unwrap();
    assert!(status.success(), "{status}");
}

#[test]
fn a_taker_of_another_make_takes_an_out() {
    let Some(python) = python() else { return };
    let market = Market::direct(3);
    let (taker, maker, chain) = (&market.taker, &market.makers[0], &market.bitcoind);
    let before = [Purse::of(taker, chain), Purse::of(maker, chain)];
    let mut other = Other::start(python, &market, &[]);

    let quoted = other.until("quoted");
    let agreed = other.until("agreed");
    let outpoint = funding(&other.until("funded"));
    market.mine(CONFIRMATIONS);
    let claimed = other.until("claimed");
    market.mine(1);
    let spend = spend_in_blocks(chain, outpoint, 2).expect("the claim in a block");
    assert_eq!(spend.tx.compute_txid().to_string(), claimed["txid"]);
    assert_eq!(spend.path(outpoint), Path::Key);
    assert_eq!(spend.only_output(), AMOUNT - spend.fee_sat);
    assert_eq!(spend.tx.output[0].script_pubkey, other.destination());
    spend.assert_rate(FEE_RATE);
    market.mine(5);
    let done = other.until("done");
    assert_eq!(done["received"], spend.only_output());

    let paid = i64::try_from(AMOUNT).unwrap() + number(&quoted, "maker_fee");
    let spent = i64::try_from(AMOUNT + Seen::read(chain, outpoint.txid).fee_sat).unwrap();
    before[0].assert_changed(taker, chain, lightning(-paid));
    let change = Change {
        lightning: paid,
        chain: -spent,
    };
    before[1].assert_changed(maker, chain, change);
    assert_eq!(seen_by_maker(&market, &agreed)["outcome"], "done");
    other.end();
}

/// After paying it says and hears nothing: it finds the funding on the chain, and the maker finds R there.
#[test]
fn a_taker_of_another_make_needs_no_word_after_it_paid() {
    let Some(python) = python() else { return };
    let market = Market::direct(3);
    let (taker, maker, chain) = (&market.taker, &market.makers[0], &market.bitcoind);
    let before = [Purse::of(taker, chain), Purse::of(maker, chain)];
    let mut other = Other::start(python, &market, &["--alone"]);

    let quoted = other.until("quoted");
    let agreed = other.until("agreed");
    other.until("paying");
    chain.wait_for_mempool(1, FOUND_AGAIN);
    market.mine(CONFIRMATIONS);
    let claimed = other.until("claimed");
    market.mine(1);
    let txid: Txid = claimed["txid"].as_str().unwrap().parse().unwrap();
    let claim = Seen::read(chain, txid);
    let outpoint = claim.tx.input[0].previous_output;
    assert_eq!(claim.path(outpoint), Path::Claim);
    assert_eq!(claim.only_output(), AMOUNT - claim.fee_sat);
    market.mine(5);
    other.until("done");

    let paid = i64::try_from(AMOUNT).unwrap() + number(&quoted, "maker_fee");
    let spent = i64::try_from(AMOUNT + Seen::read(chain, outpoint.txid).fee_sat).unwrap();
    let change = Change {
        lightning: paid,
        chain: -spent,
    };
    before[1].assert_changed(maker, chain, change);
    before[0].assert_changed(taker, chain, lightning(-paid));
    assert_eq!(seen_by_maker(&market, &agreed)["outcome"], "done");
    other.end();
}

/// Its connection ends while the maker funds, and it speaks from another peer id afterwards.
#[test]
fn a_taker_of_another_make_gives_its_key_back_and_pays_the_prepay_alone() {
    let Some(python) = python() else { return };
    let market = Market::direct(3);
    let (taker, maker, chain) = (&market.taker, &market.makers[0], &market.bitcoind);
    let before = [Purse::of(taker, chain), Purse::of(maker, chain)];
    let mut other = Other::start(python, &market, &["--hang-up", "--abort"]);

    let quoted = other.until("quoted");
    let agreed = other.until("agreed");
    let outpoint = funding(&other.until("funded"));
    market.mine(CONFIRMATIONS);
    other.until("aborted");
    chain.wait_for_mempool(1, FOUND_AGAIN);
    market.mine(1);
    let taken_back = spend_in_blocks(chain, outpoint, 2).expect("the take-back in a block");
    assert_eq!(taken_back.path(outpoint), Path::Key);
    let refund_height = number(&agreed, "refund_height");
    assert!(i64::from(chain.height()) < refund_height, "it waited for T");
    market.mine(6);

    let prepay = number(&quoted, "prepay");
    let fees = taken_back.fee_sat + Seen::read(chain, outpoint.txid).fee_sat;
    let change = Change {
        lightning: prepay,
        chain: -i64::try_from(fees).unwrap(),
    };
    before[1].assert_changed(maker, chain, change);
    before[0].assert_changed(taker, chain, lightning(-prepay));
    assert_eq!(seen_by_maker(&market, &agreed)["ended"], true);
    other.end();
}

/// It does not want what it was told it would get: the maker has its slot and its address back at once, however often.
#[test]
fn a_taker_of_another_make_that_declines_leaves_nothing_behind() {
    if python().is_none() {
        return;
    }
    let market = Market::direct(3);
    let (taker, maker, chain) = (&market.taker, &market.makers[0], &market.bitcoind);
    let before = [Purse::of(taker, chain), Purse::of(maker, chain)];
    let mut addresses = Vec::new();
    for _ in 0..3 {
        let Some(python) = python() else { return };
        let mut other = Other::start(python, &market, &["--decline"]);
        let agreed = other.until("agreed");
        other.until("declined");
        let seen = wait_for("the slot to be free", FOUND_AGAIN, || {
            let seen = seen_by_maker(&market, &agreed);
            (seen["ended"] == true)
                .then_some(seen.clone())
                .ok_or_else(|| seen.to_string())
        });
        assert_eq!(seen["outcome"], "nothing_happened", "{seen}");
        addresses.push(seen["destination"].clone());
        other.end();
    }
    assert_eq!(maker.status()["open_swaps"], 0);
    assert_eq!(addresses[0], addresses[1]);
    assert_eq!(addresses[0], addresses[2]);
    for (node, purse) in [taker, maker].into_iter().zip(&before) {
        purse.assert_changed(node, chain, Change::default());
    }
    assert!(chain.mempool().is_empty());
}

fn lightning(sat: i64) -> Change {
    Change {
        lightning: sat,
        chain: 0,
    }
}

fn funding(said: &Value) -> OutPoint {
    let txid: Txid = said["txid"].as_str().unwrap().parse().unwrap();
    OutPoint::new(txid, u32::try_from(number(said, "vout")).unwrap())
}

fn seen_by_maker(market: &Market, agreed: &Value) -> Value {
    let list = market.makers[0].api_get("/swaps");
    let swaps = list["swaps"].as_array().unwrap();
    let seen = swaps
        .iter()
        .find(|swap| swap["payment_hash"] == agreed["payment_hash"]);
    seen.expect("the swap at the maker").clone()
}
