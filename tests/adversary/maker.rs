//! A maker of `out` that keeps what it promises only as far as the scenario wants it to.

use std::sync::{Arc, Mutex};

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, Transaction, consensus};
use cambista_harness::Bitcoind;
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_protocol::cbor;
use cambista_protocol::contract::{Contract, Keys, Method, Secret};
use cambista_protocol::market::quote::Quote;
use cambista_protocol::message::{Acceptance, SwapReply, SwapRequest};
use cambista_protocol::signed::Signed;
use cambista_protocol::terms::{FunderTerms, PayerTerms};
use cambista_protocol::words::{Direction, SwapId};
use libp2p::PeerId;

use super::bill::{Bill, Written};
use super::front::Front;
pub(crate) use super::front::{DELTA, FEE, PREPAY};
use super::garble::Garble;
use super::prey::Hostile;
pub(crate) use super::prey::Prey;
use super::wire::{Frame, Protocol, Wire};
use super::{Own, hash_of, key, lock, random};

/// Everything its terms are made of, honest at first.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) swap: Bill,
    pub(crate) prepay: Option<Bill>,
    pub(crate) refund_height: u32,
    pub(crate) refund_key: PublicKey,
    pub(crate) internal_key: PublicKey,
    /// The payer's terms, which the acceptance repeats.
    pub(crate) payer: PayerTerms,
    /// Whether the acceptance is signed by somebody else.
    pub(crate) forged: bool,
}

/// What it does to its quotes and to its terms.
#[derive(Clone, Copy)]
pub(crate) struct Tricks {
    pub(crate) quote: fn(&mut Quote),
    pub(crate) terms: fn(&mut Parts, &[Agreed]),
}

impl Tricks {
    /// None.
    pub(crate) const NONE: Self = Self {
        quote: |_| {},
        terms: |_, _| {},
    };
}

/// A swap as it agreed to it.
#[derive(Clone)]
pub(crate) struct Agreed {
    pub(crate) id: SwapId,
    pub(crate) payer: PayerTerms,
    pub(crate) contract: Contract,
    pub(crate) refund_height: u32,
    pub(crate) internal: Secret,
    pub(crate) refund: Secret,
    pub(crate) prepay: [u8; 32],
    pub(crate) taker: PeerId,
}

struct Desk {
    front: Front,
    terms: fn(&mut Parts, &[Agreed]),
    agreed: Vec<Agreed>,
    heard: Vec<SwapRequest>,
    /// Of which protocol its answers are spoilt, and how.
    garble: Option<(Protocol, Garble)>,
    spoilt: usize,
}

/// The maker.
pub(crate) struct Maker {
    wire: Wire,
    desk: Arc<Mutex<Desk>>,
    /// Its Lightning node.
    pub(crate) own: Own,
}

impl Hostile for Maker {
    fn own(&self) -> &Own {
        &self.own
    }

    fn wire(&self) -> &Wire {
        &self.wire
    }

    fn offer(&self) -> Vec<u8> {
        lock(&self.desk).front.offer()
    }
}

impl Maker {
    /// With a Lightning node of its own.
    pub(super) fn start(bitcoind: &Bitcoind) -> Self {
        let own = Own::start(bitcoind, 66);
        let desk = Arc::new(Mutex::new(Desk {
            front: Front::new(own.lightning().clone(), Direction::Out),
            terms: Tricks::NONE.terms,
            agreed: Vec::new(),
            heard: Vec::new(),
            garble: None,
            spoilt: 0,
        }));
        let answering = desk.clone();
        let wire = own.block_on(Wire::start(Arc::new(move |from, protocol, body| {
            lock(&answering).frame(from, protocol, &body)
        })));
        lock(&desk).front.contact = (wire.peer, wire.address.clone());
        Self { wire, desk, own }
    }

    /// From now on it does this.
    pub(crate) fn play(&self, tricks: Tricks) {
        let mut desk = lock(&self.desk);
        desk.front.trick = tricks.quote;
        desk.terms = tricks.terms;
    }

    /// From now on its answers of one protocol are spoilt like this, or none.
    pub(crate) fn garble(&self, spoilt: Option<(Protocol, Garble)>) {
        lock(&self.desk).garble = spoilt;
    }

    /// How many answers were spoilt so far.
    pub(crate) fn spoilt(&self) -> usize {
        lock(&self.desk).spoilt
    }

    /// The last swap it agreed to.
    pub(crate) fn last(&self) -> Agreed {
        lock(&self.desk).agreed.last().expect("a swap").clone()
    }

    /// What a taker said about a swap after it was agreed.
    pub(crate) fn heard(&self, id: SwapId) -> Vec<SwapRequest> {
        let desk = lock(&self.desk);
        let about = desk.heard.iter().filter(|said| said.swap_id() == id);
        about.cloned().collect()
    }

    /// Whether R was told.
    pub(crate) fn knows_preimage(&self, id: SwapId) -> Option<[u8; 32]> {
        self.heard(id).iter().find_map(|said| match said {
            SwapRequest::Preimage { preimage, .. } => Some(*preimage),
            _ => None,
        })
    }

    /// Whether the payer's key was handed over.
    pub(crate) fn has_key(&self, id: SwapId) -> Option<Secret> {
        self.heard(id).iter().find_map(|said| match said {
            SwapRequest::Key { secret, .. } => Secret::from_bytes(secret).ok(),
            _ => None,
        })
    }

    /// Waits for R.
    #[track_caller]
    pub(crate) fn wait_preimage(&self, swap: &Agreed) -> [u8; 32] {
        wait_for("the preimage", FOUND_AGAIN, || {
            let known = self.knows_preimage(swap.id);
            known.ok_or_else(|| format!("heard {:?}", self.heard(swap.id)))
        })
    }

    /// Waits for the payer's key.
    #[track_caller]
    pub(crate) fn wait_key(&self, swap: &Agreed) -> Secret {
        let secret = wait_for("the payer's key", FOUND_AGAIN, || {
            let known = self.has_key(swap.id);
            known.ok_or_else(|| format!("heard {:?}", self.heard(swap.id)))
        });
        assert_eq!(secret.public_key(), swap.payer.internal_key);
        secret
    }

    /// Says something about a swap to its taker.
    #[track_caller]
    pub(crate) fn tell(&self, swap: &Agreed, said: &SwapRequest) -> SwapReply {
        let bytes = self
            .own
            .block_on(self.wire.ask(
                swap.taker,
                &[],
                Protocol::Swap,
                Frame::of(cbor::to_vec(said)),
            ))
            .expect("an answer");
        cbor::from_slice(&bytes, 65_536).unwrap()
    }

    /// Tells of a funding.
    #[track_caller]
    pub(crate) fn tell_funded(&self, swap: &Agreed, tx: &Transaction) -> SwapReply {
        let tx = consensus::serialize(tx);
        let swap_id = swap.id;
        self.tell(swap, &SwapRequest::Funded { swap_id, tx })
    }

    /// Waits until swap and prepay are held.
    #[track_caller]
    pub(crate) fn wait_held(&self, swap: &Agreed) {
        self.own.held(swap.payer.payment_hash);
        self.own.held(hash_of(swap.prepay));
    }

    /// Gives swap and prepay back, or takes the prepay.
    pub(crate) fn settle(&self, swap: &Agreed, keep_prepay: bool) {
        if keep_prepay {
            self.own.claim(swap.prepay);
        } else {
            self.own.fail(hash_of(swap.prepay));
        }
        self.own.fail(swap.payer.payment_hash);
    }
}

impl Agreed {
    /// Its way to the coins with the payer's key.
    pub(crate) fn by_key(&self, payer: &Secret) -> Method {
        Method::KeyPath(
            self.contract
                .key_path_secret(payer, &self.internal)
                .unwrap(),
        )
    }

    /// Its way to the coins from T on.
    pub(crate) fn by_refund(&self) -> Method {
        Method::Refund {
            key: self.refund.clone(),
        }
    }
}

impl Desk {
    fn frame(&mut self, from: PeerId, protocol: Protocol, body: &[u8]) -> Option<Frame> {
        let answer = self.answer(from, protocol, body)?;
        let Some((_, garble)) = self.garble.filter(|(of, _)| *of == protocol) else {
            return Some(Frame::of(answer));
        };
        self.spoilt += 1;
        Some(garble(answer))
    }

    fn answer(&mut self, from: PeerId, protocol: Protocol, body: &[u8]) -> Option<Vec<u8>> {
        if protocol != Protocol::Swap {
            return self.front.answer(protocol, body);
        }
        let request = cbor::from_slice(body, 65_536).ok()?;
        Some(cbor::to_vec(&self.swap(from, request)?))
    }

    fn swap(&mut self, from: PeerId, request: SwapRequest) -> Option<SwapReply> {
        match request {
            SwapRequest::Open {
                swap_id,
                quote,
                payer: Some(payer),
            } => self.open(from, swap_id, &quote, payer),
            said => {
                self.heard.push(said);
                Some(SwapReply::Ack)
            }
        }
    }

    fn open(
        &mut self,
        taker: PeerId,
        id: SwapId,
        signed: &Signed,
        payer: PayerTerms,
    ) -> Option<SwapReply> {
        let quote: Quote = cbor::from_slice(&signed.payload, 4096).ok()?;
        let locks = quote.timelocks();
        let (internal, refund, prepay) = (key(), key(), random());
        let bill = |hash, amount: Amount| Bill {
            hash,
            sat: amount.to_sat(),
            delta: locks.invoice_delta(),
            written: Written::Properly,
        };
        let height = self.front.lightning.chain().watch_tip().borrow().height;
        let mut parts = Parts {
            swap: bill(payer.payment_hash, quote.swap_invoice()?),
            prepay: (quote.prepay_sat > 0).then(|| bill(hash_of(prepay), quote.prepay())),
            refund_height: locks.refund_height(height),
            refund_key: refund.public_key(),
            internal_key: internal.public_key(),
            payer: payer.clone(),
            forged: false,
        };
        (self.terms)(&mut parts, &self.agreed);
        let funder = FunderTerms {
            refund_key: parts.refund_key,
            internal_key: parts.internal_key,
            refund_height: parts.refund_height,
            swap_invoice: parts.swap.invoice(&self.front.lightning),
            prepay_invoice: parts.prepay.map(|bill| bill.invoice(&self.front.lightning)),
            last_hop: None,
        };
        let keys = Keys {
            payer_claim: payer.claim_key,
            payer_internal: payer.internal_key,
            funder_refund: parts.refund_key,
            funder_internal: parts.internal_key,
        };
        let agreed = Agreed {
            id,
            contract: Contract::new(keys, payer.payment_hash, parts.refund_height).ok()?,
            payer,
            refund_height: parts.refund_height,
            internal,
            refund,
            prepay,
            taker,
        };
        let acceptance = Acceptance {
            swap_id: id,
            quote_id: signed.id(),
            payer: parts.payer,
            funder: Some(funder),
        };
        let signed = match parts.forged {
            false => acceptance.sign(|digest| self.front.sign(digest)),
            true => acceptance.sign(|_| [7; 64]),
        };
        self.agreed.push(agreed);
        Some(SwapReply::Accepted(signed))
    }
}
