//! Before R leaves: is the tip fresh, does the claim fit its fee limits, would the mempool take it?

use bitcoin::{Amount, OutPoint};
use cambista_protocol::contract::{Method, Spend, SpendInput};
use cambista_protocol::swap::{Decision, Event, SpendHow, SpendWish};
use cambista_protocol::words::SwapId;

use crate::cost::FEE_SHARE;
use crate::engine::Core;
use crate::internal::Internal;
use crate::live::Live;
use crate::ports::{Chain, PortError, Ports};

/// A tip whose header is older than this may be an old one someone keeps us on (seconds).
const STALE_TIP: u64 = 3600;
/// An exact amount is waited for until so many blocks before the last height to reveal; then less may arrive.
const PATIENCE: u32 = 36;

impl<P: Ports> Core<P> {
    /// Tests the claim of an output beside the engine; the answer comes as an input.
    pub(crate) fn prepare_claim(&mut self, id: SwapId, outpoint: OutPoint) {
        let unsure = self.unsure_of_the_tip();
        let Some(live) = self.swaps.get_mut(&id) else {
            return;
        };
        if live.busy.testing_claim {
            return;
        }
        if let Some(why) = unsure {
            live.trouble = Some(why.to_owned());
            return;
        }
        let last = live
            .record
            .deal
            .locks
            .last_reveal(live.record.deal.refund_height);
        let target = last
            .saturating_sub(self.height)
            .clamp(1, crate::sweeper::LAZY_TARGET);
        let rate = self.ports.chain().fee_rate(target);
        let built =
            claim_of(live, outpoint).and_then(|spend| spend.sign(rate).map_err(|e| e.to_string()));
        let signed = match built {
            Ok(signed) => signed,
            Err(reason) => {
                live.trouble = Some(format!("the claim cannot be built: {reason}"));
                return;
            }
        };
        let cap = Amount::from_sat(live.record.limits.max_miner_fee_sat)
            .min(live.record.deal.amount / FEE_SHARE);
        if signed.fee > cap {
            live.trouble = Some(format!(
                "claiming would cost {} sat in miner fees now, your limit is {} sat; waiting for a lower fee rate",
                signed.fee.to_sat(),
                cap.to_sat()
            ));
            return;
        }
        let exact = live.record.exact_receive_sat.map(Amount::from_sat);
        let over = exact.and_then(|exact| live.record.deal.amount.checked_sub(exact));
        let patient = self.height < last.saturating_sub(PATIENCE);
        if let Some(over) = over.filter(|over| signed.fee > *over && patient) {
            live.trouble = Some(format!(
                "claiming would cost {} sat now, {} sat are set aside so that the exact amount arrives; waiting for a lower fee rate",
                signed.fee.to_sat(),
                over.to_sat()
            ));
            return;
        }
        live.busy.testing_claim = true;
        let ports = self.ports.clone();
        self.beside(async move {
            let result = ports
                .chain()
                .test_accept(&signed.tx)
                .await
                .map_err(|e| e.to_string());
            Internal::ClaimTested {
                id,
                outpoint,
                result,
            }
        });
    }

    /// Why this node may not be where the chain is, if so.
    fn unsure_of_the_tip(&self) -> Option<&'static str> {
        let chain = self.ports.chain();
        let tip = chain.tip();
        if chain.source_height() > self.height || tip.height > self.height {
            return Some("waiting for the chain to be read to its tip");
        }
        (tip.time.saturating_add(STALE_TIP) < self.now()).then_some(
            "the newest block is over an hour old, or this machine's clock is ahead; the secret stays here until a fresh one arrives",
        )
    }

    pub(crate) async fn claim_tested(
        &mut self,
        id: SwapId,
        outpoint: OutPoint,
        result: Result<(), String>,
    ) -> Result<(), PortError> {
        // Its source has just been asked how far it is: what was known before may be older than the newest headers.
        let result = match self.unsure_of_the_tip() {
            Some(why) => result.and(Err(why.to_owned())),
            None => result,
        };
        let Some(live) = self.swaps.get_mut(&id) else {
            return Ok(());
        };
        live.busy.testing_claim = false;
        match result {
            Ok(()) => self.happened(id, Event::ClaimReady { outpoint }).await,
            Err(reason) => {
                live.trouble = Some(reason);
                Ok(())
            }
        }
    }

    /// At an orderly shutdown claims whose secret is out do not wait for a key.
    pub(crate) async fn claim_before_leaving(&mut self) -> Result<(), PortError> {
        let mut leaving = Vec::new();
        for id in self.order.clone() {
            let Some(live) = self.swaps.get(&id) else {
                continue;
            };
            let Some(payer) = live.payer() else { continue };
            let revealed = matches!(payer.decision(), Decision::Revealed(_));
            let open = payer
                .funding()
                .filter(|o| o.spent.is_none() && o.confirmed.is_some());
            let Some(output) = open.filter(|_| revealed && live.sweeps.is_empty()) else {
                continue;
            };
            let how = if payer.peer_key().is_some() {
                SpendHow::KeyPath
            } else {
                SpendHow::Claim
            };
            let wish = SpendWish {
                outpoint: output.outpoint,
                how,
                deadline: None,
                cap_lifted: false,
            };
            self.sweep_alone(id, &wish, true)?;
            leaving.extend(
                self.swaps
                    .get(&id)
                    .and_then(|l| l.sweeps.last())
                    .map(|s| s.tx.clone()),
            );
        }
        for tx in leaving {
            // Best effort: the same transaction goes out again at the next start.
            let _ = self.ports.chain().broadcast(&[tx]).await;
        }
        Ok(())
    }
}

/// The claim-leaf spend of an output, to be signed at some rate.
fn claim_of(live: &Live, outpoint: OutPoint) -> Result<Spend, String> {
    let output = live
        .swap
        .outputs()
        .get(outpoint)
        .ok_or("the output is gone")?;
    Ok(Spend {
        inputs: vec![SpendInput {
            outpoint,
            value: output.value,
            contract: live.contract.clone(),
            method: Method::Claim {
                key: live.secrets.script_key.clone(),
                preimage: live.secrets.preimage.0,
            },
        }],
        destination: live.record.destination.clone(),
        truc: live.record.foreign_destination,
    })
}
