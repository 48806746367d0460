//! A swap as its payer has it, when that is the side that keeps no rule.

use bitcoin::{Amount, OutPoint, Transaction};
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Bitcoind, Node};
use cambista_protocol::contract::{Contract, Keys, Method, Secret};
use cambista_protocol::market::quote::Quote;
use cambista_protocol::terms::{FunderTerms, PayerTerms};
use cambista_protocol::words::SwapId;
use libp2p::{Multiaddr, PeerId};
use serde_json::Value;

use super::chain;

/// A swap it agreed on.
#[derive(Clone)]
pub(crate) struct Bought {
    pub(crate) id: SwapId,
    pub(crate) quote: Quote,
    pub(crate) preimage: Vec<u8>,
    pub(crate) claim: Secret,
    pub(crate) internal: Secret,
    pub(crate) terms: PayerTerms,
    pub(crate) funder: FunderTerms,
    pub(crate) contract: Contract,
    /// Who funds it.
    pub(crate) funder_at: Contact,
}

/// A peer, and where it is called when there is no connection.
pub(crate) type Contact = (PeerId, Vec<Multiaddr>);

/// A funding as it was told of.
#[derive(Clone, Debug)]
pub(crate) struct Funded {
    pub(crate) outpoint: OutPoint,
    pub(crate) value: Amount,
    /// What its miner gets (sat).
    pub(crate) fee: i64,
}

impl Bought {
    /// R, where it has the length it should have.
    pub(crate) fn preimage32(&self) -> [u8; 32] {
        self.preimage.clone().try_into().unwrap()
    }

    /// What the funder gets over Lightning when all goes well (sat).
    pub(crate) fn paid(&self) -> i64 {
        let swap = self.quote.swap_invoice().unwrap().to_sat();
        i64::try_from(swap).unwrap() + self.prepay()
    }

    /// What it gets when the payer walks away.
    pub(crate) fn prepay(&self) -> i64 {
        i64::try_from(self.quote.prepay_sat).unwrap()
    }

    /// SAT.
    pub(crate) fn amount(&self) -> i64 {
        i64::try_from(self.quote.amount_sat).unwrap()
    }

    /// A claim of its output by the leaf, at so many sat/vB.
    pub(crate) fn claim(&self, bitcoind: &Bitcoind, funded: &Funded, rate: u64) -> Transaction {
        let method = Method::Claim {
            key: self.claim.clone(),
            preimage: self.preimage32(),
        };
        let output = (funded.outpoint, funded.value);
        chain::spend(bitcoind, &self.contract, output, method, rate)
    }

    /// Waits until its honest side says that it ended like this.
    #[track_caller]
    pub(crate) fn outcome(&self, honest: &Node, outcome: &str) {
        self::outcome(self.terms.payment_hash, honest, outcome);
    }
}

/// Waits until a node says that its swap of this hash ended like this.
#[track_caller]
pub(super) fn outcome(hash: [u8; 32], honest: &Node, outcome: &str) {
    let what = format!("{} to end as {outcome}", honest.name());
    wait_seen(&what, hash, honest, |seen| {
        seen["ended"] == true && seen["outcome"] == outcome
    });
}

/// Waits until a node says of its swap of this hash what is `wanted`.
#[track_caller]
pub(super) fn wait_seen(
    what: &str,
    hash: [u8; 32],
    honest: &Node,
    wanted: impl Fn(&Value) -> bool,
) {
    let hash = SwapId(hash).to_string();
    wait_for(what, FOUND_AGAIN, || {
        let list = honest.api_get("/swaps");
        let swaps = list["swaps"].as_array().unwrap();
        let seen = swaps.iter().find(|seen| seen["payment_hash"] == hash);
        let seen = seen.ok_or("unknown")?;
        match wanted(seen) {
            true => Ok(()),
            false => Err(seen.to_string()),
        }
    });
}

/// What both sides' terms make, where they make one.
pub(super) fn contract_of(payer: &PayerTerms, funder: &FunderTerms) -> Option<Contract> {
    let keys = Keys {
        payer_claim: payer.claim_key,
        payer_internal: payer.internal_key,
        funder_refund: funder.refund_key,
        funder_internal: funder.internal_key,
    };
    Contract::new(keys, payer.payment_hash, funder.refund_height).ok()
}
