//! Granting what states wish for: derived from state and height, tried again until an event says otherwise.

use cambista_protocol::swap::{SpendWish, Wish};
use cambista_protocol::words::SwapId;
use tracing::warn;

use crate::engine::Core;
use crate::funding::take_back_under_way;
use crate::internal::Internal;
use crate::ports::{Chain, Lightning, PortError, Ports};

impl<P: Ports> Core<P> {
    /// Grants a swap's wishes. `new_block` also renews what is renewed once a block: bumps and rebroadcasts.
    pub(crate) async fn grant_wishes(
        &mut self,
        id: SwapId,
        new_block: bool,
    ) -> Result<(), PortError> {
        if !self.awake {
            return Ok(());
        }
        let Some(live) = self.swaps.get(&id) else {
            return Ok(());
        };
        let mut spends: Vec<SpendWish> = Vec::new();
        let mut ending = false;
        for wish in live.swap.wishes(self.height) {
            match wish {
                Wish::PrepareClaim(outpoint) => self.prepare_claim(id, outpoint),
                Wish::Spend(spend) => spends.push(spend),
                Wish::RebroadcastFunding if new_block => self.rebroadcast_funding(id),
                Wish::BuildFunding => self.build_funding(id),
                Wish::AwaitHold => self.await_hold(id),
                Wish::KeepFunding if new_block => self.keep_funding(id),
                Wish::ReplaceFunding => {
                    ending = true;
                    if new_block {
                        self.replace_funding(id)?;
                    }
                }
                Wish::RebroadcastFunding | Wish::KeepFunding => {}
            }
        }
        for spend in spends {
            let live = self.swaps.get(&id);
            if ending && live.is_some_and(|live| take_back_under_way(live, spend.outpoint)) {
                continue;
            }
            if self.goes_together(id, &spend) {
                self.sweeper.ask(new_block);
            } else {
                self.sweep_alone(id, &spend, new_block)?;
            }
        }
        Ok(())
    }

    /// Waits, beside the engine, until a held payment survives a crash.
    fn await_hold(&mut self, id: SwapId) {
        let Some(live) = self.swaps.get_mut(&id) else {
            return;
        };
        if std::mem::replace(&mut live.busy.awaiting_hold, true) {
            return;
        }
        let ports = self.ports.clone();
        self.beside(async move {
            ports.lightning().written().await;
            Internal::Written { id }
        });
    }

    /// After the reveal the payer keeps every version of the funding alive itself.
    pub(crate) fn rebroadcast_funding(&self, id: SwapId) {
        let Some(live) = self.swaps.get(&id) else {
            return;
        };
        // The version that was seen, not the one the peer named last.
        let seen = live
            .swap
            .outputs()
            .exact(live.record.deal.amount)
            .map(|o| o.outpoint.txid);
        let version = live
            .fundings
            .iter()
            .find(|(tx, _)| Some(tx.compute_txid()) == seen);
        let latest = version.or(live.fundings.last()).map(|(tx, _)| tx.clone());
        let Some(tx) = latest else {
            return;
        };
        let ports = self.ports.clone();
        tokio::spawn(async move {
            if let Err(error) = ports.chain().broadcast(&[tx]).await {
                warn!(swap = %id.short(), %error, "the funding could not be rebroadcast");
            }
        });
    }
}
