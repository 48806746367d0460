//! The payment router: LDK's own, with rules for single payments about their first and last hop.
//!
//! LDK asks for a route before the first try and again before each retry, also after a restart; the rules are
//! therefore kept in the store until the payment has ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bitcoin::secp256k1::{self, PublicKey, Secp256k1};
use lightning::blinded_path::payment::{BlindedPaymentPath, ReceiveTlvs};
use lightning::io;
use lightning::ln::channel_state::ChannelDetails;
use lightning::ln::channelmanager::PaymentId;
use lightning::routing::gossip::NodeId;
use lightning::routing::router::{
    InFlightHtlcs, Path, Payee, PaymentParameters, Route, RouteParameters, Router,
};
use lightning::types::payment::PaymentHash;
use lightning::util::persist::KVStoreSync;
use serde::{Deserialize, Serialize};

use crate::barrier::{Store, other};
use crate::hex;
use crate::types::{Graph, PlainRouter};

const PRIMARY: &str = "cambista";
const SECONDARY: &str = "payment_rules";

/// What one payment's routes must satisfy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rule {
    /// Only these of our channels may be used.
    pub(crate) first_hops: Option<Vec<[u8; 32]>>,
    /// The node right before the payee.
    pub(crate) last_hop: Option<PublicKey>,
}

impl Rule {
    pub(crate) fn is_free(&self) -> bool {
        self.first_hops.is_none() && self.last_hop.is_none()
    }

    fn admits_first(&self, hop: &ChannelDetails) -> bool {
        let chosen = self.first_hops.as_ref();
        chosen.is_none_or(|ids| ids.contains(&hop.channel_id.0))
    }

    /// Whether `path`, starting at `payer`, ends through the demanded node.
    fn admits_path(&self, payer: &PublicKey, path: &Path) -> bool {
        let Some(last_hop) = self.last_hop else {
            return true;
        };
        let before_payee = path.hops.iter().rev().nth(1).map(|hop| &hop.pubkey);
        before_payee.unwrap_or(payer) == &last_hop
    }
}

/// The router handed to the channel manager.
pub(crate) struct SwapRouter {
    inner: PlainRouter,
    graph: Arc<Graph>,
    store: Arc<Store>,
    rules: Mutex<HashMap<[u8; 32], Rule>>,
}

impl SwapRouter {
    /// Reads the rules of payments that had not ended at the last stop.
    pub(crate) fn load(
        inner: PlainRouter,
        graph: Arc<Graph>,
        store: Arc<Store>,
    ) -> Result<Self, io::Error> {
        let mut rules = HashMap::new();
        for key in store.list(PRIMARY, SECONDARY)? {
            let bytes = store.read(PRIMARY, SECONDARY, &key)?;
            let rule = serde_json::from_slice(&bytes).map_err(other)?;
            let id = hex::array(&key).ok_or_else(|| other("payment rule's name"))?;
            rules.insert(id, rule);
        }
        Ok(Self {
            inner,
            graph,
            store,
            rules: Mutex::new(rules),
        })
    }

    fn rules(&self) -> MutexGuard<'_, HashMap<[u8; 32], Rule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Binds a payment that is about to start. Durable on return.
    pub(crate) fn bind(&self, payment_id: [u8; 32], rule: Rule) -> Result<(), io::Error> {
        if rule.is_free() {
            return Ok(());
        }
        let bytes = serde_json::to_vec(&rule).map_err(other)?;
        self.store
            .write(PRIMARY, SECONDARY, &hex::text(&payment_id), bytes)?;
        self.rules().insert(payment_id, rule);
        Ok(())
    }

    /// Forgets a payment that has ended.
    pub(crate) fn unbind(&self, payment_id: &[u8; 32]) -> Result<(), io::Error> {
        if self.rules().remove(payment_id).is_none() {
            return Ok(());
        }
        self.store
            .remove(PRIMARY, SECONDARY, &hex::text(payment_id), false)
    }

    /// Finds a route that satisfies `rule`.
    pub(crate) fn find_ruled(
        &self,
        payer: &PublicKey,
        asked: &RouteParameters,
        first_hops: Option<&[&ChannelDetails]>,
        inflight: InFlightHtlcs,
        rule: &Rule,
    ) -> Result<Route, &'static str> {
        let mut params = asked.clone();
        let payee = match &params.payment_params.payee {
            Payee::Clear { node_id, .. } => *node_id,
            Payee::Blinded { .. } if rule.last_hop.is_some() => {
                return Err("a blinded invoice cannot be paid through a chosen last hop");
            }
            Payee::Blinded { .. } => *payer,
        };
        if let Some(last_hop) = rule.last_hop {
            self.close_other_ways(&mut params.payment_params, &payee, &last_hop);
        }
        let direct_allowed = rule.last_hop.is_none_or(|last_hop| last_hop == *payer);
        let hops: Option<Vec<&ChannelDetails>> = first_hops.map(|hops| {
            let hops = hops.iter().copied();
            hops.filter(|hop| rule.admits_first(hop))
                .filter(|hop| direct_allowed || hop.counterparty.node_id != payee)
                .collect()
        });
        let mut route = self
            .inner
            .find_route(payer, &params, hops.as_deref(), inflight)?;
        // LDK insists on getting back what it asked for, and asks for retries with it: each is ruled anew.
        route.route_params = Some(asked.clone());
        if route.paths.iter().all(|path| rule.admits_path(payer, path)) {
            Ok(route)
        } else {
            Err("no route through the chosen last hop")
        }
    }

    /// Rules out every known channel into the payee that does not come from `last_hop`.
    fn close_other_ways(
        &self,
        params: &mut PaymentParameters,
        payee: &PublicKey,
        last_hop: &PublicKey,
    ) {
        if let Payee::Clear { route_hints, .. } = &mut params.payee {
            route_hints.retain(|hint| {
                let last = hint.0.last();
                last.is_some_and(|hop| hop.src_node_id == *last_hop)
            });
        }
        let payee = NodeId::from_pubkey(payee);
        let wanted = NodeId::from_pubkey(last_hop);
        let graph = self.graph.read_only();
        let Some(node) = graph.node(&payee) else {
            return;
        };
        for scid in &node.channels {
            let through = graph
                .channel(*scid)
                .is_some_and(|channel| channel.node_one == wanted || channel.node_two == wanted);
            if !through {
                params.previously_failed_channels.push(*scid);
            }
        }
    }
}

impl Router for SwapRouter {
    fn find_route(
        &self,
        payer: &PublicKey,
        route_params: &RouteParameters,
        first_hops: Option<&[&ChannelDetails]>,
        inflight_htlcs: InFlightHtlcs,
    ) -> Result<Route, &'static str> {
        self.inner
            .find_route(payer, route_params, first_hops, inflight_htlcs)
    }

    fn find_route_with_id(
        &self,
        payer: &PublicKey,
        route_params: &RouteParameters,
        first_hops: Option<&[&ChannelDetails]>,
        inflight_htlcs: InFlightHtlcs,
        _payment_hash: PaymentHash,
        payment_id: PaymentId,
    ) -> Result<Route, &'static str> {
        let rule = self.rules().get(&payment_id.0).cloned();
        match rule {
            Some(rule) => self.find_ruled(payer, route_params, first_hops, inflight_htlcs, &rule),
            None => self.find_route(payer, route_params, first_hops, inflight_htlcs),
        }
    }

    fn create_blinded_payment_paths<T: secp256k1::Signing + secp256k1::Verification>(
        &self,
        recipient: PublicKey,
        first_hops: Vec<ChannelDetails>,
        tlvs: ReceiveTlvs,
        amount_msats: Option<u64>,
        secp_ctx: &Secp256k1<T>,
    ) -> Result<Vec<BlindedPaymentPath>, ()> {
        self.inner
            .create_blinded_payment_paths(recipient, first_hops, tlvs, amount_msats, secp_ctx)
    }
}
