//! Making the views people and programs are shown.

use std::sync::Arc;

use bitcoin::hex::FromHex as _;
use bitcoin::{Address, Amount};
use cambista_protocol::swap::{Funding, Outcome};
use cambista_protocol::words::{Direction, Role, Side, SwapId};
use tracing::warn;

use crate::archive::read_back;
use crate::bill::{cost, own_spend_fee};
use crate::engine::Core;
use crate::handle::{EngineError, Reply};
use crate::live::Live;
use crate::ports::{Lightning, PortError, Ports, Sought, Store};
use crate::story;
use crate::view::{DepositView, SwapView, SwapsView};

/// So many swaps that ended are listed at most.
pub(crate) const MOST_LISTED: usize = 2_000;

impl<P: Ports> Core<P> {
    /// A swap by its id or the beginning of it.
    pub(crate) fn find_view(&self, wanted: &str) -> Result<SwapView, EngineError> {
        let id = self.find(wanted)?;
        self.any_view(id)?
            .ok_or_else(|| EngineError::NotFound("there is no such swap".to_owned()))
    }

    /// The swap whose id begins like this, archived or not.
    pub(crate) fn find(&self, wanted: &str) -> Result<SwapId, EngineError> {
        let found = match between(wanted) {
            Some((first, last)) => self.ports.store().find(Sought::Between(first, last))?,
            None => Vec::new(),
        };
        match found.as_slice() {
            [(_, id)] => Ok(*id),
            [] => Err(EngineError::NotFound(
                "there is no such swap: `cambista swaps` lists them".to_owned(),
            )),
            _ => Err(EngineError::Invalid(
                "several swaps begin like this: give more of the id".to_owned(),
            )),
        }
    }

    /// Every open swap and so many of those that ended, newest first. Only what is shown is made, and what has to be read
    /// for it is read beside the engine.
    pub(crate) fn list(&self, ended: usize, reply: Reply<SwapsView>) -> Result<(), PortError> {
        let ended = ended.min(MOST_LISTED);
        let store = self.ports.store();
        let mut all: Vec<(u64, SwapId)> = store.find(Sought::Latest(ended))?;
        // One that was brought back stands in both.
        all.retain(|(_, id)| !self.swaps.contains_key(id));
        let mut over = 0;
        for side in [Side::Maker, Side::Taker] {
            for direction in [Direction::Out, Direction::In] {
                let sum = store.brought(side, direction)?;
                over += usize::try_from(sum.done.saturating_add(sum.failed)).unwrap_or(usize::MAX);
            }
        }
        let in_memory = self.swaps.values();
        over += in_memory.filter(|l| l.ended() && !l.archived).count();
        let places = self
            .order
            .iter()
            .filter_map(|id| Some((self.swaps.get(id)?.place, *id)));
        all.extend(places);
        all.sort_unstable_by(|a, b| b.cmp(a));
        let mut shown = 0;
        let mut made = Vec::new();
        for (_, id) in all {
            let live = self.swaps.get(&id);
            let ended_too = live.is_none_or(Live::ended);
            if ended_too && shown == ended {
                continue;
            }
            shown += usize::from(ended_too);
            made.push(live.map_or(Made::Later(id), |live| Made::Now(Box::new(self.show(live)))));
        }
        let older = over.saturating_sub(shown);
        let (ports, height) = (Arc::clone(&self.ports), self.height);
        tokio::spawn(async move {
            let mut list = SwapsView {
                swaps: Vec::with_capacity(made.len()),
                older,
            };
            for one in made {
                match one {
                    Made::Now(view) => list.swaps.push(*view),
                    Made::Later(id) => {
                        match read_view(&*ports, height, id) {
                            Ok(view) => list.swaps.extend(view),
                            Err(error) => {
                                warn!(swap = %id.short(), %error, "a swap could not be read");
                            }
                        }
                        tokio::task::yield_now().await;
                    }
                }
            }
            let _ = reply.send(list);
        });
        Ok(())
    }

    /// A swap as shown, archived or not.
    pub(crate) fn any_view(&self, id: SwapId) -> Result<Option<SwapView>, PortError> {
        match self.swaps.get(&id) {
            Some(live) => Ok(Some(self.show(live))),
            None => read_view(&*self.ports, self.height, id),
        }
    }

    /// A swap as shown.
    pub(crate) fn show(&self, live: &Live) -> SwapView {
        show(&*self.ports, self.height, live)
    }
}

/// A swap to be listed: made at once, or to be read first.
enum Made {
    Now(Box<SwapView>),
    Later(SwapId),
}

/// The first and the last id that begin like this; none for what begins no id, or is too short to name one.
pub(crate) fn between(wanted: &str) -> Option<(SwapId, SwapId)> {
    let digits = wanted.len();
    if !(4..=64).contains(&digits) || !wanted.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let filled = |with: &str| -> Option<SwapId> {
        let hex = format!("{wanted}{}", with.repeat(64 - digits));
        <[u8; 32]>::from_hex(&hex).ok().map(SwapId)
    };
    Some((filled("0")?, filled("f")?))
}

pub(crate) fn read_view<P: Ports>(
    ports: &P,
    height: u32,
    id: SwapId,
) -> Result<Option<SwapView>, PortError> {
    let live = read_back(ports, id)?;
    Ok(live.map(|live| show(ports, height, &live)))
}

fn show<P: Ports>(ports: &P, height: u32, live: &Live) -> SwapView {
    let (record, deal) = (&live.record, &live.record.deal);
    let told = story::tell(live, height);
    let spend = live.swap.outputs().exact(deal.amount).and_then(|o| o.spent);
    let text = |script| {
        Address::from_script(script, deal.network).map_or_else(|_| String::new(), |a| a.to_string())
    };
    SwapView {
        id: record.id.to_string(),
        order: record.order.to_string(),
        direction: deal.direction.to_string(),
        side: side_name(record.side).to_owned(),
        role: role_name(record.role).to_owned(),
        state: told.state.to_owned(),
        ended: live.ended(),
        outcome: live.swap.outcome().map(outcome_name).map(str::to_owned),
        amount_sat: deal.amount.to_sat(),
        received_sat: received(live).map(Amount::to_sat),
        maker: record.maker.to_string(),
        payment_hash: SwapId(deal.payment_hash).to_string(),
        swap_invoice_sat: deal.swap_amount.to_sat(),
        prepay_sat: deal.prepay_amount.to_sat(),
        refund_height: deal.refund_height,
        confirmations: deal.confirmations,
        contract_address: text(&deal.script_pubkey),
        destination: text(&record.destination),
        funding_txid: funding_txid(live),
        spend_txid: spend
            .map(|s| s.txid)
            .or_else(|| live.sweeps.last().map(|s| s.tx.compute_txid()))
            .map(|txid| txid.to_string()),
        deposit: deposit(live, height),
        locked_until: locked_until(ports.lightning(), live),
        money: told.money,
        next: told.next,
        cost: cost(live),
        label: record.label.clone(),
        created_at: record.created_at,
        timeline: story::timeline(live),
        version: live.version,
    }
}

/// What is to be sent from outside, as long as sending it still makes sense.
fn deposit(live: &Live, height: u32) -> Option<DepositView> {
    let funder = live.funder()?;
    let deal = funder.deal();
    let last =
        deal.locks
            .last_safe_deposit(deal.agreed_height, deal.refund_height, deal.confirmations);
    let wanted = funder.funding() == Funding::External
        && !live.ended()
        && !funder.withdrawn()
        && funder.peer_key().is_none()
        && funder.outputs().iter().next().is_none()
        && height < last;
    if !wanted {
        return None;
    }
    let address = Address::from_script(&deal.script_pubkey, deal.network)
        .ok()?
        .to_string();
    let amount = deal.amount.display_in(bitcoin::Denomination::Bitcoin);
    Some(DepositView {
        uri: format!("bitcoin:{address}?amount={amount}"),
        address,
        amount_sat: deal.amount.to_sat(),
        last_safe_height: last,
    })
}

/// When the last of this side's own HTLCs in flight comes back by itself: Lightning closes the channel three blocks after
/// it expires.
fn locked_until(lightning: &impl Lightning, live: &Live) -> Option<u32> {
    if live.payer().is_none() || live.ended() {
        return None;
    }
    let hashes = live.record.deal.hashes();
    let last = hashes
        .filter_map(|hash| lightning.lock_height(hash))
        .max()?;
    Some(last + 3)
}

const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Taker => "taker",
        Side::Maker => "maker",
    }
}

const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Payer => "payer",
        Role::Funder => "funder",
    }
}

const fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::NothingHappened => "nothing_happened",
        Outcome::TakenBack => "taken_back",
        Outcome::PrepayKept => "prepay_kept",
        Outcome::Lost => "lost",
    }
}

fn funding_txid(live: &Live) -> Option<String> {
    let seen = live
        .swap
        .outputs()
        .exact(live.record.deal.amount)
        .map(|o| o.outpoint.txid);
    seen.or_else(|| live.funding_tx().map(bitcoin::Transaction::compute_txid))
        .map(|txid| txid.to_string())
}

/// What arrived on the side this swap was to bring something to.
fn received(live: &Live) -> Option<Amount> {
    let deal = &live.record.deal;
    match live.record.role {
        Role::Payer => deal.amount.checked_sub(own_spend_fee(live)?),
        Role::Funder => (live.swap.outcome() == Some(Outcome::Done))
            .then_some(deal.swap_amount + deal.prepay_amount),
    }
}
