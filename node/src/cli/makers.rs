//! `makers`: what this node has seen of other makers, and the proofs of words they did not keep.

use std::io::Read as _;
use std::path::Path;

use cambista_market::fault::{Fault, Kind, Proved};
use serde::Serialize;

use super::args_swap::MakersArgs;
use super::context::Context;
use super::failure::{Exit, Failure};
use super::market::word;
use super::paths;
use super::text::{
    count, ends, grouped, minute, now, percent, plain, sat, short, signed, stamp, table,
};
use crate::api::types::{KnownMaker, MakerDetail, MakerList, OfferedRate, Seen};

/// The longest file of proofs that is read (bytes).
const MAX_FILE: u64 = 4_000_000;

/// All makers, one with its proofs, or the check of proofs in a file.
pub(super) fn makers(context: &Context, args: &MakersArgs) -> Result<(), Failure> {
    if let Some(path) = &args.verify {
        return verify(context, path);
    }
    let Some(id) = &args.id else {
        let limit = [("limit", args.limit.to_string())];
        let list: MakerList = context.client()?.get("/makers", &limit)?;
        context.show(&list, || {
            format!(
                "{}{}Next: {}",
                listed(&list.makers),
                more(list.more, "maker"),
                context.command("cambista makers MAKER --faults")
            )
        });
        return Ok(());
    };
    let detail: MakerDetail = context.client()?.get(&paths::maker(id)?, &[])?;
    context.show(&detail, || {
        let mut text = one(&detail.known);
        if args.faults {
            text.push_str(&faults(&detail.proofs));
        }
        let next = match (args.faults, detail.proofs.is_empty()) {
            (false, false) => format!("cambista makers {} --faults", short(&detail.known.maker)),
            (true, false) => format!(
                "cambista makers {} --json > proof.json; cambista makers --verify proof.json",
                short(&detail.known.maker)
            ),
            _ => "cambista makers".to_owned(),
        };
        format!("{text}Next: {}", context.command(&next))
    });
    Ok(())
}

/// What a list leaves out.
pub(super) fn more(more: u64, thing: &str) -> String {
    match more {
        0 => String::new(),
        more => format!("  and {} more: --limit N lists N\n", count(more, thing)),
    }
}

/// Every maker in one line.
pub(super) fn listed(makers: &[KnownMaker]) -> String {
    if makers.is_empty() {
        return "No makers yet: none was met, and there is no offer\n".to_owned();
    }
    let rows: Vec<Vec<String>> = makers.iter().map(row).collect();
    table(
        &[
            "maker", ">asked", ">quoted", ">done", ">failed", ">answer", ">swap", ">paid",
            "offers", "",
        ],
        &rows,
    )
}

fn row(known: &KnownMaker) -> Vec<String> {
    let seen = known.seen.clone().unwrap_or_default();
    let fell = seen
        .failed
        .saturating_add(seen.stalled)
        .saturating_add(seen.declined);
    vec![
        ends(&known.maker),
        grouped(seen.asked),
        grouped(seen.quoted),
        grouped(seen.done),
        grouped(fell),
        seen.answer_ms
            .map(|ms| format!("{ms} ms"))
            .unwrap_or_default(),
        seen.swap_secs.map(minutes).unwrap_or_default(),
        if seen.done == 0 {
            String::new()
        } else {
            percent(seen.cost_sat, seen.done_sat)
        },
        live(known),
        remark(known, &seen),
    ]
}

fn remark(known: &KnownMaker, seen: &Seen) -> String {
    if let Some(until) = seen.resting_until {
        return format!("rests to {}", minute(until));
    }
    if let Some(until) = seen.quiet_until {
        return format!("last to {}", minute(until));
    }
    match known.faults {
        0 if seen.done == 0 => "new".to_owned(),
        0 => String::new(),
        faults => count(faults, "broken word"),
    }
}

fn live(known: &KnownMaker) -> String {
    match (known.out.is_some(), known.into.is_some()) {
        (true, true) => "out, in".to_owned(),
        (true, false) => "out".to_owned(),
        (false, true) => "in".to_owned(),
        (false, false) => "nothing".to_owned(),
    }
}

fn minutes(secs: u64) -> String {
    match secs {
        0..=119 => format!("{secs} s"),
        _ => format!("{} min", secs / 60),
    }
}

/// One maker in full.
fn one(known: &KnownMaker) -> String {
    let mut text = format!("Maker {}\n", plain(&known.maker));
    let mut line = |name: &str, value: String| text.push_str(&format!("  {name:<22} {value}\n"));
    let rate = |rate: &Option<OfferedRate>| {
        rate.map_or_else(
            || "not offered now".to_owned(),
            |rate| {
                format!(
                    "{} + {} ppm; from {} to {}",
                    sat(rate.base_sat),
                    rate.ppm,
                    sat(rate.min_sat),
                    sat(rate.max_sat)
                )
            },
        )
    };
    line("Lightning -> on-chain", rate(&known.out));
    line("on-chain -> Lightning", rate(&known.into));
    let Some(seen) = &known.seen else {
        line("experience", "none yet".to_owned());
        return text;
    };
    line(
        "prices",
        format!(
            "asked {} times: {} given, {} refused, {} not answered{}",
            seen.asked,
            seen.quoted,
            seen.refused,
            seen.silent,
            seen.answer_ms
                .map(|ms| format!("; {ms} ms on average"))
                .unwrap_or_default()
        ),
    );
    line(
        "swaps",
        format!(
            "{} done, {} failed, {} accepted and then left, {} not stood by",
            seen.done, seen.failed, seen.stalled, seen.declined
        ),
    );
    if seen.done > 0 {
        let secs = seen.swap_secs.map(minutes).unwrap_or_default();
        line(
            "done",
            format!(
                "{} for {} ({}), {secs} on average{}",
                sat(seen.done_sat),
                signed(seen.cost_sat),
                percent(seen.cost_sat, seen.done_sat),
                seen.done_at
                    .map(|at| format!("; the last one {} ago", ago(at)))
                    .unwrap_or_default()
            ),
        );
    }
    if seen.lost_sat > 0 {
        line("lost by failures", sat(seen.lost_sat));
    }
    line(
        "expected to cost",
        format!(
            "{} more for a swap of 1 000 000 sat, by failing",
            sat(known.failure_cost_sat)
        ),
    );
    if let Some(until) = seen.resting_until {
        line(
            "resting",
            format!(
                "failed lately: not asked before {}, unless by name",
                stamp(until)
            ),
        );
    }
    if let Some(until) = seen.quiet_until {
        line(
            "gave no price",
            format!("asked after all others before {}", stamp(until)),
        );
    }
    if seen.dearer_ppm > 0 {
        line(
            "asks more",
            format!(
                "its prices were {} of the amount above its offers of late",
                percent(seen.dearer_ppm.into(), 1_000_000)
            ),
        );
    }
    line("broken words", known.faults.to_string());
    text
}

fn ago(at: u64) -> String {
    let minutes = now().saturating_sub(at) / 60;
    match minutes {
        0..=119 => count(minutes, "minute"),
        120..=2_879 => count(minutes / 60, "hour"),
        _ => count(minutes / 1_440, "day"),
    }
}

const fn told(kind: Kind) -> &'static str {
    match kind {
        Kind::NotFunded => "did not fund the swap",
        Kind::FundingWithdrawn => "took its funding back",
        Kind::NotPaid => "did not pay over Lightning",
        Kind::NotClaimed => "did not claim what was funded",
    }
}

fn faults(proofs: &[Fault]) -> String {
    if proofs.is_empty() {
        return "No broken words\n".to_owned();
    }
    let mut text = String::from("What it signed and did not keep, newest first\n");
    for fault in proofs {
        text.push_str(&format!(
            "  {}  swap {}: accepted at block {}, {} by block {}\n",
            stamp(fault.noticed_at),
            plain(&short(&fault.swap)),
            fault.agreed_height,
            told(fault.kind),
            fault.noticed_height,
        ));
        text.push_str(&match fault.check() {
            Ok(proved) => proved_line(&proved),
            Err(error) => format!("      the proof does not hold: {error}\n"),
        });
    }
    text
}

fn proved_line(proved: &Proved) -> String {
    let address = proved.address.as_ref().map_or_else(String::new, |address| {
        format!(
            ", contract {address}, to be funded up to block {}",
            proved.fund_until
        )
    });
    format!(
        "      its signature holds: {} {}{address}\n",
        word(proved.direction.into()),
        sat(proved.amount.to_sat()),
    )
}

/// A proof that was checked, for programs.
#[derive(Debug, Serialize)]
struct Checked {
    swap: String,
    holds: bool,
    maker: Option<String>,
    amount_sat: Option<u64>,
    address: Option<String>,
    fund_until: Option<u32>,
    why_not: Option<String>,
}

impl Checked {
    fn of(fault: &Fault) -> Self {
        let proved = fault.check();
        let why_not = proved.as_ref().err().map(ToString::to_string);
        let proved = proved.ok();
        Self {
            swap: fault.swap.clone(),
            holds: proved.is_some(),
            maker: proved.as_ref().map(|proved| proved.maker.to_string()),
            amount_sat: proved.as_ref().map(|proved| proved.amount.to_sat()),
            address: proved
                .as_ref()
                .and_then(|proved| proved.address.as_ref())
                .map(ToString::to_string),
            fund_until: proved.as_ref().map(|proved| proved.fund_until),
            why_not,
        }
    }
}

#[derive(Debug, Serialize)]
struct Verified {
    proofs: Vec<Checked>,
}

/// Checks proofs without a node.
fn verify(context: &Context, path: &Path) -> Result<(), Failure> {
    let faults = read(path)?;
    let verified = Verified {
        proofs: faults.iter().map(Checked::of).collect(),
    };
    context.show(&verified, || {
        let mut text = String::new();
        for (fault, checked) in faults.iter().zip(&verified.proofs) {
            let maker = checked.maker.as_deref().unwrap_or("?");
            let verdict = match &checked.why_not {
                None => "holds".to_owned(),
                Some(why) => format!("does NOT hold: {why}"),
            };
            text.push_str(&format!(
                "swap {}: the signature of {maker} {verdict}\n",
                plain(&short(&fault.swap))
            ));
            if let Ok(proved) = fault.check() {
                text.push_str(&proved_line(&proved));
                text.push_str(&format!("      said of it: it {}\n", told(fault.kind)));
            }
        }
        text.push_str(
            "A signature shows what the maker agreed to. What was paid to the contract's address, and when, is on the chain; \
             that the taker did its part is the taker's word.\n",
        );
        text
    });
    if verified.proofs.is_empty() || verified.proofs.iter().any(|proof| !proof.holds) {
        return Err(Failure::new(
            Exit::Other,
            "not every proof in this file holds",
            "cambista makers",
        ));
    }
    Ok(())
}

/// One proof, a list of them, or what `makers ID --json` prints.
fn read(path: &Path) -> Result<Vec<Fault>, Failure> {
    let mut text = String::new();
    let file: Box<dyn std::io::Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).map_err(|error| {
            Failure::usage(
                format!("{} cannot be read: {error}", path.display()),
                "cambista makers --verify FILE",
            )
        })?)
    };
    let unreadable = |error: String| {
        Failure::usage(
            format!("there are no proofs in {}: {error}", path.display()),
            "cambista makers MAKER --json",
        )
    };
    file.take(MAX_FILE)
        .read_to_string(&mut text)
        .map_err(|error| unreadable(error.to_string()))?;
    let value: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    let proofs = value.get("proofs").cloned().unwrap_or(value);
    let parsed = match proofs {
        list @ serde_json::Value::Array(_) => serde_json::from_value(list),
        one => serde_json::from_value(one).map(|fault| vec![fault]),
    };
    parsed.map_err(|error| unreadable(error.to_string()))
}
