//! `offers` and `quote`.

use super::args_swap::{OffersArgs, QuoteArgs};
use super::context::Context;
use super::failure::{Exit, Failure};
use super::show_quote;
use crate::api::types::{AskQuotes, DirectionName, OfferList, QuoteList};

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
    let list: OfferList = context.client()?.get("/offers", &query)?;
    context.show(&list, || {
        let next = match (list.offers.first(), direction) {
            (None, _) => "cambista peer list".to_owned(),
            (Some(offer), asked) => {
                let amount = args.amount.unwrap_or(offer.min_sat);
                format!(
                    "cambista quote {} {amount}",
                    word(asked.unwrap_or(offer.direction))
                )
            }
        };
        let text = show_quote::offers(&list.offers, direction, args.amount);
        format!("{text}Next: {}", context.command(&next))
    });
    Ok(())
}

/// Firm quotes.
pub(super) fn quote(context: &Context, args: &QuoteArgs) -> Result<(), Failure> {
    let direction = args.direction.into();
    let list: QuoteList = context.client()?.post(
        "/quotes",
        &AskQuotes {
            direction,
            amount_sat: args.amount,
            receive: args.receive,
            address: args.address.clone(),
            external: args.external,
            maker: args.maker.clone(),
        },
    )?;
    context.show(&list, || {
        let next = format!("cambista {} {}", word(direction), args.amount);
        let text = show_quote::quotes(&list, direction, args.amount);
        format!("{text}Next: {}", context.command(&next))
    });
    if list.quotes.is_empty() {
        Err(none(&list, direction))
    } else {
        Ok(())
    }
}

/// No maker gave a price.
pub(super) fn none(list: &QuoteList, direction: DirectionName) -> Failure {
    let reasons = match list.refused.as_slice() {
        [] => String::new(),
        [one] => format!(" ({})", super::text::plain(&one.reason)),
        [first, ..] => format!(" (the first: {})", super::text::plain(&first.reason)),
    };
    Failure::new(
        Exit::Refused,
        format!(
            "none of {} gave a price{reasons}. Nothing was begun",
            super::text::count(
                u64::try_from(list.refused.len()).unwrap_or(u64::MAX),
                "maker"
            )
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
