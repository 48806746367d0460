//! Telling the peer: cheaper and faster when it hears, harmless when it does not.

use bitcoin::consensus::encode::serialize;
use cambista_protocol::cbor;
use cambista_protocol::message::{SwapReply, SwapRequest};
use cambista_protocol::swap::{Decision, Outcome, Say};
use cambista_protocol::words::{Side, SwapId};
use tracing::debug;

use crate::effects::wants_funding_out;
use crate::engine::Core;
use crate::internal::Internal;
use crate::live::Live;
use crate::ports::{PeerProtocol, Peers, Ports};

/// The longest answer to a swap message that is read (bytes).
pub(crate) const MAX_REPLY: usize = 16_384;
/// So many blocks after a swap ended its peer is no longer told anything.
const FORGET_AFTER: u32 = 288;
/// So often a maker tries to tell that nothing came of a swap. There is nothing to save for anybody, and such swaps cost a
/// stranger nothing: what is said to peers that are gone must not pile up.
const TRIES: u32 = 6;

impl<P: Ports> Core<P> {
    /// Sends a message beside the engine; the outbox item is done when the peer has acknowledged it.
    pub(crate) fn say(&mut self, id: SwapId, say: Say, item: i64) {
        let height = self.height;
        let Some(live) = self.swaps.get_mut(&id) else {
            return;
        };
        if live.busy.saying.contains(&item) {
            return;
        }
        let message = message(live, say, height).filter(|_| worth_saying(live, say, height));
        let Some(message) = message else {
            self.beside(async move {
                Internal::Done {
                    id,
                    items: vec![item],
                }
            });
            return;
        };
        live.busy.saying.insert(item);
        if live.ended() {
            live.busy.told = live.busy.told.saturating_add(1);
        }
        let peer = live.peer.clone();
        let ports = self.ports.clone();
        self.beside(async move {
            let answer = ports
                .peers()
                .request(&peer, PeerProtocol::Swap, cbor::to_vec(&message))
                .await;
            match answer.map(|bytes| cbor::from_slice::<SwapReply>(&bytes, MAX_REPLY)) {
                // A peer that refuses has its reasons; saying it again would not change them.
                Ok(Ok(_)) => Internal::Done {
                    id,
                    items: vec![item],
                },
                Ok(Err(error)) => {
                    debug!(swap = %id.short(), %error, "the peer's answer makes no sense");
                    Internal::Done {
                        id,
                        items: vec![item],
                    }
                }
                Err(error) => {
                    debug!(swap = %id.short(), %error, "the peer could not be told");
                    Internal::NotSaid { id, item }
                }
            }
        });
    }

    /// After a restart a taker tells the maker where it is now; makers stay where they are.
    pub(crate) fn resume(&mut self, id: SwapId) {
        let Some(live) = self.swaps.get_mut(&id) else {
            return;
        };
        let wanted = live.record.side == Side::Taker && !live.busy.resumed && !live.ended();
        if !wanted || std::mem::replace(&mut live.busy.resuming, true) {
            return;
        }
        let peer = live.peer.clone();
        let ports = self.ports.clone();
        self.beside(async move {
            let message = cbor::to_vec(&SwapRequest::Resume { swap_id: id });
            let ok = ports
                .peers()
                .request(&peer, PeerProtocol::Swap, message)
                .await
                .is_ok();
            Internal::Resumed { id, ok }
        });
    }
}

/// Whether a peer may still have a use for it.
fn worth_saying(live: &Live, say: Say, height: u32) -> bool {
    let given_up = live.funder().is_some_and(|f| f.peer_key().is_some());
    if say == Say::Withdraw && given_up {
        // The payer's own key ended it: it knows.
        return false;
    }
    if !live.ended() {
        return true;
    }
    let nothing =
        live.record.side == Side::Maker && live.swap.outcome() == Some(Outcome::NothingHappened);
    let last = live.events.last().map_or(height, |event| event.height);
    height < last.saturating_add(FORGET_AFTER) && !(nothing && live.busy.told >= TRIES)
}

fn message(live: &Live, say: Say, height: u32) -> Option<SwapRequest> {
    let swap_id = live.id();
    Some(match say {
        Say::Funded => {
            wants_funding_out(live, height).then_some(())?;
            SwapRequest::Funded {
                swap_id,
                tx: serialize(live.funding_tx()?),
            }
        }
        // A secret leaves only on a decision that is stored, whatever asked for it.
        Say::Preimage => {
            live.payer()
                .filter(|p| matches!(p.decision(), Decision::Revealed(_)))?;
            SwapRequest::Preimage {
                swap_id,
                preimage: live.secrets.preimage.0,
            }
        }
        Say::Key => {
            live.swap.handed_over().then_some(())?;
            SwapRequest::Key {
                swap_id,
                secret: live.secrets.internal_key.expose().secret_bytes(),
            }
        }
        Say::Withdraw => SwapRequest::Withdraw { swap_id },
    })
}

#[cfg(test)]
mod tests {
    use cambista_protocol::swap::Event;
    use cambista_protocol::words::Secret32;

    use super::*;
    use crate::sample::{HEIGHT, after};

    #[test]
    fn a_payer_that_gave_its_key_is_not_told_that_the_swap_is_off() {
        let key = Event::PeerKey {
            secret: Secret32([2; 32]),
        };
        let live = after(&[Event::Opened, key]);
        assert_eq!(live.swap.outcome(), Some(Outcome::NothingHappened));
        assert!(!worth_saying(&live, Say::Withdraw, HEIGHT));
    }

    #[test]
    fn that_nothing_came_of_a_swap_is_said_a_few_times_and_no_more() {
        let mut live = after(&[Event::Opened, Event::Cancelled]);
        assert_eq!(live.swap.outcome(), Some(Outcome::NothingHappened));
        assert!(worth_saying(&live, Say::Withdraw, HEIGHT));
        live.busy.told = TRIES - 1;
        assert!(worth_saying(&live, Say::Withdraw, HEIGHT));
        live.busy.told = TRIES;
        assert!(!worth_saying(&live, Say::Withdraw, HEIGHT));
    }

    #[test]
    fn while_a_swap_runs_nothing_is_too_much() {
        let mut live = after(&[Event::Opened]);
        live.busy.told = TRIES;
        assert!(worth_saying(&live, Say::Key, HEIGHT + FORGET_AFTER));
    }
}
