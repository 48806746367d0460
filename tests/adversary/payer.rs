//! A payer that keeps no rule: as a taker against honest makers, or behind the desk of a maker of `in`. As a taker it can be the
//! funder of an `in` too, see `funder`.

use std::sync::{Arc, Mutex};

use bitcoin::consensus::deserialize;
use bitcoin::{Network, Transaction};
use cambista_harness::market::{USUAL, make, p2p_addresses};
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Bitcoind, Change, Node, NodeOptions, Purse};
use cambista_ldk::PayRequest;
use cambista_protocol::cbor;
use cambista_protocol::contract::Secret;
use cambista_protocol::market::quote::Quote;
use cambista_protocol::message::{
    Acceptance, QuoteReply, QuoteRequest, RefusalCode, SwapReply, SwapRequest,
};
use cambista_protocol::signed::{Signed, Tag};
use cambista_protocol::terms::PayerTerms;
use cambista_protocol::words::{Direction, SwapId};
use libp2p::PeerId;

pub(crate) use super::bought::{Bought, Funded};
use super::bought::{Contact, contract_of};
use super::wire::{Frame, Protocol, Wire, peer_of};
use super::{Own, blocks, chain, hash_of, key, lock, random};

/// Blocks until the makers may take their coins back.
const DELTA: u32 = 96;
/// What it has in a channel to each maker (sat), and what of it is the maker's.
const CHANNEL: u64 = 5_000_000;
pub(crate) const PUSHED: u64 = 1_500_000;

/// Honest makers, and the taker that attacks them.
pub(crate) struct Victims {
    pub(crate) makers: Vec<Node>,
    pub(crate) payer: Payer,
    pub(crate) bitcoind: Bitcoind,
}

/// The taker.
pub(crate) struct Payer {
    wire: Wire,
    heard: Arc<Mutex<Vec<SwapRequest>>>,
    pub(crate) own: Own,
}

impl Victims {
    /// So many makers, each with a channel to the adversary of which a part is the maker's.
    pub(crate) fn start(makers: usize, bitcoind_args: &[&str]) -> Self {
        let bitcoind = Bitcoind::start(bitcoind_args);
        bitcoind.mine(120);
        let payer = Payer::start(&bitcoind);
        let makers: Vec<Node> = (0..makers)
            .map(|i| {
                let name = format!("maker{}", i + 1);
                let mut maker = Node::start(&name, &bitcoind, &NodeOptions::default());
                make(&maker, USUAL, DELTA);
                maker.stop();
                maker.restart();
                for sats in [2_000_000, 1_500_000, 1_000_000, 1_000_000, 900_000, 800_000] {
                    let address = maker.cli(&["wallet", "address"]);
                    bitcoind.fund_address(address["address"].as_str().unwrap(), sats);
                }
                maker
            })
            .collect();
        for _ in &makers {
            let coin = payer.own.lightning().wallet().new_address().unwrap();
            bitcoind.fund_address(coin, CHANNEL + 100_000);
        }
        bitcoind.mine(1);
        let victims = Self {
            makers,
            payer,
            bitcoind,
        };
        victims.sync();
        for (already, maker) in victims.makers.iter().enumerate() {
            victims.payer.own.open_channel(maker, CHANNEL, PUSHED);
            victims.bitcoind.wait_for_mempool(already + 1, FOUND_AGAIN);
        }
        victims.mine(6);
        for maker in &victims.makers {
            victims.payer.own.wait_channels(maker, 1);
        }
        victims
    }

    /// Mines `n` blocks that everybody takes in one by one.
    pub(crate) fn mine(&self, n: u32) {
        blocks::one_by_one(&self.bitcoind, n, || self.sync());
    }

    /// Mines until the chain has this height, some blocks at once.
    pub(crate) fn mine_to_height(&self, height: u32) {
        blocks::to_height(&self.bitcoind, height, || self.sync());
    }

    /// Waits until everybody has seen the tip.
    pub(crate) fn sync(&self) {
        let height = self.bitcoind.height();
        let running = self.makers.iter().filter(|maker| maker.is_running());
        running.for_each(|maker| maker.wait_height(height));
        self.payer.own.catch_up(&self.bitcoind);
    }

    /// What the first maker owns.
    #[track_caller]
    pub(crate) fn purse(&self) -> Purse {
        Purse::of(&self.makers[0], &self.bitcoind)
    }

    /// Waits until the first maker has what it had, changed by this.
    #[track_caller]
    pub(crate) fn assert_changed(&self, before: &Purse, lightning: i64, chain: i64) {
        let change = Change { lightning, chain };
        before.assert_changed(&self.makers[0], &self.bitcoind, change);
    }

    /// An `out` with the first maker, agreed and nothing more.
    #[track_caller]
    pub(crate) fn agree(&self, amount: u64) -> Bought {
        self.agree_on(&self.makers[0], amount, random().to_vec())
    }

    /// The same with any maker and any R.
    #[track_caller]
    pub(crate) fn agree_on(&self, maker: &Node, amount: u64, preimage: Vec<u8>) -> Bought {
        let terms = self.payer.try_agree(maker, amount, preimage);
        terms.unwrap_or_else(|(code, why)| panic!("refused: {code:?} {why}"))
    }

    /// An `out` with the first maker, paid and funded, nothing of it confirmed.
    #[track_caller]
    pub(crate) fn funded(&self, amount: u64) -> (Bought, Funded) {
        let swap = self.agree(amount);
        self.payer.pay(&swap);
        let funded = self.wait_funded(&swap);
        (swap, funded)
    }

    /// Waits until a maker says that it funded.
    #[track_caller]
    pub(crate) fn wait_funded(&self, swap: &Bought) -> Funded {
        self.payer.wait_funded(&self.bitcoind, swap)
    }

    /// A claim of it by the leaf, at so many sat/vB.
    pub(crate) fn claim(&self, swap: &Bought, funded: &Funded, rate: u64) -> Transaction {
        swap.claim(&self.bitcoind, funded, rate)
    }

    /// What the first maker says of the swap.
    #[track_caller]
    pub(crate) fn outcome(&self, swap: &Bought, outcome: &str) {
        swap.outcome(&self.makers[0], outcome);
    }
}

impl Payer {
    /// With a Lightning node of its own.
    pub(crate) fn start(bitcoind: &Bitcoind) -> Self {
        Self::behind(Own::start(bitcoind, 67), |_, _, _| None)
    }

    /// One that is asked for quotes and swaps too, and has this answer them.
    pub(super) fn behind(
        own: Own,
        desk: impl Fn(PeerId, Protocol, &[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hearing = heard.clone();
        let wire = own.block_on(Wire::start(Arc::new(move |from, protocol, body| {
            if protocol != Protocol::Swap {
                return desk(from, protocol, &body).map(Frame::of);
            }
            let said = cbor::from_slice(&body, 65_536).ok()?;
            if matches!(said, SwapRequest::Open { .. } | SwapRequest::Terms { .. }) {
                return desk(from, protocol, &body).map(Frame::of);
            }
            lock(&hearing).push(said);
            Some(Frame::of(cbor::to_vec(&SwapReply::Ack)))
        })));
        Self { wire, heard, own }
    }

    /// What it speaks with.
    pub(super) const fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Waits until the funder says that it funded, and the mempool has it.
    #[track_caller]
    pub(crate) fn wait_funded(&self, bitcoind: &Bitcoind, swap: &Bought) -> Funded {
        let tx = wait_for("the funding", FOUND_AGAIN, || {
            let heard = lock(&self.heard);
            let found = heard.iter().rev().find_map(|said| match said {
                SwapRequest::Funded { swap_id, tx } if *swap_id == swap.id => Some(tx.clone()),
                _ => None,
            });
            found.ok_or_else(|| format!("heard {heard:?}"))
        });
        let tx: Transaction = deserialize(&tx).unwrap();
        let (outpoint, value) = chain::output_of(&tx, &swap.contract);
        assert_eq!(value.to_sat(), swap.quote.amount_sat);
        let txid = tx.compute_txid();
        let mempool = || match bitcoind.mempool().contains(&txid) {
            true => Ok(()),
            false => Err("not there".to_owned()),
        };
        wait_for("the funding in the mempool", FOUND_AGAIN, mempool);
        let fee = cambista_harness::transaction::Seen::read(bitcoind, txid).fee_sat;
        Funded {
            outpoint,
            value,
            fee: i64::try_from(fee).unwrap(),
        }
    }

    /// What its funder said about a swap.
    pub(crate) fn heard(&self, id: SwapId) -> Vec<SwapRequest> {
        let heard = lock(&self.heard);
        let about = heard.iter().filter(|said| said.swap_id() == id);
        about.cloned().collect()
    }

    /// Waits for the funder's key.
    #[track_caller]
    pub(crate) fn wait_key(&self, swap: &Bought) -> Secret {
        wait_for("the funder's key", FOUND_AGAIN, || {
            let key = self.has_key(swap.id);
            key.ok_or_else(|| format!("heard {:?}", self.heard(swap.id)))
        })
    }

    /// The key the other side of a swap handed over.
    pub(crate) fn has_key(&self, id: SwapId) -> Option<Secret> {
        self.heard(id).iter().find_map(|said| match said {
            SwapRequest::Key { secret, .. } => Secret::from_bytes(secret).ok(),
            _ => None,
        })
    }

    /// Sends any bytes to a maker and reads what comes back.
    pub(crate) fn ask(
        &self,
        maker: &str,
        protocol: Protocol,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, String> {
        self.ask_peer(&contact(maker), protocol, body)
    }

    fn ask_peer(
        &self,
        (peer, addresses): &Contact,
        protocol: Protocol,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, String> {
        let asked = self.wire.ask(*peer, addresses, protocol, Frame::of(body));
        self.own.block_on(asked)
    }

    /// Asks a maker for a price.
    pub(crate) fn quote(
        &self,
        maker: &str,
        direction: Direction,
        amount_sat: u64,
    ) -> Result<Signed, (RefusalCode, String)> {
        let request = QuoteRequest {
            network: Network::Regtest,
            direction,
            amount_sat,
            external: false,
        };
        let bytes = self.ask(maker, Protocol::Quote, cbor::to_vec(&request));
        match cbor::from_slice(&bytes.expect("an answer"), 4096).unwrap() {
            QuoteReply::Quote(signed) => Ok(signed),
            QuoteReply::Refused(refusal) => Err((refusal.code, refusal.text)),
        }
    }

    /// Says something about a swap.
    #[track_caller]
    pub(crate) fn say(&self, maker: &str, said: &SwapRequest) -> SwapReply {
        let bytes = self.ask(maker, Protocol::Swap, cbor::to_vec(said));
        cbor::from_slice(&bytes.expect("an answer"), 65_536).unwrap()
    }

    /// The same to the funder of a swap.
    #[track_caller]
    pub(crate) fn tell(&self, swap: &Bought, said: &SwapRequest) -> SwapReply {
        self.tell_bytes(swap, cbor::to_vec(said))
    }

    /// The same with any bytes.
    #[track_caller]
    pub(crate) fn tell_bytes(&self, swap: &Bought, said: Vec<u8>) -> SwapReply {
        let bytes = self.ask_peer(&swap.funder_at, Protocol::Swap, said);
        cbor::from_slice(&bytes.expect("an answer"), 65_536).unwrap()
    }

    /// Tells 32 bytes as R.
    #[track_caller]
    pub(crate) fn tell_preimage(&self, swap: &Bought, preimage: [u8; 32]) -> SwapReply {
        let swap_id = swap.id;
        self.tell(swap, &SwapRequest::Preimage { swap_id, preimage })
    }

    /// Hands 32 bytes over as its internal key.
    #[track_caller]
    pub(crate) fn tell_key(&self, swap: &Bought, secret: [u8; 32]) -> SwapReply {
        let swap_id = swap.id;
        self.tell(swap, &SwapRequest::Key { swap_id, secret })
    }

    /// Agrees on an `out` with this R.
    pub(crate) fn try_agree(
        &self,
        maker: &Node,
        amount: u64,
        preimage: Vec<u8>,
    ) -> Result<Bought, (RefusalCode, String)> {
        let address = p2p_addresses(maker)[0].clone();
        let signed = self.quote(&address, Direction::Out, amount)?;
        let quote = Quote::open(&signed).unwrap();
        let (claim, internal) = (key(), key());
        let terms = PayerTerms {
            payment_hash: hash_of(&preimage),
            claim_key: claim.public_key(),
            internal_key: internal.public_key(),
            confirmations: 1,
        };
        let id = SwapId(random());
        let accepted = self.open(&address, id, &signed, Some(terms.clone()))?;
        let funder = accepted.funder.expect("the funder's terms");
        let contract = contract_of(&terms, &funder).unwrap();
        Ok(Bought {
            id,
            quote,
            preimage,
            claim,
            internal,
            terms,
            funder,
            contract,
            funder_at: contact(&address),
        })
    }

    /// Opens a swap on a quote.
    pub(crate) fn open(
        &self,
        maker: &str,
        swap_id: SwapId,
        quote: &Signed,
        payer: Option<PayerTerms>,
    ) -> Result<Acceptance, (RefusalCode, String)> {
        let open = SwapRequest::Open {
            swap_id,
            quote: quote.clone(),
            payer,
        };
        let signed = match self.say(maker, &open) {
            SwapReply::Accepted(signed) => signed,
            SwapReply::Refused(refusal) => return Err((refusal.code, refusal.text)),
            SwapReply::Ack => panic!("acknowledged instead of accepted"),
        };
        let maker = Quote::open(quote).unwrap().maker;
        signed.verify(Tag::Accept, &maker).unwrap();
        Ok(Acceptance::read(&signed).unwrap())
    }

    /// Pays swap and prepay.
    pub(crate) fn pay(&self, swap: &Bought) {
        self.pay_invoice(swap, swap.funder.prepay_invoice.as_ref().unwrap());
        self.pay_invoice(swap, &swap.funder.swap_invoice);
    }

    /// Pays one of the invoices. Says what it knows the payment by.
    pub(crate) fn pay_invoice(&self, swap: &Bought, invoice: &str) -> [u8; 32] {
        let payment_id = random();
        let request = PayRequest {
            invoice: invoice.to_owned(),
            payment_id,
            max_fee_msat: 0,
            max_total_cltv_delta: swap.quote.timelocks().max_total_delta(),
            max_parts: 4,
            retry_secs: 10,
            first_hops: None,
            last_hop: None,
        };
        self.own.lightning().pay(&request).unwrap();
        payment_id
    }
}

/// Whom an address leads to.
pub(crate) fn contact(maker: &str) -> Contact {
    (peer_of(maker), vec![maker.parse().unwrap()])
}
