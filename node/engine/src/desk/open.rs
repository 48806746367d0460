//! Opening swaps: a taker comes back with a quote.

use cambista_protocol::cbor;
use cambista_protocol::market::quote::Quote;
use cambista_protocol::message::{Acceptance, RefusalCode, SwapReply};
use cambista_protocol::signed::Signed;
use cambista_protocol::swap::Event;
use cambista_protocol::terms::{Deal, FunderTerms, Own, PayerTerms};
use cambista_protocol::words::{Direction, Role, Side, SwapId};
use tracing::info;

use super::terms::{funder_terms, payer_terms};
use super::{HalfOpen, Quoted, TERMS_SECS};
use crate::advance::Job;
use crate::cost;
use crate::engine::Core;
use crate::live::Live;
use crate::peer::refused;
use crate::ports::{
    Chain, Clock, Entropy, Keys, Lightning, NewSwap, PeerAddress, PortError, Ports, SwapSecrets,
};
use crate::record::{Limits, OrderRecord, SwapRecord};

impl<P: Ports> Core<P> {
    /// A taker opens a swap on a quote of ours.
    pub(crate) async fn open(
        &mut self,
        from: String,
        id: SwapId,
        signed: &Signed,
        payer: Option<PayerTerms>,
    ) -> Result<SwapReply, PortError> {
        if let Some(answer) = self.answered_before(id, signed, payer.as_ref()) {
            return Ok(answer);
        }
        self.desk.expire(self.now());
        let Some(Quoted { quote, .. }) = self.desk.quotes.get(&signed.id()).cloned() else {
            return Ok(refused(
                RefusalCode::Quote,
                "the quote is unknown, used or expired",
            ));
        };
        let promised = self.set_aside(quote.direction, &from);
        let able = self
            .check_open(quote.direction)
            .and_then(|()| self.check_slots(quote.direction, &from))
            .and_then(|()| self.check_caps(&from, None, quote.amount_sat))
            .and_then(|()| self.check_liquidity(&quote, promised));
        if let Err(refusal) = able {
            return Ok(SwapReply::Refused(refusal));
        }
        let now = self.now();
        let proven = self.proven().holds(&from, None);
        if !self.desk.may_open(&from, proven, now) {
            return Ok(refused(
                RefusalCode::Busy,
                "swaps are opened faster than they can be cared for; wait a minute",
            ));
        }
        match (quote.direction, payer) {
            (Direction::Out, Some(payer)) => {
                self.desk.quotes.remove(&signed.id());
                self.open_out(from, id, signed, &quote, payer).await
            }
            (Direction::In, None) => {
                self.desk.quotes.remove(&signed.id());
                Ok(self.open_in(from, id, signed, quote))
            }
            _ => Ok(refused(
                RefusalCode::Terms,
                "the terms are not of the quote's direction",
            )),
        }
    }

    /// A message may arrive twice; the second time it gets the first answer.
    fn answered_before(
        &self,
        id: SwapId,
        signed: &Signed,
        payer: Option<&PayerTerms>,
    ) -> Option<SwapReply> {
        if let Some(half) = self.desk.half_open.get(&id) {
            let same = half.signed.id() == signed.id() && payer.is_none();
            return Some(if same {
                SwapReply::Accepted(self.acceptance(id, signed, half.terms.clone(), None))
            } else {
                refused(RefusalCode::Swap, "this swap id is taken")
            });
        }
        let live = self.swaps.get(&id)?;
        let same = live.record.quote == signed.to_bytes()
            && payer.is_some_and(|p| p.payment_hash == live.record.deal.payment_hash);
        Some(accepted_again(live, same))
    }

    /// `out`: the taker pays, this maker funds. Its terms are the answer.
    async fn open_out(
        &mut self,
        from: String,
        id: SwapId,
        signed: &Signed,
        quote: &Quote,
        payer: PayerTerms,
    ) -> Result<SwapReply, PortError> {
        if self.with_hash(&payer.payment_hash)?.is_some() {
            return Ok(refused(
                RefusalCode::Terms,
                "the payment hash was used before",
            ));
        }
        let key_id = SwapId(self.ports.entropy().bytes32());
        let secrets = self.ports.keys().swap_secrets(key_id, Role::Funder);
        let funder = match self.funder_terms(quote, &payer.payment_hash, &secrets) {
            Ok(funder) => funder,
            Err(error) => return Ok(refused(RefusalCode::Internal, error.to_string())),
        };
        let node = self.ports.lightning().node_id();
        let deal = match self.deal(quote, &payer, &funder, Role::Funder, &secrets, Some(&node)) {
            Ok(deal) => deal,
            Err(error) => return Ok(refused(RefusalCode::Terms, error)),
        };
        let accepted = self.acceptance(id, signed, payer, Some(funder.clone()));
        let record = self.record(&Opening {
            id,
            key_id,
            deal,
            quote,
            signed,
            accepted: &accepted,
            from,
            funder: &funder,
        })?;
        self.take_on(record).await?;
        Ok(SwapReply::Accepted(accepted))
    }

    /// `in`: this maker pays, the taker funds. This side's terms come first.
    fn open_in(&mut self, from: String, id: SwapId, signed: &Signed, quote: Quote) -> SwapReply {
        if !self.desk.may_half_open(&from) {
            return refused(RefusalCode::Busy, "too many swaps under way");
        }
        let key_id = SwapId(self.ports.entropy().bytes32());
        let secrets = self.ports.keys().swap_secrets(key_id, Role::Payer);
        let terms = payer_terms(&secrets, quote.confirmations);
        let accepted = self.acceptance(id, signed, terms.clone(), None);
        let until = self.now().saturating_add(TERMS_SECS);
        let half = HalfOpen {
            from,
            quote,
            signed: signed.clone(),
            key_id,
            terms,
            until,
        };
        self.desk.half_open.insert(id, half);
        SwapReply::Accepted(accepted)
    }

    /// `in`: the taker's terms arrive, and this maker pays.
    pub(crate) async fn terms(
        &mut self,
        from: String,
        id: SwapId,
        funder: &FunderTerms,
    ) -> Result<SwapReply, PortError> {
        if let Some(live) = self.swaps.get(&id) {
            let same = live.record.swap_invoice == funder.swap_invoice;
            return Ok(accepted_again(live, same));
        }
        let now = self.now();
        self.desk.expire(now);
        let Some(half) = self.desk.half_open.get(&id).cloned() else {
            return Ok(refused(
                RefusalCode::Swap,
                "no such swap here, or the time for terms is over",
            ));
        };
        let secrets = self.ports.keys().swap_secrets(half.key_id, Role::Payer);
        // The quote was good when the swap was opened on it; the taker has had its own seconds since.
        let quote = Quote {
            valid_until: half.until,
            ..half.quote.clone()
        };
        let deal = match self.deal(&quote, &half.terms, funder, Role::Payer, &secrets, None) {
            Ok(deal) => deal,
            Err(error) => return Ok(refused(RefusalCode::Terms, error)),
        };
        if self.with_hash(&deal.payment_hash)?.is_some() {
            return Ok(refused(
                RefusalCode::Terms,
                "the payment hash was used before",
            ));
        }
        // What was set aside for it while its terms were awaited is not counted a second time.
        self.desk.half_open.remove(&id);
        let amount = half.quote.amount_sat;
        // Others may have taken the last slots since it was opened, or what is to be paid with.
        let able = self
            .check_slots(quote.direction, &from)
            .and_then(|()| self.check_caps(&from, Some(deal.payee), amount))
            .and_then(|()| {
                let promised = self.set_aside(quote.direction, &from);
                self.check_liquidity(&quote, promised)
            });
        if let Err(refusal) = able {
            return Ok(SwapReply::Refused(refusal));
        }
        let accepted = self.acceptance(id, &half.signed, half.terms.clone(), Some(funder.clone()));
        let record = self.record(&Opening {
            id,
            key_id: half.key_id,
            deal,
            quote: &half.quote,
            signed: &half.signed,
            accepted: &accepted,
            from,
            funder,
        })?;
        self.take_on(record).await?;
        Ok(SwapReply::Accepted(accepted))
    }

    /// Writes a maker's swap down and sets it going.
    async fn take_on(&mut self, record: SwapRecord) -> Result<(), PortError> {
        let order = OrderRecord {
            task: None,
            id: record.order,
            direction: record.deal.direction,
            amount_sat: record.deal.amount.to_sat(),
            side: Side::Maker,
            created_at: record.created_at,
        };
        self.begin(NewSwap { order, record }).await
    }

    /// Stores a new swap together with its first event, then acts on it.
    pub(crate) async fn begin(&mut self, new: NewSwap) -> Result<(), PortError> {
        let id = new.record.id;
        let live = Live::new(new.record.clone(), self.ports.keys())
            .map_err(|e| PortError(format!("the terms make no contract: {e}")))?;
        info!(swap = %id.short(), direction = %new.record.deal.direction, role = ?new.record.role,
            amount = new.record.deal.amount.to_sat(), "swap agreed");
        self.adopt(live);
        let job = Job {
            id,
            event: Event::Opened,
            funding: None,
        };
        self.advance(job, Some(new)).await?;
        self.drain().await
    }

    fn record(&mut self, opening: &Opening<'_>) -> Result<SwapRecord, PortError> {
        let role = opening.deal.direction.maker_role();
        Ok(SwapRecord {
            id: opening.id,
            key_id: opening.key_id,
            order: opening.id,
            side: Side::Maker,
            role,
            maker: opening.quote.maker,
            peer: PeerAddress {
                peer_id: opening.from.clone(),
                addresses: Vec::new(),
            },
            swap_invoice: opening.funder.swap_invoice.clone(),
            prepay_invoice: opening.funder.prepay_invoice.clone(),
            first_hops: None,
            exact_receive_sat: None,
            last_hop: opening.funder.last_hop,
            destination: self.own_script()?,
            foreign_destination: false,
            limits: self.own_limits(opening.quote),
            maker_fee_sat: opening.quote.maker_fee_sat,
            quote: opening.signed.to_bytes(),
            acceptance: opening.accepted.to_bytes(),
            label: None,
            created_at: self.now(),
            deal: opening.deal.clone(),
        })
    }

    /// The limits this maker works under: what the quote charges for, with room, and never more routing than it earns.
    fn own_limits(&self, quote: &Quote) -> Limits {
        let amount = quote.amount();
        let rate = self.ports.chain().fee_rate(crate::funding::FUNDING_TARGET);
        let charged = self
            .chain_cost(quote.direction, amount)
            .unwrap_or_else(|_| cost::maker_chain_cost(quote.direction, rate));
        cost::maker_limits(amount, charged, quote.maker_fee_sat)
    }

    fn acceptance(
        &self,
        swap_id: SwapId,
        quote: &Signed,
        payer: PayerTerms,
        funder: Option<FunderTerms>,
    ) -> Signed {
        let acceptance = Acceptance {
            swap_id,
            quote_id: quote.id(),
            payer,
            funder,
        };
        acceptance.sign(|digest| self.ports.lightning().sign(digest))
    }

    fn deal(
        &self,
        quote: &Quote,
        payer: &PayerTerms,
        funder: &FunderTerms,
        role: Role,
        secrets: &SwapSecrets,
        payee: Option<&bitcoin::secp256k1::PublicKey>,
    ) -> Result<Deal, String> {
        let own = Own {
            role,
            network: self.network(),
            height: self.height,
            now: self.ports.clock().now(),
            script_key: &secrets.script_key.public_key(),
            internal_key: &secrets.internal_key.public_key(),
            payee,
        };
        Deal::agree(quote, payer, funder, &own).map_err(|e| e.to_string())
    }

    /// The terms of a funder, whichever side it is: two hold invoices and two keys.
    pub(crate) fn funder_terms(
        &self,
        quote: &Quote,
        payment_hash: &[u8; 32],
        secrets: &SwapSecrets,
    ) -> Result<FunderTerms, PortError> {
        funder_terms(
            self.ports.lightning(),
            quote,
            payment_hash,
            secrets,
            self.height,
        )
    }

    pub(crate) fn network(&self) -> bitcoin::Network {
        self.ports.keys().network()
    }
}

/// What a maker's record is made of.
struct Opening<'a> {
    id: SwapId,
    key_id: SwapId,
    deal: Deal,
    quote: &'a Quote,
    signed: &'a Signed,
    accepted: &'a Signed,
    from: String,
    funder: &'a FunderTerms,
}

/// The first answer once more, if this node is the maker that gave it.
fn accepted_again(live: &Live, same: bool) -> SwapReply {
    let accepted = cbor::from_slice::<Signed>(&live.record.acceptance, crate::say::MAX_REPLY).ok();
    match accepted {
        Some(accepted) if same && live.record.side == Side::Maker => SwapReply::Accepted(accepted),
        _ => refused(RefusalCode::Swap, "this swap id is taken"),
    }
}
