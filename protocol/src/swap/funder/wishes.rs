//! What a funder's state wants done at a height.

use super::{FunderSwap, Funding, Htlc};
use crate::swap::effect::{SpendHow, SpendWish, Wish};

impl FunderSwap {
    /// What this state wants at this height.
    #[must_use]
    pub fn wishes(&self, height: u32) -> Vec<Wish> {
        match self.funding {
            Funding::None if self.wants_funding(height) => {
                let wish = if self.deal.external {
                    Wish::AwaitHold
                } else {
                    Wish::BuildFunding
                };
                return vec![wish];
            }
            Funding::Built(_) => return vec![Wish::AwaitHold],
            Funding::Published(_) | Funding::External => {}
            Funding::None | Funding::Abandoned => return Vec::new(),
        }
        let mut wishes = Vec::new();
        let (locks, t) = (self.deal.locks, self.deal.refund_height);
        let ours = matches!(self.funding, Funding::Published(_));
        // Only an output of our own says that our funding is confirmed: anybody can pay to the script.
        let confirmed = self
            .outputs
            .iter()
            .any(|o| self.is_own(o) && o.confirmed.is_some());
        if ours && !confirmed && self.conflict.is_none() {
            let late = height >= locks.replace_funding_from(t, self.deal.confirmations);
            // With R known the payer is owed its output: the funding goes on, however late.
            wishes.push(if late && self.preimage.is_none() {
                Wish::ReplaceFunding
            } else {
                Wish::KeepFunding
            });
        }
        if let Some(how) = self.take_back_by(height) {
            // After success only strays are ours to take: never what the payer has spent.
            let open = self.outputs.iter().filter(|o| {
                // Another version took its place, in the mempool or in a block, or its first input went elsewhere: it is not
                // there to be spent.
                let latest = self.funding_txid() == Some(o.outpoint.txid);
                let replaced = o.confirmed.is_none()
                    && self.is_own(o)
                    && (confirmed || self.conflict.is_some() || !latest);
                o.buried_spend(&locks, height).is_none()
                    && !(self.handed_over && o.spent.is_some())
                    && !replaced
            });
            wishes.extend(open.map(|output| {
                Wish::Spend(SpendWish {
                    outpoint: output.outpoint,
                    how,
                    deadline: (how == SpendHow::Refund).then_some(t + locks.refund_confirm),
                    cap_lifted: height >= t,
                })
            }));
        }
        wishes
    }

    /// The path by which this side may take outputs back now, if it may.
    fn take_back_by(&self, height: u32) -> Option<SpendHow> {
        if self.handed_over {
            // Paid. Only once the payer has nothing left to claim and handed its key over do strays go home.
            return self.peer_key.map(|_| SpendHow::KeyPath);
        }
        if matches!(self.swap, Htlc::Claiming(_) | Htlc::Claimed) {
            return None;
        }
        if self.peer_key.is_some() {
            return Some(SpendHow::KeyPath);
        }
        (height >= self.deal.refund_height).then_some(SpendHow::Refund)
    }
}
