//! `watch`: what happens to all swaps, as it happens.

use std::collections::BTreeMap;

use cambista_engine::view::{SwapView, TimelineLine};
use serde::Serialize;

use super::context::Context;
use super::failure::Failure;
use super::follow::{Absence, WAIT, on_interrupt};
use super::show_quote::arrow_of;
use super::show_swap;
use super::text::{clock, count, plain, sat, short};
use crate::api::types::SwapList;

/// Something that happened to a swap, as a program reads it.
#[derive(Debug, Serialize)]
pub(super) struct News<'a> {
    swap: &'a str,
    direction: &'a str,
    side: &'a str,
    amount_sat: u64,
    state: &'a str,
    ended: bool,
    outcome: Option<&'a str>,
    label: Option<&'a str>,
    #[serde(flatten)]
    line: &'a TimelineLine,
}

/// How much of every swap's story was told.
#[derive(Debug, Default)]
pub(super) struct Feed {
    told: BTreeMap<String, usize>,
}

impl Feed {
    /// What was not told yet, in the order it happened.
    pub(super) fn news<'a>(&mut self, list: &'a SwapList) -> Vec<News<'a>> {
        let mut news = Vec::new();
        for swap in &list.swaps {
            let told = self.told.insert(swap.id.clone(), swap.timeline.len());
            let fresh = swap.timeline.iter().skip(told.unwrap_or(0));
            news.extend(fresh.map(|line| News::of(swap, line)));
        }
        // Of one swap the order is that of its story: the sort keeps it.
        news.sort_by_key(|news| news.line.at);
        news
    }
}

impl<'a> News<'a> {
    fn of(swap: &'a SwapView, line: &'a TimelineLine) -> Self {
        Self {
            swap: &swap.id,
            direction: &swap.direction,
            side: &swap.side,
            amount_sat: swap.amount_sat,
            state: &swap.state,
            ended: swap.ended,
            outcome: swap.outcome.as_deref(),
            label: swap.label.as_deref(),
            line,
        }
    }

    /// ` 10:02:14  block 120   1f3a9c00  Lightning -> on-chain, 250 000 sat, taker: agreed`
    pub(super) fn text(&self) -> String {
        let tx = self
            .line
            .txid
            .as_deref()
            .map(|txid| format!("  {}", plain(txid)))
            .unwrap_or_default();
        format!(
            "  {}  block {:<7} {}  {}, {}, {}: {}{tx}",
            clock(self.line.at),
            self.line.height,
            short(self.swap),
            arrow_of(self.direction),
            sat(self.amount_sat),
            plain(self.side),
            plain(&self.line.text),
        )
    }
}

/// Prints what happens to all swaps until Ctrl-C.
pub(super) fn watch(context: &Context) -> Result<(), Failure> {
    let mut client = context.client()?;
    let mut list: SwapList = client.get("/swaps", &[])?;
    let mut feed = Feed::default();
    feed.news(&list);
    context.say(&begun(&list));
    on_interrupt(String::new(), 0);
    let mut absence = Absence::default();
    loop {
        let query = [
            ("since", list.version.to_string()),
            ("wait", WAIT.to_string()),
        ];
        match client.get::<SwapList>("/swaps", &query) {
            Ok(newer) => {
                absence.over(context);
                list = newer;
                for news in feed.news(&list) {
                    if context.json {
                        context.object(&news);
                    } else {
                        context.say(&news.text());
                    }
                }
            }
            Err(error) => client = absence.wait(context, client, error, "your swaps")?,
        }
    }
}

/// What there is to watch.
fn begun(list: &SwapList) -> String {
    let open: Vec<&SwapView> = list.swaps.iter().filter(|swap| !swap.ended).collect();
    let number = u64::try_from(open.len()).unwrap_or(u64::MAX);
    let mut text = format!(
        "Watching all swaps; {} open. Ctrl-C ends the watching, not the swaps.\n",
        count(number, "swap")
    );
    if !open.is_empty() {
        text.push_str(&show_swap::list(&open));
    }
    text
}
