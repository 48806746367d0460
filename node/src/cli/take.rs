//! `out` and `in`: the price, the question, the start.

use cambista_engine::view::{QuoteView, SwapView};
use serde::Serialize;

use super::args_swap::{InArgs, OutArgs, TakeArgs};
use super::channel::{full_ids, peer_of};
use super::context::Context;
use super::failure::{Exit, Failure};
use super::follow::{follow, story, until_deposit};
use super::market::{none, word};
use super::show_quote::{self, Terms};
use super::show_swap;
use super::text::{ends, plain, sat, short, signed};
use crate::api::types::{
    AskQuotes, Code, DirectionName, Funds, Limits, Order, OrderStarted, QuoteList,
};
use crate::client::{Client, ClientError};

/// What a program is told.
#[derive(Serialize)]
struct Taken<'a> {
    quote: &'a QuoteView,
    swap: &'a SwapView,
}

/// What the user wishes.
pub(super) struct Wish {
    ask: AskQuotes,
    /// Everything but the quote.
    order: Order,
    /// `in`: the channel to refill.
    refill: Option<String>,
    yes: bool,
    detach: bool,
    no_qr: bool,
}

impl Wish {
    /// Lightning -> on-chain.
    pub(super) fn out(args: OutArgs) -> Self {
        let mut wish = Self::new(DirectionName::Out, args.take);
        wish.ask.receive = args.receive;
        wish.ask.address.clone_from(&args.address);
        wish.order.address = args.address;
        wish.order.confirmations = args.confs;
        wish.order.channels = Some(args.channels).filter(|channels| !channels.is_empty());
        wish
    }

    /// On-chain -> Lightning.
    pub(super) fn into_lightning(args: InArgs) -> Self {
        let mut wish = Self::new(DirectionName::In, args.take);
        wish.ask.external = args.external;
        wish.order.last_hop = args.last_hop;
        wish.refill = args.channel;
        wish.no_qr = args.no_qr;
        wish
    }

    fn new(direction: DirectionName, take: TakeArgs) -> Self {
        let ask = AskQuotes {
            direction,
            amount_sat: take.amount,
            receive: false,
            address: None,
            external: false,
            maker: take.maker,
        };
        let order = Order {
            max_miner_fee_sat: take.max_miner_fee,
            max_routing_fee_sat: take.max_routing_fee,
            max_fee_sat: take.max_fee,
            label: take.label,
            ..Order::default()
        };
        Self {
            ask,
            order,
            refill: None,
            yes: take.yes,
            detach: take.detach,
            no_qr: false,
        }
    }
}

/// Takes a swap at the cheapest quote and follows it to its end.
pub(super) fn take(context: &Context, mut wish: Wish) -> Result<Exit, Failure> {
    let client = context.client()?;
    if let Some(named) = &wish.order.channels {
        wish.order.channels = Some(full_ids(&client, named)?);
    }
    if let Some(channel) = &wish.refill {
        wish.order.last_hop = Some(peer_of(&client, channel)?);
    }
    let limits: Limits = client.get("/limits", &[])?;
    let direction = wish.ask.direction;
    let list: QuoteList = client.post("/quotes", &wish.ask)?;
    let Some(best) = list.quotes.first() else {
        return Err(none(&list, direction));
    };
    let order = limits.over(&wish.order, best);
    let agreed = Agreed {
        quote: best,
        terms: Terms::of(best, &order),
    };
    agreed.within(order.max_fee_sat, direction)?;

    context.say(&show_quote::price(best, agreed.terms, &wish.order, &order));
    context.confirm("Begin?", wish.yes)?;

    let rest = list.quotes.iter().skip(1);
    let others = rest.filter(|quote| agreed.no_worse(quote, Terms::of(quote, &order)));
    let (quote, swap) = start(
        context,
        &client,
        &order,
        std::iter::once(best).chain(others),
    )?;

    let name = short(&swap.id);
    context.say(&format!(
        "Swap {name} has begun. It goes on without this window."
    ));
    if wish.detach {
        let swap = if wish.ask.external {
            until_deposit(&client, swap)?
        } else {
            swap
        };
        if let Some(deposit) = &swap.deposit {
            context.say(&show_swap::deposit(deposit));
            context.qr(&deposit.uri, wish.no_qr);
        }
        let look = context.command(&format!("cambista swaps {name}"));
        context.say(&format!("Look at it with: {look}"));
        context.object(&Taken { quote, swap: &swap });
        return Ok(show_swap::exit(&swap));
    }
    story(context, &swap, 0, "");
    let swap = follow(context, client, swap, wish.no_qr)?;
    context.object(&Taken { quote, swap: &swap });
    context.say(&show_swap::ending(&swap));
    Ok(show_swap::exit(&swap))
}

/// What was agreed to: nothing costlier or riskier is taken in its place.
struct Agreed<'a> {
    quote: &'a QuoteView,
    terms: Terms,
}

impl Agreed<'_> {
    fn within(&self, max_fee: Option<u64>, direction: DirectionName) -> Result<(), Failure> {
        let Some(max_fee) = max_fee else {
            return Ok(());
        };
        if i64::try_from(max_fee).is_ok_and(|max_fee| self.quote.total_sat > max_fee) {
            return Err(Failure::new(
                Exit::Refused,
                format!(
                    "the best price is about {}, more than the {} you allow. Nothing was begun",
                    signed(self.quote.total_sat),
                    sat(max_fee)
                ),
                format!(
                    "cambista quote {} {}",
                    word(direction),
                    self.quote.amount_sat
                ),
            ));
        }
        Ok(())
    }

    fn no_worse(&self, other: &QuoteView, terms: Terms) -> bool {
        terms.worst(other) <= self.terms.worst(self.quote)
            && other.worst_if_failed_sat <= self.quote.worst_if_failed_sat
            && other.receive_sat >= self.quote.receive_sat
            && other.locked_blocks <= self.quote.locked_blocks
            && terms.confirmations <= self.terms.confirmations
    }
}

/// Starts on the first quote whose maker keeps its word. Nothing is locked when one does not.
fn start<'q>(
    context: &Context,
    client: &Client,
    order: &Order,
    quotes: impl Iterator<Item = &'q QuoteView>,
) -> Result<(&'q QuoteView, SwapView), Failure> {
    let mut last = None;
    for quote in quotes {
        let order = Order {
            quote_id: quote.id.clone(),
            ..order.clone()
        };
        match client.post::<OrderStarted>("/orders", &order) {
            Ok(started) => return Ok((quote, started.swap)),
            Err(ClientError::Problem(problem))
                if problem.funds == Funds::Safe
                    && matches!(problem.code, Code::Refused | Code::Unavailable) =>
            {
                context.say(&format!(
                    "{}: {}",
                    ends(&quote.maker),
                    plain(&problem.detail)
                ));
                last = Some(Failure::from(*problem));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(last.unwrap_or_else(|| {
        Failure::new(Exit::Refused, "there is no quote left", "cambista offers")
    }))
}
