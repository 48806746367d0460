//! Telling the peer: cheaper and faster when it hears, harmless when it does not.

use bitcoin::consensus::encode::serialize;
use cambista_protocol::cbor;
use cambista_protocol::message::{SwapReply, SwapRequest};
use cambista_protocol::swap::{Decision, Say};
use cambista_protocol::words::{Side, SwapId};
use tracing::debug;

use crate::effects::wants_funding_out;
use crate::engine::Core;
use crate::internal::Internal;
use crate::live::Live;
use crate::ports::{PeerProtocol, Peers, Ports};

/// The longest answer to a swap message that is read (bytes).
const MAX_REPLY: usize = 16_384;
/// So many blocks after a swap ended its peer is no longer told anything.
const FORGET_AFTER: u32 = 288;

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
        let last = live.events.last().map_or(height, |event| event.height);
        let message = message(live, say, height)
            .filter(|_| height < last.saturating_add(FORGET_AFTER) || !live.ended());
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
