//! What the node owns on Lightning.

use lightning::chain::channelmonitor::Balance;

use crate::node::Node;

/// Funds in and from channels, in satoshis. Those in the wallet are not among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LightningBalance {
    /// Ours in open channels, reserves included, after the fee of closing them now.
    pub channels_sat: u64,
    /// Ours in closed channels, waiting for confirmations or timeouts.
    pub closing_sat: u64,
    /// On the way from closed channels into the wallet.
    pub sweeping_sat: u64,
}

impl Node {
    /// What the node owns on Lightning.
    pub fn balance(&self) -> LightningBalance {
        let mut sum = LightningBalance::default();
        for balance in self.monitors.get_claimable_balances(&[]) {
            let amount = balance.claimable_amount_satoshis();
            let into = match balance {
                Balance::ClaimableOnChannelClose { .. } => &mut sum.channels_sat,
                _ => &mut sum.closing_sat,
            };
            *into = into.saturating_add(amount);
        }
        for output in self.sweeper.tracked_spendable_outputs() {
            let amount = match output.descriptor {
                lightning::sign::SpendableOutputDescriptor::StaticOutput { output, .. } => {
                    output.value
                }
                lightning::sign::SpendableOutputDescriptor::DelayedPaymentOutput(output) => {
                    output.output.value
                }
                lightning::sign::SpendableOutputDescriptor::StaticPaymentOutput(output) => {
                    output.output.value
                }
            };
            sum.sweeping_sat = sum.sweeping_sat.saturating_add(amount.to_sat());
        }
        sum
    }
}
