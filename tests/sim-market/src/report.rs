//! The figures of a run.

use std::time::Duration;

use crate::message::{Kind, Message};
use crate::world::Outcome;

/// Offers sent this late have no time to arrive (microseconds before the end).
const TAIL: u64 = 30 * 1_000_000;

pub(crate) fn heading() -> String {
    format!(
        "{:<20} {:>6} {:>7} {:>8} {:>8} {:>8} {:>8} {:>11} {:>9} {:>9} {:>9} {:>8} {:>7}",
        "",
        "nodes",
        "offers",
        "99% in",
        "reach",
        "first's",
        "strong's",
        "late book",
        "sent",
        "received",
        "judged",
        "spam",
        "took"
    ) + &format!(
        "\n{:<20} {:>6} {:>7} {:>8} {:>8} {:>8} {:>8} {:>11} {:>9} {:>9} {:>9} {:>8} {:>7}",
        "",
        "",
        "",
        "median s",
        "of all %",
        "reach %",
        "reach %",
        "50/99% in s",
        "MiB/h",
        "MiB/h",
        "offers/h",
        "taken/h",
        "s"
    )
}

pub(crate) fn line(name: &str, outcome: &Outcome, took: Duration) -> String {
    let params = &outcome.params;
    let honest: Vec<u32> = (0..params.nodes)
        .filter(|n| !params.is_spammer(*n))
        .collect();
    let hourly = |of: &dyn Fn(u32) -> u64| {
        let sum: u64 = honest.iter().map(|n| of(*n)).sum();
        sum * 3_600 / params.seconds / u64::try_from(honest.len()).unwrap_or(1).max(1)
    };
    let node = |n: u32| &outcome.nodes[n as usize];
    let end = params.seconds * 1_000_000;
    let settled = |m: &&Message| m.sent + TAIL < end;
    let reach = |kind| reach(outcome, kind);
    let of = |kind: Kind| outcome.messages.iter().filter(move |m| m.kind == kind);
    let mut times: Vec<u64> = of(Kind::Renewal)
        .filter(settled)
        .filter_map(|m| nearly_all(m, outcome, &honest))
        .collect();
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or(0);
    let (half, most) = caught_up(outcome, &honest);
    let [all, first, strong] = [Kind::Renewal, Kind::First, Kind::Strong].map(reach);
    let strong = match of(Kind::Strong).count() {
        0 => "-".to_owned(),
        _ => format!("{}.{:02}", strong / 100, strong % 100),
    };
    format!(
        "{name:<20} {:>6} {:>7} {:>8} {:>8} {:>8} {:>8} {:>11} {:>9} {:>9} {:>9} {:>8} {:>7}",
        params.nodes,
        of(Kind::Renewal).count() + of(Kind::First).count(),
        format!("{}.{:02}", median / 1_000, median % 1_000 / 10),
        format!("{}.{:02}", all / 100, all % 100),
        format!("{}.{:02}", first / 100, first % 100),
        strong,
        format!(
            "{}.{}/{}.{}",
            half / 1_000,
            half % 1_000 / 100,
            most / 1_000,
            most % 1_000 / 100
        ),
        hourly(&|n| node(n).sent) >> 20,
        hourly(&|n| node(n).received) >> 20,
        hourly(&|n| node(n).judged),
        hourly(&|n| node(n).spam_taken),
        took.as_secs(),
    )
}

/// How many of ten thousand nodes an honest offer comes to in the mean.
pub(crate) fn reach(outcome: &Outcome, kind: Kind) -> u64 {
    let params = &outcome.params;
    let honest: Vec<u32> = (0..params.nodes)
        .filter(|n| !params.is_spammer(*n))
        .collect();
    let end = params.seconds * 1_000_000;
    let of = outcome
        .messages
        .iter()
        .filter(|m| m.kind == kind && m.sent + TAIL < end);
    let (mut sum, mut count) = (0, 0);
    for message in of {
        sum += permyriad(message, outcome, &honest);
        count += 1;
    }
    sum / std::cmp::max(count, 1)
}

/// The nodes that were there from the offer's sending to the end.
fn present<'a>(
    message: &'a Message,
    outcome: &'a Outcome,
    honest: &'a [u32],
) -> impl Iterator<Item = u32> {
    honest.iter().copied().filter(move |n| {
        let node = &outcome.nodes[*n as usize];
        node.online && node.since <= message.sent
    })
}

/// How many of ten thousand of those present have it.
fn permyriad(message: &Message, outcome: &Outcome, honest: &[u32]) -> u64 {
    let (mut all, mut have) = (0, 0);
    for node in present(message, outcome, honest) {
        all += 1;
        have += u64::from(message.has(node));
    }
    have * 10_000 / std::cmp::max(all, 1)
}

/// When 99 of a hundred of those present had it (milliseconds); none when they never did.
fn nearly_all(message: &Message, outcome: &Outcome, honest: &[u32]) -> Option<u64> {
    let all = present(message, outcome, honest).count();
    let mut delays = message.delays.clone();
    delays.sort_unstable();
    let place = (all * 99).div_ceil(100).checked_sub(1)?;
    delays.get(place).map(|delay| u64::from(*delay))
}

/// How long nodes that came late needed for the whole book (milliseconds): the median, and what 99 of a hundred kept to.
fn caught_up(outcome: &Outcome, honest: &[u32]) -> (u64, u64) {
    let mut times: Vec<u64> = honest
        .iter()
        .flat_map(|n| &outcome.nodes[*n as usize].caught_up)
        .map(|time| time / 1_000)
        .collect();
    times.sort_unstable();
    let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or(0);
    (at(50), at(99))
}
