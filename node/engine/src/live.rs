//! A swap in memory: its record, its state, and what was done for it.

use std::collections::HashSet;

use bitcoin::{Amount, OutPoint, Transaction};
use cambista_protocol::contract::{Contract, ContractError};
use cambista_protocol::swap::{FunderSwap, Funding, Leg, PayerSwap, Swap};
use cambista_protocol::words::SwapId;

use crate::ports::{
    Keys, OutboxItem, PeerAddress, StoredEvent, StoredSwap, StoredSweep, SwapSecrets,
};
use crate::record::SwapRecord;

/// A swap in memory.
pub(crate) struct Live {
    pub(crate) record: SwapRecord,
    pub(crate) swap: Swap,
    pub(crate) contract: Contract,
    pub(crate) secrets: SwapSecrets,
    pub(crate) events: Vec<StoredEvent>,
    pub(crate) outbox: Vec<OutboxItem>,
    pub(crate) fundings: Vec<(Transaction, Amount)>,
    pub(crate) sweeps: Vec<StoredSweep>,
    /// Where the peer was last heard from; it may have another identity than when the swap began.
    pub(crate) peer: PeerAddress,
    /// Whether the other side gave our payment back: it had arrived.
    pub(crate) rejected: bool,
    /// What stands in the way at the moment, for people.
    pub(crate) trouble: Option<String>,
    /// Work under way that must not be started twice.
    pub(crate) busy: Busy,
    /// Counts changes.
    pub(crate) version: u64,
    /// Its place among all swaps there ever were.
    pub(crate) place: u64,
    /// Whether the store has it as archived, and it is here only to be looked at.
    pub(crate) archived: bool,
}

/// What is under way for a swap.
#[derive(Debug, Default)]
pub(crate) struct Busy {
    pub(crate) testing_claim: bool,
    pub(crate) awaiting_hold: bool,
    pub(crate) saying: HashSet<i64>,
    /// How often the peer was told something since the swap ended, or it was tried.
    pub(crate) told: u32,
    /// The mempool refused our spend for another that pays more.
    pub(crate) outbid: bool,
    pub(crate) resumed: bool,
    pub(crate) resuming: bool,
    /// The mempool keeps a funding that is to be taken back.
    pub(crate) take_back_refused: bool,
}

impl Busy {
    /// Whether an answer is still to come.
    pub(crate) fn is_busy(&self) -> bool {
        self.testing_claim || self.awaiting_hold || self.resuming || !self.saying.is_empty()
    }
}

impl Live {
    /// A swap that was just agreed.
    pub(crate) fn new(record: SwapRecord, keys: &impl Keys) -> Result<Self, ContractError> {
        let contract = record.deal.contract()?;
        let secrets = keys.swap_secrets(record.key_id, record.role);
        Ok(Self {
            swap: Swap::new(record.role, record.deal.clone()),
            contract,
            secrets,
            events: Vec::new(),
            outbox: Vec::new(),
            fundings: Vec::new(),
            sweeps: Vec::new(),
            peer: record.peer.clone(),
            rejected: false,
            trouble: None,
            busy: Busy {
                resumed: true,
                ..Busy::default()
            },
            version: 1,
            place: 0,
            archived: false,
            record,
        })
    }

    /// A swap as it was stored: its state is the fold of its events.
    pub(crate) fn load(stored: StoredSwap, keys: &impl Keys) -> Result<Self, ContractError> {
        let mut live = Self::new(stored.record, keys)?;
        for event in &stored.events {
            live.swap = replay(&live.swap, event);
        }
        // As it was counted while these came: who waits for a change must not be shown an older one.
        let changes = stored.events.len().saturating_add(stored.sweeps.len());
        live.version = u64::try_from(changes).unwrap_or(u64::MAX).saturating_add(1);
        live.place = stored.place;
        live.events = stored.events;
        live.outbox = stored.outbox;
        live.fundings = stored.fundings;
        live.sweeps = stored.sweeps;
        live.busy.resumed = false;
        Ok(live)
    }

    pub(crate) const fn id(&self) -> SwapId {
        self.record.id
    }

    /// Who the other side was when the swap began. What it may have open is counted by this: wherever it speaks from later, the
    /// swap stays its own.
    pub(crate) fn opened_by(&self) -> &str {
        &self.record.peer.peer_id
    }

    pub(crate) const fn ended(&self) -> bool {
        self.swap.outcome().is_some()
    }

    pub(crate) fn leg_of(&self, payment_hash: &[u8; 32]) -> Option<Leg> {
        if self.record.deal.payment_hash == *payment_hash {
            Some(Leg::Swap)
        } else if self.record.deal.prepay_hash == Some(*payment_hash) {
            Some(Leg::Prepay)
        } else {
            None
        }
    }

    pub(crate) fn hash_of(&self, leg: Leg) -> Option<[u8; 32]> {
        match leg {
            Leg::Swap => Some(self.record.deal.payment_hash),
            Leg::Prepay => self.record.deal.prepay_hash,
        }
    }

    pub(crate) const fn payer(&self) -> Option<&PayerSwap> {
        match &self.swap {
            Swap::Payer(payer) => Some(payer),
            Swap::Funder(_) => None,
        }
    }

    pub(crate) const fn funder(&self) -> Option<&FunderSwap> {
        match &self.swap {
            Swap::Payer(_) => None,
            Swap::Funder(funder) => Some(funder),
        }
    }

    /// The input every version of the funding spends.
    pub(crate) fn first_input(&self) -> Option<OutPoint> {
        match self.funder().map(FunderSwap::funding) {
            Some(Funding::Built(input) | Funding::Published(input)) => Some(input),
            Some(_) => None,
            None => self
                .fundings
                .last()?
                .0
                .input
                .first()
                .map(|input| input.previous_output),
        }
    }

    /// The latest version of the funding.
    pub(crate) fn funding_tx(&self) -> Option<&Transaction> {
        self.fundings.last().map(|(tx, _)| tx)
    }
}

fn replay(swap: &Swap, stored: &StoredEvent) -> Swap {
    let never: Result<Swap, std::convert::Infallible> = swap
        .step(stored.event.clone(), stored.height)
        .save(|_, _, _| Ok(()));
    match never {
        Ok(next) => next,
        Err(impossible) => match impossible {},
    }
}
