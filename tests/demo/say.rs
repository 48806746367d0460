//! What the demo prints.

use cambista_harness::{Market, ledger};

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
    line("  node       capacity    can send  can receive");
    for node in market.running() {
        for sides in ledger::channels(node).values() {
            let [all, send, receive] = [sides.capacity, sides.outbound, sides.inbound].map(grouped);
            line(&format!(
                "  {:8} {all:>10}  {send:>10}   {receive:>10}",
                node.name()
            ));
        }
    }
}
