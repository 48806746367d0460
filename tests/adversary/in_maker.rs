//! A maker of `in`: its desk, and behind it the payer of whoever takes a swap of it. What is paid, told and claimed once a swap is
//! agreed, and when, the scenario has that payer do.

use std::sync::{Arc, Mutex};

use cambista_harness::Bitcoind;
use cambista_protocol::cbor;
use cambista_protocol::contract::Secret;
use cambista_protocol::market::quote::Quote;
use cambista_protocol::message::{Acceptance, SwapReply, SwapRequest};
use cambista_protocol::signed::{Signed, Tag};
use cambista_protocol::terms::{FunderTerms, PayerTerms};
use cambista_protocol::words::{Direction, SwapId};
use libp2p::PeerId;

use super::bought::{Bought, contract_of};
use super::front::Front;
use super::payer::Payer;
use super::prey::Hostile;
use super::wire::{Protocol, Wire};
use super::{Own, hash_of, key, lock, random};

/// What it answers with.
pub(crate) enum Word {
    /// This acceptance, signed as it should be.
    Accepts(Acceptance),
    /// The same, signed by nobody.
    Forged(Acceptance),
    /// These bytes, signed as an acceptance.
    Bytes(Vec<u8>),
    /// Something else.
    Says(SwapReply),
    /// Nothing.
    Silence,
}

/// What it does to its quotes, to its first acceptance, knowing the swaps it agreed to before, and to its second.
#[derive(Clone, Copy)]
pub(crate) struct Tricks {
    pub(crate) quote: fn(&mut Quote),
    pub(crate) opened: fn(Acceptance, &[Bought]) -> Word,
    pub(crate) agreed: fn(Acceptance) -> Word,
}

impl Tricks {
    /// None.
    pub(crate) const NONE: Self = Self {
        quote: |_| {},
        opened: |acceptance, _| Word::Accepts(acceptance),
        agreed: Word::Accepts,
    };
}

/// A swap whose taker has still to bring its terms.
struct Opened {
    id: SwapId,
    quote: Quote,
    quote_id: [u8; 32],
    preimage: Vec<u8>,
    claim: Secret,
    internal: Secret,
    terms: PayerTerms,
}

/// What happens while a taker waits for the answer to its terms.
type Meanwhile = Box<dyn FnOnce(&Bought) + Send>;

struct Desk {
    front: Front,
    tricks: Tricks,
    preimage: Option<Vec<u8>>,
    /// H of somebody else's swap, for its next one.
    hash: Option<[u8; 32]>,
    meanwhile: Option<Meanwhile>,
    opened: Vec<Opened>,
    agreed: Vec<Bought>,
}

/// The maker.
pub(crate) struct InMaker {
    desk: Arc<Mutex<Desk>>,
    /// What it is once a swap is agreed.
    pub(crate) payer: Payer,
}

impl Hostile for InMaker {
    fn own(&self) -> &Own {
        &self.payer.own
    }

    fn wire(&self) -> &Wire {
        self.payer.wire()
    }

    fn offer(&self) -> Vec<u8> {
        lock(&self.desk).front.offer()
    }
}

impl InMaker {
    /// With a Lightning node of its own.
    pub(super) fn start(bitcoind: &Bitcoind) -> Self {
        let own = Own::start(bitcoind, 68);
        let desk = Arc::new(Mutex::new(Desk {
            front: Front::new(own.lightning().clone(), Direction::In),
            tricks: Tricks::NONE,
            preimage: None,
            hash: None,
            meanwhile: None,
            opened: Vec::new(),
            agreed: Vec::new(),
        }));
        let answering = desk.clone();
        let payer = Payer::behind(own, move |from, protocol, body| {
            lock(&answering).answer(from, protocol, body)
        });
        let wire = payer.wire();
        lock(&desk).front.contact = (wire.peer, wire.address.clone());
        Self { desk, payer }
    }

    /// From now on it does this.
    pub(crate) fn play(&self, tricks: Tricks) {
        let mut desk = lock(&self.desk);
        desk.front.trick = tricks.quote;
        desk.tricks = tricks;
    }

    /// The next swap has this R.
    pub(crate) fn choose(&self, preimage: Vec<u8>) {
        lock(&self.desk).preimage = Some(preimage);
    }

    /// The next swap has this H, whose R somebody else chose.
    pub(crate) fn reuse(&self, hash: [u8; 32]) {
        lock(&self.desk).hash = Some(hash);
    }

    /// The next taker that brings its terms waits for the answer until this is done. Nothing else is answered till then.
    pub(crate) fn make_wait(&self, meanwhile: impl FnOnce(&Bought) + Send + 'static) {
        lock(&self.desk).meanwhile = Some(Box::new(meanwhile));
    }

    /// The last swap whose taker brought its terms.
    #[track_caller]
    pub(crate) fn last(&self) -> Bought {
        lock(&self.desk).agreed.last().expect("a swap").clone()
    }

    /// How many takers brought their terms.
    pub(crate) fn agreed(&self) -> usize {
        lock(&self.desk).agreed.len()
    }
}

impl Desk {
    fn answer(&mut self, from: PeerId, protocol: Protocol, body: &[u8]) -> Option<Vec<u8>> {
        if protocol != Protocol::Swap {
            return self.front.answer(protocol, body);
        }
        let word = match cbor::from_slice(body, 65_536).ok()? {
            SwapRequest::Open { swap_id, quote, .. } => self.open(swap_id, &quote)?,
            SwapRequest::Terms { swap_id, funder } => self.agree(from, swap_id, funder)?,
            _ => return None,
        };
        let sign = |digest| self.front.sign(digest);
        let reply = match word {
            Word::Accepts(acceptance) => SwapReply::Accepted(acceptance.sign(sign)),
            Word::Forged(acceptance) => SwapReply::Accepted(acceptance.sign(|_| [7; 64])),
            Word::Bytes(bytes) => SwapReply::Accepted(Signed::new(Tag::Accept, bytes, sign)),
            Word::Says(reply) => reply,
            Word::Silence => return None,
        };
        Some(cbor::to_vec(&reply))
    }

    fn open(&mut self, id: SwapId, signed: &Signed) -> Option<Word> {
        let quote: Quote = cbor::from_slice(&signed.payload, 4096).ok()?;
        let preimage = self.preimage.take().unwrap_or_else(|| random().to_vec());
        let (claim, internal) = (key(), key());
        let terms = PayerTerms {
            payment_hash: self.hash.take().unwrap_or_else(|| hash_of(&preimage)),
            claim_key: claim.public_key(),
            internal_key: internal.public_key(),
            confirmations: quote.confirmations,
        };
        let acceptance = Acceptance {
            swap_id: id,
            quote_id: signed.id(),
            payer: terms.clone(),
            funder: None,
        };
        self.opened.push(Opened {
            id,
            quote,
            quote_id: signed.id(),
            preimage,
            claim,
            internal,
            terms,
        });
        Some((self.tricks.opened)(acceptance, &self.agreed))
    }

    fn agree(&mut self, taker: PeerId, id: SwapId, funder: FunderTerms) -> Option<Word> {
        let opened = self.opened.iter().position(|opened| opened.id == id)?;
        let Opened {
            id,
            quote,
            quote_id,
            preimage,
            claim,
            internal,
            terms,
        } = self.opened.swap_remove(opened);
        let acceptance = Acceptance {
            swap_id: id,
            quote_id,
            payer: terms.clone(),
            funder: Some(funder.clone()),
        };
        let bought = Bought {
            id,
            quote,
            preimage,
            claim,
            internal,
            contract: contract_of(&terms, &funder)?,
            terms,
            funder,
            // It is the taker that calls.
            funder_at: (taker, Vec::new()),
        };
        if let Some(meanwhile) = self.meanwhile.take() {
            meanwhile(&bought);
        }
        self.agreed.push(bought);
        Some((self.tricks.agreed)(acceptance))
    }
}
