//! Firm quotes: every amount of a swap, promised with a signature and with liquidity behind it.

use bitcoin::Amount;
use cambista_protocol::cbor;
use cambista_protocol::market::quote::Quote;
use cambista_protocol::message::{QuoteReply, QuoteRequest, Refusal, RefusalCode};
use cambista_protocol::money::Msat;
use cambista_protocol::signed::{Signed, Tag};
use cambista_protocol::swap::{FunderSwap, Funding};
use cambista_protocol::words::{Direction, Side};
use tracing::debug;

use super::SidePolicy;
use crate::cost;
use crate::engine::Core;
use crate::funding::FUNDING_TARGET;
use crate::ports::{Chain, Entropy, Lightning, Ports, Wallet};

impl<P: Ports> Core<P> {
    /// Answers a request for a quote.
    pub(crate) fn quote(&mut self, from: &str, request: &QuoteRequest) -> QuoteReply {
        match self.firm_quote(from, request) {
            Ok(signed) => QuoteReply::Quote(signed),
            Err(refusal) => {
                debug!(reason = %refusal.text, "no quote given");
                QuoteReply::Refused(refusal)
            }
        }
    }

    fn firm_quote(&mut self, from: &str, request: &QuoteRequest) -> Result<Signed, Refusal> {
        let now = self.now();
        self.desk.expire(now);
        let side = self.offered(request)?;
        if !self.desk.may_quote(from) {
            return Err(no(RefusalCode::Busy, "too many quotes are out"));
        }
        if let Some(pause) = self.pause(request.direction, &side) {
            debug!(%pause, "paused");
            return Err(no(RefusalCode::Liquidity, pause.to_strangers()));
        }
        self.check_slots(request.direction, from)?;
        self.check_caps(from, None, request.amount_sat)?;
        let quote = self.price(request, side)?;
        let held = quote.swap_invoice().unwrap_or(Amount::ZERO);
        if held < cost::LEAST_HELD {
            return Err(Refusal::new(RefusalCode::Amount, too_small(held)));
        }
        if quote.check().is_err() {
            return Err(no(
                RefusalCode::Amount,
                "the amount is too small for its fees now",
            ));
        }
        self.check_liquidity(&quote, self.set_aside(quote.direction, from))?;
        let signed = Signed::new(Tag::Quote, cbor::to_vec(&quote), |d| {
            self.ports.lightning().sign(d)
        });
        self.desk.give(signed.id(), quote, from);
        Ok(signed)
    }

    /// What this maker asks for such a swap, if it takes it at all.
    fn offered(&self, request: &QuoteRequest) -> Result<SidePolicy, Refusal> {
        let policy = self.desk.policy;
        let side = policy
            .side(request.direction)
            .ok_or_else(|| no(RefusalCode::NotOffered, "not offered now"))?;
        if request.network != self.network() {
            return Err(no(RefusalCode::NotOffered, "another network"));
        }
        if !(side.min_sat..=side.max_sat).contains(&request.amount_sat) {
            let limits = format!("from {} to {} sat", side.min_sat, side.max_sat);
            return Err(Refusal::new(RefusalCode::Amount, limits));
        }
        if request.external
            && (request.direction == Direction::Out || policy.external_ppm.is_none())
        {
            return Err(no(
                RefusalCode::NotOffered,
                "funding from outside is not offered",
            ));
        }
        Ok(side)
    }

    /// The quote, with this maker's own chain costs at the rate of the moment: for the coins it really has.
    fn price(&self, request: &QuoteRequest, side: SidePolicy) -> Result<Quote, Refusal> {
        let amount = Amount::from_sat(request.amount_sat);
        let rate = self.ports.chain().fee_rate(FUNDING_TARGET);
        let chain_cost = self.chain_cost(request.direction, amount)?;
        let extra = self.desk.policy.external_ppm.filter(|_| request.external);
        let fee = self.desk.policy.pricing(&side).fee(
            amount,
            self.inventory(request.direction),
            self.cost_of(request.direction, chain_cost),
            extra.unwrap_or(0),
        );
        let (prepay, confirmations) = match request.direction {
            Direction::Out => (cost::prepay(chain_cost, rate), 0),
            Direction::In => (
                Amount::ZERO,
                cost::confirmations(amount + self.paying_out()),
            ),
        };
        Ok(Quote {
            network: request.network,
            maker: self.ports.lightning().node_id(),
            direction: request.direction,
            amount_sat: request.amount_sat,
            maker_fee_sat: fee
                .ok_or_else(|| no(RefusalCode::Internal, "the price is out of range"))?,
            prepay_sat: prepay.to_sat(),
            refund_delta: self.desk.policy.refund_delta,
            confirmations,
            valid_until: self
                .now()
                .saturating_add(u64::from(self.desk.policy.quote_secs)),
            nonce: self.nonce(),
            external: request.external,
        })
    }

    /// What this maker will pay miners if all goes well.
    pub(super) fn chain_cost(
        &self,
        direction: Direction,
        amount: Amount,
    ) -> Result<Amount, Refusal> {
        let rate = self.ports.chain().fee_rate(FUNDING_TARGET);
        match direction {
            Direction::In => Ok(cost::maker_chain_cost(direction, rate)),
            Direction::Out => self
                .ports
                .wallet()
                .funding_fee(amount, rate)
                .map_err(|_| no(RefusalCode::Liquidity, "not enough coins on the chain now")),
        }
    }

    /// What this maker has open or promised as payer: confirmations are chosen by the sum, since one reorganisation
    /// could take all of it.
    fn paying_out(&self) -> Amount {
        let open = self.swaps.values().filter(|live| {
            !live.ended() && live.record.side == Side::Maker && live.payer().is_some()
        });
        let open: Amount = open.map(|live| live.record.deal.amount).sum();
        open + self.desk.promised(Direction::In, None, |_| true)
    }

    /// What is kept for others than this taker until their quotes expire. For strangers nothing is: a peer id costs nothing,
    /// and a few that only ask would shut out everybody else. When they open their swap, what is there is looked at anew.
    pub(super) fn set_aside(&self, direction: Direction, from: &str) -> Amount {
        let proven = self.proven();
        let counts = |taker: &str| proven.holds(taker, None);
        self.desk.promised(direction, Some(from), counts)
    }

    /// What is quoted must be there, beside what is promised already and what accepted swaps still need.
    pub(super) fn check_liquidity(&self, quote: &Quote, promised: Amount) -> Result<(), Refusal> {
        let short = |text| Err(no(RefusalCode::Liquidity, text));
        let needed = quote.amount() + promised + self.accepted(quote.direction);
        let liquidity = self.ports.lightning().liquidity();
        let msat = Msat::from_sat(needed.to_sat()).unwrap_or(Msat(u64::MAX));
        match quote.direction {
            Direction::Out => {
                let rate = self.ports.chain().fee_rate(FUNDING_TARGET);
                let fee = cost::maker_chain_cost(Direction::Out, rate);
                if self.ports.wallet().fundable() < needed + fee {
                    return short("not enough coins on the chain now");
                }
                if liquidity.inbound < msat {
                    return short("not enough room to receive over Lightning now");
                }
            }
            Direction::In => {
                if liquidity.outbound < msat {
                    return short("not enough to send over Lightning now");
                }
            }
        }
        Ok(())
    }

    /// What swaps that are accepted, but whose coins are not reserved yet, will take.
    pub(super) fn accepted(&self, direction: Direction) -> Amount {
        let unfunded = |funder: &FunderSwap| funder.funding() == Funding::None;
        let open = self.swaps.values().filter(|live| {
            !live.ended()
                && live.record.side == Side::Maker
                && live.record.deal.direction == direction
                && live.funder().is_some_and(unfunded)
        });
        open.map(|live| live.record.deal.amount).sum()
    }

    fn nonce(&self) -> [u8; 16] {
        let mut nonce = [0; 16];
        nonce.copy_from_slice(&self.ports.entropy().bytes32()[..16]);
        nonce
    }
}

/// A payment this small would not survive its channel's closing.
pub(crate) fn too_small(held: Amount) -> String {
    format!(
        "the payment of {} sat is too small to be held safely: it must be {} sat at least",
        held.to_sat(),
        cost::LEAST_HELD.to_sat()
    )
}

fn no(code: RefusalCode, text: &str) -> Refusal {
    Refusal::new(code, text)
}
