//! What the API asks of the node besides swaps.

use std::str::FromStr as _;
use std::sync::Arc;

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Address, Amount, FeeRate, Network};
use cambista_engine::{EngineHandle, MakerContact, MakerPolicy};
use cambista_ldk::wallet::{SendAmount, WalletError};
use cambista_ldk::{ChannelError, Node, OpenChannel as Opening, PeerError};
use cambista_protocol::words::Direction;
use futures::future::BoxFuture;
use tokio::sync::watch;

use super::{convert, invoices};
use crate::api::types::{
    AskInvoice, Balance, Channel, Code, ConnectPeer, Funds, Invoice, Limits, NodeStatus, Offer,
    OffersQuery, OpenChannel, PayInvoice, Payment, Peer, PeerKind, Problem, Returning, SendCoins,
    Sent, WalletTransaction,
};
use crate::api::{Answer, Backend};
use crate::network::{Multiaddr, NetworkHandle};
use crate::offers::{self, Announcer, Market, peers};
use crate::payments::Payments;
use crate::store::{Store, StoreError};

/// Where the maker's business is remembered.
pub(super) const MAKER_KEY: &str = "maker-policy";

/// A payment to oneself or to others may wait this many blocks when nothing else was said.
const SEND_TARGET: u16 = 6;

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
    pub(super) ask_stop: watch::Sender<bool>,
}

fn now<'a, T: Send + 'a>(answer: Result<T, Problem>) -> BoxFuture<'a, Result<T, Problem>> {
    Box::pin(std::future::ready(answer))
}

pub(super) fn stored(error: &StoreError) -> Problem {
    Problem::internal(error.to_string()).next("cambista status")
}

fn wallet(error: &WalletError) -> Problem {
    let text = error.to_string();
    match error {
        WalletError::InsufficientFunds { .. } => {
            Problem::refused(text).next("cambista wallet balance")
        }
        WalletError::Dust { .. } => Problem::invalid(text),
        _ => Problem::internal(text).next("cambista status"),
    }
}

fn peer(error: &PeerError) -> Problem {
    let text = error.to_string();
    match error {
        PeerError::Address(_) => {
            Problem::invalid(text).next("cambista peer connect PUBKEY@HOST:PORT")
        }
        _ => Problem::unavailable(text).next("cambista peer list"),
    }
}

fn channel(error: &ChannelError) -> Problem {
    match error {
        ChannelError::Peer(error) => peer(error),
        ChannelError::NotConnected => {
            Problem::unavailable(error.to_string()).next("cambista peer list")
        }
        ChannelError::Unknown => {
            Problem::not_found(error.to_string()).next("cambista channel list")
        }
        _ => Problem::refused(error.to_string()).next("cambista wallet balance"),
    }
}

impl NodeBackend {
    fn money(&self) -> Balance {
        let (lightning, chain) = (self.node.liquidity(), self.node.wallet().balance());
        Balance {
            lightning_outbound_sat: lightning.outbound_msat / 1_000,
            lightning_inbound_sat: lightning.inbound_msat / 1_000,
            onchain_confirmed_sat: chain.confirmed.to_sat(),
            onchain_pending_sat: chain.pending.to_sat(),
            onchain_reserved_sat: chain.reserved.to_sat(),
            onchain_spendable_sat: chain.spendable.to_sat(),
        }
    }

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
            p2p_addresses: self.swarm.contact_addrs().iter().map(with_id).collect(),
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

    /// No swap begins on an old view of the chain.
    fn in_touch(&self) -> Result<(), Problem> {
        if offers::in_touch(&self.node) {
            return Ok(());
        }
        let reason = self.node.chain().status().last_error;
        let reason = reason.unwrap_or_else(|| "bitcoind is still catching up".into());
        Err(Problem::unavailable(format!(
            "no swap can begin while this node is out of touch with the chain ({reason}); open swaps go on by themselves"
        ))
        .next("cambista status"))
    }

    fn listed(&self, query: OffersQuery) -> Vec<Offer> {
        let directions = match query.direction {
            Some(direction) => vec![Direction::from(direction)],
            None => vec![Direction::Out, Direction::In],
        };
        let book = self.market.offers();
        let mut all: Vec<Offer> = Vec::new();
        for direction in directions {
            let priced = book.iter().filter_map(|(offer, own)| {
                convert::offer(offer, *own, direction, query.amount_sat)
            });
            let mut side: Vec<Offer> = priced.collect();
            // Without an amount a middling one decides who is first.
            side.sort_by_key(|offer| {
                (
                    offer.est_fee_sat.unwrap_or_else(|| middling(offer)),
                    offer.maker.clone(),
                )
            });
            all.append(&mut side);
        }
        all
    }

    fn candidates(
        &self,
        direction: Direction,
        amount_sat: u64,
        maker: Option<PublicKey>,
        limit: usize,
    ) -> Vec<MakerContact> {
        match maker {
            None => {
                let best = self.market.best(direction, amount_sat, limit);
                best.into_iter()
                    .map(|ranked| convert::contact(ranked.offer))
                    .collect()
            }
            // The wish is explicit: an amount outside the offer's limits is for the maker itself to refuse.
            Some(maker) if maker != self.node.node_id() => self
                .market
                .offer_of(&maker)
                .map(convert::contact)
                .into_iter()
                .collect(),
            Some(_) => Vec::new(),
        }
    }

    async fn open(&self, open: OpenChannel) -> Result<String, Problem> {
        let (peer, address) = convert::lightning_address(&open.node)?;
        let push_msat = open.push_sat.checked_mul(1_000).ok_or_else(|| {
            Problem::invalid("this is more money than there is; nothing was spent")
        })?;
        let opening = Opening {
            peer,
            address,
            amount_sat: open.amount_sat,
            push_msat,
            announced: open.announced,
        };
        let id = self
            .node
            .open_channel(opening)
            .await
            .map_err(|error| channel(&error))?;
        Ok(bitcoin::hex::DisplayHex::to_lower_hex_string(&id))
    }

    async fn dial(&self, to: ConnectPeer) -> Result<(), Problem> {
        if to.address.starts_with('/') {
            let address: Multiaddr = to.address.parse().map_err(|_| {
                Problem::invalid("this is not a market address")
                    .next("cambista peer connect ADDRESS")
            })?;
            let dialled = self.swarm.dial(address.clone()).await;
            let peer = dialled.map_err(|error| {
                Problem::unavailable(error.to_string()).next("cambista peer list")
            })?;
            return peers::remember(&self.store, &address, peer).map_err(|error| stored(&error));
        }
        let (key, address) = convert::lightning_address(&to.address)?;
        let address = address.ok_or_else(|| {
            Problem::invalid("say where the node is: its key, then @host:port")
                .next("cambista peer connect PUBKEY@HOST:PORT")
        })?;
        self.node
            .connect(key, &address)
            .await
            .map_err(|error| peer(&error))
    }

    async fn send_coins(&self, send: SendCoins) -> Result<Sent, Problem> {
        let to = Address::from_str(&send.address)
            .ok()
            .and_then(|address| address.require_network(self.network).ok())
            .ok_or_else(|| {
                Problem::invalid(format!(
                    "this is no address on {}; nothing was sent",
                    self.network
                ))
            })?;
        let amount = match (send.amount_sat, send.all) {
            (Some(sat), false) => SendAmount::Exact(Amount::from_sat(sat)),
            (None, true) => SendAmount::All,
            _ => {
                return Err(Problem::invalid(
                    "say either an amount or all of it; nothing was sent",
                ));
            }
        };
        let rate = match send.fee_rate_sat_vb {
            Some(rate) => FeeRate::from_sat_per_vb(rate).ok_or_else(|| {
                Problem::invalid("this fee rate is beyond all money; nothing was sent")
            })?,
            None => self.node.fees().rate(SEND_TARGET),
        };
        let tx = self
            .node
            .wallet()
            .send(&to, amount, rate)
            .map_err(|error| wallet(&error))?;
        let txid = tx.compute_txid();
        if let Err(error) = self
            .node
            .broadcaster()
            .broadcast(std::slice::from_ref(&tx))
            .await
        {
            return Err(not_broadcast(&self.node, &tx, &error));
        }
        let script = to.script_pubkey();
        let paid = tx
            .output
            .iter()
            .find(|output| output.script_pubkey == script)
            .map(|output| output.value);
        let history = self.node.wallet().history();
        let fee = history
            .iter()
            .find(|known| known.txid == txid)
            .and_then(|known| known.fee);
        Ok(Sent {
            txid: txid.to_string(),
            amount_sat: paid.unwrap_or(Amount::ZERO).to_sat(),
            fee_sat: fee
                .unwrap_or_else(|| rate.fee_wu(tx.weight()).unwrap_or(Amount::ZERO))
                .to_sat(),
        })
    }
}

/// Refused by bitcoind: nobody has it, its coins are free again. No answer from bitcoind: somebody may have it.
fn not_broadcast(
    node: &Node,
    tx: &bitcoin::Transaction,
    error: &cambista_ldk::rpc::RpcError,
) -> Problem {
    if matches!(error, cambista_ldk::rpc::RpcError::Rpc { .. }) {
        node.wallet().release_tx(tx);
        return Problem::refused(format!(
            "bitcoind refuses the transaction ({error}); nothing was sent"
        ));
    }
    Problem::new(
        Code::Unavailable,
        format!(
            "transaction {} may or may not have been sent: {error}",
            tx.compute_txid()
        ),
    )
    .funds(Funds::Unknown)
    .next("cambista wallet balance")
}

/// What an offer would cost for an amount in the middle of its limits.
fn middling(offer: &Offer) -> i64 {
    let amount = Amount::from_sat(offer.min_sat.midpoint(offer.max_sat));
    let price = cambista_protocol::money::Price {
        base_sat: offer.base_sat,
        ppm: offer.ppm,
    };
    price.fee(amount).unwrap_or(i64::MAX)
}

impl Backend for NodeBackend {
    fn network(&self) -> Network {
        self.network
    }

    fn limits(&self) -> Limits {
        self.limits
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

    fn set_maker(&self, policy: MakerPolicy) -> Answer<'_, ()> {
        Box::pin(async move {
            self.store
                .set_setting(MAKER_KEY, &policy)
                .map_err(|error| stored(&error))?;
            self.engine.set_policy(policy).await?;
            self.announcer.set(policy);
            Ok(())
        })
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
