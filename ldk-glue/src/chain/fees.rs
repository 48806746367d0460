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
/// No estimate is believed beyond this: 5,000 sat/vB, twice what was ever paid for a place in a block.
const HIGHEST: FeeRate = FeeRate::from_sat_per_kwu(1_250_000);
/// A mempool that is full throws out what pays least and raises its floor with it: who enters at the floor is next. So
/// much of the floor is paid then, percent.
const ABOVE_FLOOR: u64 = 125;
/// How long a new block may wait for fresh estimates.
const PATIENCE: Duration = Duration::from_secs(2);
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

impl Known {
    /// An estimate within reason, and never below what enters the mempool: an absurd estimate is bounded, a floor is not,
    /// because below it nothing is relayed at all.
    fn rate(&self, config: &FeeConfig, blocks: u16) -> FeeRate {
        let rate = match config.fixed {
            Some(fixed) => fixed,
            None => estimate(&self.rates, blocks).unwrap_or(config.fallback),
        };
        rate.min(HIGHEST).max(self.entry())
    }

    /// What it takes to enter the mempool and stay there for a while.
    fn entry(&self) -> FeeRate {
        let FeeInfo {
            mempool_min,
            relay_min,
            ..
        } = self.floors;
        if mempool_min <= relay_min {
            return mempool_min;
        }
        let above = mempool_min.to_sat_per_kwu().saturating_mul(ABOVE_FLOOR);
        FeeRate::from_sat_per_kwu(above.div_ceil(100))
    }
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
            relay_min: DEFAULT_FLOOR,
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

    /// The rate for confirmation within about `blocks`: at most 5,000 sat/vB, unless the mempool takes nothing below more.
    pub fn rate(&self, blocks: u16) -> FeeRate {
        self.known().rate(&self.config, blocks)
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

    /// As [`Fees::refresh`], for somebody who goes on with the old values rather than wait long.
    pub async fn refresh_soon(&self) {
        match tokio::time::timeout(PATIENCE, self.refresh()).await {
            Ok(Ok(())) => {}
            Ok(Err(err)) => tracing::debug!(%err, "fee estimates could not be refreshed"),
            Err(_) => tracing::debug!("fee estimates take long; the old ones are used"),
        }
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

    fn known(estimates: &[(usize, u64)], mempool_min: u64) -> Known {
        Known {
            rates: rates(estimates),
            floors: FeeInfo {
                mempool_min: FeeRate::from_sat_per_vb(mempool_min).unwrap(),
                relay_min: FeeRate::from_sat_per_vb(1).unwrap(),
                incremental: DEFAULT_FLOOR,
            },
        }
    }

    fn rate(known: &Known, fixed: Option<u64>) -> u64 {
        let config = FeeConfig {
            fallback: FeeRate::from_sat_per_vb(2).unwrap(),
            fixed: fixed.map(|rate| FeeRate::from_sat_per_vb(rate).unwrap()),
        };
        known.rate(&config, 2).to_sat_per_vb_ceil()
    }

    #[test]
    fn a_spike_is_followed_and_an_absurd_estimate_is_not() {
        assert_eq!(rate(&known(&[(1, 2_500)], 1), None), 2_500);
        assert_eq!(rate(&known(&[(1, 2_000_000)], 1), None), 5_000);
        assert_eq!(rate(&known(&[(1, 9_000)], 8_000), None), 10_000);
    }

    #[test]
    fn in_a_full_mempool_everything_pays_a_quarter_more_than_its_floor() {
        assert_eq!(rate(&known(&[], 1), None), 2);
        assert_eq!(rate(&known(&[(1, 20)], 40), None), 50);
        assert_eq!(rate(&known(&[(1, 60)], 40), None), 60);
        assert_eq!(rate(&known(&[(1, 60)], 40), Some(3)), 50);
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
