//! The market's standing offers as people read them.

use super::show_quote::arrow;
use super::text::{clock, count, percent, plain, sat, signed, table};
use crate::api::types::{DirectionName, Offer};

/// The columns of offers without an amount.
const STANDING: [&str; 8] = [
    "maker",
    ">fixed",
    ">share",
    ">from",
    ">up to",
    "done with",
    "until (UTC)",
    "",
];

/// The columns of offers for an amount.
const PRICED: [&str; 10] = [
    "maker",
    ">all in",
    ">share",
    ">maker",
    ">miner",
    ">from",
    ">up to",
    ">confirmations",
    "done with",
    "",
];

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
            .map(|offer| match amount {
                Some(amount) => priced(offer, amount),
                None => standing(offer),
            })
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
        match amount {
            Some(_) => {
                text.push_str(&table(&PRICED, &rows));
                text.push_str(
                    "  all in: the maker's fee and your own miner fee; what routing costs a quote knows\n",
                );
            }
            None => text.push_str(&table(&STANDING, &rows)),
        }
    }
    text
}

fn standing(offer: &Offer) -> Vec<String> {
    vec![
        plain(&offer.maker),
        sat(offer.base_sat),
        percent(i64::from(offer.ppm), 1_000_000),
        sat(offer.min_sat),
        sat(offer.max_sat),
        experience(offer),
        clock(offer.expires_at),
        whose(offer),
    ]
}

fn priced(offer: &Offer, amount: u64) -> Vec<String> {
    let total = offer.est_total_sat.or(offer.est_fee_sat);
    let confirmations = offer.est_confirmations.map(|n| n.to_string());
    vec![
        plain(&offer.maker),
        total.map(signed).unwrap_or_default(),
        total
            .map(|total| percent(total, amount))
            .unwrap_or_default(),
        offer.est_fee_sat.map(signed).unwrap_or_default(),
        offer.est_miner_fee_sat.map(sat).unwrap_or_default(),
        sat(offer.min_sat),
        sat(offer.max_sat),
        confirmations.unwrap_or_default(),
        experience(offer),
        whose(offer),
    ]
}

fn whose(offer: &Offer) -> String {
    let resting = offer.seen.as_ref().and_then(|seen| seen.resting_until);
    match (offer.own, resting) {
        (true, _) => "yours".into(),
        (false, Some(until)) => format!("failed, not asked before {}", clock(until)),
        (false, None) => String::new(),
    }
}

/// `41 of 42 swaps`, `new`
fn experience(offer: &Offer) -> String {
    let Some(seen) = offer.seen.as_ref() else {
        return if offer.own {
            String::new()
        } else {
            "new".into()
        };
    };
    let tried = seen
        .done
        .saturating_add(seen.failed)
        .saturating_add(seen.stalled)
        .saturating_add(seen.declined);
    match tried {
        0 => "new".into(),
        tried => format!("{} of {}", seen.done, count(tried, "swap")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::types::Seen;

    fn offer(maker: &str, fee: i64, seen: Option<Seen>) -> Offer {
        Offer {
            maker: maker.into(),
            peer_id: "p".into(),
            direction: DirectionName::Out,
            base_sat: 500,
            ppm: 1_000,
            min_sat: 20_000,
            max_sat: 4_000_000,
            expires_at: 0,
            own: false,
            est_fee_sat: Some(fee),
            est_miner_fee_sat: Some(222),
            est_total_sat: Some(fee + 222),
            est_confirmations: Some(2),
            failure_cost_sat: Some(9),
            seen,
        }
    }

    #[test]
    fn an_amount_shows_what_all_of_it_costs_and_what_was_lived_through() {
        let seen = Seen {
            done: 41,
            stalled: 1,
            ..Seen::default()
        };
        let failed = Seen {
            failed: 1,
            resting_until: Some(60),
            ..Seen::default()
        };
        let list = [
            offer("aa", 528, Some(seen)),
            offer("bb", 600, None),
            offer("cc", 700, Some(failed)),
        ];
        let text = offers(&list, Some(DirectionName::Out), Some(250_000));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "Lightning -> on-chain, 250 000 sat");
        for part in ["750 sat", "0.30 %", "528 sat", "222 sat", "41 of 42 swaps"] {
            assert!(lines[2].contains(part), "{part} in {}", lines[2]);
        }
        assert!(lines[3].contains("new"), "{}", lines[3]);
        assert!(
            lines[4].contains("failed, not asked before"),
            "{}",
            lines[4]
        );
        assert!(!text.contains("on-chain -> Lightning"));
        let both = offers(&list, None, None);
        assert!(both.contains("on-chain -> Lightning: no offers"), "{both}");
    }
}
