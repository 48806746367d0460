//! The funder's funding: built, bumped with the same first input, and taken back when it is too late.

use bitcoin::{Amount, Transaction};
use cambista_protocol::swap::Event;
use cambista_protocol::words::SwapId;
use tracing::{info, warn};

use crate::advance::Job;
use crate::engine::Core;
use crate::ports::{Chain, Ports, Wallet};

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

    /// Every block: the funding stays in the mempool, and pays what it takes to leave it.
    pub(crate) fn keep_funding(&mut self, id: SwapId) {
        let rate = self.ports.chain().fee_rate(FUNDING_TARGET);
        let Some(live) = self.swaps.get_mut(&id) else {
            return;
        };
        let Some((tx, fee)) = live.fundings.last().cloned() else {
            return;
        };
        let vsize = u64::try_from(tx.vsize()).unwrap_or(u64::MAX);
        let wanted = rate.fee_vb(vsize).unwrap_or(Amount::ZERO);
        let limit = Amount::from_sat(live.record.limits.max_miner_fee_sat);
        let outgrown =
            wanted.to_sat().saturating_mul(100) > fee.to_sat().saturating_mul(BUMP_PERCENT);
        if outgrown && wanted <= limit {
            match self
                .ports
                .wallet()
                .bump(&tx, &live.record.deal.script_pubkey, rate)
            {
                Ok(built) if built.fee > limit => {
                    warn!(swap = %id.short(), fee = built.fee.to_sat(), "a replacement of the funding would pass the fee limit");
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
                    return;
                }
                Err(error) => {
                    warn!(swap = %id.short(), %error, "the funding could not be replaced")
                }
            }
        }
        self.rebroadcast_funding(id);
    }

    /// Too late for this swap: the funding's first input goes back to the wallet, which ends every version of it.
    pub(crate) fn replace_funding(&self, id: SwapId) {
        let rate = self.ports.chain().fee_rate(1);
        let Some(live) = self.swaps.get(&id) else {
            return;
        };
        let Some((tx, fee)) = live.fundings.last() else {
            return;
        };
        // It must outbid every version of the funding.
        let vsize = u64::try_from(tx.vsize()).unwrap_or(u64::MAX).max(1);
        let paid = fee.to_sat().div_ceil(vsize).saturating_add(2);
        let rate = bitcoin::FeeRate::from_sat_per_vb(paid).map_or(rate, |paid| rate.max(paid));
        match self
            .ports
            .wallet()
            .take_back(tx, &live.record.deal.script_pubkey, rate)
        {
            Ok(replacement) => self.send(id, replacement),
            Err(error) => {
                warn!(swap = %id.short(), %error, "the late funding could not be replaced")
            }
        }
    }

    fn send(&self, id: SwapId, tx: Transaction) {
        let ports = self.ports.clone();
        tokio::spawn(async move {
            if let Err(error) = ports.chain().broadcast(&[tx]).await {
                warn!(swap = %id.short(), %error, "the late funding's replacement was not taken");
            }
        });
    }
}
