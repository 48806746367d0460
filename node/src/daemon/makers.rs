//! Makers as the API shows them: this node's own business, and the others.

use std::collections::BTreeMap;

use bitcoin::secp256k1::PublicKey;
use cambista_engine::ports::Clock as _;
use cambista_engine::{MakerReport, SideReport};
use cambista_market::Record;
use cambista_protocol::market::offer::{Offer, Rate};

use super::backend::NodeBackend;
use crate::adapters::system::SystemClock;
use crate::api::types::{
    Business, BusinessSide, DirectionName, KnownMaker, MakerDetail, OfferedRate, Problem, Seen,
};

/// The amount what failing costs is shown for (sat).
const SHOWN_FOR: u64 = 1_000_000;

fn rate(rate: &Rate) -> OfferedRate {
    OfferedRate {
        base_sat: rate.base_sat,
        ppm: rate.ppm,
        min_sat: rate.min_sat,
        max_sat: rate.max_sat,
    }
}

/// The business as the API shows it, and why others have not been told of it, if so.
pub(super) fn business(report: &MakerReport, not_announced: Option<String>) -> Business {
    let sides = vec![
        side(DirectionName::Out, &report.out),
        side(DirectionName::In, &report.into),
    ];
    Business {
        profit_sat: sides
            .iter()
            .fold(0, |sum, side| side.profit_sat.saturating_add(sum)),
        sides,
        open_sat: report.open_sat,
        unproven_sat: report.unproven_sat,
        not_announced,
    }
}

fn side(direction: DirectionName, report: &SideReport) -> BusinessSide {
    let earned = report.earned;
    BusinessSide {
        direction,
        offered: report.offered.rate.as_ref().map(rate),
        paused: report.offered.paused.clone(),
        lean_ppm: report.lean_ppm,
        there_sat: report.there_sat,
        open: earned.open,
        done: earned.done,
        failed: earned.failed,
        volume_sat: earned.volume_sat,
        fees_sat: earned.fees_sat,
        prepays_sat: earned.prepays_sat,
        miners_sat: earned.miners_sat,
        routing_sat: earned.routing_sat,
        profit_sat: earned.profit_sat,
    }
}

/// A record as the API shows it.
pub(super) fn seen(record: &Record) -> Seen {
    let (totals, now) = (record.totals, SystemClock.now());
    Seen {
        asked: totals.asked,
        quoted: totals.quoted,
        refused: totals.refused,
        silent: totals.silent,
        declined: totals.declined,
        stalled: totals.stalled,
        done: totals.done,
        failed: totals.failed,
        done_sat: totals.done_sat,
        cost_sat: totals.cost_sat,
        lost_sat: totals.lost_sat,
        answer_ms: record.usual_answer_ms(),
        swap_secs: record.usual_secs(),
        last: record.last,
        done_at: record.done_at,
        resting_until: record.resting_until(now),
        quiet_until: record.quiet_until(now),
        dearer_ppm: record.dearer_ppm(now),
    }
}

impl NodeBackend {
    fn known(
        &self,
        maker: &PublicKey,
        record: Option<&Record>,
        offer: Option<&Offer>,
    ) -> KnownMaker {
        let faults = self.memory.faults(maker).len();
        KnownMaker {
            maker: maker.to_string(),
            seen: record.map(seen),
            failure_cost_sat: self.memory.usual_failure_cost(maker, SHOWN_FOR),
            faults: u64::try_from(faults).unwrap_or(u64::MAX),
            out: offer.and_then(|offer| offer.out.as_ref()).map(rate),
            into: offer.and_then(|offer| offer.into.as_ref()).map(rate),
        }
    }

    /// Makers there is a record or an offer of, those with the most swaps done first.
    pub(super) fn all_known(&self) -> Vec<KnownMaker> {
        let mut all: BTreeMap<PublicKey, (Option<Record>, Option<Offer>)> = BTreeMap::new();
        for (maker, record) in self.memory.records() {
            all.entry(maker).or_default().0 = Some(record);
        }
        for (offer, own) in self.market.offers() {
            let withdrawn = offer.out.is_none() && offer.into.is_none();
            if !own && !withdrawn {
                let maker = offer.maker;
                all.entry(maker).or_default().1 = Some(offer);
            }
        }
        let mut known: Vec<KnownMaker> = all
            .iter()
            .map(|(maker, (record, offer))| self.known(maker, record.as_ref(), offer.as_ref()))
            .collect();
        known.sort_by_key(|known| {
            let done = known.seen.as_ref().map_or(0, |seen| seen.done);
            (
                std::cmp::Reverse(done),
                known.failure_cost_sat,
                known.maker.clone(),
            )
        });
        known
    }

    /// One maker by its key, the beginning of it, or both ends as in `02af31c4..9e07`.
    pub(super) fn one_known(&self, id: &str) -> Result<MakerDetail, Problem> {
        let wanted = id.to_ascii_lowercase();
        let (head, tail) = wanted.split_once("..").unwrap_or((&wanted, ""));
        let is_it = |maker: &str| maker.starts_with(head) && maker.ends_with(tail);
        let mut found = self
            .all_known()
            .into_iter()
            .filter(|known| head.len() >= 4 && is_it(&known.maker));
        let next = "cambista makers";
        let known = match (found.next(), found.next()) {
            (Some(known), None) => known,
            (Some(_), Some(_)) => {
                return Err(Problem::invalid(
                    "several makers begin like this: give more of the key",
                )
                .next(next));
            }
            (None, _) => {
                return Err(Problem::not_found("this node knows no such maker").next(next));
            }
        };
        let maker = known
            .maker
            .parse()
            .map_err(|_| Problem::not_found("this is no maker's key").next(next))?;
        Ok(MakerDetail {
            proofs: self.memory.faults(&maker),
            known,
        })
    }
}
