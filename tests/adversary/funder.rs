//! A taker that keeps no rule as the funder of an `in`: an honest maker pays it over Lightning before anything is on the chain.

use bitcoin::Transaction;
use bitcoin::secp256k1::PublicKey;
use cambista_harness::market::p2p_addresses;
use cambista_harness::wait::{secs, wait_for};
use cambista_harness::{Bitcoind, Node};
use cambista_protocol::contract::{Contract, Method, Secret};
use cambista_protocol::market::quote::Quote;
use cambista_protocol::message::{RefusalCode, SwapReply, SwapRequest};
use cambista_protocol::terms::{FunderTerms, PayerTerms};
use cambista_protocol::words::{Direction, SwapId};

use super::bill::{Bill, Written};
use super::bought::contract_of;
use super::payer::Payer;
use super::{chain, key, random};

/// A swap whose maker waits for the terms of its funder.
#[derive(Clone)]
pub(crate) struct Opened {
    pub(crate) id: SwapId,
    pub(crate) quote: Quote,
    pub(crate) payer: PayerTerms,
    /// Where the maker is called.
    maker: String,
}

/// Everything its terms are made of, honest at first.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) swap: Bill,
    pub(crate) prepay: Option<Bill>,
    pub(crate) refund_height: u32,
    pub(crate) refund_key: PublicKey,
    pub(crate) internal_key: PublicKey,
    /// The maker's terms.
    pub(crate) payer: PayerTerms,
}

/// A swap as its funder has it.
#[derive(Clone)]
pub(crate) struct Sold {
    pub(crate) id: SwapId,
    pub(crate) quote: Quote,
    pub(crate) payer: PayerTerms,
    pub(crate) contract: Contract,
    internal: Secret,
    /// Where the maker is called.
    maker: String,
}

impl Sold {
    /// H.
    pub(crate) const fn hash(&self) -> [u8; 32] {
        self.payer.payment_hash
    }

    /// What the maker pays over Lightning when all goes well (sat).
    pub(crate) fn paid(&self) -> i64 {
        i64::try_from(self.quote.swap_invoice().unwrap().to_sat()).unwrap()
    }

    /// Pays its contract these values from a coin nothing else spends.
    pub(crate) fn fund(&self, bitcoind: &Bitcoind, values: &[u64]) -> Transaction {
        chain::fund(bitcoind, &self.contract, values)
    }

    /// Its way to the coins with the maker's key.
    pub(crate) fn by_key(&self, payer: &Secret) -> Method {
        let secret = self.contract.key_path_secret(payer, &self.internal);
        Method::KeyPath(secret.unwrap())
    }

    /// Waits until its maker says that it sees a funding, confirmed or not.
    #[track_caller]
    pub(crate) fn wait_seen(&self, maker: &Node) {
        let what = "the maker to see the funding";
        super::bought::wait_seen(what, self.hash(), maker, |seen| {
            seen["state"] == "confirming"
        });
    }

    /// Waits until its maker says that it ended like this.
    #[track_caller]
    pub(crate) fn outcome(&self, maker: &Node, outcome: &str) {
        super::bought::outcome(self.hash(), maker, outcome);
    }
}

impl Payer {
    /// An `in` with this maker that waits for its terms.
    #[track_caller]
    pub(crate) fn open_in(&self, maker: &Node, amount_sat: u64) -> Opened {
        let opened = self.try_open_in(&p2p_addresses(maker)[0], amount_sat);
        opened.unwrap_or_else(|(code, why)| panic!("refused: {code:?} {why}"))
    }

    /// The same with the maker at this address, which may refuse.
    pub(crate) fn try_open_in(
        &self,
        maker: &str,
        amount_sat: u64,
    ) -> Result<Opened, (RefusalCode, String)> {
        let quoted = self.quote(maker, Direction::In, amount_sat)?;
        let id = SwapId(random());
        let accepted = self.open(maker, id, &quoted, None)?;
        Ok(Opened {
            id,
            quote: Quote::open(&quoted).unwrap(),
            payer: accepted.payer,
            maker: maker.to_owned(),
        })
    }

    /// Brings its terms, changed like this.
    pub(crate) fn offer(
        &self,
        opened: &Opened,
        trick: impl FnOnce(&mut Parts),
    ) -> Result<Sold, (RefusalCode, String)> {
        let locks = opened.quote.timelocks();
        let lightning = self.own.lightning();
        let (refund, internal) = (key(), key());
        let height = lightning.chain().watch_tip().borrow().height;
        let mut parts = Parts {
            swap: Bill {
                hash: opened.payer.payment_hash,
                sat: opened.quote.swap_invoice().unwrap().to_sat(),
                delta: locks.invoice_delta(),
                written: Written::Properly,
            },
            prepay: None,
            refund_height: locks.refund_height(height),
            refund_key: refund.public_key(),
            internal_key: internal.public_key(),
            payer: opened.payer.clone(),
        };
        trick(&mut parts);
        let funder = FunderTerms {
            refund_key: parts.refund_key,
            internal_key: parts.internal_key,
            refund_height: parts.refund_height,
            swap_invoice: parts.swap.invoice(lightning),
            prepay_invoice: parts.prepay.map(|bill| bill.invoice(lightning)),
            last_hop: None,
        };
        let contract = contract_of(&opened.payer, &funder);
        let swap_id = opened.id;
        match self.say(&opened.maker, &SwapRequest::Terms { swap_id, funder }) {
            SwapReply::Accepted(_) => {}
            SwapReply::Refused(refusal) => return Err((refusal.code, refusal.text)),
            SwapReply::Ack => panic!("acknowledged instead of accepted"),
        }
        Ok(Sold {
            id: opened.id,
            quote: opened.quote.clone(),
            payer: opened.payer.clone(),
            contract: contract.expect("a contract of what was accepted"),
            internal,
            maker: opened.maker.clone(),
        })
    }

    /// A swap agreed as it should be and paid: what the maker paid is held.
    #[track_caller]
    pub(crate) fn sell(&self, maker: &Node, amount_sat: u64) -> Sold {
        let sold = self.offer(&self.open_in(maker, amount_sat), |_| {});
        let sold = sold.unwrap_or_else(|(code, why)| panic!("refused: {code:?} {why}"));
        self.own.held(sold.hash());
        sold
    }

    /// Tells the maker of a funding.
    #[track_caller]
    pub(crate) fn tell_funding(&self, swap: &Sold, tx: &Transaction) -> SwapReply {
        let tx = bitcoin::consensus::serialize(tx);
        let swap_id = swap.id;
        self.say(&swap.maker, &SwapRequest::Funded { swap_id, tx })
    }

    /// R, if the maker told it.
    pub(crate) fn knows_preimage(&self, id: SwapId) -> Option<[u8; 32]> {
        self.heard(id).iter().find_map(|said| match said {
            SwapRequest::Preimage { preimage, .. } => Some(*preimage),
            _ => None,
        })
    }

    /// Waits for R.
    #[track_caller]
    pub(crate) fn wait_preimage(&self, swap: &Sold) -> [u8; 32] {
        wait_for("the preimage", secs(30), || {
            let known = self.knows_preimage(swap.id);
            known.ok_or_else(|| format!("heard {:?}", self.heard(swap.id)))
        })
    }

    /// Waits for the maker's key.
    #[track_caller]
    pub(crate) fn wait_payers_key(&self, swap: &Sold) -> Secret {
        let secret = wait_for("the maker's key", secs(30), || {
            let known = self.has_key(swap.id);
            known.ok_or_else(|| format!("heard {:?}", self.heard(swap.id)))
        });
        assert_eq!(secret.public_key(), swap.payer.internal_key);
        secret
    }
}
