//! `offers` and `quote`.

use cambista_engine::NoQuote;

use std::time::Duration;

use super::args_swap::{OffersArgs, QuoteArgs};
use super::context::Context;
use super::failure::{Exit, Failure};
use super::makers::more;
use super::take;
use super::{show_offers, show_quote};
use crate::api::types::{AskPlan, DirectionName, NodeStatus, OfferList, PlanList};

/// Between two looks at the offers.
const LOOK: Duration = Duration::from_secs(2);
/// What an empty market may come from.
const ALONE: &str =
    "This node is connected to no other node of the market: it needs the address of one.\n";

/// The standing offers.
pub(super) fn offers(context: &Context, args: &OffersArgs) -> Result<(), Failure> {
    let direction = args.direction.map(DirectionName::from);
    let mut query = Vec::new();
    if let Some(direction) = direction {
        query.push(("direction", word(direction).to_owned()));
    }
    if let Some(amount) = args.amount {
        query.push(("amount_sat", amount.to_string()));
    }
    // The node filters: what is cut off must not have hidden what was wanted.
    if let Some((cost, amount)) = args.max_cost.zip(args.amount) {
        query.push(("max_total_sat", cost.of(amount).to_string()));
    }
    if let Some(least) = args.min_done {
        query.push(("min_done", least.to_string()));
    }
    query.push(("limit", args.limit.to_string()));
    let client = context.client()?;
    let fetch = || -> Result<OfferList, Failure> { Ok(client.get("/offers", &query)?) };
    if args.watch {
        return watch(context, fetch, direction, args.amount);
    }
    let list = fetch()?;
    let alone = list.offers.is_empty() && {
        let status: NodeStatus = client.get("/status", &[])?;
        status.p2p_peers == 0
    };
    context.show(&list, || {
        let next = match (list.offers.first(), direction) {
            (None, _) if alone => "cambista peer connect --help".to_owned(),
            (None, _) => "cambista peer list".to_owned(),
            (Some(offer), asked) => {
                let amount = args.amount.unwrap_or(offer.min_sat);
                format!(
                    "cambista quote {} {amount}",
                    word(asked.unwrap_or(offer.direction))
                )
            }
        };
        let text = listed(&list, direction, args.amount);
        let why = if alone { ALONE } else { "" };
        format!("{text}{why}Next: {}", context.command(&next))
    });
    Ok(())
}

fn listed(list: &OfferList, direction: Option<DirectionName>, amount: Option<u64>) -> String {
    let text = show_offers::offers(&list.offers, direction, amount);
    format!("{text}{}", more(list.more, "offer"))
}

/// The list again whenever it changes. With `--json` every line is one object.
fn watch(
    context: &Context,
    fetch: impl Fn() -> Result<OfferList, Failure>,
    direction: Option<DirectionName>,
    amount: Option<u64>,
) -> Result<(), Failure> {
    let mut shown: Option<OfferList> = None;
    loop {
        let list = fetch()?;
        if shown.as_ref() != Some(&list) {
            context.show(&list, || {
                let text = listed(&list, direction, amount);
                format!("{}\n{text}", super::text::stamp(super::text::now()))
            });
            shown = Some(list);
        }
        std::thread::sleep(LOOK);
    }
}

/// Firm quotes.
pub(super) fn quote(context: &Context, args: &QuoteArgs) -> Result<(), Failure> {
    let direction = args.direction.into();
    let ask = AskPlan {
        receive: args.receive,
        address: args.address.clone(),
        external: args.external,
        ..take::ask(direction, args.amount, &args.parts)
    };
    let list: PlanList = context.client()?.post("/plans", &ask)?;
    context.show(&list, || {
        let next = format!("cambista {} {}", word(direction), args.amount);
        let text = show_quote::quotes(&list, direction, args.amount);
        format!("{text}Next: {}", context.command(&next))
    });
    if list.quotes.is_empty() && list.plan.is_none() {
        Err(take::no_plan(&list, &ask))
    } else {
        Ok(())
    }
}

/// No maker gave a price.
pub(super) fn none(refused: &[NoQuote], direction: DirectionName) -> Failure {
    let reasons = match refused {
        [] => String::new(),
        [one] => format!(" ({})", super::text::plain(&one.reason)),
        [first, ..] => format!(" (the first: {})", super::text::plain(&first.reason)),
    };
    Failure::new(
        Exit::Refused,
        format!(
            "none of {} gave a price{reasons}. Nothing was begun",
            super::text::count(u64::try_from(refused.len()).unwrap_or(u64::MAX), "maker")
        ),
        format!("cambista offers {}", word(direction)),
    )
}

/// `out` or `in`
pub(super) const fn word(direction: DirectionName) -> &'static str {
    match direction {
        DirectionName::Out => "out",
        DirectionName::In => "in",
    }
}
