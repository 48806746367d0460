//! This node's own business as a maker, as its owner reads it.

use super::show_quote::arrow;
use super::text::{count, percent, plain, sat, signed, table};
use crate::api::types::{
    Business, BusinessSide, CapSettings, DirectionName, MakerSettings, SideSettings,
};

/// Prices and limits.
pub(super) fn settings(settings: &MakerSettings) -> String {
    let mut text = format!("Maker {}\n", if settings.enabled { "on" } else { "off" });
    let mut row = |name: &str, value: String| text.push_str(&format!("  {name:<22} {value}\n"));
    for (direction, set) in [
        (DirectionName::Out, settings.out),
        (DirectionName::In, settings.into),
    ] {
        let value = set.map_or_else(|| "not offered".to_owned(), |set| side(&set));
        row(arrow(direction), value);
    }
    let floor = settings.floor.map_or_else(
        || "none: a swap may cost more than it brings".to_owned(),
        |floor| {
            format!(
                "{} + {} ppm left after chain costs, even if fees rise",
                sat(floor.base_sat),
                floor.ppm
            )
        },
    );
    row("floor", floor);
    row("at most open", caps(settings));
    let external = settings.external_ppm.map_or_else(
        || "not taken".to_owned(),
        |ppm| format!("taken for {} more", percent(ppm.into(), 1_000_000)),
    );
    row("coins from outside", external);
    text.push_str(&format!(
        "  refund after {}; quotes good for {} s\n",
        count(settings.refund_delta.into(), "block"),
        settings.quote_secs,
    ));
    text
}

fn caps(settings: &MakerSettings) -> String {
    let CapSettings {
        per_taker_sat,
        per_payee_sat,
        unproven_sat,
        total_sat,
        per_taker_swaps,
    } = settings.caps;
    let mut parts = vec![count(settings.max_open.into(), "swap")];
    let mut cap = |what: &str, value: Option<u64>| {
        parts.extend(value.map(|value| format!("{} {what}", sat(value))));
    };
    cap("in all", total_sat);
    cap("with one taker", per_taker_sat);
    cap("to one Lightning node", per_payee_sat);
    cap("with newcomers together", unproven_sat);
    parts.extend(per_taker_swaps.map(|n| format!("{} with one taker", count(n.into(), "swap"))));
    parts.join(", ")
}

fn side(side: &SideSettings) -> String {
    let lean = match side.lean_ppm {
        0 => String::new(),
        ppm => format!(", leaning up to {ppm} ppm with what is left"),
    };
    format!(
        "{} {} {} ({} ppm){lean}, plus chain costs; from {} to {}",
        sat(side.base_sat),
        if side.ppm < 0 { "-" } else { "+" },
        percent(i64::from(side.ppm.unsigned_abs()), 1_000_000),
        side.ppm,
        sat(side.min_sat),
        sat(side.max_sat),
    )
}

/// What is offered now and what it has brought.
pub(super) fn business(business: &Business) -> String {
    let mut text = String::from("Offered now\n");
    for side in &business.sides {
        text.push_str(&format!(
            "  {:<22} {}\n",
            arrow(side.direction),
            offered(side)
        ));
    }
    if let Some(reason) = &business.not_announced {
        text.push_str(&format!(
            "  Others are not told of this: {}\n",
            plain(reason)
        ));
    }
    text.push_str("Earned so far\n");
    let mut rows: Vec<Vec<String>> = business.sides.iter().map(earned).collect();
    rows.push(total(business));
    text.push_str(&table(
        &[
            "",
            ">done",
            ">failed",
            ">open",
            ">volume",
            ">fees",
            ">prepays kept",
            ">miners",
            ">routing",
            ">left",
        ],
        &rows,
    ));
    text.push_str(&format!(
        "Open with takers: {}, of that with newcomers {}\n",
        sat(business.open_sat),
        sat(business.unproven_sat)
    ));
    text
}

fn offered(side: &BusinessSide) -> String {
    if let Some(reason) = &side.paused {
        return format!("paused: {}", plain(reason));
    }
    let Some(rate) = side.offered else {
        return "nothing".to_owned();
    };
    let lean = match side.lean_ppm {
        0 => String::new(),
        ppm => format!("; leaning {ppm:+} ppm now"),
    };
    format!(
        "{} + {} ppm, chain costs included; from {} to {}{lean}",
        sat(rate.base_sat),
        rate.ppm,
        sat(rate.min_sat),
        sat(rate.max_sat)
    )
}

fn earned(side: &BusinessSide) -> Vec<String> {
    vec![
        arrow(side.direction).to_owned(),
        side.done.to_string(),
        side.failed.to_string(),
        side.open.to_string(),
        sat(side.volume_sat),
        signed(side.fees_sat),
        signed(side.prepays_sat),
        sat(side.miners_sat),
        sat(side.routing_sat),
        signed(side.profit_sat),
    ]
}

fn total(business: &Business) -> Vec<String> {
    let mut row = vec!["together".to_owned()];
    row.extend(std::iter::repeat_n(String::new(), 8));
    row.push(signed(business.profit_sat));
    row
}
