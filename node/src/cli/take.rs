//! `out` and `in`: the price, the question, the start.

use cambista_engine::view::{QuoteView, SwapView};
use serde::Serialize;

use super::args_swap::TakeArgs;
use super::context::Context;
use super::failure::{Exit, Failure};
use super::follow::{follow, story};
use super::market::{ask, none, word};
use super::show_quote::{self, Terms};
use super::show_swap;
use super::text::{ends, plain, sat, short, signed};
use crate::api::types::{Code, DirectionName, Funds, Order, OrderStarted};
use crate::client::{Client, ClientError};

/// What a program is told.
#[derive(Serialize)]
struct Taken<'a> {
    quote: &'a QuoteView,
    swap: &'a SwapView,
}

/// What only `out` has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Payout<'a> {
    pub(super) address: Option<&'a str>,
    pub(super) confirmations: Option<u32>,
}

/// Takes a swap at the cheapest quote and follows it to its end.
pub(super) fn take(
    context: &Context,
    direction: DirectionName,
    args: &TakeArgs,
    payout: Payout<'_>,
) -> Result<Exit, Failure> {
    let client = context.client()?;
    let list = ask(&client, direction, args.amount, args.maker.clone())?;
    let Some(best) = list.quotes.first() else {
        return Err(none(&list, direction));
    };
    let terms = |quote: &QuoteView| {
        Terms::of(
            quote,
            args.max_miner_fee,
            args.max_routing_fee,
            payout.confirmations,
        )
    };
    let bound = Bound {
        quote: best,
        worst: terms(best).worst(best),
    };
    bound.within(args.max_fee, direction)?;

    context.say(&show_quote::price(best, terms(best), payout.address));
    context.confirm("Begin?", args.yes)?;

    let rest = list.quotes.iter().skip(1);
    let others = rest.filter(|quote| bound.no_worse(quote, terms(quote).worst(quote)));
    let (quote, started) = start(
        context,
        &client,
        args,
        payout,
        std::iter::once(best).chain(others),
    )?;

    let id = started.swap.id.clone();
    context.say(&format!(
        "Swap {} has begun. It goes on without this window.",
        short(&id)
    ));
    let swap = if args.detach {
        context.say(&format!(
            "Look at it with: {}",
            context.command(&format!("cambista swaps {}", short(&id)))
        ));
        started.swap
    } else {
        story(context, &started.swap, 0);
        follow(context, client, started.swap)?
    };
    context.object(&Taken { quote, swap: &swap });
    if !args.detach {
        context.say(&show_swap::ending(&swap));
    }
    Ok(show_swap::exit(&swap))
}

/// What was agreed to: nothing costlier or riskier is taken in its place.
struct Bound<'a> {
    quote: &'a QuoteView,
    worst: i64,
}

impl Bound<'_> {
    fn within(&self, max_fee: Option<u64>, direction: DirectionName) -> Result<(), Failure> {
        let Some(max_fee) = max_fee else {
            return Ok(());
        };
        if i64::try_from(max_fee).is_ok_and(|max_fee| self.worst > max_fee) {
            return Err(Failure::new(
                Exit::Refused,
                format!(
                    "the best price may cost up to {}, more than the {} you allow. Nothing was begun",
                    signed(self.worst),
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

    fn no_worse(&self, other: &QuoteView, worst: i64) -> bool {
        worst <= self.worst
            && other.worst_if_failed_sat <= self.quote.worst_if_failed_sat
            && other.receive_sat >= self.quote.receive_sat
            && other.locked_blocks <= self.quote.locked_blocks
            && other.confirmations <= self.quote.confirmations
    }
}

/// Starts on the first quote whose maker keeps its word. Nothing is locked when one does not.
fn start<'q>(
    context: &Context,
    client: &Client,
    args: &TakeArgs,
    payout: Payout<'_>,
    quotes: impl Iterator<Item = &'q QuoteView>,
) -> Result<(&'q QuoteView, OrderStarted), Failure> {
    let mut last = None;
    for quote in quotes {
        let order = Order {
            quote_id: quote.id.clone(),
            address: payout.address.map(str::to_owned),
            max_miner_fee_sat: args.max_miner_fee,
            max_routing_fee_sat: args.max_routing_fee,
            confirmations: payout.confirmations,
            label: args.label.clone(),
        };
        match client.post("/orders", &order) {
            Ok(started) => return Ok((quote, started)),
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
