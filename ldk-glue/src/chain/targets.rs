//! Which estimate answers which of LDK's questions.

use bitcoin::FeeRate;
use lightning::chain::chaininterface::{
    ConfirmationTarget, FEERATE_FLOOR_SATS_PER_KW, FeeEstimator,
};

use super::Fees;

/// What [`ConfirmationTarget::MaximumFeeEstimate`] adds, sat per 1000 WU: room for a peer whose estimator is nervous. A
/// channel is closed over a peer's rate above this, so it is generous.
const NERVOUS_PEER: u64 = 10_000;

impl FeeEstimator for Fees {
    fn get_est_sat_per_1000_weight(&self, target: ConfirmationTarget) -> u32 {
        let rate = match target {
            ConfirmationTarget::MaximumFeeEstimate => {
                let next = self.rate(1).to_sat_per_kwu();
                FeeRate::from_sat_per_kwu(next.saturating_mul(3).saturating_add(NERVOUS_PEER))
            }
            ConfirmationTarget::UrgentOnChainSweep => self.rate(6),
            // Only anchor channels are used: their commitment fee needs to enter a mempool, no more.
            ConfirmationTarget::MinAllowedAnchorChannelRemoteFee => {
                self.mempool_min().min(self.rate(1008))
            }
            ConfirmationTarget::AnchorChannelFee => self.rate(1008),
            ConfirmationTarget::MinAllowedNonAnchorChannelRemoteFee => {
                FeeRate::from_sat_per_kwu(self.rate(144).to_sat_per_kwu().saturating_sub(250))
            }
            ConfirmationTarget::NonAnchorChannelFee => self.rate(12),
            ConfirmationTarget::ChannelCloseMinimum => self.rate(144),
            ConfirmationTarget::OutputSpendingFee => self.rate(12),
        };
        u32::try_from(rate.to_sat_per_kwu())
            .unwrap_or(u32::MAX)
            .max(FEERATE_FLOOR_SATS_PER_KW)
    }
}
