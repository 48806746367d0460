//! Faults no node has, by which the checks themselves are tested: each must be noticed.

use bitcoin::{Amount, Transaction};
use cambista_engine::ports::{Commit, Keys, PayRequest};
use cambista_protocol::cbor;
use cambista_protocol::message::SwapRequest;
use cambista_protocol::swap::{Effect, Say};
use cambista_protocol::words::{Secret32, SwapId};

use crate::guard;
use crate::node::Node;
use crate::run::Run;

/// What a node or its world does that it must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treason {
    /// Lightning fails back what it was told to claim.
    ClaimsFailBack,
    /// What is said and broadcast leaves before the commit it follows from.
    EffectsFirst,
    /// Every payment comes with a part too small to be claimed on the chain, and Lightning hides it.
    DustHidden,
    /// Fundings pay more to miners than the wallet says.
    FeesHidden,
    /// The wallet gives addresses that are nobody's.
    NobodysAddress,
    /// Payments are made five blocks after they were asked for.
    PaysLate,
}

impl Node {
    pub(crate) fn is_traitor(&self, treason: Treason) -> bool {
        self.look(|world, _| world.treason == Some(treason))
    }

    /// What follows from a commit is done before it.
    pub(crate) fn effects_first(&self, commit: &Commit) {
        let Some((id, _, _, effects)) = &commit.event else {
            return;
        };
        if !self.is_traitor(Treason::EffectsFirst) || !self.is_honest() {
            return;
        }
        let kept = self.mirror().swap(*id).cloned();
        let Some(kept) = kept else { return };
        let secrets = self.swap_secrets(kept.record.key_id, kept.record.role);
        for effect in effects {
            match effect {
                Effect::Say(Say::Preimage) => self.say_early(&preimage(*id, secrets.preimage)),
                Effect::Say(Say::Key) => self.say_early(&SwapRequest::Key {
                    swap_id: *id,
                    secret: secrets.internal_key.expose().secret_bytes(),
                }),
                Effect::PublishFunding => {
                    guard::leaving_for_the_chain(self, &kept.fundings);
                }
                _ => {}
            }
        }
    }

    /// Whether a payment is not made now but later.
    pub(crate) fn puts_off(&self, request: &PayRequest) -> bool {
        self.look(|world, who| {
            let height = world.seen(who);
            let put_off = &mut world.sides[who].put_off;
            let known = put_off
                .iter()
                .any(|(_, r)| r.payment_id == request.payment_id);
            let late = known || world.treason == Some(Treason::PaysLate);
            if late && !known {
                put_off.push((height, request.clone()));
            }
            late
        })
    }

    fn say_early(&self, message: &SwapRequest) {
        guard::leaving_for_the_peer(self, &cbor::to_vec(message));
    }
}

const fn preimage(swap_id: SwapId, preimage: Secret32) -> SwapRequest {
    SwapRequest::Preimage {
        swap_id,
        preimage: preimage.0,
    }
}

/// Takes a quarter of what is paid from the change, and so for the miners.
pub(crate) fn hide_a_fee(tx: &mut Transaction) {
    let quarter = tx.output.first().map_or(Amount::ZERO, |out| out.value / 4);
    if let Some(change) = tx.output.last_mut() {
        let least = Amount::from_sat(1_000);
        change.value = change.value.checked_sub(quarter).unwrap_or(least);
    }
}

impl Run {
    /// Payments that were put off are made, as far as the guard sees it.
    pub(crate) fn pay_late(&self) {
        let height = self.height();
        for node in self.nodes.iter().flatten().filter(|node| node.is_alive()) {
            let due: Option<PayRequest> = node.look(|world, who| {
                let put_off = &mut world.sides[who].put_off;
                let at = put_off.iter().position(|(since, _)| height > since + 5)?;
                Some(put_off.swap_remove(at).1)
            });
            if let Some(request) = due {
                guard::paying(node, &request);
            }
        }
    }
}
