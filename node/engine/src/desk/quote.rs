//! Firm quotes: every amount of a swap, promised with a signature and with liquidity behind it.

use bitcoin::Amount;
use cambista_protocol::cbor;
use cambista_protocol::market::quote::Quote;
use cambista_protocol::message::{QuoteReply, QuoteRequest, Refusal, RefusalCode};
use cambista_protocol::money::{Msat, Price};
use cambista_protocol::signed::{Signed, Tag};
use cambista_protocol::swap::{FunderSwap, Funding};
use cambista_protocol::words::{Direction, Side};
use tracing::debug;

use super::{MOST_QUOTES, Quoted};
use crate::cost;
use crate::engine::Core;
use crate::funding::FUNDING_TARGET;
use crate::handle::SidePolicy;
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
        if self.desk.quotes.len() >= MOST_QUOTES {
            return Err(no(RefusalCode::Busy, "too many quotes are out"));
        }
        self.check_slots()?;
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
        self.check_liquidity(&quote, self.desk.promised(quote.direction, Some(from)))?;
        let signed = Signed::new(Tag::Quote, cbor::to_vec(&quote), |d| {
            self.ports.lightning().sign(d)
        });
        let quoted = Quoted {
            quote,
            from: from.to_owned(),
        };
        self.desk.quotes.insert(signed.id(), quoted);
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
        let extra = match (request.external, policy.external_ppm) {
            (false, _) => 0,
            (true, Some(ppm)) if request.direction == Direction::In => ppm,
            (true, _) => {
                return Err(no(
                    RefusalCode::NotOffered,
                    "funding from outside is not offered",
                ));
            }
        };
        let ppm = side.price.ppm.saturating_add_unsigned(extra);
        Ok(SidePolicy {
            price: Price { ppm, ..side.price },
            ..side
        })
    }

    /// The quote, with this maker's own chain costs at the rate of the moment: for the coins it really has.
    fn price(&self, request: &QuoteRequest, side: SidePolicy) -> Result<Quote, Refusal> {
        let amount = Amount::from_sat(request.amount_sat);
        let rate = self.ports.chain().fee_rate(FUNDING_TARGET);
        let chain_cost = self.chain_cost(request.direction, amount)?;
        let fee = side.price.fee(amount);
        let fee = fee.and_then(|fee| fee.checked_add_unsigned(chain_cost.to_sat()));
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
        open + self.desk.promised(Direction::In, None)
    }

    /// Whether one more swap may be open.
    pub(super) fn check_slots(&self) -> Result<(), Refusal> {
        let open = self
            .swaps
            .values()
            .filter(|l| !l.ended() && l.record.side == Side::Maker);
        let limit = usize::try_from(self.desk.policy.max_open).unwrap_or(usize::MAX);
        if open.count() >= limit {
            return Err(no(RefusalCode::Busy, "too many swaps under way"));
        }
        Ok(())
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
    fn accepted(&self, direction: Direction) -> Amount {
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
