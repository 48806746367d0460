//! Asking makers for firm quotes, and what each would cost all in.

use bitcoin::{Amount, ScriptBuf};
use cambista_market::Lesson;
use cambista_protocol::cbor;
use cambista_protocol::contract::SpendKind;
use cambista_protocol::market::quote::Quote;
use cambista_protocol::message::{MAX_QUOTE_MESSAGE, QuoteReply, QuoteRequest};
use cambista_protocol::signed::Signed;
use cambista_protocol::swap::Outcome;
use cambista_protocol::words::{Direction, Side, SwapId};
use tokio::time::Instant;

use super::answers::Asked;
use crate::cost;
use crate::desk::too_small;
use crate::engine::Core;
use crate::handle::{AskAmount, AskFor, EngineError, MakerContact, NoQuote, Quotes, Reply};
use crate::internal::{HeldQuote, Internal};
use crate::ports::{Chain, Clock, Lightning, PeerProtocol, Peers, Ports, RouteTarget, Wallet};
use crate::view::QuoteView;

/// Makers asked in one round at most.
const MOST_MAKERS: usize = 16;
/// The longest a quote may be good for (seconds): what is promised for longer takes room here and is worth no more.
const LONGEST_QUOTE: u64 = 3_600;
/// By so much a maker's clock may be ahead of ours (seconds).
const CLOCKS_APART: u64 = 2 * 3_600;
/// Minutes a block takes on average.
const MINUTES_A_BLOCK: u32 = 10;
/// An output below this is dust for some kinds of address (sat).
const LEAST_AMOUNT: u64 = 1_000;

impl<P: Ports> Core<P> {
    /// Asks every maker at once, beside the engine.
    pub(crate) fn ask(
        &mut self,
        ask: AskFor,
        mut makers: Vec<MakerContact>,
        reply: Reply<Result<Quotes, EngineError>>,
    ) {
        let amount = match self.swap_amount(&ask) {
            Ok(amount) => amount,
            Err(error) => {
                let _ = reply.send(Err(error));
                return;
            }
        };
        let (receive, destination) = match ask.amount {
            AskAmount::Swap(_) => (None, ask.destination),
            AskAmount::Receive(receive) => (Some(receive), ask.destination),
        };
        makers.truncate(MOST_MAKERS);
        let request = QuoteRequest {
            network: self.network(),
            direction: ask.direction,
            amount_sat: amount.to_sat(),
            external: ask.external,
        };
        let body = cbor::to_vec(&request);
        let now = self.now();
        let ports = self.ports.clone();
        self.beside(async move {
            let mut asked = Asked::new();
            for maker in makers {
                let (ports, body, request) = (ports.clone(), body.clone(), request.clone());
                let destination = destination.clone();
                asked.add(maker.node_id, async move {
                    let asked_at = Instant::now();
                    let answer = ask_one(&*ports, &maker, body, &request, now).await;
                    ports.learn(&maker.node_id, Lesson::Asked);
                    ports.learn(&maker.node_id, learnt(&answer, asked_at));
                    match answer {
                        Ok((signed, quote)) => Ok(HeldQuote {
                            signed,
                            quote,
                            maker,
                            receive,
                            destination,
                        }),
                        Err((reason, answered)) => Err(NoQuote {
                            maker: maker.node_id.to_string(),
                            reason,
                            answered,
                        }),
                    }
                });
            }
            let (held, refused) = asked.answers().await;
            Internal::Quoted {
                held,
                refused,
                reply,
            }
        });
    }

    /// SAT for what was asked.
    fn swap_amount(&self, ask: &AskFor) -> Result<Amount, EngineError> {
        let invalid = |text: String| Err(EngineError::Invalid(text));
        if ask.external && ask.direction == Direction::Out {
            return invalid("only on-chain -> Lightning can be funded from outside".into());
        }
        let amount = match ask.amount {
            AskAmount::Swap(amount) => amount,
            AskAmount::Receive(_) if ask.direction == Direction::In => {
                return invalid(
                    "an exact amount to receive can be asked for Lightning -> on-chain only".into(),
                );
            }
            // The claim leaf's weight: what it leaves over by key path makes the claim a little faster, never smaller.
            AskAmount::Receive(receive) => {
                let rate = self.ports.chain().fee_rate(crate::sweeper::LAZY_TARGET);
                let script = destination_or_p2tr(ask.destination.as_ref());
                if receive < script.minimal_non_dust() {
                    return invalid(format!(
                        "{} sat to this address is dust: no node would relay it",
                        receive.to_sat()
                    ));
                }
                let fee = cost::sweep_fee(SpendKind::Claim, &script, rate);
                receive.checked_add(fee).unwrap_or(Amount::MAX_MONEY)
            }
        };
        if amount.to_sat() < LEAST_AMOUNT || amount >= Amount::MAX_MONEY {
            return invalid(format!(
                "{} sat cannot be swapped: the least is {LEAST_AMOUNT} sat",
                amount.to_sat()
            ));
        }
        Ok(amount)
    }

    /// Keeps the quotes and shows them, cheapest first.
    pub(crate) fn quoted(
        &mut self,
        held: Vec<HeldQuote>,
        mut refused: Vec<NoQuote>,
        reply: Reply<Result<Quotes, EngineError>>,
    ) {
        let mut quotes = Vec::new();
        let prepay_limit = cost::prepay_limit(self.ports.chain().fee_rate(1));
        for held in held {
            if let Some(reason) = unacceptable(&held.quote, prepay_limit) {
                let maker = held.quote.maker.to_string();
                refused.push(NoQuote {
                    maker,
                    reason,
                    answered: true,
                });
                continue;
            }
            let view = self.quote_view(&held);
            self.quotes.keep(view.id.clone(), held);
            quotes.push(view);
        }
        quotes.sort_by(|a, b| (a.total_sat, &a.id).cmp(&(b.total_sat, &b.id)));
        let _ = reply.send(Ok(Quotes { quotes, refused }));
    }

    /// Everything a quote costs, estimated and at worst.
    pub(crate) fn quote_view(&self, held: &HeldQuote) -> QuoteView {
        let quote = &held.quote;
        let amount = quote.amount();
        let locks = quote.timelocks();
        let (miner, limit_base, locked) = match quote.direction {
            Direction::Out => self.out_costs(held),
            // Whoever pays from outside pays that wallet's fee; taking a deposit back is ours.
            Direction::In if quote.external => {
                let rate = self.ports.chain().fee_rate(crate::funding::FUNDING_TARGET);
                let back = cost::sweep_fee(SpendKind::Refund, &destination_or_p2tr(None), rate);
                let locked = locks.fund_window + locks.refund_delta + locks.refund_confirm;
                (Amount::ZERO, back, locked)
            }
            Direction::In => {
                let rate = self.ports.chain().fee_rate(crate::funding::FUNDING_TARGET);
                let funding = self.ports.wallet().funding_fee(amount, rate);
                let funding =
                    funding.unwrap_or_else(|_| cost::maker_chain_cost(Direction::Out, rate));
                (funding, funding, locks.refund_delta + locks.refund_confirm)
            }
        };
        let max_miner = cost::miner_limit(amount, limit_base);
        let (routing, max_routing) = match quote.direction {
            Direction::Out => self.routing(quote),
            Direction::In => (0, 0),
        };
        let invoices = quote.swap_invoice().unwrap_or(Amount::ZERO);
        let (send, receive) = match quote.direction {
            Direction::Out => (
                invoices + quote.prepay(),
                amount.checked_sub(miner).unwrap_or(Amount::ZERO),
            ),
            Direction::In => (amount + miner, invoices),
        };
        let signed = |sat: u64| i64::try_from(sat).unwrap_or(i64::MAX);
        let failed = match quote.direction {
            Direction::Out if quote.prepay_sat == 0 => 0,
            Direction::Out => quote.prepay_sat.saturating_add(max_routing / 4),
            // Funding and taking back, both at the limit.
            Direction::In => max_miner.to_sat().saturating_mul(2),
        };
        QuoteView {
            id: SwapId(held.signed.id()).to_string(),
            direction: quote.direction.to_string(),
            maker: quote.maker.to_string(),
            amount_sat: quote.amount_sat,
            send_sat: send.to_sat(),
            receive_sat: receive.to_sat(),
            maker_fee_sat: quote.maker_fee_sat,
            prepay_sat: quote.prepay_sat,
            miner_fee_sat: miner.to_sat(),
            least_miner_fee_sat: self.least_miner_fee(held, held.destination.as_ref(), miner),
            routing_fee_sat: routing,
            total_sat: quote
                .maker_fee_sat
                .saturating_add(signed(miner.to_sat()))
                .saturating_add(signed(routing)),
            failure_cost_sat: 0,
            max_miner_fee_sat: max_miner.to_sat(),
            max_routing_fee_sat: max_routing,
            worst_total_sat: quote
                .maker_fee_sat
                .saturating_add(signed(max_miner.to_sat()))
                .saturating_add(signed(max_routing)),
            worst_if_failed_sat: failed,
            locked_blocks: locked,
            locked_hours: locked.saturating_mul(MINUTES_A_BLOCK).div_ceil(60),
            confirmations: self.wanted_confirmations(quote),
            refund_delta: quote.refund_delta,
            valid_until: quote.valid_until,
            external: quote.external,
        }
    }

    /// Miner fee expected, the fee the limit grows from, and the longest lock of an `out`.
    fn out_costs(&self, held: &HeldQuote) -> (Amount, Amount, u32) {
        let script = destination_or_p2tr(held.destination.as_ref());
        let chain = self.ports.chain();
        let rate = chain.fee_rate(crate::sweeper::LAZY_TARGET);
        let quote = &held.quote;
        let expected = match held.receive {
            Some(receive) => quote.amount().checked_sub(receive).unwrap_or(Amount::ZERO),
            None => cost::sweep_fee(SpendKind::KeyPath, &script, rate),
        };
        let worst = cost::sweep_fee(SpendKind::Claim, &script, chain.fee_rate(1)).max(expected);
        (expected, worst, quote.timelocks().max_total_delta() + 3)
    }

    /// Routing of swap and prepay: estimate and limit (sat). A route that is not known may cost up to the limit, and is
    /// compared as if it did.
    fn routing(&self, quote: &Quote) -> (u64, u64) {
        let max_delta = quote.timelocks().max_total_delta();
        let lightning = self.ports.lightning();
        let fee = |amount: Amount| {
            if amount == Amount::ZERO {
                return Some(0);
            }
            let target = RouteTarget::Node(quote.maker);
            let fee = lightning.route_fee(target, amount, max_delta)?;
            Some(fee.to_sat_ceil())
        };
        let swap = fee(quote.swap_invoice().unwrap_or(Amount::ZERO));
        let estimate = swap
            .zip(fee(quote.prepay()))
            .map(|(swap, prepay)| swap.saturating_add(prepay));
        let limit = cost::routing_limit(quote.amount(), estimate.unwrap_or(0));
        (estimate.unwrap_or(limit), limit)
    }

    /// N, by everything that is open with this maker; never 1 with a maker that has proved nothing yet.
    pub(crate) fn wanted_confirmations(&self, quote: &Quote) -> u32 {
        if quote.direction == Direction::In {
            return quote.confirmations;
        }
        let with_maker = self
            .swaps
            .values()
            .filter(|l| l.record.side == Side::Taker && l.record.maker == quote.maker);
        let (mut proved, mut open) = (self.dealt_with_maker(quote.maker), quote.amount());
        for live in with_maker {
            proved |= live.swap.outcome() == Some(Outcome::Done);
            if !live.ended() {
                open = open
                    .checked_add(live.record.deal.amount)
                    .unwrap_or(Amount::MAX_MONEY);
            }
        }
        cost::confirmations(open).max(if proved { 1 } else { 2 })
    }
}

/// Why a quote is left out whatever it costs.
fn unacceptable(quote: &Quote, prepay_limit: Amount) -> Option<String> {
    if quote.prepay() > prepay_limit {
        return Some(format!(
            "it wants {} sat in advance, more than its transactions can cost; left out",
            quote.prepay_sat
        ));
    }
    let held = quote.swap_invoice().unwrap_or(Amount::ZERO);
    (held < cost::LEAST_HELD).then(|| too_small(held))
}

/// What an answer, or none, says of the maker that was asked at that moment.
fn learnt<T>(answer: &Result<T, (String, bool)>, asked_at: Instant) -> Lesson {
    match answer {
        Ok(_) => Lesson::Quoted {
            after_ms: u64::try_from(asked_at.elapsed().as_millis()).unwrap_or(u64::MAX),
        },
        Err((_, true)) => Lesson::Refused,
        Err((_, false)) => Lesson::Silent,
    }
}

/// The script a claim will pay; a P2TR one, like this wallet's own, while it is not known.
pub(super) fn destination_or_p2tr(destination: Option<&ScriptBuf>) -> ScriptBuf {
    destination
        .cloned()
        .unwrap_or_else(|| ScriptBuf::from_bytes([&[0x51, 0x20][..], &[0; 32][..]].concat()))
}

/// One maker's quote, checked: its signature, its network, and that it is the one asked for.
async fn ask_one<P: Ports>(
    ports: &P,
    maker: &MakerContact,
    body: Vec<u8>,
    request: &QuoteRequest,
    now: u64,
) -> Result<(Signed, Quote), (String, bool)> {
    let bytes = ports
        .peers()
        .request(&maker.peer, PeerProtocol::Quote, body)
        .await
        .map_err(|e| (e.to_string(), false))?;
    read_quote(maker, &bytes, request, now.max(ports.clock().now())).map_err(|e| (e, true))
}

fn read_quote(
    maker: &MakerContact,
    bytes: &[u8],
    request: &QuoteRequest,
    now: u64,
) -> Result<(Signed, Quote), String> {
    let reply: QuoteReply =
        cbor::from_slice(bytes, MAX_QUOTE_MESSAGE).map_err(|e| e.to_string())?;
    let signed = match reply {
        QuoteReply::Quote(signed) => signed,
        QuoteReply::Refused(refusal) => return Err(refusal.text),
    };
    let quote = Quote::open(&signed).map_err(|e| e.to_string())?;
    let asked = quote.maker == maker.node_id
        && quote.network == request.network
        && quote.direction == request.direction
        && quote.amount_sat == request.amount_sat
        && quote.external == request.external;
    if !asked {
        return Err("the quote is not for what was asked".to_owned());
    }
    if quote.valid_until < now {
        return Err("the quote has expired already".to_owned());
    }
    if quote.valid_until > now.saturating_add(LONGEST_QUOTE + CLOCKS_APART) {
        return Err("the quote is promised for longer than an hour; left out".to_owned());
    }
    Ok((signed, quote))
}
