//! What other nodes ask of this one.

use bitcoin::Transaction;
use bitcoin::consensus::encode::deserialize;
use cambista_protocol::cbor;
use cambista_protocol::message::{
    MAX_QUOTE_MESSAGE, MAX_SWAP_MESSAGE, QuoteReply, QuoteRequest, Refusal, RefusalCode, SwapReply,
    SwapRequest,
};
use cambista_protocol::swap::Event;
use cambista_protocol::words::{Secret32, Side, SwapId};

use crate::engine::Core;
use crate::internal::Internal;
use crate::ports::{Chain, Clock, Commit, PeerProtocol, PortError, Ports, Store};

/// So many versions of a funding are kept for a payer; a funder that bumps every block of a swap stays below.
const MOST_FUNDINGS: usize = 160;
/// And so many bytes of them in all. What is not kept because of this is kept when a block has it.
const MOST_FUNDING_BYTES: usize = 262_144;

impl<P: Ports> Core<P> {
    /// Answers a request. Bytes that are no message of ours get a refusal, never silence.
    pub(crate) async fn peer_request(
        &mut self,
        from: String,
        protocol: PeerProtocol,
        body: &[u8],
    ) -> Result<Option<Vec<u8>>, PortError> {
        match protocol {
            PeerProtocol::Quote => {
                let reply = match cbor::from_slice::<QuoteRequest>(body, MAX_QUOTE_MESSAGE) {
                    Ok(request) => self.quote(&from, &request),
                    Err(error) => QuoteReply::Refused(malformed(&error)),
                };
                Ok(Some(cbor::to_vec(&reply)))
            }
            PeerProtocol::Swap => {
                let reply = match cbor::from_slice::<SwapRequest>(body, MAX_SWAP_MESSAGE) {
                    Ok(request) => self.swap_request(from, request).await?,
                    Err(error) => SwapReply::Refused(malformed(&error)),
                };
                Ok(Some(cbor::to_vec(&reply)))
            }
        }
    }

    async fn swap_request(
        &mut self,
        from: String,
        request: SwapRequest,
    ) -> Result<SwapReply, PortError> {
        let id = request.swap_id();
        // A late word about a swap that has left memory is taken as it would have been before.
        self.recall(id)?;
        let reply = self.swap_message(from, id, request).await;
        self.put_back(id);
        reply
    }

    async fn swap_message(
        &mut self,
        from: String,
        id: SwapId,
        request: SwapRequest,
    ) -> Result<SwapReply, PortError> {
        match request {
            SwapRequest::Open { quote, payer, .. } => {
                return self.open(from, id, &quote, payer).await;
            }
            SwapRequest::Terms { funder, .. } => return self.terms(from, id, &funder).await,
            _ => {}
        }
        if matches!(request, SwapRequest::Withdraw { .. }) && self.desk.withdrawn(&id) {
            return Ok(SwapReply::Ack);
        }
        let Some(live) = self.swaps.get_mut(&id) else {
            return Ok(refused(RefusalCode::Swap, "no such swap here"));
        };
        // Who knows the id is the other party, wherever it speaks from now. A maker stays where its offer says.
        if live.record.side == Side::Maker && live.peer.peer_id != from {
            live.peer.peer_id = from;
            live.peer.addresses.clear();
        }
        match request {
            SwapRequest::Funded { tx, .. } => return self.peer_funded(id, &tx),
            SwapRequest::Preimage { preimage, .. } => {
                self.happened(
                    id,
                    Event::PeerPreimage {
                        preimage: Secret32(preimage),
                    },
                )
                .await?;
            }
            SwapRequest::Key { secret, .. } => {
                self.happened(
                    id,
                    Event::PeerKey {
                        secret: Secret32(secret),
                    },
                )
                .await?;
            }
            SwapRequest::Withdraw { .. } => self.happened(id, Event::PeerWithdrew).await?,
            SwapRequest::Resume { .. } => self.run_outbox(id),
            SwapRequest::Open { .. } | SwapRequest::Terms { .. } => {}
        }
        Ok(SwapReply::Ack)
    }

    /// The funder's transaction: kept, so that it can be rebroadcast, and handed to the network at once.
    fn peer_funded(&mut self, id: SwapId, bytes: &[u8]) -> Result<SwapReply, PortError> {
        let Some(live) = self.swaps.get_mut(&id) else {
            return Ok(refused(RefusalCode::Swap, "no such swap here"));
        };
        let Ok(tx) = deserialize::<Transaction>(bytes) else {
            return Ok(refused(RefusalCode::Malformed, "not a transaction"));
        };
        let deal = &live.record.deal;
        let pays = tx
            .output
            .iter()
            .any(|out| out.script_pubkey == deal.script_pubkey && out.value == deal.amount);
        if live.payer().is_none() || !pays {
            return Ok(refused(
                RefusalCode::Terms,
                "the transaction does not fund this swap",
            ));
        }
        // Once it is over nobody needs another version, and it must not fill the disk.
        if live.ended() {
            return Ok(SwapReply::Ack);
        }
        let known = live.fundings.iter().any(|(kept, _)| *kept == tx);
        let kept: usize = live.fundings.iter().map(|(tx, _)| tx.total_size()).sum();
        let full = live.fundings.len() >= MOST_FUNDINGS
            || kept.saturating_add(bytes.len()) > MOST_FUNDING_BYTES;
        if !known && full {
            return Ok(refused(
                RefusalCode::Busy,
                "too many versions of the funding",
            ));
        }
        if !known {
            let commit = Commit {
                funding: Some((id, tx.clone(), bitcoin::Amount::ZERO)),
                now: self.ports.clock().now(),
                ..Commit::default()
            };
            self.ports.store().commit(&commit)?;
            live.fundings.push((tx.clone(), bitcoin::Amount::ZERO));
            self.index(id);
        }
        let ports = self.ports.clone();
        self.beside(async move {
            let result = ports
                .chain()
                .broadcast(&[tx])
                .await
                .map_err(|e| e.to_string());
            Internal::PeerFundingSent { id, result }
        });
        Ok(SwapReply::Ack)
    }

    /// A funding this node's own mempool took is seen, though not confirmed.
    pub(crate) async fn peer_funding_sent(
        &mut self,
        id: SwapId,
        result: Result<(), String>,
    ) -> Result<(), PortError> {
        let Some(live) = self.swaps.get_mut(&id) else {
            return Ok(());
        };
        if let Err(reason) = result {
            live.trouble = Some(format!(
                "the maker's funding is not in our mempool yet ({reason}); watching the chain for it"
            ));
            return Ok(());
        }
        self.funding_seen(id).await
    }

    /// The latest version of the funding is in our own mempool.
    pub(crate) async fn funding_seen(&mut self, id: SwapId) -> Result<(), PortError> {
        let Some(live) = self.swaps.get(&id) else {
            return Ok(());
        };
        let Some(tx) = live.funding_tx() else {
            return Ok(());
        };
        let txid = tx.compute_txid();
        let seen: Vec<Event> = live
            .contract
            .outputs_in(tx)
            .map(|(vout, value)| Event::OutputSeen {
                outpoint: bitcoin::OutPoint { txid, vout },
                value,
                confirmed: None,
            })
            .collect();
        for event in seen {
            self.push(id, event);
        }
        self.drain().await
    }
}

fn malformed(error: &cbor::Malformed) -> Refusal {
    Refusal::new(RefusalCode::Malformed, error.to_string())
}

pub(crate) fn refused(code: RefusalCode, text: impl Into<String>) -> SwapReply {
    SwapReply::Refused(Refusal::new(code, text))
}
