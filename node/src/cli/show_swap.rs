//! Swaps as people read them.

use cambista_engine::view::{CostView, DepositView, SwapView, TimelineLine};

use super::failure::Exit;
use super::show_quote::arrow_of;
use super::text::{clock, count, percent, plain, sat, sentence, short, signed, stamp, table};
use cambista_protocol::money::Msat;

/// A list, newest first.
pub(super) fn list(swaps: &[&SwapView]) -> String {
    let rows: Vec<Vec<String>> = swaps
        .iter()
        .map(|swap| {
            vec![
                short(&swap.id),
                stamp(swap.created_at),
                arrow_of(&swap.direction).to_owned(),
                plain(&swap.side),
                sat(swap.amount_sat),
                state(swap),
                signed(swap.cost.total_sat),
                swap.label.as_deref().map(plain).unwrap_or_default(),
            ]
        })
        .collect();
    table(
        &[
            "swap",
            "began (UTC)",
            "direction",
            "you are",
            ">amount",
            "state",
            ">cost",
            "label",
        ],
        &rows,
    )
}

/// How it stands, in a few words.
pub(super) fn state(swap: &SwapView) -> String {
    match (swap.ended, swap.outcome.as_deref()) {
        (true, Some("done")) => "done",
        (true, Some("nothing_happened")) => "failed, nothing was spent",
        (true, Some("taken_back")) => "failed, taken back",
        (true, Some("prepay_kept")) if swap.side == "maker" => "failed, prepay earned",
        (true, Some("prepay_kept")) => "failed, prepay lost",
        (true, Some("lost")) => "LOST",
        _ => match swap.state.as_str() {
            "paying" => "paying over Lightning",
            "held" => "Lightning payment held",
            "deposit" => "waiting for your deposit",
            "expired" => "too late to deposit",
            "funding" => "funding the contract",
            "confirming" => "waiting for confirmations",
            "revealed" => "claiming",
            "sweeping" => "sweeping",
            "aborting" => "calling it off",
            "refunding" => "taking back",
            other => return plain(other),
        },
    }
    .to_owned()
}

/// What the exit code says of a swap that was followed.
pub(super) fn exit(swap: &SwapView) -> Exit {
    match (swap.ended, swap.outcome.as_deref()) {
        (false, _) | (true, Some("done")) => Exit::Done,
        (true, Some("nothing_happened" | "taken_back" | "prepay_kept")) => Exit::SwapFailed,
        (true, _) => Exit::ActionNeeded,
    }
}

/// One line of its story: ` 10:02:14  block 120  terms agreed`.
pub(super) fn line(line: &TimelineLine) -> String {
    let tx = line
        .txid
        .as_deref()
        .map(|txid| format!("  {}", plain(txid)))
        .unwrap_or_default();
    format!(
        "  {}  block {:<7} {}{tx}",
        clock(line.at),
        line.height,
        plain(&line.text)
    )
}

/// What it cost, in words; or what it earned, when that is less than nothing.
pub(super) fn cost(cost: &CostView, amount: u64) -> String {
    let earned = cost.total_sat < 0;
    let turned = |amount: i64| {
        if earned {
            amount.saturating_neg()
        } else {
            amount
        }
    };
    let paid = |amount: u64| turned(i64::try_from(amount).unwrap_or(i64::MAX));
    let parts = [
        ("miners", paid(cost.miner_fee_sat)),
        ("routing", paid(Msat(cost.routing_fee_msat).to_sat_ceil())),
        ("prepay", turned(cost.prepay_sat)),
        ("lost", paid(cost.lost_sat)),
    ];
    let total = turned(cost.total_sat);
    let maker = signed(turned(cost.maker_fee_sat));
    let mut text = format!(
        "{}, {} = maker {maker}",
        signed(total),
        percent(total, amount)
    );
    for (name, part) in parts.into_iter().filter(|(_, part)| *part != 0) {
        let sign = if part < 0 { "-" } else { "+" };
        text.push_str(&format!(" {sign} {name} {}", sat(part.unsigned_abs())));
    }
    text
}

/// How it ended, in one or two sentences.
pub(super) fn ending(swap: &SwapView) -> String {
    let received = match (
        swap.received_sat,
        swap.direction.as_str(),
        swap.side.as_str(),
    ) {
        (Some(received), "out", "taker") => {
            format!(
                "{} arrived on-chain at {}. ",
                sat(received),
                plain(&swap.destination)
            )
        }
        (Some(received), "in", "taker") => format!("{} arrived over Lightning. ", sat(received)),
        _ => String::new(),
    };
    let verdict = match exit(swap) {
        Exit::Done => "Done",
        Exit::SwapFailed => "The swap failed, your funds are safe",
        _ => "This swap needs you",
    };
    let verb = if swap.cost.total_sat < 0 {
        "earned"
    } else {
        "cost"
    };
    format!(
        "{verdict}. {received}{}\nIt {verb} {}.",
        plain(&sentence(&swap.money)),
        cost(&swap.cost, swap.amount_sat)
    )
}

/// What to send to fund a swap from outside.
pub(super) fn deposit(deposit: &DepositView) -> String {
    format!(
        "Send exactly {} once to this address, so that it is in block {} or an earlier one:\n\n  {}\n\n  {}\n\n\
         Another amount, a second payment or a later one is not swapped; it comes back to this node's wallet.",
        sat(deposit.amount_sat),
        deposit.last_safe_height,
        plain(&deposit.address),
        plain(&deposit.uri),
    )
}

/// Everything about one.
pub(super) fn full(swap: &SwapView) -> String {
    let label = swap
        .label
        .as_deref()
        .map(|label| format!("   \"{}\"", plain(label)))
        .unwrap_or_default();
    let mut text = format!(
        "Swap {}   {}, {}, you are the {}{label}\n",
        short(&swap.id),
        arrow_of(&swap.direction),
        sat(swap.amount_sat),
        plain(&swap.side),
    );
    let mut row = |name: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!("  {name:<12} {value}\n"));
        }
    };
    row("State", &state(swap));
    row("Your money", &plain(&swap.money));
    row("Next", &plain(&swap.next));
    let locked = swap
        .locked_until
        .map(|height| format!("until block {height} at the latest"));
    row("Locked", &locked.unwrap_or_default());
    row(
        if swap.cost.total_sat < 0 {
            "Earned"
        } else {
            "Cost"
        },
        &cost(&swap.cost, swap.amount_sat),
    );
    row("Maker", &plain(&swap.maker));
    row("Contract", &plain(&swap.contract_address));
    row(
        "",
        &format!(
            "{} needed; refund from block {}",
            count(swap.confirmations.into(), "confirmation"),
            swap.refund_height
        ),
    );
    row("Coins go to", &plain(&swap.destination));
    row(
        "Funded by",
        &swap.funding_txid.as_deref().map(plain).unwrap_or_default(),
    );
    row(
        "Spent by",
        &swap.spend_txid.as_deref().map(plain).unwrap_or_default(),
    );
    row("Hash", &plain(&swap.payment_hash));
    row("Full id", &plain(&swap.id));
    if let Some(wanted) = &swap.deposit {
        text.push_str(&format!("\n{}\n", deposit(wanted)));
    }
    text.push_str(&format!("\nBegan {} UTC\n", stamp(swap.created_at)));
    for entry in &swap.timeline {
        text.push_str(&line(entry));
        text.push('\n');
    }
    text
}
