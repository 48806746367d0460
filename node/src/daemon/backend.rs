//! What the API asks of the node besides swaps.

use std::sync::Arc;

use bitcoin::Network;
use bitcoin::secp256k1::PublicKey;
use cambista_engine::ports::Clock as _;
use cambista_engine::{EngineHandle, MakerContact, MakerPolicy};
use cambista_ldk::Node;
use cambista_protocol::words::Direction;
use futures::future::BoxFuture;
use tokio::sync::watch;

use super::peers::channel;
use super::wallet::wallet;
use super::{convert, invoices, makers};
use crate::adapters::system::SystemClock;
use crate::api::types::{
    AskInvoice, Balance, Business, Channel, ConnectPeer, Invoice, KnownMaker, Limits, MakerDetail,
    NodeStatus, Offer, OffersQuery, OpenChannel, PayInvoice, Payment, Peer, PeerKind, Problem,
    Returning, SendCoins, SendPlan, Sent, WalletTransaction,
};
use crate::api::{Answer, Backend};
use crate::network::{Multiaddr, NetworkHandle};
use crate::offers::{self, Announcer, Market, Memory};
use crate::payments::Payments;
use crate::store::{Store, StoreError};

/// Where the maker's business is remembered.
pub(super) const MAKER_KEY: &str = "maker-policy";

/// The node behind the API.
pub(super) struct NodeBackend {
    pub(super) network: Network,
    pub(super) node: Arc<Node>,
    pub(super) swarm: NetworkHandle,
    pub(super) market: Arc<Market>,
    pub(super) announcer: Arc<Announcer>,
    pub(super) engine: EngineHandle,
    pub(super) store: Arc<Store>,
    pub(super) payments: Arc<Payments>,
    pub(super) limits: Limits,
    pub(super) memory: Arc<Memory>,
    pub(super) ask_stop: watch::Sender<bool>,
}

fn now<'a, T: Send + 'a>(answer: Result<T, Problem>) -> BoxFuture<'a, Result<T, Problem>> {
    Box::pin(std::future::ready(answer))
}

pub(super) fn stored(error: &StoreError) -> Problem {
    Problem::internal(error.to_string()).next("cambista status")
}

impl NodeBackend {
    fn describe(&self) -> NodeStatus {
        let chain = self.node.chain().status();
        let id = self.swarm.local_peer_id();
        let with_id = |address: &Multiaddr| format!("{address}/p2p/{id}");
        NodeStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            network: self.network.to_string(),
            node_id: self.node.node_id().to_string(),
            peer_id: id.to_string(),
            height: chain.tip.height,
            synced: chain.last_error.is_none()
                && !chain.initial_block_download
                && chain.tip.height >= chain.node_height
                && chain.node_height >= chain.headers,
            chain_error: chain.last_error,
            lightning_addresses: self
                .node
                .listening()
                .iter()
                .map(ToString::to_string)
                .collect(),
            p2p_addresses: self.swarm.shown_addrs().iter().map(with_id).collect(),
            lightning_peers: self
                .node
                .peers()
                .iter()
                .filter(|peer| peer.connected)
                .count(),
            p2p_peers: self.swarm.peers().len(),
            channels: self.node.channels().len(),
            balance: self.money(),
        }
    }
}

impl Backend for NodeBackend {
    fn network(&self) -> Network {
        self.network
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn alone(&self) -> Option<Problem> {
        let alone = self.swarm.peers().is_empty() && !self.market.has_others();
        alone.then(|| {
            Problem::unavailable(
                "this node is connected to no other node of the market, so there is nobody to ask; nothing was begun. \
                 It needs the address of one, such as /dns4/some.node/tcp/9740/p2p/12D3Koo...: another owner's \
                 `cambista status` shows theirs",
            )
            .next("cambista peer connect --help")
        })
    }

    fn status(&self) -> Answer<'_, NodeStatus> {
        now(Ok(self.describe()))
    }

    fn offers(&self, query: OffersQuery) -> Answer<'_, Vec<Offer>> {
        now(Ok(self.listed(query)))
    }

    fn makers(
        &self,
        direction: Direction,
        amount_sat: u64,
        maker: Option<PublicKey>,
        limit: usize,
    ) -> Answer<'_, Vec<MakerContact>> {
        now(self
            .in_touch()
            .map(|()| self.candidates(direction, amount_sat, maker, limit)))
    }

    fn resting_until(&self, direction: Direction, amount_sat: u64) -> Option<u64> {
        offers::resting_until(&self.market, &self.memory, direction, amount_sat)
    }

    fn set_maker(&self, mut policy: MakerPolicy) -> Answer<'_, ()> {
        policy.set_at = SystemClock.now();
        Box::pin(async move {
            self.store
                .set_setting(MAKER_KEY, &policy)
                .map_err(|error| stored(&error))?;
            self.engine.set_policy(policy).await?;
            self.announcer.changed();
            Ok(())
        })
    }

    fn business(&self) -> Answer<'_, Business> {
        Box::pin(async move {
            let report = self.engine.maker_report().await?;
            Ok(makers::business(&report, self.announcer.problem()))
        })
    }

    fn known_makers(&self) -> Answer<'_, Vec<KnownMaker>> {
        now(Ok(self.all_known()))
    }

    fn known_maker(&self, id: String) -> Answer<'_, MakerDetail> {
        now(self.one_known(&id))
    }

    fn channels(&self) -> Answer<'_, Vec<Channel>> {
        now(Ok(self
            .node
            .channels()
            .into_iter()
            .map(convert::channel)
            .collect()))
    }

    fn returning(&self) -> Answer<'_, Vec<Returning>> {
        let parts = self.node.returning().into_iter();
        now(Ok(parts.map(convert::returning).collect()))
    }

    fn open_channel(&self, open: OpenChannel) -> Answer<'_, String> {
        Box::pin(self.open(open))
    }

    fn close_channel(&self, id: String, force: bool) -> Answer<'_, ()> {
        let ids: Vec<[u8; 32]> = self
            .node
            .channels()
            .iter()
            .map(|channel| channel.id)
            .collect();
        let closed = convert::by_beginning(&ids, &id).and_then(|id| {
            self.node
                .close_channel(id, force)
                .map_err(|error| channel(&error))
        });
        now(closed)
    }

    fn peers(&self) -> Answer<'_, Vec<Peer>> {
        let lightning = self.node.peers().into_iter().map(|peer| Peer {
            kind: PeerKind::Lightning,
            id: peer.node_id.to_string(),
            address: peer.address,
            connected: peer.connected,
        });
        let market = self.swarm.peers().into_iter().map(|peer| Peer {
            kind: PeerKind::Market,
            id: peer.peer.to_string(),
            address: Some(peer.address.to_string()),
            connected: true,
        });
        now(Ok(lightning.chain(market).collect()))
    }

    fn connect(&self, peer: ConnectPeer) -> Answer<'_, ()> {
        Box::pin(self.dial(peer))
    }

    fn new_address(&self) -> Answer<'_, String> {
        let address = self.node.wallet().new_address();
        now(address
            .map(|address| address.to_string())
            .map_err(|error| wallet(&error)))
    }

    fn balance(&self) -> Answer<'_, Balance> {
        now(Ok(self.money()))
    }

    fn send(&self, send: SendCoins) -> Answer<'_, Sent> {
        Box::pin(self.send_coins(send))
    }

    fn plan_send(&self, send: SendCoins) -> Answer<'_, SendPlan> {
        now(self.plan_coins(&send))
    }

    fn history(&self) -> Answer<'_, Vec<WalletTransaction>> {
        let history = self.node.wallet().history().into_iter();
        now(Ok(history.map(convert::transaction).collect()))
    }

    fn invoice(&self, ask: AskInvoice) -> Answer<'_, Invoice> {
        now(invoices::invoice(&self.node, &ask))
    }

    fn pay(&self, pay: PayInvoice) -> Answer<'_, Payment> {
        now(invoices::pay(&self.node, &self.payments, &pay))
    }

    fn payments(&self) -> Answer<'_, Vec<Payment>> {
        let newest = self.payments.list(invoices::LISTED);
        now(newest.map_err(|error| stored(&error)))
    }

    fn payment(&self, hash: [u8; 32]) -> Answer<'_, Payment> {
        let found = self.payments.get(&hash).map_err(|error| stored(&error));
        now(found.and_then(|found| found.ok_or_else(invoices::unknown)))
    }

    fn payment_changes(&self) -> watch::Receiver<u64> {
        self.payments.changes()
    }

    fn stop(&self) {
        self.ask_stop.send_replace(true);
    }
}
