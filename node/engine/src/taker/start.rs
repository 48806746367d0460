//! Opening a swap on a quote: what was agreed (`agree`) is checked once more and stored before anything is locked.

use bitcoin::{Amount, ScriptBuf};
use cambista_market::Lesson;
use cambista_protocol::cbor;
use cambista_protocol::contract::SpendKind;
use cambista_protocol::message::SwapRequest;
use cambista_protocol::money::Msat;
use cambista_protocol::swap::Event;
use cambista_protocol::words::{Direction, Role, SwapId};

use super::agree::{Opening, accepted, broken};
use super::ask::destination_or_p2tr;
use super::limits::{confirmations, limits};
use crate::cost;
use crate::decline::decline;
use crate::engine::Core;
use crate::handle::{EngineError, Reply, StartSwap};
use crate::internal::{Agreed, HeldQuote, Internal};
use crate::ports::{
    Entropy, Lightning, PeerProtocol, Peers, PortError, Ports, RouteTarget, Wallet,
};
use crate::record::SwapRecord;

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
        if let Some(order) = request.order {
            self.called_off.check(order)?;
        }
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
        let miner = Amount::from_sat(view.miner_fee_sat);
        let least = self.least_miner_fee(&held, request.destination.as_ref(), miner);
        let limits = limits(request, &view, least)?;
        let confirmations = confirmations(request, view.confirmations);
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
            order: request.order,
            held,
        })
    }

    /// The miner fee a limit must leave room for (sat). An `out` is begun only if it can be claimed without the other
    /// side's key: with less it would be funded, never claimed, and the prepay lost.
    pub(super) fn least_miner_fee(
        &self,
        held: &HeldQuote,
        destination: Option<&ScriptBuf>,
        expected: Amount,
    ) -> u64 {
        if held.quote.direction == Direction::In {
            return expected.to_sat();
        }
        let script = destination_or_p2tr(destination);
        let rate = self.fee_rate(crate::sweeper::LAZY_TARGET);
        cost::sweep_fee(SpendKind::Claim, &script, rate)
            .max(expected)
            .to_sat()
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
        let not_taken = |record: &SwapRecord| {
            let ids = (record.id, record.key_id);
            decline(&self.ports, &record.peer, ids, record.role);
        };
        // Whoever called the order off meanwhile saw no swap yet that could be called off too.
        let wanted = self.called_off.check(agreed.new.record.order);
        if let Err(error) = wanted.and_then(|()| self.check_route(&agreed.new.record)) {
            not_taken(&agreed.new.record);
            let _ = reply.send(Err(error));
            return Ok(());
        }
        let record = &agreed.new.record;
        let (id, maker, peer) = (record.id, record.maker, record.peer.clone());
        let mut used = false;
        for hash in record.deal.hashes() {
            used |= self.with_hash(&hash)?.is_some();
        }
        if used {
            not_taken(record);
            let _ = reply.send(Err(EngineError::Refused(
                "the maker used a payment hash a second time; nothing began".into(),
            )));
            return Ok(());
        }
        let second = agreed.second;
        self.begin(*agreed.new).await?;
        let Some((expected, funder)) = second.and_then(|a| a.funder.clone().map(|f| (a, f))) else {
            let _ = reply.send(Ok(id));
            return Ok(());
        };
        let terms = SwapRequest::Terms {
            swap_id: id,
            funder,
        };
        let ports = self.ports.clone();
        self.beside(async move {
            let body = cbor::to_vec(&terms);
            let answer = ports.peers().request(&peer, PeerProtocol::Swap, body).await;
            let result = match answer.map(|bytes| accepted(&bytes, &maker)) {
                Ok(Ok((_, said))) if said == *expected => Ok(()),
                Ok(Ok(_)) => Err(broken("signed other terms than were agreed")),
                Ok(Err(error)) => Err(error),
                // It may have got them all the same: the swap stays open until its window to fund is over.
                Err(_) => Ok(()),
            };
            Internal::TermsAnswered { id, result, reply }
        });
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

    /// `in`: the maker answered our terms. A refusal ends the swap before anything is locked. One that has paid before it refuses
    /// may have been funded already: then the swap goes on.
    pub(crate) async fn terms_answered(
        &mut self,
        id: SwapId,
        result: Result<(), EngineError>,
        reply: Reply<Result<SwapId, EngineError>>,
    ) -> Result<(), PortError> {
        let mut result = result.map(|()| id);
        if result.is_err() {
            if let Some(live) = self.swaps.get(&id) {
                self.ports.learn(&live.record.maker, Lesson::Declined);
            }
            self.happened(id, Event::FundingImpossible).await?;
            if self.swaps.get(&id).is_some_and(|live| !live.ended()) {
                result = Ok(id);
            }
        }
        let _ = reply.send(result);
        Ok(())
    }

    pub(super) fn fee_rate(&self, blocks: u32) -> bitcoin::FeeRate {
        crate::ports::Chain::fee_rate(self.ports.chain(), blocks)
    }
}
