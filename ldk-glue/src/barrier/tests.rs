#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use super::*;
use crate::kv::AtomicStore;

#[derive(Default)]
struct Memory {
    rows: Mutex<HashMap<String, Vec<u8>>>,
    full: AtomicBool,
    batches: AtomicUsize,
}

impl KVStoreSync for Memory {
    fn read(&self, p: &str, s: &str, k: &str) -> Result<Vec<u8>, io::Error> {
        let rows = self.rows.lock().unwrap();
        let row = rows.get(&format!("{p}/{s}/{k}")).cloned();
        row.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
    fn write(&self, p: &str, s: &str, k: &str, buf: Vec<u8>) -> Result<(), io::Error> {
        self.apply(&[change(p, s, k, Some(buf))])
    }
    fn remove(&self, p: &str, s: &str, k: &str, _: bool) -> Result<(), io::Error> {
        self.apply(&[change(p, s, k, None)])
    }
    fn list(&self, p: &str, s: &str) -> Result<Vec<String>, io::Error> {
        let rows = self.rows.lock().unwrap();
        let prefix = format!("{p}/{s}/");
        let keys = rows.keys().filter_map(|key| key.strip_prefix(&prefix));
        Ok(keys.map(str::to_owned).collect())
    }
}

impl AtomicStore for Memory {
    fn apply(&self, changes: &[Change]) -> Result<(), io::Error> {
        if self.full.load(Ordering::Acquire) {
            return Err(other("disk full"));
        }
        self.batches.fetch_add(1, Ordering::AcqRel);
        let mut rows = self.rows.lock().unwrap();
        for change in changes {
            let key = format!("{}/{}/{}", change.primary, change.secondary, change.key);
            match &change.value {
                Some(value) => rows.insert(key, value.clone()),
                None => rows.remove(&key),
            };
        }
        Ok(())
    }
}

/// A manager that is as long as it was told, and runs something in the middle and at the end of being written.
struct Manager {
    length: AtomicUsize,
    after: Box<dyn Fn() + Send + Sync>,
}

impl Writeable for Manager {
    fn write<W: Writer>(&self, writer: &mut W) -> Result<(), io::Error> {
        for _ in 0..self.length.load(Ordering::Acquire) {
            writer.write_all(&[7])?;
        }
        (self.after)();
        Ok(())
    }
}

fn manager(length: usize) -> Arc<Manager> {
    with_hook(length, || {})
}

fn with_hook(length: usize, after: impl Fn() + Send + Sync + 'static) -> Arc<Manager> {
    Arc::new(Manager {
        length: AtomicUsize::new(length),
        after: Box::new(after),
    })
}

fn store(kv: &Arc<Memory>, manager: &Arc<Manager>) -> Store {
    let store = Store::new(kv.clone(), Fatal::new());
    store.attach(Arc::downgrade(manager) as _);
    store
}

const UPDATES: &str = CHANNEL_MONITOR_UPDATE_PERSISTENCE_PRIMARY_NAMESPACE;

#[test]
fn a_monitor_reaches_the_disk_with_the_manager_and_not_before() {
    let (kv, manager) = (Arc::new(Memory::default()), manager(3));
    let store = store(&kv, &manager);
    store.write(UPDATES, "a", "1", vec![1]).unwrap();
    assert!(kv.rows.lock().unwrap().is_empty());
    // LDK itself sees it at once.
    assert_eq!(store.read(UPDATES, "a", "1").unwrap(), [1]);
    assert_eq!(store.list(UPDATES, "a").unwrap(), ["1"]);

    store.settle().unwrap();
    assert_eq!(kv.batches.load(Ordering::Acquire), 1);
    assert_eq!(kv.read(UPDATES, "a", "1").unwrap(), [1]);
    assert_eq!(kv.read("", "", "manager").unwrap(), [7; 3]);

    store.remove(UPDATES, "a", "1", true).unwrap();
    assert_eq!(kv.read(UPDATES, "a", "1").unwrap(), [1]);
    let gone = store.read(UPDATES, "a", "1").unwrap_err();
    assert_eq!(gone.kind(), io::ErrorKind::NotFound);
    assert!(store.list(UPDATES, "a").unwrap().is_empty());
    store.save().unwrap();
    assert!(kv.read(UPDATES, "a", "1").is_err());
}

#[test]
fn a_monitor_the_written_manager_does_not_know_waits_for_the_next_one() {
    let kv = Arc::new(Memory::default());
    let late = Arc::new(OnceLock::<Arc<Store>>::new());
    let in_hook = Arc::clone(&late);
    let manager = with_hook(2, move || {
        let store = in_hook.get().unwrap();
        store.write(UPDATES, "a", "2", vec![2]).unwrap();
    });
    let store = Arc::new(store(&kv, &manager));
    assert!(late.set(store.clone()).is_ok());
    store.write(UPDATES, "a", "1", vec![1]).unwrap();
    store.save().unwrap();
    assert_eq!(kv.read(UPDATES, "a", "1").unwrap(), [1]);
    assert!(kv.read(UPDATES, "a", "2").is_err());
    assert_eq!(store.read(UPDATES, "a", "2").unwrap(), [2]);
    store.settle().unwrap();
    assert_eq!(kv.read(UPDATES, "a", "2").unwrap(), [2]);
}

#[test]
fn the_disk_is_left_alone_when_nothing_is_new() {
    let (kv, manager) = (Arc::new(Memory::default()), manager(3));
    let store = store(&kv, &manager);
    store.settle().unwrap();
    assert_eq!(kv.batches.load(Ordering::Acquire), 0);
    store.save().unwrap();
    store.save().unwrap();
    assert_eq!(kv.batches.load(Ordering::Acquire), 1);
    manager.length.store(4, Ordering::Release);
    // What LDK's loop hands over is only its wish to save.
    store.write("", "", "manager", vec![0]).unwrap();
    assert_eq!(kv.batches.load(Ordering::Acquire), 2);
    assert_eq!(kv.read("", "", "manager").unwrap(), [7; 4]);
}

#[test]
fn after_one_failed_write_nothing_newer_is_written() {
    let (kv, manager) = (Arc::new(Memory::default()), manager(1));
    let fatal = Fatal::new();
    let store = Store::new(kv.clone(), fatal.clone());
    store.attach(Arc::downgrade(&manager) as _);
    kv.full.store(true, Ordering::Release);
    store.write(UPDATES, "a", "1", vec![1]).unwrap();
    assert!(store.settle().is_err());
    kv.full.store(false, Ordering::Release);
    assert!(store.settle().is_err());
    assert!(store.save().is_err());
    assert!(store.write("a", "b", "new", vec![2]).is_err());
    // LDK must not panic over it.
    store.write(UPDATES, "a", "2", vec![2]).unwrap();
    assert!(kv.rows.lock().unwrap().is_empty());
    assert!(fatal.reason().unwrap().contains("disk full"));
}

#[test]
fn after_its_end_a_node_leaves_the_state_to_the_next_one() {
    let (kv, manager) = (Arc::new(Memory::default()), manager(1));
    let store = store(&kv, &manager);
    store.write(UPDATES, "a", "1", vec![1]).unwrap();
    store.end();
    assert_eq!(kv.read(UPDATES, "a", "1").unwrap(), [1]);
    manager.length.store(2, Ordering::Release);
    assert!(store.save().is_err());
    store.write(UPDATES, "a", "2", vec![2]).unwrap();
    assert!(store.settle().is_err());
    assert_eq!(kv.batches.load(Ordering::Acquire), 1);
}
