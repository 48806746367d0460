//! Running effects. Each may run again after a crash and does no harm then.

use std::collections::HashSet;

use bitcoin::{Amount, OutPoint, Transaction};
use cambista_protocol::money::Msat;
use cambista_protocol::swap::{Decision, Effect, Event, Htlc, Leg, Payment, Wish};
use cambista_protocol::words::{Role, SwapId};
use tracing::{error, warn};

use crate::engine::Core;
use crate::internal::Internal;
use crate::live::Live;
use crate::ports::{
    Chain, Lightning, OutboxItem, PayError, PayRequest, PaymentStatus, PortError, Ports, Wallet,
};

/// Seconds LDK may retry a payment; the end of the window in blocks stops it as well.
const RETRY_SECS: u32 = 1800;
/// A claim so close to Lightning's deadline is an alarm (blocks).
const ALARM: u32 = 12;
/// The most parts of a payment: each held part must be worth claiming by itself.
const MAX_PARTS: u8 = 4;

impl<P: Ports> Core<P> {
    /// Runs one effect that was just stored, or is found undone after a restart.
    pub(crate) fn run_effect(&mut self, id: SwapId, item: OutboxItem) {
        let finished = match item.effect {
            Effect::Pay(leg) => {
                self.pay(id, leg, item.id);
                false
            }
            Effect::StopPaying(leg) => {
                if let Some(hash) = self.swaps.get(&id).and_then(|live| live.hash_of(leg)) {
                    self.ports.lightning().stop_paying(hash);
                }
                true
            }
            Effect::Claim(leg) => {
                self.claim_held(id, leg);
                // Done when Lightning says so, which it may have said just before a crash.
                !self.is_claiming(id, leg)
            }
            Effect::FailBack(leg) => {
                self.fail_back(id, leg, item.id);
                false
            }
            Effect::PublishFunding => {
                self.publish_funding(id, item.id);
                false
            }
            Effect::ReleaseFunding => {
                self.release_funding(id);
                true
            }
            Effect::Say(say) => {
                self.say(id, say, item.id);
                false
            }
        };
        #[cfg(feature = "failpoints")]
        crate::failpoints::begun(item.id);
        if finished {
            // Marked when the engine comes round; running it twice meanwhile does no harm.
            self.beside(async move {
                Internal::Done {
                    id,
                    items: vec![item.id],
                }
            });
        }
    }

    /// Gives the coins of a funding that was never published back to the wallet, once: until that is marked, another swap may
    /// have taken them for its own.
    fn release_funding(&self, id: SwapId) {
        let others: HashSet<OutPoint> = self
            .swaps
            .iter()
            .filter(|(other, live)| **other != id && !live.ended())
            .flat_map(|(_, live)| &live.fundings)
            .flat_map(|(tx, _)| &tx.input)
            .map(|input| input.previous_output)
            .collect();
        let taken = |tx: &Transaction| {
            let mut inputs = tx.input.iter();
            inputs.any(|input| others.contains(&input.previous_output))
        };
        if let Some(live) = self.swaps.get(&id) {
            let free = live.fundings.iter().filter(|(tx, _)| !taken(tx));
            for (tx, _) in free {
                self.ports.wallet().release(tx);
            }
        }
    }

    /// Runs what is undone in a swap's outbox.
    pub(crate) fn run_outbox(&mut self, id: SwapId) {
        let Some(live) = self.swaps.get(&id) else {
            return;
        };
        let items: Vec<OutboxItem> = live
            .outbox
            .iter()
            .filter(|item| !live.busy.saying.contains(&item.id))
            .copied()
            .collect();
        for item in items {
            self.run_effect(id, item);
        }
    }

    /// Starts a payment. The item stays in the outbox until Lightning's own state is written: until then a crash may lose
    /// the payment, and it must be looked for again.
    fn pay(&mut self, id: SwapId, leg: Leg, item: i64) {
        let height = self.height;
        let Some(live) = self.swaps.get_mut(&id) else {
            return;
        };
        // After a start the channels come back one by one. A payment tried before them would fail, and the swap with it;
        // there is time until its window ends.
        if in_time(live, height) && must_wait(live, leg, self.ports.lightning()) {
            live.trouble = Some("waiting for channels that can carry the payment".to_owned());
            return;
        }
        live.busy.saying.insert(item);
        let request = pay_request(live, leg).filter(|_| {
            live.payer()
                .is_some_and(|p| p.payment(leg) == Payment::InFlight)
        });
        let mut failed = None;
        if let Some(request) = request {
            let wanted = in_time(live, height);
            let lightning = self.ports.lightning();
            // Without the swap's own payment under way the prepay would be paid for nothing.
            let alone = leg == Leg::Prepay
                && lightning.payment(live.record.deal.payment_hash) == PaymentStatus::Unknown;
            failed = match lightning.payment(request.payment_id) {
                PaymentStatus::Pending | PaymentStatus::Settled => None,
                PaymentStatus::Unknown if !wanted => Some("it was not made in time".to_owned()),
                PaymentStatus::Unknown if alone => {
                    Some("the swap's payment could not be made".to_owned())
                }
                PaymentStatus::Unknown => match lightning.pay(&request) {
                    Ok(()) | Err(PayError::Duplicate) => {
                        live.trouble = None;
                        None
                    }
                    Err(PayError::Failed(reason)) => Some(reason),
                },
            };
        }
        if let Some(reason) = failed {
            warn!(swap = %id.short(), ?leg, %reason, "a Lightning payment could not be made");
            if live.trouble.is_none() {
                live.trouble = Some(format!("the Lightning payment could not be made: {reason}"));
            }
            self.push(id, Event::PaymentFailed { leg });
        }
        let ports = self.ports.clone();
        self.beside(async move {
            ports.lightning().written().await;
            Internal::Done {
                id,
                items: vec![item],
            }
        });
    }

    /// After a restart: a payment that is neither in Lightning's books nor in the outbox is not under way.
    pub(crate) fn look_for_payments(&mut self, id: SwapId) {
        let Some(live) = self.swaps.get(&id) else {
            return;
        };
        let Some(payer) = live.payer() else { return };
        let queued = |leg| {
            live.outbox
                .iter()
                .any(|item| item.effect == Effect::Pay(leg))
        };
        let lost: Vec<Leg> = [Leg::Swap, Leg::Prepay]
            .into_iter()
            .filter(|leg| payer.payment(*leg) == Payment::InFlight && !queued(*leg))
            .filter(|leg| {
                live.hash_of(*leg).is_some_and(|hash| {
                    self.ports.lightning().payment(hash) == PaymentStatus::Unknown
                })
            })
            .collect();
        for leg in lost {
            self.push(id, Event::PaymentFailed { leg });
        }
    }

    fn claim_held(&mut self, id: SwapId, leg: Leg) {
        let height = self.height;
        let Some(live) = self.swaps.get_mut(&id) else {
            return;
        };
        let Some(funder) = live.funder() else { return };
        let preimage = match leg {
            Leg::Swap => funder.preimage(),
            Leg::Prepay => Some(live.secrets.preimage),
        };
        let (Htlc::Claiming(htlc), Some(preimage)) = (funder.htlc(leg), preimage) else {
            return;
        };
        let left = htlc.claim_deadline.saturating_sub(height);
        // A prepay is claimed so late as a rule.
        if leg == Leg::Swap && left <= ALARM {
            let why = if left == 0 {
                "the secret came after Lightning's deadline for the payment: it can only be claimed if Lightning had begun to".to_owned()
            } else {
                format!(
                    "the payment must be claimed over Lightning within {left} blocks: keep this node running and its channels' other sides reachable"
                )
            };
            // Tried again every few seconds, and said once.
            if live.trouble.as_deref() != Some(why.as_str()) {
                error!(swap = %id.short(), left, "the payment is claimed close to its deadline");
                live.trouble = Some(why);
            }
        }
        // At its deadline Lightning has begun to give the payment up; of one in parts it would give up the rest.
        if left > 0 {
            self.ports.lightning().claim(preimage.0);
        }
    }

    fn is_claiming(&self, id: SwapId, leg: Leg) -> bool {
        let funder = self.swaps.get(&id).and_then(Live::funder);
        funder.is_some_and(|funder| matches!(funder.htlc(leg), Htlc::Claiming(_)))
    }

    /// Takes claims off the outbox that Lightning has answered for.
    pub(crate) fn retire_claims(&mut self, id: SwapId) -> Result<(), PortError> {
        let Some(live) = self.swaps.get(&id) else {
            return Ok(());
        };
        let items: Vec<i64> = live
            .outbox
            .iter()
            .filter(|item| match item.effect {
                Effect::Claim(leg) => !self.is_claiming(id, leg),
                _ => false,
            })
            .map(|item| item.id)
            .collect();
        self.done(id, &items)
    }

    /// Lightning may forget a failing in a crash until its state is written, so it stays in the outbox until then.
    fn fail_back(&mut self, id: SwapId, leg: Leg, item: i64) {
        let Some(live) = self.swaps.get_mut(&id) else {
            return;
        };
        let Some(hash) = live.hash_of(leg) else {
            return;
        };
        live.busy.saying.insert(item);
        self.ports.lightning().fail_back(hash);
        let ports = self.ports.clone();
        self.beside(async move {
            ports.lightning().written().await;
            Internal::Done {
                id,
                items: vec![item],
            }
        });
    }

    /// Broadcasts the funding, if the swap still wants it: after a crash and a long time away it may not.
    fn publish_funding(&mut self, id: SwapId, item: i64) {
        let height = self.height;
        let Some(live) = self.swaps.get_mut(&id) else {
            return;
        };
        live.busy.saying.insert(item);
        let wanted = wants_funding_out(live, height);
        let Some(tx) = live.funding_tx().cloned().filter(|_| wanted) else {
            self.beside(async move {
                Internal::Done {
                    id,
                    items: vec![item],
                }
            });
            return;
        };
        let ports = self.ports.clone();
        self.beside(async move {
            match ports.chain().broadcast(&[tx]).await {
                Ok(()) => Internal::FundingSent { id, item },
                Err(error) => {
                    warn!(swap = %id.short(), %error, "the funding was not taken by the mempool; trying again");
                    Internal::NotSaid { id, item }
                }
            }
        });
    }

    /// The funding is in the mempool: from T on it can be refunded from there.
    pub(crate) async fn funding_sent(&mut self, id: SwapId, item: i64) -> Result<(), PortError> {
        self.done(id, &[item])?;
        self.funding_seen(id).await
    }

    /// Lightning's state is written. Whether it still holds the payments decides whether the swap goes on.
    pub(crate) async fn hold_written(&mut self, id: SwapId) -> Result<(), PortError> {
        let Some(live) = self.swaps.get_mut(&id) else {
            return Ok(());
        };
        live.busy.awaiting_hold = false;
        let Some(funder) = live.funder() else {
            return Ok(());
        };
        let lightning = self.ports.lightning();
        let gone: Vec<Leg> = [Leg::Swap, Leg::Prepay]
            .into_iter()
            .filter(|leg| match (funder.htlc(*leg), live.hash_of(*leg)) {
                (Htlc::Held(htlc), Some(hash)) => lightning.held(hash) < htlc.amount,
                _ => false,
            })
            .collect();
        for leg in gone {
            self.push(id, Event::Dropped { leg });
        }
        self.happened(id, Event::HoldDurable).await
    }
}

/// Whether the funding should be out in the world now.
pub(crate) fn wants_funding_out(live: &Live, height: u32) -> bool {
    live.swap.wishes(height).contains(&Wish::KeepFunding)
}

/// Whether a payment may still be begun.
fn in_time(live: &Live, height: u32) -> bool {
    let deal = &live.record.deal;
    live.payer().is_some_and(|p| p.decision() == Decision::Open)
        && height <= deal.locks.pay_until(deal.agreed_height)
}

/// Whether a payment that Lightning does not know cannot leave now: the prepay waits for the swap's own payment, and
/// both for channels.
fn must_wait(live: &Live, leg: Leg, lightning: &impl Lightning) -> bool {
    let deal = &live.record.deal;
    let unknown = |leg| {
        let hash = live.hash_of(leg);
        hash.is_some_and(|hash| lightning.payment(hash) == PaymentStatus::Unknown)
    };
    let queued = |leg| {
        let untried = |item: &&OutboxItem| !live.busy.saying.contains(&item.id);
        let mut items = live.outbox.iter().filter(untried);
        items.any(|item| item.effect == Effect::Pay(leg))
    };
    let amount = match leg {
        Leg::Swap => deal.swap_amount,
        Leg::Prepay if queued(Leg::Swap) && unknown(Leg::Swap) => return true,
        Leg::Prepay => deal.prepay_amount,
    };
    let needed = Msat::from_sat(amount.to_sat()).unwrap_or(Msat(u64::MAX));
    unknown(leg) && lightning.liquidity().outbound < needed
}

/// A payment with its limits. The routing limit is shared: the prepay may use a quarter of it.
fn pay_request(live: &Live, leg: Leg) -> Option<PayRequest> {
    let record = &live.record;
    let total = Msat::from_sat(record.limits.max_routing_fee_sat)?.0;
    let prepay_share = if record.deal.prepay_amount == Amount::ZERO {
        0
    } else {
        total / 4
    };
    let (invoice, max_fee) = match leg {
        Leg::Swap => (record.swap_invoice.clone(), total - prepay_share),
        Leg::Prepay => (record.prepay_invoice.clone()?, prepay_share),
    };
    debug_assert_eq!(record.role, Role::Payer);
    Some(PayRequest {
        invoice,
        payment_id: live.hash_of(leg)?,
        max_fee: Msat(max_fee),
        max_total_delta: record.deal.locks.max_total_delta(),
        max_parts: MAX_PARTS,
        retry_secs: RETRY_SECS,
        first_hops: record.first_hops.clone(),
        last_hop: record.last_hop,
    })
}
