//! Making the views people and programs are shown.

use bitcoin::{Address, Amount};
use cambista_protocol::money::Msat;
use cambista_protocol::swap::{Funding, Leg, Outcome, Output, Payment};
use cambista_protocol::words::{Role, Side, SwapId};

use crate::engine::Core;
use crate::handle::EngineError;
use crate::live::Live;
use crate::ports::{Lightning, Ports};
use crate::story;
use crate::view::{CostView, DepositView, SwapView};

impl<P: Ports> Core<P> {
    /// A swap by its id or the beginning of it.
    pub(crate) fn find_view(&self, wanted: &str) -> Result<SwapView, EngineError> {
        let id = self.find(wanted)?;
        self.view(id)
            .ok_or_else(|| EngineError::NotFound("there is no such swap".to_owned()))
    }

    /// The swap whose id begins like this.
    pub(crate) fn find(&self, wanted: &str) -> Result<SwapId, EngineError> {
        let wanted = wanted.to_ascii_lowercase();
        let mut found = self
            .order
            .iter()
            .filter(|id| id.to_string().starts_with(&wanted));
        let first = found.next().filter(|_| wanted.len() >= 4);
        match (first, found.next()) {
            (Some(id), None) => Ok(*id),
            (Some(_), Some(_)) => Err(EngineError::Invalid(
                "several swaps begin like this: give more of the id".to_owned(),
            )),
            (None, _) => Err(EngineError::NotFound(
                "there is no such swap: `cambista swaps` lists them".to_owned(),
            )),
        }
    }

    /// A swap as shown.
    pub(crate) fn view(&self, id: SwapId) -> Option<SwapView> {
        let live = self.swaps.get(&id)?;
        let (record, deal) = (&live.record, &live.record.deal);
        let told = story::tell(live, self.height);
        let spend = live.swap.outputs().exact(deal.amount).and_then(|o| o.spent);
        let text = |script| {
            Address::from_script(script, deal.network)
                .map_or_else(|_| String::new(), |a| a.to_string())
        };
        Some(SwapView {
            id: id.to_string(),
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
            deposit: self.deposit(live),
            locked_until: self.locked_until(live),
            money: told.money,
            next: told.next,
            cost: cost(live),
            label: record.label.clone(),
            created_at: record.created_at,
            timeline: story::timeline(live),
            version: live.version,
        })
    }
}

impl<P: Ports> Core<P> {
    /// What is to be sent from outside, as long as sending it still makes sense.
    fn deposit(&self, live: &Live) -> Option<DepositView> {
        let funder = live.funder()?;
        let deal = funder.deal();
        let last = deal.locks.last_safe_deposit(
            deal.agreed_height,
            deal.refund_height,
            deal.confirmations,
        );
        let wanted = funder.funding() == Funding::External
            && !live.ended()
            && !funder.withdrawn()
            && funder.peer_key().is_none()
            && funder.outputs().iter().next().is_none()
            && self.height < last;
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

    /// When the last of this side's own HTLCs in flight comes back by itself: Lightning closes the channel three
    /// blocks after it expires.
    fn locked_until(&self, live: &Live) -> Option<u32> {
        if live.payer().is_none() || live.ended() {
            return None;
        }
        let heights = live.record.deal.hashes();
        let last = heights
            .filter_map(|hash| self.ports.lightning().lock_height(hash))
            .max()?;
        Some(last + 3)
    }
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

/// The fee of this side's spend of the output, when the spend that counts is this side's.
fn own_spend_fee(live: &Live) -> Option<Amount> {
    let spent = live.swap.outputs().exact(live.record.deal.amount)?.spent?;
    live.sweeps
        .iter()
        .find(|s| s.tx.compute_txid() == spent.txid)
        .map(|s| s.fee)
}

fn own_funding_fee(live: &Live) -> Option<Amount> {
    live.funder()?;
    let seen: Option<&Output> = live.swap.outputs().exact(live.record.deal.amount);
    let txid = seen?.outpoint.txid;
    live.fundings
        .iter()
        .find(|(tx, _)| tx.compute_txid() == txid)
        .map(|(_, fee)| *fee)
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

/// What this side paid and earned.
fn cost(live: &Live) -> CostView {
    let record = &live.record;
    let done = live.swap.outcome() == Some(Outcome::Done);
    let kept = live.swap.outcome() == Some(Outcome::PrepayKept);
    let sign = if record.side == Side::Maker { -1 } else { 1 };
    let sat = |amount: Amount| i64::try_from(amount.to_sat()).unwrap_or(i64::MAX);
    let maker_fee_sat = if done {
        record.maker_fee_sat.saturating_mul(sign)
    } else {
        0
    };
    let prepay_sat = if kept {
        sat(record.deal.prepay_amount).saturating_mul(sign)
    } else {
        0
    };
    let miners = [own_funding_fee(live), own_spend_fee(live)]
        .into_iter()
        .flatten()
        .sum::<Amount>();
    let routing = routing(live);
    CostView {
        maker_fee_sat,
        miner_fee_sat: miners.to_sat(),
        routing_fee_msat: routing.0,
        prepay_sat,
        total_sat: maker_fee_sat
            .saturating_add(prepay_sat)
            .saturating_add(sat(miners))
            .saturating_add(i64::try_from(routing.to_sat_ceil()).unwrap_or(i64::MAX)),
    }
}

fn routing(live: &Live) -> Msat {
    let Some(payer) = live.payer() else {
        return Msat::default();
    };
    [Leg::Swap, Leg::Prepay]
        .into_iter()
        .fold(Msat::default(), |sum, leg| match payer.payment(leg) {
            Payment::Settled(fee) => sum.saturating_add(fee),
            _ => sum,
        })
}
