//! A party that keeps no rule: it speaks the wire itself, with a Lightning node and coins of its own.
//!
//! It shares the message types and the contract with what it attacks, and nothing that decides: no state machine, no
//! engine, no swarm. What it says, pays and publishes, and when, is the scenario's choice alone.

pub(crate) mod bill;
pub(crate) mod blocks;
mod bought;
pub(crate) mod chain;
pub(crate) mod flood;
mod front;
pub(crate) mod funder;
pub(crate) mod garble;
pub(crate) mod in_maker;
pub(crate) mod join;
pub(crate) mod maker;
pub(crate) mod not_r;
pub(crate) mod payer;
pub(crate) mod prey;
pub(crate) mod wire;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bitcoin::hashes::{Hash, sha256};
use bitcoin::secp256k1::SecretKey;
use cambista_harness::market::lightning_address;
use cambista_harness::{Bitcoind, Node};
use cambista_ldk::{Node as Lightning, OpenChannel, PayRequest};
use cambista_protocol::contract::Secret;
use tokio::runtime::Runtime;

use crate::hold_invoices::node::Running;

/// Its Lightning node and the runtime all of it lives in.
pub(crate) struct Own {
    runtime: Option<Runtime>,
    running: Running,
}

impl Own {
    /// Starts a Lightning node with keys from `seed`.
    pub(crate) fn start(bitcoind: &Bitcoind, seed: u8) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let running = runtime.block_on(Running::start(bitcoind, seed));
        Self {
            runtime: Some(runtime),
            running,
        }
    }

    /// Runs something of its own to the end.
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.as_ref().unwrap().block_on(future)
    }

    /// The Lightning node.
    pub(crate) fn lightning(&self) -> &Arc<Lightning> {
        &self.running.node
    }

    /// Makes a payment that cannot succeed, and waits until it has failed.
    pub(crate) fn fail_to_pay(&self, request: &PayRequest) {
        self.lightning().pay(request).unwrap();
        self.block_on(self.running.payment_failed(request.payment_id));
    }

    /// Where its Lightning node is reached: `pubkey@host:port`.
    pub(crate) fn lightning_address(&self) -> String {
        format!("{}@{}", self.running.node.node_id(), self.running.address())
    }

    /// Opens a channel to this node, part of which (sat) is the other side's from the start. Its funding waits for a block.
    pub(crate) fn open_channel(&self, to: &Node, amount_sat: u64, pushed_sat: u64) {
        let address = lightning_address(to);
        let (id, host) = address.split_once('@').unwrap();
        let open = OpenChannel {
            peer: id.parse().unwrap(),
            address: Some(host.to_owned()),
            amount_sat,
            push_msat: pushed_sat * 1_000,
            announced: false,
        };
        self.block_on(self.lightning().open_channel(open)).unwrap();
    }

    /// Waits until its node has seen every block.
    pub(crate) fn catch_up(&self, bitcoind: &Bitcoind) {
        self.block_on(self.running.catch_up(bitcoind));
    }

    /// Waits until a payment of this hash is held, and says until what height it can be claimed.
    pub(crate) fn held(&self, hash: [u8; 32]) -> u32 {
        self.block_on(self.running.held(hash)).claim_deadline
    }

    /// The height at which LDK gives back the last payment it holds, so as not to lose its channel.
    pub(crate) fn deadline(&self) -> u32 {
        const FAIL_BACK: u32 = 39;
        let held = self.running.node.held_htlcs();
        let expiry = held.iter().map(|htlc| htlc.cltv_expiry).max();
        expiry.expect("held payments") - FAIL_BACK
    }

    /// Until what height a payment of its own on this hash stays locked; none when nothing of it is under way.
    pub(crate) fn lock_height(&self, hash: [u8; 32]) -> Option<u32> {
        self.running.node.max_lock_height(hash)
    }

    /// Waits until a payment of its own has failed.
    pub(crate) fn wait_given_back(&self, payment_id: [u8; 32]) {
        self.block_on(self.running.payment_failed(payment_id));
    }

    /// Closes its channels alone.
    pub(crate) fn close_by_force(&self) {
        for channel in self.running.node.channels() {
            self.running.node.close_channel(channel.id, true).unwrap();
        }
    }

    /// Takes a held payment.
    pub(crate) fn claim(&self, preimage: [u8; 32]) {
        self.running.node.claim(preimage);
        self.block_on(self.running.claimed(hash_of(preimage)));
    }

    /// Gives a held payment back.
    pub(crate) fn fail(&self, hash: [u8; 32]) {
        self.running.node.fail(hash);
    }

    /// Waits until a node has so many channels it can use, and this one has one.
    pub(crate) fn wait_channels(&self, node: &Node, all: usize) {
        cambista_harness::market::wait_usable(node, all);
        self.block_on(crate::hold_invoices::node::eventually(
            "a usable channel of the adversary",
            || self.running.node.channels().iter().any(|c| c.usable),
        ));
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            let node = self.running.node.clone();
            runtime.block_on(async move { node.stop().await });
            runtime.shutdown_background();
        }
    }
}

/// H of R, however long R is.
pub(crate) fn hash_of(preimage: impl AsRef<[u8]>) -> [u8; 32] {
    sha256::Hash::hash(preimage.as_ref()).to_byte_array()
}

/// Thirty-two bytes nobody else has.
pub(crate) fn random() -> [u8; 32] {
    SecretKey::new(&mut bitcoin::secp256k1::rand::thread_rng()).secret_bytes()
}

/// A key nobody else has.
pub(crate) fn key() -> Secret {
    Secret::from_bytes(&random()).unwrap()
}

/// Another test's failure is no reason not to look.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
