//! Files as past versions made them open, with everything in them.

use cambista_engine::ports::Store as _;
use cambista_protocol::words::Side;
use rusqlite::{Connection, params};

use super::*;
use crate::store::codec::to_bytes;
use crate::store::schema;

#[test]
fn a_file_from_before_there_were_batches_opens_with_its_sweeps() {
    let fixture = Fixture::new();
    let new = opened(1).new.unwrap();
    let tx = sample::tx(2);
    {
        let mut old = Connection::open(&fixture.path).unwrap();
        schema::configure(&old).unwrap();
        schema::migrate_to(&mut old, 2).unwrap();
        let json = |text: Result<String, serde_json::Error>| text.unwrap();
        old.execute(
            "INSERT INTO orders (id, version, record) VALUES (?1, 1, ?2)",
            params![new.order.id.0, json(serde_json::to_string(&new.order))],
        )
        .unwrap();
        old.execute(
            "INSERT INTO swaps (id, order_id, version, record) VALUES (?1, ?2, 1, ?3)",
            params![
                new.record.id.0,
                new.order.id.0,
                json(serde_json::to_string(&new.record))
            ],
        )
        .unwrap();
        old.execute(
            "INSERT INTO sweeps (swap_id, tx, fee_sat, height) VALUES (?1, ?2, 333, 105)",
            params![new.record.id.0, to_bytes(&tx)],
        )
        .unwrap();
    }
    let store = fixture.open();
    assert!(store.batches().unwrap().is_empty());
    let all = store.every_swap().unwrap();
    let [swap] = all.as_slice() else {
        panic!("one swap")
    };
    assert_eq!(swap.record, new.record);
    let [sweep] = swap.sweeps.as_slice() else {
        panic!("one sweep")
    };
    assert_eq!((&sweep.tx, sweep.fee), (&tx, Amount::from_sat(333)));
}

#[test]
fn a_file_from_before_swaps_were_archived_knows_which_orders_are_open() {
    let fixture = Fixture::new();
    let bare = opened(1).new.unwrap().order;
    let task = |ended| {
        Some(cambista_engine::order::OrderTask {
            ended,
            ..sample::task()
        })
    };
    let order = |seed, side, task| OrderRecord {
        id: sample::id(seed),
        side,
        task,
        ..bare.clone()
    };
    let all = [
        order(1, Side::Taker, None),
        order(2, Side::Taker, task(true)),
        order(3, Side::Taker, task(false)),
        order(4, Side::Maker, None),
    ];
    {
        let mut old = Connection::open(&fixture.path).unwrap();
        schema::configure(&old).unwrap();
        schema::migrate_to(&mut old, 3).unwrap();
        for order in &all {
            old.execute(
                "INSERT INTO orders (id, version, record) VALUES (?1, 1, ?2)",
                params![order.id.0, serde_json::to_string(order).unwrap()],
            )
            .unwrap();
        }
    }
    let store = fixture.open();
    assert_eq!(store.orders().unwrap(), [all[2].clone()]);
    let taken = [all[2].clone(), all[1].clone(), all[0].clone()];
    assert_eq!(store.latest_orders(9).unwrap(), taken);
}

#[test]
fn a_file_that_knew_only_its_spare_addresses_keeps_them() {
    let fixture = Fixture::new();
    {
        let mut old = Connection::open(&fixture.path).unwrap();
        schema::configure(&old).unwrap();
        schema::migrate_to(&mut old, 4).unwrap();
        old.execute("INSERT INTO spare_scripts (script) VALUES (x'5120')", [])
            .unwrap();
    }
    let spare = fixture.open().spare_scripts().unwrap();
    assert_eq!(spare, [bitcoin::ScriptBuf::from_bytes(vec![0x51, 0x20])]);
}
