//! What this node remembers of makers: in memory for those who decide, on the disk a little later.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bitcoin::secp256k1::PublicKey;
use cambista_engine::ports::{Clock as _, Entropy as _};
use cambista_market::fault::Fault;
use cambista_market::{Experience, Lesson, Makers, Record};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::adapters::system::{SystemClock, SystemEntropy};
use crate::store::{Store, StoreError};

/// Where records are kept: one setting a maker.
const RECORDS: &str = "experience/";
/// Where proofs are kept: one setting a swap.
const FAULTS: &str = "fault/";
/// The most proofs kept; past that the oldest is forgotten.
const MOST_FAULTS: usize = 2_000;
/// Between two writes of prices asked and given. A crash loses no more than these.
const EVERY: Duration = Duration::from_secs(3);

/// A proof and whose word it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFault {
    /// The maker (hex).
    pub maker: String,
    /// The proof.
    #[serde(flatten)]
    pub fault: Fault,
}

#[derive(Default)]
struct Inner {
    experience: Experience,
    /// Makers whose record on the disk is an older one.
    unwritten: BTreeSet<PublicKey>,
    /// Oldest first.
    faults: Vec<KeptFault>,
    /// How many of the newest faults are not on the disk.
    new_faults: usize,
}

/// Everything remembered of makers.
pub struct Memory {
    store: Arc<Store>,
    inner: Mutex<Inner>,
    /// Drawn once: which minutes are the newcomers' nobody can know.
    minute: u64,
}

impl Memory {
    /// What was written down in earlier runs. What cannot be read is left out: it is experience, not money.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn load(store: Arc<Store>) -> Result<Self, StoreError> {
        let records: Vec<(String, Record)> = store.settings_under(RECORDS)?;
        let known = records
            .into_iter()
            .filter_map(|(maker, record)| Some((maker.parse().ok()?, record)));
        let mut faults: Vec<KeptFault> = store
            .settings_under(FAULTS)?
            .into_iter()
            .map(|(_, fault)| fault)
            .collect();
        faults.sort_by(|a, b| {
            (a.fault.noticed_at, &a.fault.swap).cmp(&(b.fault.noticed_at, &b.fault.swap))
        });
        let inner = Inner {
            experience: Experience::load(known),
            faults,
            ..Inner::default()
        };
        Ok(Self {
            store,
            inner: Mutex::new(inner),
            minute: u64::from(SystemEntropy.bytes32()[0]),
        })
    }

    /// A panic elsewhere cannot have left half a record: each is replaced whole.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A maker did this, just now.
    pub fn learn(&self, maker: &PublicKey, lesson: Lesson) {
        let mut inner = self.lock();
        let (_, forgotten) = inner.experience.learn(maker, lesson, SystemClock.now());
        inner.unwritten.insert(*maker);
        inner.unwritten.extend(forgotten);
        drop(inner);
        // How a swap ended is worth a write of its own; prices asked and given come in dozens.
        if matches!(
            lesson,
            Lesson::Done { .. } | Lesson::Failed { .. } | Lesson::Stalled { .. }
        ) {
            self.write_or_warn();
        }
    }

    /// A maker broke its word.
    pub fn fault(&self, maker: &PublicKey, fault: Fault) {
        tracing::warn!(%maker, kind = ?fault.kind, "a maker did not keep what it had signed; see `cambista makers`");
        let mut inner = self.lock();
        inner.faults.push(KeptFault {
            maker: maker.to_string(),
            fault,
        });
        inner.new_faults = inner.new_faults.saturating_add(1);
        drop(inner);
        self.write_or_warn();
    }

    fn write_or_warn(&self) {
        if let Err(error) = self.write() {
            tracing::warn!(%error, "what was learnt of makers could not be written down");
        }
    }

    /// Whether this is the newcomers' turn, which one minute in so many is. A minute, so that a price that is only looked at
    /// and the order after it are compared alike.
    #[must_use]
    pub fn newcomers_turn(&self) -> bool {
        Experience::newcomers_turn(self.minute.wrapping_add(SystemClock.now() / 60))
    }

    /// What a swap of this amount (sat) with this maker is expected to cost by failing (sat), for comparing; nothing for a
    /// newcomer on its turn.
    #[must_use]
    pub fn failure_cost(&self, maker: &PublicKey, amount_sat: u64, newcomers_turn: bool) -> u64 {
        let now = SystemClock.now();
        let inner = self.lock();
        inner
            .experience
            .handicap(maker, amount_sat, now, newcomers_turn)
    }

    /// By how much this maker's prices were above its offers of late (millionths of the amount).
    #[must_use]
    pub fn dearer_ppm(&self, maker: &PublicKey) -> u32 {
        self.lock().experience.dearer_ppm(maker, SystemClock.now())
    }

    /// The same on no turn of the newcomers.
    #[must_use]
    pub fn usual_failure_cost(&self, maker: &PublicKey, amount_sat: u64) -> u64 {
        let now = SystemClock.now();
        self.lock().experience.failure_cost(maker, amount_sat, now)
    }

    /// The makers that are not asked now because they have just failed, by their 33-byte keys.
    #[must_use]
    pub fn resting(&self) -> Makers {
        let now = SystemClock.now();
        self.those(|record| record.resting_until(now).is_some())
    }

    /// The makers whose records are like this, by their 33-byte keys.
    #[must_use]
    pub fn those(&self, like: impl Fn(&Record) -> bool) -> Makers {
        self.lock().experience.those(like)
    }

    /// Until when (Unix seconds) a maker that failed is not asked; none when it may be asked now.
    #[must_use]
    pub fn resting_until(&self, maker: &PublicKey) -> Option<u64> {
        self.lock()
            .experience
            .resting_until(maker, SystemClock.now())
    }

    /// Whether no swap was ever begun with the maker.
    #[must_use]
    pub fn is_newcomer(&self, maker: &PublicKey) -> bool {
        self.lock().experience.is_newcomer(maker)
    }

    /// Every maker there is a record of.
    #[must_use]
    pub fn records(&self) -> Vec<(PublicKey, Record)> {
        let inner = self.lock();
        let all = inner.experience.all();
        all.map(|(maker, record)| (maker, record.clone())).collect()
    }

    /// The record of one maker.
    #[must_use]
    pub fn record(&self, maker: &PublicKey) -> Option<Record> {
        self.lock().experience.of(maker).cloned()
    }

    /// The proofs about one maker, newest first.
    #[must_use]
    pub fn faults(&self, maker: &PublicKey) -> Vec<Fault> {
        let maker = maker.to_string();
        let inner = self.lock();
        let of = inner.faults.iter().rev().filter(|kept| kept.maker == maker);
        of.map(|kept| kept.fault.clone()).collect()
    }

    /// Writes what changed. What could not be written is tried again the next time.
    fn write(&self) -> Result<(), StoreError> {
        let (makers, records, new_faults, faults, old) = {
            let mut inner = self.lock();
            let makers = std::mem::take(&mut inner.unwritten);
            let record = |maker: &PublicKey| {
                let record = inner.experience.of(maker).cloned();
                (format!("{RECORDS}{maker}"), record)
            };
            let records: Vec<(String, Option<Record>)> = makers.iter().map(record).collect();
            let new_faults = inner.new_faults;
            let begin = inner.faults.len().saturating_sub(new_faults);
            let new = inner.faults.get(begin..).unwrap_or_default().iter();
            let key = |kept: &KeptFault| format!("{FAULTS}{}", kept.fault.swap);
            let faults: Vec<(String, Option<KeptFault>)> =
                new.map(|kept| (key(kept), Some(kept.clone()))).collect();
            inner.new_faults = 0;
            let over = inner.faults.len().saturating_sub(MOST_FAULTS);
            let old: Vec<(String, Option<KeptFault>)> = inner
                .faults
                .drain(..over)
                .map(|kept| (key(&kept), None))
                .collect();
            (makers, records, new_faults, faults, old)
        };
        let written = self.put(&records, faults, old);
        if written.is_err() {
            let mut inner = self.lock();
            inner.unwritten.extend(makers);
            let all = inner.new_faults.saturating_add(new_faults);
            inner.new_faults = all.min(inner.faults.len());
        }
        written
    }

    fn put(
        &self,
        records: &[(String, Option<Record>)],
        faults: Vec<(String, Option<KeptFault>)>,
        old: Vec<(String, Option<KeptFault>)>,
    ) -> Result<(), StoreError> {
        if !records.is_empty() {
            self.store.set_settings(records)?;
        }
        if !faults.is_empty() || !old.is_empty() {
            let changed: Vec<_> = faults.into_iter().chain(old).collect();
            self.store.set_settings(&changed)?;
        }
        Ok(())
    }

    /// Writes what changed every now and then, and at the end.
    pub async fn keep(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        loop {
            let stopped = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => true,
                () = tokio::time::sleep(EVERY) => false,
            };
            self.write_or_warn();
            if stopped {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bitcoin::secp256k1::{Secp256k1, SecretKey};
    use cambista_market::fault::Kind;

    use super::*;

    fn maker(n: u8) -> PublicKey {
        let key = SecretKey::from_slice(&[n; 32]).unwrap();
        key.public_key(&Secp256k1::new())
    }

    fn fault(swap: &str) -> Fault {
        Fault {
            kind: Kind::NotFunded,
            swap: swap.into(),
            quote: vec![1, 2],
            acceptance: vec![3],
            agreed_height: 100,
            noticed_height: 107,
            noticed_at: 5,
        }
    }

    #[test]
    fn what_was_learnt_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(&folder.path().join("db")).unwrap());
        let memory = Memory::load(Arc::clone(&store)).unwrap();
        memory.learn(&maker(1), Lesson::Asked);
        memory.learn(
            &maker(1),
            Lesson::Stalled {
                secs: 9,
                cost_sat: 0,
            },
        );
        memory.fault(&maker(1), fault("aa"));
        memory.fault(&maker(2), fault("bb"));
        memory.write().unwrap();
        memory.write().unwrap();
        let again = Memory::load(store).unwrap();
        assert_eq!(again.record(&maker(1)), memory.record(&maker(1)));
        assert!(again.resting_until(&maker(1)).is_some());
        assert_eq!(again.faults(&maker(1)), [fault("aa")]);
        assert!(!again.is_newcomer(&maker(1)) && again.is_newcomer(&maker(2)));
    }
}
