//! Offers and quotes as people read them.

use cambista_engine::view::QuoteView;

use super::text::{clock, count, ends, now, percent, plain, sat, signed, table};
use crate::api::types::{DirectionName, Offer, Order, QuoteList};

/// `Lightning -> on-chain`
pub(super) const fn arrow(direction: DirectionName) -> &'static str {
    match direction {
        DirectionName::Out => "Lightning -> on-chain",
        DirectionName::In => "on-chain -> Lightning",
    }
}

/// The same from a view's word.
pub(super) fn arrow_of(word: &str) -> &'static str {
    arrow(if word == "in" {
        DirectionName::In
    } else {
        DirectionName::Out
    })
}

/// The market, one direction under the other.
pub(super) fn offers(
    offers: &[Offer],
    asked: Option<DirectionName>,
    amount: Option<u64>,
) -> String {
    let mut text = String::new();
    for direction in [DirectionName::Out, DirectionName::In] {
        if asked.is_some_and(|asked| asked != direction) {
            continue;
        }
        let rows: Vec<Vec<String>> = offers
            .iter()
            .filter(|offer| offer.direction == direction)
            .map(offer_row)
            .collect();
        text.push_str(arrow(direction));
        if let Some(amount) = amount {
            text.push_str(&format!(", {}", sat(amount)));
        }
        if rows.is_empty() {
            text.push_str(": no offers\n");
            continue;
        }
        text.push('\n');
        text.push_str(&table(
            &[
                "maker",
                ">fixed",
                ">share",
                ">from",
                ">up to",
                ">fee",
                "until (UTC)",
                "",
            ],
            &rows,
        ));
    }
    text
}

fn offer_row(offer: &Offer) -> Vec<String> {
    vec![
        plain(&offer.maker),
        sat(offer.base_sat),
        percent(i64::from(offer.ppm), 1_000_000),
        sat(offer.min_sat),
        sat(offer.max_sat),
        offer.est_fee_sat.map(signed).unwrap_or_default(),
        clock(offer.expires_at),
        if offer.own {
            "yours".into()
        } else {
            String::new()
        },
    ]
}

/// Firm quotes, cheapest first, and who gave none.
pub(super) fn quotes(list: &QuoteList, direction: DirectionName, amount: u64) -> String {
    let mut text = format!("{}, {}", arrow(direction), sat(amount));
    if let Some(best) = list.quotes.first() {
        let seconds = best.valid_until.saturating_sub(now());
        text.push_str(&format!(
            "   (firm, cheapest first; good for {seconds} s)\n"
        ));
        let rows: Vec<Vec<String>> = list
            .quotes
            .iter()
            .enumerate()
            .map(|(index, quote)| quote_row(index, quote))
            .collect();
        text.push_str(&table(
            &[
                "#",
                "maker",
                ">you send",
                ">you receive",
                ">cost",
                ">share",
                ">lost if it fails",
                "locked at most",
            ],
            &rows,
        ));
    } else {
        text.push_str(": no maker gave a price\n");
    }
    for refusal in &list.refused {
        text.push_str(&format!(
            "No price from {}: {}\n",
            ends(&refusal.maker),
            plain(&refusal.reason)
        ));
    }
    text
}

fn quote_row(index: usize, quote: &QuoteView) -> Vec<String> {
    vec![
        (index + 1).to_string(),
        ends(&quote.maker),
        sat(quote.send_sat),
        sat(quote.receive_sat),
        signed(quote.total_sat),
        percent(quote.total_sat, quote.amount_sat),
        sat(quote.worst_if_failed_sat),
        format!(
            "{} (~{} h)",
            count(quote.locked_blocks.into(), "block"),
            quote.locked_hours
        ),
    ]
}

/// The limits that will hold: the user's where given, the quote's where not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) miner: u64,
    pub(super) routing: u64,
    pub(super) confirmations: u32,
}

impl Terms {
    /// As the engine will hold them: with `max_fee` the other limits are lowered until all of it stays below.
    pub(super) fn of(quote: &QuoteView, order: &Order) -> Self {
        let mut miner = order.max_miner_fee_sat.unwrap_or(quote.max_miner_fee_sat);
        let mut routing = order
            .max_routing_fee_sat
            .unwrap_or(quote.max_routing_fee_sat);
        if let Some(max_fee) = order.max_fee_sat {
            let budget = max_fee.saturating_add_signed(quote.maker_fee_sat.saturating_neg());
            miner = miner.min(budget.saturating_sub(quote.routing_fee_sat));
            routing = routing.min(budget.saturating_sub(miner));
        }
        Self {
            miner,
            routing,
            confirmations: order.confirmations.unwrap_or(quote.confirmations),
        }
    }

    /// The most the swap may cost if it works (sat).
    pub(super) fn worst(self, quote: &QuoteView) -> i64 {
        let limits = self.miner.saturating_add(self.routing);
        quote.maker_fee_sat.saturating_add_unsigned(limits)
    }
}

/// The limits the user set, in the command (`typed`) or for good.
fn limits(typed: &Order, order: &Order) -> String {
    let one = |typed: Option<u64>, limit: Option<u64>, what: &str| {
        let from = match typed {
            Some(_) => "",
            None => " (cambista.toml)",
        };
        limit.map(|limit| format!("{what} {}{from}", sat(limit)))
    };
    let limits = [
        one(typed.max_fee_sat, order.max_fee_sat, "all of it"),
        one(typed.max_miner_fee_sat, order.max_miner_fee_sat, "miners"),
        one(
            typed.max_routing_fee_sat,
            order.max_routing_fee_sat,
            "routing",
        ),
    ];
    limits.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The whole price, before anything begins. `typed` is the order as typed, `order` the one with the standing limits.
pub(super) fn price(quote: &QuoteView, terms: Terms, typed: &Order, order: &Order) -> String {
    let to = order.address.as_deref();
    let out = quote.direction == "out";
    let destination = to.map_or_else(|| "this node's wallet".to_owned(), plain);
    let (from, into) = if out {
        (
            "over Lightning, plus routing".to_owned(),
            format!("on-chain, to {destination}"),
        )
    } else {
        (
            if quote.external {
                "on-chain, from outside this node"
            } else {
                "on-chain, its miner fee included"
            }
            .to_owned(),
            "over Lightning".to_owned(),
        )
    };
    let prepay = match quote.prepay_sat {
        0 => String::new(),
        at_risk => format!(
            "; {} of it is a prepay, at risk with this maker",
            sat(at_risk)
        ),
    };
    let lost = match (out, quote.worst_if_failed_sat) {
        (_, 0) => "nothing".to_owned(),
        (true, worst) => format!("at most {}: the prepay and its routing", sat(worst)),
        (false, worst) => format!(
            "at most {}: miner fees of sending and taking back",
            sat(worst)
        ),
    };
    let lines = [
        ("Maker", ends(&quote.maker)),
        (
            "You send",
            format!("{} {from}{prepay}", sat(quote.send_sat)),
        ),
        ("You receive", format!("{} {into}", sat(quote.receive_sat))),
        ("Cost", about(quote)),
        ("At most", at_most(quote, terms)),
        ("If it fails", format!("you lose {lost}")),
        (
            "Locked",
            format!(
                "for {} (~{} h) at most, if the other side goes silent",
                count(quote.locked_blocks.into(), "block"),
                quote.locked_hours,
            ),
        ),
        (
            if out { "Waits for" } else { "Maker waits" },
            count(terms.confirmations.into(), "confirmation"),
        ),
    ];
    let mut text = format!(
        "{}, {}\n",
        arrow_of(&quote.direction),
        sat(quote.amount_sat)
    );
    let limits = limits(typed, order);
    let yours = (!limits.is_empty()).then_some(("Your limit", limits));
    for (name, value) in lines.into_iter().chain(yours) {
        text.push_str(&format!("  {name:<12} {value}\n"));
    }
    text
}

/// The cost to expect, part by part.
fn about(quote: &QuoteView) -> String {
    let mut parts = vec![format!("maker {}", signed(quote.maker_fee_sat))];
    if quote.miner_fee_sat > 0 {
        parts.push(format!("miners ~{}", sat(quote.miner_fee_sat)));
    }
    if quote.routing_fee_sat > 0 {
        parts.push(format!("routing ~{}", sat(quote.routing_fee_sat)));
    }
    let share = percent(quote.total_sat, quote.amount_sat);
    format!(
        "about {}, {share} = {}",
        signed(quote.total_sat),
        parts.join(" + ")
    )
}

/// The most it may cost, and which limits make it so.
fn at_most(quote: &QuoteView, terms: Terms) -> String {
    let mut limits = Vec::new();
    if terms.miner > 0 {
        limits.push(format!("miners up to {}", sat(terms.miner)));
    }
    if terms.routing > 0 {
        limits.push(format!("routing up to {}", sat(terms.routing)));
    }
    let limits = if limits.is_empty() {
        String::new()
    } else {
        format!(" ({})", limits.join(", "))
    };
    format!("{} if it works{limits}", signed(terms.worst(quote)))
}
