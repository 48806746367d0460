//! What the node owns on Lightning.

use std::collections::HashSet;

use lightning::chain::channelmonitor::Balance;
use lightning::ln::types::ChannelId;
use lightning::sign::SpendableOutputDescriptor;
use lightning::util::sweep::OutputSpendStatus;

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

/// What coins of a closed channel wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// That the closing transaction confirms.
    Close,
    /// This height, from which on they are free.
    Locked(u32),
    /// That a payment ends, or at this height runs out.
    Payment(u32),
    /// That the transaction into the wallet confirms.
    Sweep,
}

/// Coins of ours on their way back from a closed channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Returning {
    /// The channel, where it is known.
    pub channel: Option<[u8; 32]>,
    /// How much, in satoshis, before fees.
    pub amount_sat: u64,
    /// What they wait for.
    pub wait: Wait,
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
            let amount = value_sat(&output.descriptor);
            sum.sweeping_sat = sum.sweeping_sat.saturating_add(amount);
        }
        sum
    }

    /// Our coins in channels that are closed, or closing without agreement, part by part.
    pub fn returning(&self) -> Vec<Returning> {
        let open: HashSet<ChannelId> = self
            .manager
            .list_channels()
            .iter()
            .map(|channel| channel.channel_id)
            .collect();
        let mut parts = Vec::new();
        for id in self.monitors.list_monitors() {
            if open.contains(&id) {
                continue;
            }
            let balances = match self.monitors.get_monitor(id) {
                Ok(monitor) => monitor.get_claimable_balances(),
                Err(()) => continue,
            };
            for balance in balances {
                let amount_sat = balance.claimable_amount_satoshis();
                if amount_sat > 0 {
                    parts.push(Returning {
                        channel: Some(id.0),
                        amount_sat,
                        wait: wait(&balance),
                    });
                }
            }
        }
        for output in self.sweeper.tracked_spendable_outputs() {
            // One that is confirmed is in the wallet's own balance.
            if !matches!(
                output.status,
                OutputSpendStatus::PendingThresholdConfirmations { .. }
            ) {
                parts.push(Returning {
                    channel: output.channel_id.map(|id| id.0),
                    amount_sat: value_sat(&output.descriptor),
                    wait: Wait::Sweep,
                });
            }
        }
        parts
    }
}

fn wait(balance: &Balance) -> Wait {
    match balance {
        Balance::ClaimableAwaitingConfirmations {
            confirmation_height,
            ..
        } => Wait::Locked(*confirmation_height),
        Balance::ContentiousClaimable { timeout_height, .. } => Wait::Payment(*timeout_height),
        Balance::MaybeTimeoutClaimableHTLC {
            claimable_height, ..
        } => Wait::Payment(*claimable_height),
        Balance::MaybePreimageClaimableHTLC { expiry_height, .. } => Wait::Payment(*expiry_height),
        Balance::ClaimableOnChannelClose { .. }
        | Balance::CounterpartyRevokedOutputClaimable { .. } => Wait::Close,
    }
}

fn value_sat(descriptor: &SpendableOutputDescriptor) -> u64 {
    let output = match descriptor {
        SpendableOutputDescriptor::StaticOutput { output, .. } => output,
        SpendableOutputDescriptor::DelayedPaymentOutput(delayed) => &delayed.output,
        SpendableOutputDescriptor::StaticPaymentOutput(payment) => &payment.output,
    };
    output.value.to_sat()
}
