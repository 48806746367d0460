//! What holds whatever happens between two commits. Any other engine behind the store would have to pass this.

use bitcoin::hashes::Hash as _;
use cambista_ldk::{AtomicStore as _, Change};
use rusqlite::Connection;

use super::*;

#[test]
fn a_commit_that_fails_in_its_middle_leaves_nothing_behind() {
    let fixture = Fixture::new();
    let store = fixture.open();
    // The order and the swap can be written, the event belongs to a swap that does not exist.
    let mut commit = opened(1);
    commit.best_block = Some((5, bitcoin::BlockHash::from_byte_array([1; 32])));
    if let Some(event) = &mut commit.event {
        event.0 = sample::id(66);
    }
    assert!(store.commit(&commit).is_err());
    drop(store);
    let store = fixture.open();
    assert!(store.every_swap().unwrap().is_empty());
    assert!(store.latest_orders(1).unwrap().is_empty());
    assert_eq!(store.best_block().unwrap(), None);
}

#[test]
fn a_change_that_was_not_committed_is_gone_and_the_store_goes_on() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let given_up: Result<(), StoreError> = store.write(|transaction| {
        transaction.execute("INSERT INTO settings (key, value) VALUES ('half', '1')", [])?;
        Err(StoreError::Broken)
    });
    assert!(given_up.is_err());
    assert_eq!(store.setting::<u64>("half").unwrap(), None);
    store.set_setting("whole", &1).unwrap();
}

/// LDK's channel manager and monitors belong together: half of a batch would close channels.
#[test]
fn of_a_batch_of_lightnings_changes_all_are_made_or_none() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let change = |key: &str, value: Option<u8>| Change {
        primary: String::new(),
        secondary: String::new(),
        key: key.to_owned(),
        value: value.map(|value| vec![value]),
    };
    let batch = [
        change("one", Some(1)),
        change("two", Some(1)),
        change("one", None),
    ];
    store.apply(&batch).unwrap();
    assert_eq!(store.list("", "").unwrap(), ["two"]);

    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON kv WHEN NEW.key = 'bad' \
                  BEGIN SELECT RAISE(ABORT, 'refused'); END";
    store
        .write(|transaction| Ok(transaction.execute(refuse, [])?))
        .unwrap();
    let batch = [
        change("two", Some(2)),
        change("three", Some(2)),
        change("bad", Some(2)),
    ];
    assert!(store.apply(&batch).is_err());
    assert_eq!(store.list("", "").unwrap(), ["two"]);
    assert_eq!(store.read("", "", "two").unwrap(), [1]);
}

/// A crash is a copy of the files taken while the store is open: nothing is flushed or closed for it.
#[test]
fn what_was_committed_is_in_the_files_before_anyone_closes_them() {
    let fixture = Fixture::new();
    let store = fixture.open();
    store.commit(&opened(1)).unwrap();
    store
        .write(|transaction| {
            transaction.execute("INSERT INTO settings (key, value) VALUES ('half', '1')", [])?;
            let copy = Fixture::new();
            for suffix in ["", "-wal"] {
                let name = |path: &std::path::Path| format!("{}{suffix}", path.display());
                std::fs::copy(name(&fixture.path), name(&copy.path)).unwrap();
            }
            let after = copy.open();
            assert_eq!(after.every_swap().unwrap().len(), 1);
            assert_eq!(after.setting::<u64>("half").unwrap(), None);
            Ok(())
        })
        .unwrap();
}

#[test]
fn nobody_else_gets_at_an_open_database() {
    let fixture = Fixture::new();
    let _first = fixture.open();
    assert!(Store::open(&fixture.path).is_err());
}

#[test]
fn every_commit_is_flushed_to_the_disk() {
    let store = Fixture::new().open();
    let connection = store.lock().unwrap();
    let number = |name: &str| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(number("synchronous"), 2, "FULL");
    assert_eq!(number("foreign_keys"), 1);
    let journal: String = connection
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .unwrap();
    assert_eq!(journal, "wal");
}

#[test]
fn a_database_of_the_future_is_left_alone() {
    let fixture = Fixture::new();
    drop(fixture.open());
    let future = Connection::open(&fixture.path).unwrap();
    future.pragma_update(None, "user_version", 99).unwrap();
    drop(future);
    assert!(matches!(
        Store::open(&fixture.path),
        Err(StoreError::Newer { found: 99, .. })
    ));
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let fixture = Fixture::new();
    let store = fixture.open();
    store.set_setting("a", &1).unwrap();
    for suffix in ["", "-wal"] {
        let file = format!("{}{suffix}", fixture.path.display());
        assert_eq!(
            std::fs::metadata(file).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
