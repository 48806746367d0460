//! Agreeing on a swap with its maker, beside the engine: terms go and come, and all that comes is checked.

use std::sync::Arc;

use bitcoin::Amount;
use bitcoin::ScriptBuf;
use bitcoin::secp256k1::PublicKey;
use cambista_market::Lesson;
use cambista_protocol::cbor;
use cambista_protocol::message::{Acceptance, SwapReply, SwapRequest};
use cambista_protocol::signed::{Signed, Tag};
use cambista_protocol::terms::{Deal, FunderTerms, Own, PayerTerms};
use cambista_protocol::words::{Direction, Side, SwapId};

use crate::decline::decline;
use crate::desk::{funder_terms, payer_terms};
use crate::handle::{EngineError, MakerContact};
use crate::internal::{Agreed, HeldQuote};
use crate::ports::{Clock, Keys, Lightning, NewSwap, PeerProtocol, Peers, Ports, SwapSecrets};
use crate::record::{Limits, OrderRecord, SwapRecord};
use crate::say::MAX_REPLY;

/// Everything one opening needs, apart from the engine.
pub(super) struct Opening<P> {
    pub(super) ports: Arc<P>,
    pub(super) held: HeldQuote,
    pub(super) id: SwapId,
    pub(super) key_id: SwapId,
    pub(super) height: u32,
    pub(super) confirmations: u32,
    pub(super) destination: ScriptBuf,
    pub(super) foreign: bool,
    pub(super) limits: Limits,
    pub(super) first_hops: Option<Vec<[u8; 32]>>,
    pub(super) last_hop: Option<PublicKey>,
    pub(super) label: Option<String>,
    pub(super) order: Option<SwapId>,
}

impl<P: Ports> Opening<P> {
    pub(super) async fn agree(self) -> Result<Agreed, EngineError> {
        let role = self.held.quote.direction.taker_role();
        let secrets = self.ports.keys().swap_secrets(self.key_id, role);
        let (ports, ids) = (Arc::clone(&self.ports), (self.id, self.key_id));
        let MakerContact {
            node_id: maker,
            peer,
        } = self.held.maker.clone();
        let agreed = match self.held.quote.direction {
            Direction::Out => self.agree_out(&secrets).await,
            Direction::In => self.agree_in(&secrets).await,
        };
        // Whatever the maker keeps for it, it need not.
        if let Err(error) = &agreed {
            decline(&ports, &peer, ids, role);
            let lesson = match error {
                EngineError::Unavailable(_) => Lesson::Silent,
                _ => Lesson::Declined,
            };
            ports.learn(&maker, lesson);
        }
        agreed
    }

    async fn agree_out(self, secrets: &SwapSecrets) -> Result<Agreed, EngineError> {
        let payer = payer_terms(secrets, self.confirmations);
        let (signed, acceptance) = self.open(Some(payer.clone())).await?;
        let funder = acceptance
            .funder
            .ok_or_else(|| broken("brought no terms"))?;
        if acceptance.payer != payer {
            return Err(broken("changed our terms"));
        }
        let maker = self.held.quote.maker;
        let deal = self.deal(&payer, &funder, secrets, Some(&maker))?;
        Ok(Agreed {
            new: self.new_swap(deal, &funder, &signed),
            second: None,
        })
    }

    async fn agree_in(self, secrets: &SwapSecrets) -> Result<Agreed, EngineError> {
        let (signed, acceptance) = self.open(None).await?;
        let payer = acceptance.payer.clone();
        let quote = &self.held.quote;
        let lightning = self.ports.lightning();
        let mut funder = funder_terms(lightning, quote, &payer.payment_hash, secrets, self.height)
            .map_err(|e| EngineError::Unavailable(e.to_string()))?;
        funder.last_hop = self.last_hop;
        let node = lightning.node_id();
        let deal = self.deal(&payer, &funder, secrets, Some(&node))?;
        let new = self.new_swap(deal, &funder, &signed);
        let expected = Acceptance {
            funder: Some(funder),
            payer,
            ..acceptance
        };
        Ok(Agreed {
            new,
            second: Some(Box::new(expected)),
        })
    }

    /// Sends the opening and checks the maker's signature on what comes back.
    async fn open(&self, payer: Option<PayerTerms>) -> Result<(Signed, Acceptance), EngineError> {
        let message = SwapRequest::Open {
            swap_id: self.id,
            quote: self.held.signed.clone(),
            payer,
        };
        let peer = &self.held.maker.peer;
        let answer = self
            .ports
            .peers()
            .request(peer, PeerProtocol::Swap, cbor::to_vec(&message));
        let bytes = answer.await.map_err(|e| {
            EngineError::Unavailable(format!("the maker did not answer: {e}; nothing began"))
        })?;
        let (signed, acceptance) = accepted(&bytes, &self.held.quote.maker)?;
        let ours = acceptance.swap_id == self.id && acceptance.quote_id == self.held.signed.id();
        if ours {
            Ok((signed, acceptance))
        } else {
            Err(broken("answered for another swap"))
        }
    }

    fn deal(
        &self,
        payer: &PayerTerms,
        funder: &FunderTerms,
        secrets: &SwapSecrets,
        payee: Option<&PublicKey>,
    ) -> Result<Deal, EngineError> {
        let own = Own {
            role: self.held.quote.direction.taker_role(),
            network: self.ports.keys().network(),
            height: self.height,
            now: self.ports.clock().now(),
            script_key: &secrets.script_key.public_key(),
            internal_key: &secrets.internal_key.public_key(),
            payee,
        };
        Deal::agree(&self.held.quote, payer, funder, &own).map_err(|error| {
            EngineError::Refused(format!(
                "the maker's terms are not acceptable: {error}; nothing began"
            ))
        })
    }

    fn new_swap(&self, deal: Deal, funder: &FunderTerms, signed: &Signed) -> Box<NewSwap> {
        let quote = &self.held.quote;
        let MakerContact { node_id, peer } = self.held.maker.clone();
        let now = self.ports.clock().now();
        // The record of an order this swap is a part of is on the disk already and stays as it is.
        let order = OrderRecord {
            id: self.order.unwrap_or(self.key_id),
            direction: quote.direction,
            amount_sat: quote.amount_sat,
            side: Side::Taker,
            created_at: now,
            task: None,
        };
        let record = SwapRecord {
            id: self.id,
            key_id: self.key_id,
            order: order.id,
            side: Side::Taker,
            role: quote.direction.taker_role(),
            deal,
            maker: node_id,
            peer,
            swap_invoice: funder.swap_invoice.clone(),
            prepay_invoice: funder.prepay_invoice.clone(),
            first_hops: self.first_hops.clone(),
            exact_receive_sat: self.held.receive.map(Amount::to_sat),
            last_hop: funder.last_hop,
            destination: self.destination.clone(),
            foreign_destination: self.foreign,
            limits: self.limits,
            maker_fee_sat: quote.maker_fee_sat,
            quote: self.held.signed.to_bytes(),
            acceptance: signed.to_bytes(),
            label: self.label.clone(),
            created_at: now,
        };
        Box::new(NewSwap { order, record })
    }
}

/// Reads what a maker answers to an opening or to terms, and checks its signature.
pub(super) fn accepted(
    bytes: &[u8],
    maker: &PublicKey,
) -> Result<(Signed, Acceptance), EngineError> {
    let reply: SwapReply =
        cbor::from_slice(bytes, MAX_REPLY).map_err(|_| broken("answered nonsense"))?;
    let signed = match reply {
        SwapReply::Accepted(signed) => signed,
        SwapReply::Refused(refusal) => {
            return Err(EngineError::Refused(format!(
                "the maker refuses: {}; nothing began",
                refusal.text
            )));
        }
        SwapReply::Ack => return Err(broken("accepted without terms")),
    };
    signed
        .verify(Tag::Accept, maker)
        .map_err(|_| broken("did not sign its terms"))?;
    let acceptance = Acceptance::read(&signed).map_err(|_| broken("signed nonsense"))?;
    Ok((signed, acceptance))
}

pub(super) fn broken(what: &str) -> EngineError {
    EngineError::Refused(format!("the maker {what}; nothing began"))
}
