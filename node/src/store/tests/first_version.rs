//! Databases that the first version left behind when it was killed in the middle of swaps, as it wrote them: of what LDK and
//! the wallet keep only the newest rows, which are not looked into here.

use std::convert::Infallible;

use cambista_engine::ports::{Sought, StoredSwap};
use cambista_protocol::swap::{Decision, Funding, Htlc, Leg, Payment, Swap};
use cambista_protocol::words::Side;
use rusqlite::Connection;

use super::*;

/// Oldest first: finished ones, then one at every stage there is, both ways.
const TAKER: [&str; 11] = [
    "out 2400000 sat: payer, revealed, paid; spend confirmed; fundings 1, sweeps 1; Done",
    "in 60000 sat: funder, funding published, payment claimed; spend confirmed; fundings 1, sweeps 0; Done",
    "out 200000 sat: payer, revealed, paid; spend confirmed; fundings 1, sweeps 1; open",
    "in 150000 sat: funder, funding published, payment claimed; spend seen; fundings 1, sweeps 0; open",
    "out 160000 sat: payer, revealed, paid; spend seen; fundings 1, sweeps 1; open",
    "out 1200000 sat: payer, undecided, payment under way; funding confirmed; fundings 1, sweeps 0; open",
    "in 1200000 sat: funder, funding published, payment held; funding confirmed; fundings 1, sweeps 0; open",
    "out 100000 sat: payer, undecided, payment under way; funding seen; fundings 1, sweeps 0; open",
    "in 110000 sat: funder, funding published, payment held; funding seen; fundings 1, sweeps 0; open",
    "out 70000 sat: payer, undecided, payment under way; nothing at the contract; fundings 0, sweeps 0; open",
    "in 80000 sat: funder, no funding, payment awaited; nothing at the contract; fundings 0, sweeps 0; open",
];
const MAKER: [&str; 11] = [
    "out 2400000 sat: funder, funding published, payment claimed; spend confirmed; fundings 1, sweeps 0; Done",
    "in 60000 sat: payer, revealed, paid; spend confirmed; fundings 1, sweeps 1; Done",
    "out 200000 sat: funder, funding published, payment claimed; spend confirmed; fundings 1, sweeps 0; open",
    "in 150000 sat: payer, revealed, paid; spend seen; fundings 1, sweeps 1; open",
    "out 160000 sat: funder, funding published, payment claimed; spend seen; fundings 1, sweeps 0; open",
    "out 1200000 sat: funder, funding published, payment held; funding confirmed; fundings 1, sweeps 0; open",
    "in 1200000 sat: payer, undecided, payment under way; funding confirmed; fundings 1, sweeps 0; open",
    "out 100000 sat: funder, funding published, payment held; funding seen; fundings 1, sweeps 0; open",
    "in 110000 sat: payer, undecided, payment under way; funding seen; fundings 1, sweeps 0; open",
    "out 70000 sat: funder, funding built, payment held; nothing at the contract; fundings 1, sweeps 0; open",
    "in 80000 sat: payer, undecided, payment under way; nothing at the contract; fundings 0, sweeps 0; open",
];

#[test]
fn a_taker_of_the_first_version_goes_on_where_it_was() {
    opens_as(include_bytes!("../golden/first-taker.db"), &TAKER);
}

#[test]
fn a_maker_of_the_first_version_goes_on_where_it_was() {
    opens_as(include_bytes!("../golden/first-maker.db"), &MAKER);
}

fn opens_as(file: &[u8], expected: &[&str]) {
    let fixture = Fixture::new();
    std::fs::write(&fixture.path, file).unwrap();
    let (kv, best) = {
        let old = Connection::open(&fixture.path).unwrap();
        let version: i64 = old
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap();
        assert_eq!(version, 2);
        let best: u32 = old
            .query_row("SELECT height FROM engine_state", [], |row| row.get(0))
            .unwrap();
        (lightning_rows(&old), best)
    };
    for again in [false, true] {
        let store = fixture.open();
        let swaps = store.every_swap().unwrap();
        let told: Vec<String> = swaps.iter().map(tell).collect();
        assert_eq!(told, expected, "opened again: {again}");
        let found = ports::Store::best_block(&store).unwrap();
        assert_eq!(found.unwrap().0, best);
        for swap in &swaps {
            let order = store.order(swap.record.order).unwrap().unwrap();
            assert_eq!(order.amount_sat, swap.record.deal.amount.to_sat());
        }
        assert!(store.orders().unwrap().is_empty(), "none of several swaps");
        let own = swaps.iter().filter(|s| s.record.side == Side::Taker);
        assert_eq!(store.latest_orders(99).unwrap().len(), own.count());
        assert_eq!(store.find(Sought::Kept).unwrap().len(), swaps.len());
        assert!(ports::Store::batches(&store).unwrap().is_empty());
        assert_eq!(lightning_rows(&store.lock().unwrap()), kv);
        for (primary, secondary, key, value) in &kv {
            let read = KVStoreSync::read(&store, primary, secondary, key).unwrap();
            assert_eq!(&read, value);
        }
    }
}

type Row = (String, String, String, Vec<u8>);

fn lightning_rows(database: &Connection) -> Vec<Row> {
    let mut all = database
        .prepare(
            "SELECT primary_namespace, secondary_namespace, key, value FROM kv ORDER BY 1, 2, 3",
        )
        .unwrap();
    let rows = all.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// What a swap is the fold of, in words that stay the same whatever the states look like inside.
fn tell(stored: &StoredSwap) -> String {
    let deal = &stored.record.deal;
    assert!(
        stored.outbox.is_empty(),
        "the nodes had done all they were to do"
    );
    let mut swap = Swap::new(stored.record.role, deal.clone());
    for past in &stored.events {
        let next = swap.step(past.event.clone(), past.height);
        swap = match next.save(|_, _, _| Ok::<_, Infallible>(())) {
            Ok(next) => next,
            Err(never) => match never {},
        };
    }
    let output = match swap.outputs().exact(deal.amount) {
        None => "nothing at the contract",
        Some(output) => match (output.confirmed, output.spent) {
            (None, _) => "funding seen",
            (Some(_), None) => "funding confirmed",
            (Some(_), Some(spend)) if spend.confirmed.is_none() => "spend seen",
            (Some(_), Some(_)) => "spend confirmed",
        },
    };
    let outcome = swap.outcome();
    let end = outcome.map_or_else(|| "open".to_owned(), |end| format!("{end:?}"));
    format!(
        "{} {} sat: {}; {output}; fundings {}, sweeps {}; {end}",
        deal.direction,
        deal.amount.to_sat(),
        side(&swap),
        stored.fundings.len(),
        stored.sweeps.len(),
    )
}

fn side(swap: &Swap) -> String {
    match swap {
        Swap::Payer(payer) => {
            let decision = match payer.decision() {
                Decision::Open => "undecided",
                Decision::Revealed(_) => "revealed",
                Decision::Aborted(_) => "given up",
            };
            let payment = match payer.payment(Leg::Swap) {
                Payment::None => "no payment",
                Payment::InFlight => "payment under way",
                Payment::Settled(_) => "paid",
                Payment::Failed => "payment failed",
            };
            format!("payer, {decision}, {payment}")
        }
        Swap::Funder(funder) => {
            let funding = match funder.funding() {
                Funding::None => "no funding",
                Funding::Built(_) => "funding built",
                Funding::Published(_) => "funding published",
                Funding::External => "funded from outside",
                Funding::Abandoned => "funding abandoned",
            };
            let payment = match funder.htlc(Leg::Swap) {
                Htlc::None => "no payment",
                Htlc::Awaited => "payment awaited",
                Htlc::Held(_) => "payment held",
                Htlc::Claiming(_) => "claiming the payment",
                Htlc::Claimed => "payment claimed",
                Htlc::Gone => "payment gone",
            };
            format!("funder, {funding}, {payment}")
        }
    }
}
