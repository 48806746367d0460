//! What the demo prints.

use std::collections::BTreeMap;

use cambista_harness::Market;

/// A new part of the story.
pub(crate) fn heading(text: &str) {
    println!("\n== {text}");
}

/// One line.
pub(crate) fn line(text: &str) {
    println!("   {text}");
}

/// `1 234 567`
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            shown.push(' ');
        }
        shown.push(digit);
    }
    shown
}

/// `-1 234 sat`
pub(crate) fn change(sat: i64) -> String {
    let sign = match sat {
        0 => "",
        1.. => "+",
        _ => "-",
    };
    format!("{sign}{} sat", grouped(sat.unsigned_abs()))
}

/// What every channel can carry from each of its ends.
pub(crate) fn channels(market: &Market, when: &str) {
    line(&format!("channel balances {when}:"));
    line("  node     with        capacity    can send  can receive");
    let names: BTreeMap<String, &str> = market
        .running()
        .map(|node| (node.status()["node_id"].to_string(), node.name()))
        .collect();
    for node in market.running() {
        let list = node.cli(&["channel", "list"]);
        for channel in list["channels"].as_array().unwrap() {
            let number = |name: &str| grouped(channel[name].as_u64().unwrap());
            line(&format!(
                "  {:8} {:8} {:>11} {:>11}  {:>11}",
                node.name(),
                names[&channel["peer"].to_string()],
                number("capacity_sat"),
                number("outbound_sat"),
                number("inbound_sat")
            ));
        }
    }
}
