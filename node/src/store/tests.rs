#![allow(clippy::unwrap_used, clippy::panic)]

mod archived;
mod crash;
mod first_version;
mod golden;
mod older;
mod sample;

use bitcoin::hashes::Hash as _;
use bitcoin::{Amount, BlockHash};
use cambista_engine::ports::{
    BatchEvent, BatchStep, Commit, OutboxItem, Share, Store as _, StoredBatch, StoredEvent,
    StoredSweep,
};
use cambista_engine::record::OrderRecord;
use cambista_ldk::wallet::WalletSink;
use cambista_protocol::swap::{Effect, Event, Leg};
use lightning::util::persist::KVStoreSync;

use super::*;

struct Fixture {
    _folder: tempfile::TempDir,
    path: std::path::PathBuf,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cambista.db");
        Self {
            _folder: folder,
            path,
        }
    }

    fn open(&self) -> Store {
        Store::open(&self.path).unwrap()
    }
}

fn opened(seed: u8) -> Commit {
    let new = sample::new_swap(seed);
    let event = (
        new.record.id,
        Event::Opened,
        100,
        vec![Effect::Pay(Leg::Swap), Effect::Pay(Leg::Prepay)],
    );
    Commit {
        new: Some(new),
        event: Some(event),
        now: 1_000,
        ..Commit::default()
    }
}

#[test]
fn everything_of_a_swap_is_there_after_reopening() {
    let fixture = Fixture::new();
    let first = opened(1);
    let id = first.new.as_ref().unwrap().record.id;
    let tx = sample::tx(1);
    let sweep = StoredSweep {
        swap_id: id,
        tx: sample::tx(2),
        fee: Amount::from_sat(7),
        height: 105,
    };
    let hash = BlockHash::from_byte_array([9; 32]);
    let ids = {
        let store = fixture.open();
        let ids = store.commit(&first).unwrap();
        let second = Commit {
            event: Some((id, Event::Block, 101, vec![])),
            funding: Some((id, tx.clone(), Amount::from_sat(154))),
            sweeps: vec![sweep.clone()],
            done: vec![ids[0]],
            best_block: Some((101, hash)),
            now: 1_001,
            ..Commit::default()
        };
        assert!(store.commit(&second).unwrap().is_empty());
        ids
    };
    let store = fixture.open();
    let all = store.every_swap().unwrap();
    let [swap] = all.as_slice() else {
        panic!("one swap")
    };
    assert_eq!(swap.record, first.new.as_ref().unwrap().record);
    assert_eq!(
        swap.events,
        [
            StoredEvent {
                event: Event::Opened,
                height: 100,
                at: 1_000
            },
            StoredEvent {
                event: Event::Block,
                height: 101,
                at: 1_001
            },
        ]
    );
    assert_eq!(
        swap.outbox,
        [OutboxItem {
            id: ids[1],
            effect: Effect::Pay(Leg::Prepay)
        }]
    );
    assert_eq!(swap.fundings, [(tx, Amount::from_sat(154))]);
    assert_eq!(swap.sweeps, [sweep]);
    let order = first.new.unwrap().order;
    assert_eq!(store.order(order.id).unwrap(), Some(order));
    assert_eq!(store.best_block().unwrap(), Some((101, hash)));
}

#[test]
fn swaps_come_back_in_the_order_they_began() {
    let fixture = Fixture::new();
    {
        let store = fixture.open();
        for seed in [9, 3, 7] {
            store.commit(&opened(seed)).unwrap();
        }
    }
    let ids: Vec<_> = fixture
        .open()
        .every_swap()
        .unwrap()
        .iter()
        .map(|swap| swap.record.id)
        .collect();
    assert_eq!(ids, [9, 3, 7].map(sample::id));
}

#[test]
fn a_second_swap_of_an_order_keeps_the_order_once() {
    let store = Fixture::new().open();
    let first = opened(1);
    store.commit(&first).unwrap();
    let mut second = opened(2);
    let new = second.new.as_mut().unwrap();
    new.order = first.new.unwrap().order;
    new.record.order = new.order.id;
    store.commit(&second).unwrap();
    assert_eq!(store.latest_orders(9).unwrap().len(), 1);
    assert_eq!(store.every_swap().unwrap().len(), 2);
}

#[test]
fn an_order_is_what_was_written_last_and_its_swaps_leave_it_alone() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let swap = opened(1);
    let bare = swap.new.as_ref().unwrap().order.clone();
    let mut order = OrderRecord {
        task: Some(sample::task()),
        ..bare
    };
    let write = |order: &OrderRecord| Commit {
        order: Some(order.clone()),
        now: 1_000,
        ..Commit::default()
    };
    store.commit(&write(&order)).unwrap();
    // The swap names the order by its id only.
    store.commit(&swap).unwrap();
    assert_eq!(store.order(order.id).unwrap(), Some(order.clone()));
    assert!(store.orders().unwrap().is_empty(), "it is over");
    let task = order.task.as_mut().unwrap();
    task.revision += 1;
    task.ended = false;
    store.commit(&write(&order)).unwrap();
    drop(store);
    assert_eq!(fixture.open().orders().unwrap(), [order]);
    assert_eq!(fixture.open().every_swap().unwrap().len(), 1);
}

#[test]
fn a_setting_is_what_was_set_last() {
    let store = Fixture::new().open();
    assert_eq!(store.setting::<u64>("sequence").unwrap(), None);
    store.set_setting("sequence", &4_u64).unwrap();
    store.set_setting("sequence", &5_u64).unwrap();
    assert_eq!(store.setting::<u64>("sequence").unwrap(), Some(5));
}

#[test]
fn lightning_reads_what_it_wrote_and_only_a_missing_key_is_not_found() {
    let fixture = Fixture::new();
    {
        let store = fixture.open();
        KVStoreSync::write(&store, "a", "b", "one", vec![1]).unwrap();
        KVStoreSync::write(&store, "a", "b", "two", vec![2]).unwrap();
        KVStoreSync::write(&store, "a", "", "one", vec![3]).unwrap();
        KVStoreSync::write(&store, "a", "b", "one", vec![4, 5]).unwrap();
        store.remove("a", "b", "two", true).unwrap();
        store.remove("a", "b", "never there", false).unwrap();
    }
    let store = fixture.open();
    assert_eq!(store.read("a", "b", "one").unwrap(), [4, 5]);
    assert_eq!(store.read("a", "", "one").unwrap(), [3]);
    assert_eq!(store.list("a", "b").unwrap(), ["one"]);
    assert!(store.list("z", "").unwrap().is_empty());
    assert_eq!(
        store.read("a", "b", "two").unwrap_err().kind(),
        lightning::io::ErrorKind::NotFound
    );
}

#[test]
fn many_wallet_changes_become_one_and_say_the_same() {
    let fixture = Fixture::new();
    let change = |seed: u8| {
        let mut change = bdk_wallet::ChangeSet::default();
        change
            .tx_graph
            .txs
            .insert(std::sync::Arc::new(sample::tx(seed)));
        serde_json::to_vec(&change).unwrap()
    };
    {
        let store = fixture.open();
        assert!(WalletSink::load(&store).unwrap().is_empty());
        for round in 0..=256_u32 {
            store
                .append(&change(u8::try_from(round % 5).unwrap()))
                .unwrap();
        }
    }
    let all = WalletSink::load(&fixture.open()).unwrap();
    let [whole] = all.as_slice() else {
        panic!("one change, not {}", all.len())
    };
    let whole: bdk_wallet::ChangeSet = serde_json::from_slice(whole).unwrap();
    assert_eq!(whole.tx_graph.txs.len(), 5);
    assert_eq!(WalletSink::load(&fixture.open()).unwrap(), all);
}

#[test]
fn a_batch_is_there_with_a_share_for_each_of_its_swaps() {
    let fixture = Fixture::new();
    let share = |seed: u8, fee_sat| Share {
        swap: sample::id(seed),
        outpoint: sample::outpoint(seed),
        fee_sat,
    };
    let sweep = |seed: u8, sat| StoredSweep {
        swap_id: sample::id(seed),
        tx: sample::tx(9),
        fee: Amount::from_sat(sat),
        height: 105,
    };
    let batch = StoredBatch {
        id: sample::outpoint(8).txid,
        event: BatchEvent::Signed {
            step: BatchStep::Formed,
            txid: sample::tx(9).compute_txid(),
            shares: vec![share(1, 254), share(2, 253)],
        },
        height: 105,
    };
    let split = StoredBatch {
        event: BatchEvent::Split {
            reason: "refused".to_owned(),
        },
        height: 106,
        ..batch.clone()
    };
    {
        let store = fixture.open();
        store.commit(&opened(1)).unwrap();
        store.commit(&opened(2)).unwrap();
        let commit = Commit {
            sweeps: vec![sweep(1, 254), sweep(2, 253)],
            batch: Some(batch.clone()),
            ..Commit::default()
        };
        store.commit(&commit).unwrap();
        let commit = Commit {
            batch: Some(split.clone()),
            ..Commit::default()
        };
        store.commit(&commit).unwrap();
    }
    let store = fixture.open();
    assert_eq!(store.batches().unwrap(), [batch, split]);
    let all = store.every_swap().unwrap();
    let sweeps: Vec<_> = all.iter().flat_map(|swap| swap.sweeps.clone()).collect();
    assert_eq!(sweeps, [sweep(1, 254), sweep(2, 253)]);
}
