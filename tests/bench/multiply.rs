//! Many swaps out of a few real ones: rows as a node has written them, under ids of their own.

use std::path::Path;

use bitcoin::hashes::{Hash as _, HashEngine as _, sha256};
use rusqlite::{Connection, Transaction, params};
use serde_json::{Value, json};

/// So many blocks later than agreed an open copy may be taken back: it stays open for all that is measured.
const LATER: u64 = 5_000;

/// One swap of the database.
struct Original {
    id: Vec<u8>,
    order: Value,
    record: Value,
    events: Vec<(String, u32, i64)>,
    ended: bool,
}

/// Adds copies of the swaps that are there: `finished` of those that have ended, `open` of the others, in turn. `is_open`
/// tells by a swap's id. Returns how many rows of events were added.
pub(crate) fn multiply(
    file: &Path,
    finished: u32,
    open: u32,
    is_open: impl Fn(&str) -> bool,
) -> usize {
    let mut database = Connection::open(file).unwrap();
    let originals = originals(&database, is_open);
    let transaction = database.transaction().unwrap();
    let mut events = 0;
    for (ended, wanted) in [(true, finished), (false, open)] {
        let of_kind: Vec<&Original> = originals.iter().filter(|o| o.ended == ended).collect();
        assert!(!of_kind.is_empty(), "no swap to copy");
        for (number, original) in (0..wanted).zip(of_kind.iter().cycle()) {
            events += copy(&transaction, original, number);
        }
    }
    transaction.commit().unwrap();
    events
}

fn originals(database: &Connection, is_open: impl Fn(&str) -> bool) -> Vec<Original> {
    let mut swaps = database
        .prepare(
            "SELECT swaps.id, orders.record, swaps.record FROM swaps JOIN orders ON orders.id = swaps.order_id \
             ORDER BY swaps.seq",
        )
        .unwrap();
    let parsed = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    let rows = swaps.query_map([], |row| {
        let (id, order, record): (Vec<u8>, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok((id, parsed(order), parsed(record)))
    });
    let mut all = Vec::new();
    for row in rows.unwrap() {
        let (id, order, record) = row.unwrap();
        let mut events = database
            .prepare("SELECT payload, height, at FROM events WHERE swap_id = ?1 ORDER BY seq")
            .unwrap();
        let rows = events.query_map([&id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        let ended = !is_open(record["id"].as_str().unwrap());
        all.push(Original {
            events: rows.unwrap().map(Result::unwrap).collect(),
            id,
            order,
            record,
            ended,
        });
    }
    all
}

fn copy(database: &Transaction<'_>, original: &Original, number: u32) -> usize {
    let id = other(&original.id, number);
    let record = renamed(&original.record, number);
    let order = renamed(&original.order, number);
    let order_id = bytes(order["id"].as_str().unwrap());
    let mut record = record;
    if !original.ended {
        let refund = record["deal"]["refund_height"].as_u64().unwrap();
        record["deal"]["refund_height"] = json!(refund + LATER);
    }
    let add = "INSERT INTO orders (id, version, record) VALUES (?1, 1, ?2)";
    database
        .execute(add, params![order_id, order.to_string()])
        .unwrap();
    let add = "INSERT INTO swaps (id, order_id, version, record) VALUES (?1, ?2, 1, ?3)";
    database
        .execute(add, params![id, order_id, record.to_string()])
        .unwrap();
    for (payload, height, at) in &original.events {
        let payload: Value = serde_json::from_str(payload).unwrap();
        database
            .prepare(
                "INSERT INTO events (swap_id, version, payload, height, at) VALUES (?1, 1, ?2, ?3, ?4)",
            )
            .unwrap()
            .execute(params![id, renamed(&payload, number).to_string(), height, at])
            .unwrap();
    }
    for table in ["fundings", "sweeps"] {
        let more = if table == "sweeps" { ", height" } else { "" };
        let add = format!(
            "INSERT INTO {table} (swap_id, tx, fee_sat{more}) SELECT ?1, tx, fee_sat{more} FROM {table} WHERE swap_id = ?2 \
             ORDER BY seq"
        );
        database.execute(&add, params![id, original.id]).unwrap();
    }
    original.events.len()
}

/// The same value with every id, hash and script in it another.
fn renamed(value: &Value, number: u32) -> Value {
    match value {
        Value::String(text) => json!(renamed_text(text, number)),
        Value::Array(all) => match bytes_of(all) {
            Some(bytes) => json!(other(&bytes, number)),
            None => all.iter().map(|one| renamed(one, number)).collect(),
        },
        Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| {
                // Keys must stay points, and secrets fit them.
                let same = matches!(
                    name.as_str(),
                    "keys" | "maker" | "payee" | "secret" | "preimage"
                );
                let field = if same {
                    field.clone()
                } else {
                    renamed(field, number)
                };
                (name.clone(), field)
            })
            .collect(),
        other => other.clone(),
    }
}

/// Ids stand alone, outpoints before a colon, Taproot scripts behind `5120`.
fn renamed_text(text: &str, number: u32) -> String {
    let is_hash = |hex: &str| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    let new = |hex: &str| hex_of(&other(&bytes(hex), number));
    match (text.split_once(':'), text.strip_prefix("5120")) {
        _ if is_hash(text) => new(text),
        (Some((txid, vout)), _) if is_hash(txid) => format!("{}:{vout}", new(txid)),
        (_, Some(key)) if is_hash(key) => format!("5120{}", new(key)),
        _ => text.to_owned(),
    }
}

fn bytes_of(all: &[Value]) -> Option<Vec<u8>> {
    let byte = |one: &Value| u8::try_from(one.as_u64()?).ok();
    (all.len() == 32).then(|| all.iter().map(byte).collect())?
}

fn other(bytes: &[u8], number: u32) -> Vec<u8> {
    let mut engine = sha256::Hash::engine();
    engine.input(&number.to_be_bytes());
    engine.input(bytes);
    sha256::Hash::from_engine(engine).to_byte_array().to_vec()
}

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
