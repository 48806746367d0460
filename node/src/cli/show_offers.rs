//! The market's standing offers as people read them.

use super::show_quote::arrow;
use super::text::{clock, ends, grouped, minute, percent, sat, signed_number, table};
use crate::api::types::{DirectionName, Offer};

/// The columns of offers without an amount.
const STANDING: [&str; 7] = [
    "maker",
    ">fixed",
    ">share",
    ">from",
    ">up to",
    "until (UTC)",
    "swaps done",
];

/// The columns of offers for an amount.
const PRICED: [&str; 9] = [
    "maker",
    ">all in",
    ">share",
    ">fee",
    ">miners",
    ">failing",
    ">up to",
    ">conf",
    "swaps done",
];
/// What the columns of [`PRICED`] mean.
const LEGEND: &str = "  \
    In sat. All in: the maker's fee and your own miner fee; what routing costs a quote knows.\n  \
    Failing: what a failed swap is expected to cost, by this node's own experience; it decides who is\n  \
    first, and is not charged. Conf: confirmations until the coins count.\n";

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
                text.push_str(LEGEND);
            }
            None => text.push_str(&table(&STANDING, &rows)),
        }
    }
    text
}

fn standing(offer: &Offer) -> Vec<String> {
    vec![
        ends(&offer.maker),
        sat(offer.base_sat),
        percent(i64::from(offer.ppm), 1_000_000),
        sat(offer.min_sat),
        sat(offer.max_sat),
        clock(offer.expires_at),
        experience(offer),
    ]
}

fn priced(offer: &Offer, amount: u64) -> Vec<String> {
    let total = offer.est_total_sat.or(offer.est_fee_sat);
    let confirmations = offer.est_confirmations.map(|n| n.to_string());
    vec![
        ends(&offer.maker),
        total.map(signed_number).unwrap_or_default(),
        total
            .map(|total| percent(total, amount))
            .unwrap_or_default(),
        offer.est_fee_sat.map(signed_number).unwrap_or_default(),
        offer.est_miner_fee_sat.map(grouped).unwrap_or_default(),
        offer.failure_cost_sat.map(grouped).unwrap_or_default(),
        grouped(offer.max_sat),
        confirmations.unwrap_or_default(),
        experience(offer),
    ]
}

/// `yours`, `41 of 42`, `new`, `rests to 10:02`
fn experience(offer: &Offer) -> String {
    if offer.own {
        return "yours".to_owned();
    }
    let Some(seen) = offer.seen.as_ref() else {
        return "new".to_owned();
    };
    // It has just failed: until then it is not asked.
    if let Some(until) = seen.resting_until {
        return format!("rests to {}", minute(until));
    }
    let tried = seen
        .done
        .saturating_add(seen.failed)
        .saturating_add(seen.stalled)
        .saturating_add(seen.declined);
    match tried {
        0 => "new".to_owned(),
        tried => format!("{} of {}", grouped(seen.done), grouped(tried)),
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
        for (at, column) in PRICED.iter().enumerate() {
            let column = column.trim_start_matches('>');
            assert!(lines[1].contains(column), "{at}: {}", lines[1]);
        }
        let cells: Vec<&str> = lines[2].split("  ").map(str::trim).collect();
        let cells: Vec<&str> = cells.into_iter().filter(|cell| !cell.is_empty()).collect();
        let wanted = [
            "aa",
            "750",
            "0.30 %",
            "528",
            "222",
            "9",
            "4 000 000",
            "2",
            "41 of 42",
        ];
        assert_eq!(cells, wanted);
        assert!(lines[3].ends_with("new"), "{}", lines[3]);
        assert!(lines[4].ends_with("rests to 00:01"), "{}", lines[4]);
        assert!(!text.contains("on-chain -> Lightning"));
        let both = offers(&list, None, None);
        assert!(both.contains("on-chain -> Lightning: no offers"), "{both}");
    }

    #[test]
    fn even_long_rows_fit_a_hundred_columns() {
        let seen = Seen {
            done: 9_999,
            failed: 1,
            ..Seen::default()
        };
        let offer = Offer {
            base_sat: 10_000,
            max_sat: 100_000_000,
            est_miner_fee_sat: Some(12_345),
            est_total_sat: Some(1_012_345),
            failure_cost_sat: Some(25_000),
            ..offer(&"02".repeat(33), 1_000_000, Some(seen))
        };
        for amount in [None, Some(100_000_000)] {
            let text = offers(std::slice::from_ref(&offer), None, amount);
            let widest = text.lines().map(|line| line.chars().count()).max();
            assert!(widest.is_some_and(|widest| widest <= 100), "{text}");
        }
    }
}
