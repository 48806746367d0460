//! Fee rates: bitcoind's estimates, kept at hand.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bitcoin::{Amount, FeeRate, Weight};
use tokio::sync::watch;

use super::{BlockId, Stop, stopped};
use crate::rpc::{FeeInfo, Rpc, RpcError};

/// The confirmation targets asked for, blocks, rising.
const TARGETS: [u16; 8] = [1, 2, 3, 6, 12, 36, 144, 1008];
/// How often estimates are refreshed between blocks.
const REFRESH: Duration = Duration::from_secs(30);
/// Core's default floors until bitcoind has told its own: 1 sat/vB.
const DEFAULT_FLOOR: FeeRate = FeeRate::from_sat_per_kwu(250);

/// How fee rates are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeConfig {
    /// Used while bitcoind has no estimate.
    pub fallback: FeeRate,
    /// Used instead of any estimate; for test networks.
    pub fixed: Option<FeeRate>,
}

impl Default for FeeConfig {
    fn default() -> Self {
        Self {
            fallback: FeeRate::from_sat_per_kwu(500),
            fixed: None,
        }
    }
}

struct Known {
    rates: [Option<FeeRate>; TARGETS.len()],
    floors: FeeInfo,
}

/// Cached fee rates. Never below what the mempool takes.
pub struct Fees {
    rpc: Arc<Rpc>,
    config: FeeConfig,
    known: Mutex<Known>,
}

/// The fee of a transaction of this weight: whole vbytes, rounded up, as nodes count it.
pub fn fee_for(rate: FeeRate, weight: Weight) -> Amount {
    let vbytes = weight.to_vbytes_ceil();
    let sats = u128::from(rate.to_sat_per_kwu()) * u128::from(vbytes) * 4;
    Amount::from_sat(u64::try_from(sats.div_ceil(1000)).unwrap_or(u64::MAX)).min(Amount::MAX_MONEY)
}

impl Fees {
    /// No estimate is known before the first [`Fees::refresh`].
    pub fn new(rpc: Arc<Rpc>, config: FeeConfig) -> Arc<Self> {
        let floors = FeeInfo {
            mempool_min: DEFAULT_FLOOR,
            incremental: DEFAULT_FLOOR,
        };
        Arc::new(Self {
            rpc,
            config,
            known: Mutex::new(Known {
                rates: [None; TARGETS.len()],
                floors,
            }),
        })
    }

    /// The rate for confirmation within about `blocks`.
    pub fn rate(&self, blocks: u16) -> FeeRate {
        let known = self.known();
        let rate = match self.config.fixed {
            Some(fixed) => fixed,
            None => estimate(&known.rates, blocks).unwrap_or(self.config.fallback),
        };
        rate.max(known.floors.mempool_min)
    }

    /// The rate below which the mempool takes nothing just now.
    pub fn mempool_min(&self) -> FeeRate {
        self.known().floors.mempool_min
    }

    /// What a replacement must pay on its own size beyond what it replaces.
    pub fn incremental(&self) -> FeeRate {
        self.known().floors.incremental
    }

    /// Asks bitcoind anew.
    ///
    /// # Errors
    /// When bitcoind does not answer; the old values stay.
    pub async fn refresh(&self) -> Result<(), RpcError> {
        let floors = self.rpc.fee_info().await?;
        let mut rates = [None; TARGETS.len()];
        if self.config.fixed.is_none() {
            for (rate, target) in rates.iter_mut().zip(TARGETS) {
                *rate = self.rpc.estimate_smart_fee(target).await?;
            }
        }
        *self.known() = Known { rates, floors };
        Ok(())
    }

    /// Refreshes after every block and every half minute until told to stop.
    pub async fn run(self: Arc<Self>, mut tip: watch::Receiver<BlockId>, mut stop: Stop) {
        loop {
            if let Err(err) = self.refresh().await {
                tracing::debug!(%err, "fee estimates could not be refreshed");
            }
            tokio::select! {
                () = stopped(&mut stop) => return,
                // A closed channel only means that nobody makes new tips: the timer goes on.
                Ok(()) = tip.changed() => {}
                () = tokio::time::sleep(REFRESH) => {}
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The estimate for the nearest target that is not slower than asked for; failing that, the fastest of the slower ones.
fn estimate(rates: &[Option<FeeRate>], blocks: u16) -> Option<FeeRate> {
    let not_slower = TARGETS
        .iter()
        .take_while(|target| **target <= blocks.max(1))
        .count();
    let (fast, slow) = rates.split_at(not_slower.min(rates.len()));
    fast.iter().rev().chain(slow).find_map(|rate| *rate)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn rates(known: &[(usize, u64)]) -> [Option<FeeRate>; TARGETS.len()] {
        let mut rates = [None; TARGETS.len()];
        for (index, rate) in known {
            rates[*index] = Some(FeeRate::from_sat_per_vb(*rate).unwrap());
        }
        rates
    }

    #[test]
    fn a_target_between_two_estimates_takes_the_faster_one() {
        let rates = rates(&[(0, 40), (3, 20), (4, 10), (7, 2)]);
        assert_eq!(estimate(&rates, 1), FeeRate::from_sat_per_vb(40));
        assert_eq!(estimate(&rates, 11), FeeRate::from_sat_per_vb(20));
        assert_eq!(estimate(&rates, 12), FeeRate::from_sat_per_vb(10));
        assert_eq!(estimate(&rates, 2000), FeeRate::from_sat_per_vb(2));
        assert_eq!(estimate(&rates, 0), FeeRate::from_sat_per_vb(40));
    }

    #[test]
    fn a_missing_estimate_is_taken_from_a_neighbour_and_none_from_nothing() {
        assert_eq!(estimate(&rates(&[(5, 3)]), 2), FeeRate::from_sat_per_vb(3));
        assert_eq!(estimate(&rates(&[]), 2), None);
    }

    #[test]
    fn a_fee_is_counted_on_whole_vbytes_and_rounded_up() {
        let rate = FeeRate::from_sat_per_vb(10).unwrap();
        assert_eq!(fee_for(rate, Weight::from_wu(607)), Amount::from_sat(1520));
        assert_eq!(
            fee_for(FeeRate::from_sat_per_kwu(253), Weight::from_wu(444)),
            Amount::from_sat(113)
        );
        assert_eq!(
            fee_for(FeeRate::MAX, Weight::from_wu(444)),
            Amount::MAX_MONEY
        );
    }
}
