//! Opening a swap on a quote: terms agreed, checked and stored before anything is locked.

use std::sync::Arc;

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, ScriptBuf};
use cambista_protocol::cbor;
use cambista_protocol::contract::SpendKind;
use cambista_protocol::message::{Acceptance, SwapReply, SwapRequest};
use cambista_protocol::money::Msat;
use cambista_protocol::signed::{Signed, Tag};
use cambista_protocol::swap::Event;
use cambista_protocol::terms::{Deal, FunderTerms, Own, PayerTerms};
use cambista_protocol::words::{Direction, Role, Side, SwapId};

use super::ask::destination_or_p2tr;
use crate::cost;
use crate::desk::{funder_terms, payer_terms};
use crate::engine::Core;
use crate::handle::{EngineError, MakerContact, Reply, StartSwap};
use crate::internal::{Agreed, HeldQuote, Internal};
use crate::ports::{
    Clock, Entropy, Keys, Lightning, NewSwap, PeerProtocol, Peers, PortError, Ports, RouteTarget,
    SwapSecrets, Wallet,
};
use crate::record::{Limits, OrderRecord, SwapRecord};
use crate::view::QuoteView;

/// The longest answer to a swap message that is read (bytes).
const MAX_REPLY: usize = 16_384;

/// Everything one opening needs, apart from the engine.
struct Opening<P> {
    ports: Arc<P>,
    held: HeldQuote,
    id: SwapId,
    key_id: SwapId,
    height: u32,
    confirmations: u32,
    destination: ScriptBuf,
    foreign: bool,
    limits: Limits,
    first_hops: Option<Vec<[u8; 32]>>,
    last_hop: Option<PublicKey>,
    label: Option<String>,
}

impl<P: Ports> Core<P> {
    /// Opens a swap on a quote this node holds.
    pub(crate) fn start_swap(
        &mut self,
        request: &StartSwap,
        reply: Reply<Result<SwapId, EngineError>>,
    ) {
        match self.opening(request) {
            Err(error) => {
                let _ = reply.send(Err(error));
            }
            Ok(opening) => {
                self.quotes.remove(&request.quote_id);
                self.beside(async move {
                    let result = opening.agree().await;
                    Internal::Agreed { result, reply }
                });
            }
        }
    }

    fn opening(&self, request: &StartSwap) -> Result<Opening<P>, EngineError> {
        let held = self.quotes.get(&request.quote_id).cloned().ok_or_else(|| {
            EngineError::NotFound(
                "this quote is not known here, or was used: ask for a new one".into(),
            )
        })?;
        let quote = &held.quote;
        if quote.valid_until < self.now() {
            return Err(EngineError::Refused(
                "the quote has expired: ask for a new one".into(),
            ));
        }
        self.check_means(&held)?;
        let view = self.quote_view(&held);
        let limits = limits(request, &view, self.least_miner_fee(&held, request, &view))?;
        let confirmations = request.confirmations.unwrap_or(view.confirmations);
        if quote.direction == Direction::In && confirmations != quote.confirmations {
            return Err(EngineError::Invalid(
                "for on-chain -> Lightning the maker says how many confirmations it waits for"
                    .into(),
            ));
        }
        let foreign = request.destination.is_some();
        if foreign && quote.direction == Direction::In {
            return Err(EngineError::Invalid(
                "on-chain -> Lightning pays into your channels; it takes no address".into(),
            ));
        }
        let external = request.first_hops.is_some() && quote.direction == Direction::In;
        if external || (request.last_hop.is_some() && quote.direction == Direction::Out) {
            return Err(EngineError::Invalid(
                "that channel choice is not of this direction".into(),
            ));
        }
        // A price that depends on where the coins go holds for that place only.
        if held.receive.is_some() && held.destination != request.destination {
            return Err(EngineError::Invalid(
                "the quote was asked for another address: ask for a new one".into(),
            ));
        }
        let destination = match request.destination.clone() {
            Some(destination) => destination,
            None => self
                .ports
                .wallet()
                .fresh_script()
                .map_err(|e| EngineError::Unavailable(e.to_string()))?,
        };
        if quote.direction == Direction::Out {
            let least = destination.minimal_non_dust() + Amount::from_sat(view.miner_fee_sat);
            if quote.amount() <= least {
                return Err(EngineError::Refused(format!(
                    "{} sat would not survive its own claim fee: swap more than {} sat; nothing began",
                    quote.amount_sat,
                    least.to_sat()
                )));
            }
        }
        Ok(Opening {
            ports: self.ports.clone(),
            id: SwapId(self.ports.entropy().bytes32()),
            key_id: SwapId(self.ports.entropy().bytes32()),
            height: self.height,
            confirmations,
            destination,
            foreign,
            limits,
            first_hops: request.first_hops.clone(),
            last_hop: request.last_hop,
            label: request.label.clone(),
            held,
        })
    }

    /// The miner fee a limit must leave room for (sat). An `out` is begun only if it can be claimed without the other
    /// side's key: with less it would be funded, never claimed, and the prepay lost.
    fn least_miner_fee(&self, held: &HeldQuote, request: &StartSwap, view: &QuoteView) -> u64 {
        if held.quote.direction == Direction::In {
            return view.miner_fee_sat;
        }
        let script = destination_or_p2tr(request.destination.as_ref());
        let rate = self.fee_rate(crate::sweeper::LAZY_TARGET);
        cost::sweep_fee(SpendKind::Claim, &script, rate)
            .to_sat()
            .max(view.miner_fee_sat)
    }

    /// A swap this node cannot carry is not begun.
    fn check_means(&self, held: &HeldQuote) -> Result<(), EngineError> {
        let quote = &held.quote;
        let invoices = quote.swap_invoice().unwrap_or(Amount::ZERO);
        let liquidity = self.ports.lightning().liquidity();
        let msat = |a: Amount| Msat::from_sat(a.to_sat()).unwrap_or(Msat(u64::MAX));
        match quote.direction {
            Direction::Out => {
                let needed = invoices + quote.prepay();
                if liquidity.outbound < msat(needed) {
                    return Err(EngineError::Refused(format!(
                        "your channels can send {} sat now, this swap needs {} sat; nothing began",
                        liquidity.outbound.0 / 1000,
                        needed.to_sat()
                    )));
                }
            }
            Direction::In => {
                if liquidity.inbound < msat(invoices) {
                    return Err(EngineError::Refused(format!(
                        "your channels can receive {} sat now, this swap needs {} sat; nothing began",
                        liquidity.inbound.0 / 1000,
                        invoices.to_sat()
                    )));
                }
                if quote.external {
                    return Ok(());
                }
                let rate = self.fee_rate(crate::funding::FUNDING_TARGET);
                self.ports
                    .wallet()
                    .funding_fee(quote.amount(), rate)
                    .map_err(|e| {
                        EngineError::Refused(format!(
                            "the swap cannot be funded: {e}; nothing began"
                        ))
                    })?;
            }
        }
        Ok(())
    }

    /// The terms are agreed: write the swap down, and only then go on.
    pub(crate) async fn agreed(
        &mut self,
        result: Result<Agreed, EngineError>,
        reply: Reply<Result<SwapId, EngineError>>,
    ) -> Result<(), PortError> {
        let agreed = match result {
            Ok(agreed) => agreed,
            Err(error) => {
                let _ = reply.send(Err(error));
                return Ok(());
            }
        };
        if let Err(error) = self.check_route(&agreed.new.record) {
            let _ = reply.send(Err(error));
            return Ok(());
        }
        let record = &agreed.new.record;
        let (id, peer) = (record.id, record.peer.clone());
        if record
            .deal
            .hashes()
            .any(|hash| self.by_hash.contains_key(&hash))
        {
            let _ = reply.send(Err(EngineError::Refused(
                "the maker used a payment hash a second time; nothing began".into(),
            )));
            return Ok(());
        }
        self.begin(*agreed.new).await?;
        match agreed.then_send {
            None => {
                let _ = reply.send(Ok(id));
            }
            Some(body) => {
                let ports = self.ports.clone();
                self.beside(async move {
                    let answer = ports.peers().request(&peer, PeerProtocol::Swap, body).await;
                    let result = match answer.map(|b| cbor::from_slice::<SwapReply>(&b, MAX_REPLY))
                    {
                        Ok(Ok(SwapReply::Accepted(_) | SwapReply::Ack)) => Ok(()),
                        Ok(Ok(SwapReply::Refused(refusal))) => Err(EngineError::Refused(format!(
                            "the maker refuses the terms: {}; nothing began",
                            refusal.text
                        ))),
                        Ok(Err(error)) => Err(EngineError::Refused(format!(
                            "the maker's answer makes no sense ({error}); nothing began"
                        ))),
                        // It may have got them all the same: the swap stays open until its window to fund is over.
                        Err(_) => Ok(()),
                    };
                    Internal::TermsAnswered { id, result, reply }
                });
            }
        }
        Ok(())
    }

    /// Before anything is locked: is there a way to the invoice, within the limit? What the maker's hints charge shows only
    /// now.
    fn check_route(&self, record: &SwapRecord) -> Result<(), EngineError> {
        if record.role != Role::Payer || record.first_hops.is_some() {
            return Ok(());
        }
        let target = RouteTarget::Invoice(&record.swap_invoice);
        let delta = record.deal.locks.max_total_delta();
        let fee = self
            .ports
            .lightning()
            .route_fee(target, record.deal.swap_amount, delta);
        let limit = record.limits.max_routing_fee_sat;
        match fee.map(Msat::to_sat_ceil) {
            Some(fee) if fee <= limit => Ok(()),
            Some(fee) => Err(EngineError::Refused(format!(
                "routing to this maker would cost {fee} sat, your limit is {limit} sat; nothing began"
            ))),
            None => Err(EngineError::Refused(
                "no Lightning route to this maker can carry the amount now; nothing began".into(),
            )),
        }
    }

    /// `in`: the maker answered our terms. A refusal ends the swap before anything is locked.
    pub(crate) async fn terms_answered(
        &mut self,
        id: SwapId,
        result: Result<(), EngineError>,
        reply: Reply<Result<SwapId, EngineError>>,
    ) -> Result<(), PortError> {
        if result.is_err() {
            self.happened(id, Event::FundingImpossible).await?;
        }
        let _ = reply.send(result.map(|()| id));
        Ok(())
    }

    fn fee_rate(&self, blocks: u32) -> bitcoin::FeeRate {
        crate::ports::Chain::fee_rate(self.ports.chain(), blocks)
    }
}

impl<P: Ports> Opening<P> {
    async fn agree(self) -> Result<Agreed, EngineError> {
        let role = self.held.quote.direction.taker_role();
        let secrets = self.ports.keys().swap_secrets(self.key_id, role);
        match self.held.quote.direction {
            Direction::Out => self.agree_out(&secrets).await,
            Direction::In => self.agree_in(&secrets).await,
        }
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
            then_send: None,
        })
    }

    async fn agree_in(self, secrets: &SwapSecrets) -> Result<Agreed, EngineError> {
        let (signed, acceptance) = self.open(None).await?;
        let payer = acceptance.payer;
        let quote = &self.held.quote;
        let lightning = self.ports.lightning();
        let mut funder = funder_terms(lightning, quote, &payer.payment_hash, secrets, self.height)
            .map_err(|e| EngineError::Unavailable(e.to_string()))?;
        funder.last_hop = self.last_hop;
        let node = lightning.node_id();
        let deal = self.deal(&payer, &funder, secrets, Some(&node))?;
        let terms = SwapRequest::Terms {
            swap_id: self.id,
            funder: funder.clone(),
        };
        let new = self.new_swap(deal, &funder, &signed);
        Ok(Agreed {
            new,
            then_send: Some(cbor::to_vec(&terms)),
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
        let reply: SwapReply =
            cbor::from_slice(&bytes, MAX_REPLY).map_err(|_| broken("answered nonsense"))?;
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
            .verify(Tag::Accept, &self.held.quote.maker)
            .map_err(|_| broken("did not sign its terms"))?;
        let acceptance = Acceptance::read(&signed).map_err(|_| broken("signed nonsense"))?;
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
        let order = OrderRecord {
            id: self.key_id,
            direction: quote.direction,
            amount_sat: quote.amount_sat,
            side: Side::Taker,
            created_at: now,
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

/// The limits this swap runs under; the miner fee's is `least_miner` (sat) or more. With `max_fee` the sum of all of them
/// stays below it.
fn limits(request: &StartSwap, view: &QuoteView, least_miner: u64) -> Result<Limits, EngineError> {
    let mut miner = request
        .max_miner_fee
        .map_or(view.max_miner_fee_sat, Amount::to_sat);
    let mut routing = request
        .max_routing_fee
        .map_or(view.max_routing_fee_sat, |m| m.0 / 1000);
    let refuse = |what: &str, least: u64, limit: u64| {
        Err(EngineError::Refused(format!(
            "{what} may come to {least} sat at the fee rate of now, your limit is {limit} sat; nothing began"
        )))
    };
    if miner < least_miner {
        return refuse("the miner fee", least_miner, miner);
    }
    if routing < view.routing_fee_sat {
        return refuse("routing", view.routing_fee_sat, routing);
    }
    if let Some(max) = request.max_fee {
        let max = max.to_sat();
        let parts = least_miner.saturating_add(view.routing_fee_sat);
        let least = parts.checked_add_signed(view.maker_fee_sat).unwrap_or(0);
        let budget = max.checked_add_signed(view.maker_fee_sat.saturating_neg());
        let Some(budget) = budget.filter(|budget| *budget >= parts) else {
            return refuse("all of it", least, max);
        };
        miner = miner.min(budget - view.routing_fee_sat);
        routing = routing.min(budget - miner);
    }
    Ok(Limits {
        max_miner_fee_sat: miner,
        max_routing_fee_sat: routing,
    })
}

fn broken(what: &str) -> EngineError {
    EngineError::Refused(format!("the maker {what}; nothing began"))
}
