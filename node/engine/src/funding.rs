//! The funder's funding: built, bumped with the same first input, and taken back when it is too late.

use bitcoin::{Amount, FeeRate, Transaction};
use cambista_protocol::swap::Event;
use cambista_protocol::words::SwapId;
use tracing::{info, warn};

use crate::advance::Job;
use crate::engine::Core;
use crate::internal::Internal;
use crate::live::Live;
use crate::ports::{Chain, NotAccepted, PortError, Ports, StoredSweep, Wallet};
use crate::sweeper::store_sweep;

/// A funding should confirm within so many blocks.
pub(crate) const FUNDING_TARGET: u32 = 2;
/// A funding is replaced when the rate wanted is a quarter above the rate paid.
const BUMP_PERCENT: u64 = 125;

impl<P: Ports> Core<P> {
    /// Builds and signs a funding. Event, reserved coins and transaction become one commit; nothing is published.
    pub(crate) fn build_funding(&mut self, id: SwapId) {
        let rate = self.ports.chain().fee_rate(FUNDING_TARGET);
        let Some(live) = self.swaps.get_mut(&id) else {
            return;
        };
        let deal = &live.record.deal;
        let built = self
            .ports
            .wallet()
            .fund(deal.script_pubkey.clone(), deal.amount, rate);
        let limit = Amount::from_sat(live.record.limits.max_miner_fee_sat);
        match built {
            Ok(built) if built.fee <= limit => self.jobs.push_back(Job {
                id,
                event: Event::FundingBuilt {
                    txid: built.tx.compute_txid(),
                    first_input: built.first_input,
                },
                funding: Some((built.tx, built.fee)),
            }),
            Ok(built) => {
                self.ports.wallet().release(&built.tx);
                live.trouble = Some(format!(
                    "funding would cost {} sat in miner fees now, the limit is {} sat",
                    built.fee.to_sat(),
                    limit.to_sat()
                ));
                self.push(id, Event::FundingImpossible);
            }
            Err(error) => {
                warn!(swap = %id.short(), %error, "the swap cannot be funded; the payment goes back");
                live.trouble = Some(format!("the swap could not be funded: {error}"));
                self.push(id, Event::FundingImpossible);
            }
        }
    }

    /// Every block: the funding stays in the mempool, and pays what it takes to leave it, within its limit.
    pub(crate) fn keep_funding(&mut self, id: SwapId) {
        let rate = self.ports.chain().fee_rate(FUNDING_TARGET);
        let Some(live) = self.swaps.get(&id) else {
            return;
        };
        let Some((tx, fee)) = live.fundings.last().cloned() else {
            return;
        };
        let mut limit = Amount::from_sat(live.record.limits.max_miner_fee_sat);
        let increment = self.ports.chain().increment();
        let mut rate = rate;
        if let Some(sent) = take_back(live) {
            // R came after the coins were called back, and the payer is owed its output: this must outbid our own spend.
            rate = rate.max(sum(rate_of(&sent.tx, sent.fee), increment));
            let needed = rate.fee_wu(tx.weight());
            limit = limit.max(
                needed
                    .and_then(|n| n.checked_add(sent.fee))
                    .unwrap_or(limit),
            );
        }
        let Some(rate) = bump_rate(&tx, fee, rate, limit, increment) else {
            return self.rebroadcast_funding(id);
        };
        let script = &live.record.deal.script_pubkey;
        match self.ports.wallet().bump(&tx, script, rate) {
            Ok(built) if built.fee > limit => {
                warn!(swap = %id.short(), fee = built.fee.to_sat(), "a replacement of the funding would pass the fee limit");
                // It may have set further coins aside. Those of the versions that are out stay so.
                self.ports.wallet().release(&built.tx);
                for (version, _) in &live.fundings {
                    self.ports.wallet().reserve(version);
                }
                self.rebroadcast_funding(id);
            }
            Ok(built) => {
                info!(swap = %id.short(), fee = built.fee.to_sat(), "replacing the funding at a higher fee");
                let event = Event::FundingBumped {
                    txid: built.tx.compute_txid(),
                };
                self.jobs.push_back(Job {
                    id,
                    event,
                    funding: Some((built.tx, built.fee)),
                });
            }
            Err(error) => {
                warn!(swap = %id.short(), %error, "the funding could not be replaced");
                if let Some(live) = self.swaps.get_mut(&id) {
                    live.trouble = Some(format!(
                        "the funding could not be given a higher fee: {error}; it may confirm late, and the coins come back if it does not"
                    ));
                }
                self.rebroadcast_funding(id);
            }
        }
    }

    /// Too late for this swap: the funding's first input goes back to the wallet, which ends every version of it. Sent
    /// again with every block, at no lower rate than before.
    pub(crate) fn replace_funding(&mut self, id: SwapId) -> Result<(), PortError> {
        let rate = self.ports.chain().fee_rate(1);
        let increment = self.ports.chain().increment();
        let mined_to = self.mined_to();
        let Some(live) = self.swaps.get_mut(&id) else {
            return Ok(());
        };
        let Some((funding, paid)) = live.fundings.last().cloned() else {
            return Ok(());
        };
        let before = take_back(live).cloned();
        let tx = match before {
            Some(before) if !is_outbid(&before, rate) => before.tx,
            before => {
                // It must outbid every version of the funding, and what it replaces of its own kind.
                let least = before.map_or_else(
                    || rate_of(&funding, paid),
                    |before| rate_of(&before.tx, before.fee),
                );
                let rate = rate.max(sum(least, increment));
                let script = &live.record.deal.script_pubkey;
                let built = match self.ports.wallet().take_back(&funding, script, rate) {
                    Ok(built) => built,
                    Err(error) => {
                        warn!(swap = %id.short(), %error, "the late funding could not be replaced");
                        live.trouble = Some(format!(
                            "it is too late for the funding, and its coins could not be taken back yet: {error}; trying again with every block"
                        ));
                        return Ok(());
                    }
                };
                info!(swap = %id.short(), fee = built.fee.to_sat(), "too late for the funding: taking its coins back");
                let stored = store_sweep(&*self.ports, id, built.tx, built.fee, mined_to)?;
                let tx = stored.tx.clone();
                live.sweeps.push(stored);
                live.version = live.version.saturating_add(1);
                tx
            }
        };
        let ports = self.ports.clone();
        self.beside(async move {
            let sent = ports.chain().broadcast(std::slice::from_ref(&tx)).await;
            if let Err(error) = &sent {
                warn!(swap = %id.short(), %error, "the late funding's replacement was not taken");
            }
            Internal::TakeBackSent {
                id,
                refused: matches!(sent, Err(NotAccepted::Refused(_))),
            }
        });
        Ok(())
    }

    /// The mempool has answered. Where it keeps the funding all the same, a refund of it may go as a package.
    pub(crate) fn take_back_sent(&mut self, id: SwapId, refused: bool) {
        if let Some(live) = self.swaps.get_mut(&id) {
            live.busy.take_back_refused = refused;
        }
    }
}

/// The rate a funding is to be replaced at, if it is: what is wanted, or as much of it as the limit allows, and no less
/// than a replacement must pay.
fn bump_rate(
    tx: &Transaction,
    fee: Amount,
    wanted: FeeRate,
    limit: Amount,
    increment: FeeRate,
) -> Option<FeeRate> {
    let vsize = u64::try_from(tx.vsize()).unwrap_or(u64::MAX).max(1);
    let allowed = FeeRate::from_sat_per_kwu(
        limit.to_sat().saturating_mul(1_000) / vsize.saturating_mul(4).max(1),
    );
    let rate = wanted.min(allowed);
    let pays = rate.fee_vb(vsize)?.min(limit);
    let outgrown = pays.to_sat().saturating_mul(100) > fee.to_sat().saturating_mul(BUMP_PERCENT);
    let rate = rate.max(sum(rate_of(tx, fee), increment));
    (outgrown && rate <= allowed).then_some(rate)
}

/// The last spend of the funding's first input back to the wallet.
fn take_back(live: &Live) -> Option<&StoredSweep> {
    let first = live.first_input()?;
    let spends = |tx: &Transaction| tx.input.iter().any(|i| i.previous_output == first);
    live.sweeps.iter().rev().find(|s| spends(&s.tx))
}

/// Whether `rate` asks for more than the take-back pays.
fn is_outbid(before: &StoredSweep, rate: FeeRate) -> bool {
    rate.fee_vb(u64::try_from(before.tx.vsize()).unwrap_or(u64::MAX))
        .is_none_or(|wanted| wanted > before.fee)
}

/// What a transaction pays, rounded up.
fn rate_of(tx: &Transaction, fee: Amount) -> FeeRate {
    let weight = u64::try_from(tx.vsize())
        .unwrap_or(u64::MAX)
        .saturating_mul(4);
    FeeRate::from_sat_per_kwu(fee.to_sat().saturating_mul(1_000).div_ceil(weight.max(1)))
}

fn sum(a: FeeRate, b: FeeRate) -> FeeRate {
    FeeRate::from_sat_per_kwu(a.to_sat_per_kwu().saturating_add(b.to_sat_per_kwu()))
}

/// Whether a refund of an output of ours that no block has is to wait: its funding is being taken back, and one of the
/// two spends can only throw the other out.
pub(crate) fn take_back_under_way(live: &Live, outpoint: bitcoin::OutPoint) -> bool {
    let unconfirmed = live
        .swap
        .outputs()
        .get(outpoint)
        .is_some_and(|output| output.confirmed.is_none());
    unconfirmed && !live.busy.take_back_refused
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use bitcoin::absolute::LockTime;
    use bitcoin::transaction::Version;
    use bitcoin::{ScriptBuf, TxIn, TxOut, Witness};

    use super::*;

    const fn sat(sat: u64) -> Amount {
        Amount::from_sat(sat)
    }

    fn rate(sat_per_vb: u64) -> FeeRate {
        FeeRate::from_sat_per_vb(sat_per_vb).unwrap()
    }

    /// One input, a contract and change: 154 vB.
    fn funding() -> Transaction {
        let output = TxOut {
            value: sat(100_000),
            script_pubkey: ScriptBuf::from_bytes([&[0x51, 0x20][..], &[2; 32]].concat()),
        };
        let tx = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                witness: Witness::from_slice(&[[7; 64]]),
                ..TxIn::default()
            }],
            output: vec![output.clone(), output],
        };
        assert_eq!(tx.vsize(), 154);
        tx
    }

    fn bumped(paid: u64, wanted: u64, limit: u64) -> Option<u64> {
        let rate = bump_rate(
            &funding(),
            sat(154 * paid),
            rate(wanted),
            sat(limit),
            rate(1),
        )?;
        assert!(rate.fee_vb(154).unwrap() <= sat(limit));
        Some(rate.to_sat_per_vb_floor())
    }

    #[test]
    fn a_funding_is_replaced_when_a_quarter_more_is_wanted() {
        assert_eq!(bumped(4, 5, 10_000), None);
        assert_eq!(bumped(4, 6, 10_000), Some(6));
        assert_eq!(bumped(4, 3, 10_000), None);
    }

    #[test]
    fn what_is_wanted_above_the_limit_is_followed_up_to_it() {
        assert_eq!(bumped(2, 80, 154 * 10), Some(10));
        assert_eq!(bumped(10, 80, 154 * 10), None);
        assert_eq!(bumped(9, 80, 154 * 10), None, "not worth a replacement");
    }

    #[test]
    fn a_replacement_pays_the_increment_of_its_mempool_or_is_none() {
        let at = |limit| bump_rate(&funding(), sat(308), rate(3), sat(limit), rate(5));
        assert_eq!(at(10_000), Some(rate(7)));
        assert_eq!(at(154 * 6), None);
    }

    #[test]
    fn a_take_back_is_sent_as_it_is_until_more_is_wanted() {
        let before = StoredSweep {
            swap_id: SwapId([1; 32]),
            tx: funding(),
            fee: sat(154 * 8),
            height: 100,
        };
        assert!(!is_outbid(&before, rate(2)));
        assert!(!is_outbid(&before, rate(8)));
        assert!(is_outbid(&before, rate(9)));
        assert_eq!(rate_of(&before.tx, before.fee), rate(8));
    }
}
