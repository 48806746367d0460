//! A swap's story in plain words: what happened, where the money is, what comes next and by when.

use cambista_protocol::swap::{
    Abort, Decision, Event, FunderSwap, Funding, Htlc, Leg, Outcome, PayerSwap, SpendKind, Swap,
};
use cambista_protocol::words::{Direction, Side};

use crate::live::Live;
use crate::ports::StoredEvent;
use crate::view::TimelineLine;
use crate::words::Sats;

/// Where a swap stands, for people.
pub(crate) struct Told {
    pub(crate) state: &'static str,
    pub(crate) money: String,
    pub(crate) next: String,
}

/// Where it stands at this height.
pub(crate) fn tell(live: &Live, height: u32) -> Told {
    let mut told = match (&live.swap, live.swap.outcome()) {
        (_, Some(outcome)) => ended(live, outcome),
        (Swap::Payer(payer), None) => payer_told(live, payer, height),
        (Swap::Funder(funder), None) => funder_told(live, funder, height),
    };
    if let (Some(trouble), false) = (&live.trouble, live.ended()) {
        told.next = format!("{} (now: {trouble})", told.next);
    }
    told
}

fn ended(live: &Live, outcome: Outcome) -> Told {
    let payer = live.payer().is_some();
    let trouble = || {
        live.trouble
            .as_ref()
            .map(|t| format!(" Reason: {t}."))
            .unwrap_or_default()
    };
    let (state, money) = match (outcome, payer) {
        (Outcome::Done, true) => (
            "done",
            "the coins are on the chain at the destination".to_owned(),
        ),
        (Outcome::Done, false) => ("done", "the payment is in your channels".to_owned()),
        (Outcome::NothingHappened, _) => (
            "failed",
            format!(
                "nothing was funded; everything is where it was before.{}",
                trouble()
            ),
        ),
        (Outcome::TakenBack, true) => (
            "failed",
            "the Lightning payment is back in your channels".to_owned(),
        ),
        (Outcome::TakenBack, false) => (
            "failed",
            "the coins are back in your wallet, less the miner fees".to_owned(),
        ),
        (Outcome::PrepayKept, true) => {
            let funded = live.payer().is_some_and(|payer| payer.funding().is_some());
            let maker = if funded {
                "who had funded the swap"
            } else {
                "who never funded the swap and broke its word"
            };
            (
                "failed",
                format!(
                    "the Lightning payment is back in your channels; the prepay went to the maker, {maker}"
                ),
            )
        }
        (Outcome::PrepayKept, false) => (
            "failed",
            "the coins are back in your wallet; the prepay covers the miner fees".to_owned(),
        ),
        (Outcome::Lost, _) => (
            "failed",
            "the other side got both halves. This must not happen: keep the logs and ask for help"
                .to_owned(),
        ),
    };
    Told {
        state,
        money,
        next: "nothing: the swap has ended".to_owned(),
    }
}

fn payer_told(live: &Live, payer: &PayerSwap, height: u32) -> Told {
    let deal = payer.deal();
    let last = deal.locks.last_reveal(deal.refund_height);
    let amount = deal.swap_amount + deal.prepay_amount;
    match (payer.decision(), payer.funding()) {
        (Decision::Open, None) => Told {
            state: "paying",
            money: format!("{} reserved in your channels, not yet paid", Sats(amount)),
            next: format!(
                "the other side funds the swap by about block {}; if it does not, the payment comes back (at the latest after its time lock)",
                deal.locks.fund_until(deal.agreed_height)
            ),
        },
        (Decision::Open, Some(output)) => {
            let has = output
                .confirmed
                .map_or(0, |at| (height + 1).saturating_sub(at));
            Told {
                state: "confirming",
                money: format!(
                    "{} reserved in your channels; {} funded for you on the chain",
                    Sats(amount),
                    Sats(deal.amount)
                ),
                next: format!(
                    "{has} of {} confirmations, then the coins are claimed; if that is not possible by block {last}, both sides get their money back",
                    deal.confirmations
                ),
            }
        }
        (Decision::Revealed(_), output) => Told {
            state: if live.sweeps.is_empty() {
                "revealed"
            } else {
                "sweeping"
            },
            money: format!(
                "{} on the chain are being claimed for you",
                Sats(deal.amount)
            ),
            next: match output.and_then(|o| o.spent) {
                Some(spend) if spend.confirmed.is_some() => {
                    "the claim is confirmed; the swap ends when it is 6 blocks deep".to_owned()
                }
                Some(_) => "the claim is in the mempool, waiting for a block".to_owned(),
                None => format!(
                    "the claim goes out now, and at any fee needed before block {}",
                    deal.refund_height
                ),
            },
        },
        (Decision::Aborted(why), _) => Told {
            state: "aborting",
            money: format!(
                "{} reserved in your channels until the other side lets them go",
                Sats(amount)
            ),
            next: format!(
                "{}; the other side takes its coins back and fails the payment, at the latest when its time lock ends",
                abort_words(why)
            ),
        },
    }
}

const fn abort_words(why: Abort) -> &'static str {
    match why {
        Abort::PaymentFailed => "a Lightning payment found no way",
        Abort::TooLate => "it became too late to claim safely, so the secret stays here",
        Abort::Withdrawn => "the other side withdrew",
        Abort::Conflict => "the funding was taken back",
        Abort::Cancelled => "it was cancelled",
    }
}

fn funder_told(live: &Live, funder: &FunderSwap, height: u32) -> Told {
    let deal = funder.deal();
    let held = matches!(funder.htlc(Leg::Swap), Htlc::Held(_) | Htlc::Claiming(_));
    match funder.funding() {
        Funding::None | Funding::Abandoned => Told {
            state: if held { "held" } else { "paying" },
            money: "nothing of yours is locked yet".to_owned(),
            next: format!(
                "the other side's Lightning payment arrives by block {}, or the swap ends",
                deal.locks.fund_until(deal.agreed_height)
            ),
        },
        Funding::Built(_) => Told {
            state: "funding",
            money: format!("{} reserved in your wallet", Sats(deal.amount)),
            next: "the funding goes out as soon as the held payment is safe on this disk"
                .to_owned(),
        },
        Funding::External if funder.outputs().iter().next().is_none() => {
            external_told(funder, height)
        }
        Funding::Published(_) | Funding::External => funder_published(live, funder, height),
    }
}

/// Nothing has arrived from outside yet.
fn external_told(funder: &FunderSwap, height: u32) -> Told {
    let deal = funder.deal();
    let last =
        deal.locks
            .last_safe_deposit(deal.agreed_height, deal.refund_height, deal.confirmations);
    let open = height < last && funder.peer_key().is_none() && !funder.withdrawn();
    Told {
        state: if open { "deposit" } else { "expired" },
        money: "the Lightning payment is held for you; nothing of yours has arrived on the chain"
            .to_owned(),
        next: if open {
            format!(
                "send exactly {}, once, so that it is in a block by height {last}; send nothing after that",
                Sats(deal.amount)
            )
        } else {
            "send nothing any more: what still arrives is sent back, less the miner fee".to_owned()
        },
    }
}

fn funder_published(live: &Live, funder: &FunderSwap, height: u32) -> Told {
    let deal = funder.deal();
    let output = funder.outputs().exact(deal.amount);
    if matches!(funder.htlc(Leg::Swap), Htlc::Claimed | Htlc::Claiming(_)) {
        return Told {
            state: "sweeping",
            money: format!(
                "{} are yours over Lightning",
                Sats(deal.swap_amount + deal.prepay_amount)
            ),
            next: "the swap ends when the other side's claim is 6 blocks deep".to_owned(),
        };
    }
    let taking_back = funder.peer_key().is_some() || height >= deal.refund_height;
    if taking_back {
        return Told {
            state: "refunding",
            money: format!("{} on their way back to your wallet", Sats(deal.amount)),
            next: match live.sweeps.last() {
                Some(_) => {
                    "the refund is out; the payment is let go when it is 6 blocks deep".to_owned()
                }
                None => "the refund goes out now".to_owned(),
            },
        };
    }
    let confirmed = output.and_then(|o| o.confirmed);
    Told {
        state: "confirming",
        money: format!(
            "{} in the swap's contract; the Lightning payment is held for you",
            Sats(deal.amount)
        ),
        next: match confirmed {
            Some(_) => format!(
                "the other side claims, and you are paid; if it does not, the coins come back from block {}",
                deal.refund_height
            ),
            None => format!(
                "the funding confirms; the other side waits for {} confirmations",
                deal.confirmations
            ),
        },
    }
}

/// Everything that happened, oldest first.
pub(crate) fn timeline(live: &Live) -> Vec<TimelineLine> {
    live.events
        .iter()
        .filter_map(|stored| line(live, stored))
        .collect()
}

fn line(live: &Live, stored: &StoredEvent) -> Option<TimelineLine> {
    let deal = &live.record.deal;
    let mut about = None;
    let text = match &stored.event {
        Event::Opened => format!(
            "terms agreed: {} of {} with {} {}",
            direction_words(deal.direction),
            Sats(deal.amount),
            if live.record.side == Side::Taker {
                "maker"
            } else {
                "a taker, as maker"
            },
            short(&live.record.maker.to_string()),
        ),
        Event::Block => return None,
        Event::Reorg { fork } => format!("the chain was reorganised above block {fork}"),
        Event::OutputSeen {
            outpoint,
            value,
            confirmed,
        } => {
            about = Some(outpoint.txid);
            match (confirmed, *value == deal.amount) {
                (None, true) => "the funding is in the mempool".to_owned(),
                (Some(at), true) => format!("the funding is confirmed in block {at}"),
                (_, false) => format!(
                    "{} arrived at the contract that are not of this swap; ignored",
                    Sats(*value)
                ),
            }
        }
        Event::OutputSpent {
            txid,
            kind,
            confirmed,
            ..
        } => {
            about = Some(*txid);
            let by = if *kind == SpendKind::Refund {
                "taken back"
            } else {
                "spent"
            };
            match confirmed {
                None => format!(
                    "the contract's coins are being {by}, {}",
                    spend_words(*kind)
                ),
                Some(at) => format!(
                    "the contract's coins were {by} in block {at}, {}",
                    spend_words(*kind)
                ),
            }
        }
        Event::FundingConflict { txid, .. } => {
            about = Some(*txid);
            "the funding was replaced; it can no longer confirm".to_owned()
        }
        Event::PaymentSettled { leg, fee } => {
            format!(
                "the {} was settled, routing {} msat",
                leg_words(*leg),
                fee.0
            )
        }
        Event::PaymentFailed { leg } => format!("the {} came back", leg_words(*leg)),
        Event::ClaimReady { .. } => {
            "the claim is ready; the secret was revealed to the other side".to_owned()
        }
        Event::Held { leg, .. } => format!("the {} is held, not yet paid", leg_words(*leg)),
        Event::Claimed { leg } => format!("the {} is ours", leg_words(*leg)),
        Event::Dropped { leg } => format!(
            "the {} was given up by Lightning at its deadline",
            leg_words(*leg)
        ),
        Event::FundingBuilt { txid, .. } => {
            about = Some(*txid);
            "the funding is built and stored".to_owned()
        }
        Event::FundingImpossible => "the swap could not be funded".to_owned(),
        Event::HoldDurable => "the held payment is safe on disk; the funding goes out".to_owned(),
        Event::FundingBumped { txid } => {
            about = Some(*txid);
            "the funding was replaced at a higher fee".to_owned()
        }
        Event::PeerKey { .. } => {
            "the other side handed its key over: it has no claim left".to_owned()
        }
        Event::PeerPreimage { .. } => "the other side revealed the secret".to_owned(),
        Event::Cancelled => "cancelled by you".to_owned(),
        Event::PeerWithdrew => "the other side withdrew".to_owned(),
    };
    Some(TimelineLine {
        at: stored.at,
        height: stored.height,
        text,
        txid: about.map(|txid| txid.to_string()),
    })
}

const fn leg_words(leg: Leg) -> &'static str {
    match leg {
        Leg::Swap => "Lightning payment",
        Leg::Prepay => "prepay",
    }
}

fn short(id: &str) -> String {
    id.chars().take(12).collect()
}

/// The words for a direction.
const fn direction_words(direction: Direction) -> &'static str {
    match direction {
        Direction::Out => "Lightning -> on-chain",
        Direction::In => "on-chain -> Lightning",
    }
}

/// How a spend is called in a story.
const fn spend_words(kind: SpendKind) -> &'static str {
    match kind {
        SpendKind::KeyPath => "with both keys",
        SpendKind::Claim => "with the secret",
        SpendKind::Refund => "after the refund height",
    }
}
