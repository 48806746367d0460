//! Swaps that have left memory: found by everything they may still be asked for by, counted once, and open again as soon as
//! anything is written about them.

use bitcoin::ScriptBuf;
use cambista_engine::Earned;
use cambista_engine::ports::{Archived, Partner, Sought};
use cambista_protocol::words::{Direction, Side, SwapId};

use super::*;

const NONE: Vec<(u64, SwapId)> = Vec::new();

fn script(seed: u8) -> ScriptBuf {
    ScriptBuf::from_bytes([vec![0x51, 0x20], vec![seed; 32]].concat())
}

fn archived(seed: u8) -> Archived {
    Archived {
        swap: sample::id(seed),
        settled: 200 + u32::from(seed),
        side: Side::Maker,
        direction: Direction::In,
        script: script(seed),
        hashes: vec![[seed; 32], [seed + 100; 32]],
        taker: Some(format!("taker {seed}")),
        node: Some(sample::key(seed)),
        destination: script(seed + 100),
        unused: false,
        nothing: false,
        earned: Earned {
            done: 1,
            volume_sat: 1_000,
            fees_sat: -7,
            miners_sat: 40,
            profit_sat: -47,
            ..Earned::default()
        },
    }
}

fn archive(all: &[Archived]) -> Commit {
    Commit {
        archive: all.to_vec(),
        now: 2_000,
        ..Commit::default()
    }
}

fn brought(store: &Store) -> (u64, u64, i64) {
    let sum = store.brought(Side::Maker, Direction::In).unwrap();
    (sum.done, sum.volume_sat, sum.profit_sat)
}

fn fixture() -> (Fixture, Store) {
    let fixture = Fixture::new();
    let store = fixture.open();
    for seed in [1, 2, 3] {
        store.commit(&opened(seed)).unwrap();
    }
    (fixture, store)
}

#[test]
fn an_archived_swap_is_found_by_all_it_may_be_asked_for_by() {
    let (fixture, store) = fixture();
    store.commit(&archive(&[archived(2), archived(3)])).unwrap();
    drop(store);
    let store = fixture.open();
    let places = |seeds: &[u8]| -> Vec<(u64, SwapId)> {
        let of = |seed: &u8| (u64::from(*seed), sample::id(*seed));
        seeds.iter().map(of).collect()
    };
    let find = |sought| store.find(sought).unwrap();
    assert_eq!(find(Sought::Kept), places(&[1]));
    assert_eq!(find(Sought::Latest(9)), places(&[3, 2]), "newest first");
    assert_eq!(find(Sought::Latest(1)), places(&[3]));
    assert_eq!(find(Sought::Hash([2; 32])), places(&[2]));
    assert_eq!(find(Sought::Hash([102; 32])), places(&[2]), "the prepay's");
    assert_eq!(find(Sought::Hash([9; 32])), NONE);
    let paid = [script(9), script(3), script(2), script(3)];
    let paid: Vec<&ScriptBuf> = paid.iter().collect();
    assert_eq!(find(Sought::Paid(&paid)), places(&[2, 3]));
    assert_eq!(find(Sought::SettledAbove(202)), places(&[3]));
    // What is archived is a swap like any other.
    let all = Sought::Between(sample::id(0), sample::id(255));
    assert_eq!(find(all).len(), 2, "two say that it is not one");
    let one = Sought::Between(sample::id(3), sample::id(3));
    assert_eq!(find(one), places(&[3]));
    let swap = store.swap(sample::id(3)).unwrap().unwrap();
    assert_eq!((swap.place, swap.events.len()), (3, 1));
    assert_eq!(find(Sought::Of(swap.record.order)), places(&[3]));
    assert_eq!(store.every_swap().unwrap().len(), 3);
}

#[test]
fn whom_archived_swaps_were_done_with_is_known() {
    let (_fixture, store) = fixture();
    let own = Archived {
        side: Side::Taker,
        taker: None,
        node: Some(sample::key(5)),
        ..archived(1)
    };
    store.commit(&archive(&[own, archived(2)])).unwrap();
    let knows = |partner| store.dealt_with(partner).unwrap();
    assert!(knows(Partner::Taker("taker 2")));
    assert!(!knows(Partner::Taker("taker 1")));
    assert!(knows(Partner::Payee(sample::key(2))));
    assert!(knows(Partner::Maker(sample::key(5))));
    // Neither stands for the other.
    assert!(!knows(Partner::Maker(sample::key(2))));
    assert!(!knows(Partner::Payee(sample::key(5))));
}

#[test]
fn what_archived_swaps_brought_is_counted_once_however_often_they_come_and_go() {
    let (_fixture, store) = fixture();
    assert_eq!(brought(&store), (0, 0, 0));
    store.commit(&archive(&[archived(1), archived(2)])).unwrap();
    assert_eq!(brought(&store), (2, 2_000, -94));
    store.commit(&archive(&[archived(1)])).unwrap();
    assert_eq!(brought(&store), (2, 2_000, -94), "archived twice");
    let other = store.brought(Side::Maker, Direction::Out).unwrap();
    assert_eq!(other, Earned::default());
    let event = Commit {
        event: Some((sample::id(1), Event::Block, 300, vec![])),
        ..Commit::default()
    };
    store.commit(&event).unwrap();
    assert_eq!(brought(&store), (1, 1_000, -47));
}

#[test]
fn whatever_is_written_about_an_archived_swap_opens_it_again() {
    let id = sample::id(1);
    let sweep = StoredSweep {
        swap_id: id,
        tx: sample::tx(2),
        fee: Amount::from_sat(7),
        height: 105,
    };
    let changes = [
        Commit {
            event: Some((id, Event::Block, 300, vec![])),
            ..Commit::default()
        },
        Commit {
            funding: Some((id, sample::tx(3), Amount::ZERO)),
            ..Commit::default()
        },
        Commit {
            sweeps: vec![sweep],
            ..Commit::default()
        },
    ];
    for change in changes {
        let (fixture, store) = fixture();
        store.commit(&archive(&[archived(1)])).unwrap();
        assert_eq!(store.find(Sought::Kept).unwrap().len(), 2);
        store.commit(&change).unwrap();
        drop(store);
        let store = fixture.open();
        assert_eq!(store.find(Sought::Kept).unwrap().len(), 3, "{change:?}");
        assert_eq!(store.find(Sought::Latest(9)).unwrap(), NONE);
        assert_eq!(store.find(Sought::Hash([1; 32])).unwrap(), NONE);
    }
}

#[test]
fn an_address_is_spare_until_a_swap_that_used_it_is_archived() {
    let (_fixture, store) = fixture();
    let unused = |seed| Archived {
        unused: true,
        destination: script(50),
        ..archived(seed)
    };
    store.commit(&archive(&[unused(1)])).unwrap();
    assert_eq!(store.spare_scripts().unwrap(), [script(50)]);
    let used = Archived {
        unused: false,
        ..unused(2)
    };
    store.commit(&archive(&[used])).unwrap();
    assert!(store.spare_scripts().unwrap().is_empty());
    // One that left it to the others may be archived last, as long as its peer could not be told.
    store.commit(&archive(&[unused(3)])).unwrap();
    assert!(store.spare_scripts().unwrap().is_empty());
}

#[test]
fn what_was_never_paid_is_forgotten_with_its_order_and_nothing_else_is() {
    let (fixture, store) = fixture();
    let nothing = |seed| Archived {
        nothing: true,
        ..archived(seed)
    };
    let mut fourth = opened(4);
    let new = fourth.new.as_mut().unwrap();
    (new.order.side, new.record.side) = (Side::Maker, Side::Maker);
    let theirs = new.order.id;
    let own = sample::new_swap(1).order.id;
    store.commit(&fourth).unwrap();
    let all = [nothing(1), archived(2), nothing(4)];
    store.commit(&archive(&all)).unwrap();
    let old = |before, most| store.find(Sought::Nothing(before, most)).unwrap();
    assert_eq!(old(200, 9), NONE);
    assert_eq!(old(201, 9), [(1, sample::id(1))]);
    assert_eq!(old(204, 1), [(1, sample::id(1))]);
    assert_eq!(old(204, 9).len(), 2);
    let forget = Commit {
        forget: [1, 2, 3, 4].map(sample::id).to_vec(),
        ..Commit::default()
    };
    store.commit(&forget).unwrap();
    drop(store);
    let store = fixture.open();
    let swaps = store.every_swap().unwrap();
    let left: Vec<SwapId> = swaps.iter().map(|swap| swap.record.id).collect();
    assert_eq!(left, [2, 3].map(sample::id));
    assert_eq!(store.find(Sought::Kept).unwrap(), [(3, sample::id(3))]);
    assert_eq!(store.find(Sought::Hash([1; 32])).unwrap(), NONE);
    assert!(store.order(theirs).unwrap().is_none());
    assert!(store.order(own).unwrap().is_some(), "asked for here");
    assert_eq!(brought(&store), (1, 1_000, -47));
    // A place is never given twice.
    store.commit(&opened(5)).unwrap();
    let swap = store.swap(sample::id(5)).unwrap().unwrap();
    assert_eq!(swap.place, 5);
}

#[test]
fn a_batch_that_is_over_is_not_read_again() {
    let (_fixture, store) = fixture();
    let batch = |seed: u8| StoredBatch {
        id: sample::outpoint(seed).txid,
        event: BatchEvent::Split {
            reason: "refused".to_owned(),
        },
        height: 106,
    };
    for seed in [1, 2] {
        let commit = Commit {
            batch: Some(batch(seed)),
            ..Commit::default()
        };
        store.commit(&commit).unwrap();
    }
    let commit = Commit {
        batches_over: vec![batch(1).id],
        ..Commit::default()
    };
    store.commit(&commit).unwrap();
    assert_eq!(store.batches().unwrap(), [batch(2)]);
}

#[test]
fn orders_that_are_over_are_read_when_they_are_asked_for() {
    let (_fixture, store) = fixture();
    let order = |seed: u8, side, ended| OrderRecord {
        id: sample::id(seed),
        side,
        task: Some(cambista_engine::order::OrderTask {
            ended,
            ..sample::task()
        }),
        ..sample::new_swap(seed).order
    };
    let all = [
        order(20, Side::Taker, true),
        order(21, Side::Taker, false),
        order(22, Side::Maker, false),
    ];
    for order in &all {
        let commit = Commit {
            order: Some(order.clone()),
            ..Commit::default()
        };
        store.commit(&commit).unwrap();
    }
    let open: Vec<SwapId> = store.orders().unwrap().iter().map(|o| o.id).collect();
    assert_eq!(open, [sample::id(21), sample::id(22)]);
    let latest = store.latest_orders(2).unwrap();
    assert_eq!(latest, [all[1].clone(), all[0].clone()], "this node's own");
    let between = |a, b| store.orders_between(sample::id(a), sample::id(b)).unwrap();
    assert_eq!(between(20, 20), [sample::id(20)]);
    assert!(between(22, 23).is_empty());
}
