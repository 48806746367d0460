//! One swap with a clock beside it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use cambista_harness::swap::OnChain;
use cambista_harness::transaction::Seen;
use cambista_harness::{Market, Taken, Way};
use serde_json::{Value, json};

/// How often the mempool is looked at.
const POLL: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(60);

/// What was measured of one swap.
pub(crate) struct Measured {
    /// From sending the order until the API answered that the swap has begun.
    pub(crate) accepted: Duration,
    /// From that answer until the funding was in the mempool.
    pub(crate) funded: Duration,
    /// From the block with the last confirmation until the claim was in the mempool.
    pub(crate) claimed: Duration,
    /// Size of the funding (vB) and its number of inputs.
    pub(crate) funding: (u64, usize),
    /// Size of the claim (vB).
    pub(crate) claim: u64,
}

/// Takes a swap, lets it go through, and waits until it is over for both.
pub(crate) fn swap(market: &Market, way: Way, amount: u64) -> Measured {
    let taker = market.taker.api();
    let ask = json!({ "direction": way.word(), "amount_sat": amount });
    let answer = taker.post("/quotes", &ask).unwrap();
    let quote = &answer["quotes"][0];
    assert!(quote.is_object(), "no quote: {answer}");
    let order = json!({ "quote_id": quote["id"] });

    let asked = Instant::now();
    let begun = taker.post("/orders", &order).unwrap();
    let accepted = asked.elapsed();
    let answered = Instant::now();
    in_mempool(market);
    let funded = answered.elapsed();

    let taken = Taken::from_json(&json!({ "quote": quote, "swap": begun["swap"] }));
    let (outpoint, funding) = taken.wait_funding(&market.bitcoind);
    market.mine(taken.quote.confirmations - 1);
    market.bitcoind.mine(1);
    let confirmed = Instant::now();
    in_mempool(market);
    let claimed = confirmed.elapsed();
    market.mine(1);
    let seen = OnChain {
        outpoint,
        spend: taken.confirmed_spend(&market.bitcoind, outpoint),
        funding: Seen::read(&market.bitcoind, funding.txid),
    };
    market.mine(5);
    for node in market.running() {
        taken.assert_outcome(node, "done");
    }
    Measured {
        accepted,
        funded,
        claimed,
        funding: (seen.funding.vsize, seen.funding.tx.input.len()),
        claim: seen.spend.vsize,
    }
}

/// Waits until anything is in the mempool. Nothing else than the swap puts something there.
fn in_mempool(market: &Market) {
    let started = Instant::now();
    while market.bitcoind.rpc("getrawmempool", Value::Null) == Ok(json!([])) {
        assert!(started.elapsed() < PATIENCE, "nothing came");
        sleep(POLL);
    }
}
