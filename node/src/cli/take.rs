//! `out` and `in`: the price, the question, the start.

use cambista_engine::view::{QuoteView, SwapView};
use serde::Serialize;

use super::args_swap::{InArgs, OutArgs, TakeArgs};
use super::context::Context;
use super::failure::{Exit, Failure};
use super::follow::{follow, story, until_deposit};
use super::market::{none, word};
use super::show_quote::{self, Terms};
use super::show_swap;
use super::text::{ends, plain, sat, short, signed};
use crate::api::types::{
    AskQuotes, ChannelList, Code, DirectionName, Funds, Order, OrderStarted, QuoteList,
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
    yes: bool,
    detach: bool,
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
            yes: take.yes,
            detach: take.detach,
        }
    }
}

/// Takes a swap at the cheapest quote and follows it to its end.
pub(super) fn take(context: &Context, mut wish: Wish) -> Result<Exit, Failure> {
    let client = context.client()?;
    if let Some(named) = &wish.order.channels {
        wish.order.channels = Some(full_ids(&client, named)?);
    }
    let direction = wish.ask.direction;
    let list: QuoteList = client.post("/quotes", &wish.ask)?;
    let Some(best) = list.quotes.first() else {
        return Err(none(&list, direction));
    };
    let agreed = Agreed {
        quote: best,
        terms: Terms::of(best, &wish.order),
    };
    agreed.within(wish.order.max_fee_sat, direction)?;

    context.say(&show_quote::price(
        best,
        agreed.terms,
        wish.order.address.as_deref(),
    ));
    context.confirm("Begin?", wish.yes)?;

    let rest = list.quotes.iter().skip(1);
    let others = rest.filter(|quote| agreed.no_worse(quote, Terms::of(quote, &wish.order)));
    let (quote, swap) = start(
        context,
        &client,
        &wish.order,
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
        }
        let look = context.command(&format!("cambista swaps {name}"));
        context.say(&format!("Look at it with: {look}"));
        context.object(&Taken { quote, swap: &swap });
        return Ok(show_swap::exit(&swap));
    }
    story(context, &swap, 0, "");
    let swap = follow(context, client, swap)?;
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

/// The full ids of channels named by the beginning of them.
fn full_ids(client: &Client, named: &[String]) -> Result<Vec<String>, Failure> {
    let list: ChannelList = client.get("/channels", &[])?;
    let find = |name: &String| {
        let name = name.to_lowercase();
        let mut found = list
            .channels
            .iter()
            .filter(|channel| channel.id.starts_with(&name));
        match (found.next(), found.next()) {
            (Some(channel), None) if !name.is_empty() => Ok(channel.id.clone()),
            (None, _) => Err(format!("there is no channel {}", plain(&name))),
            _ => Err(format!(
                "more than one channel begins with \"{}\"",
                plain(&name)
            )),
        }
    };
    let ids: Result<Vec<_>, _> = named.iter().map(find).collect();
    ids.map_err(|text| {
        Failure::usage(
            format!("{text}; nothing was begun"),
            "cambista channel list",
        )
    })
}
