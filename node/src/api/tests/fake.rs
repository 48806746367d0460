//! A node that answers from memory.

use std::sync::Mutex;

use bitcoin::Network;
use bitcoin::secp256k1::PublicKey;
use cambista_engine::order::{OrderView, OrderWish, Planned, Started};
use cambista_engine::view::{SwapView, SwapsView};
use cambista_engine::{AskFor, EngineError, MakerContact, MakerPolicy, NoQuote, Quotes, StartSwap};
use cambista_protocol::words::{Direction, SwapId};
use futures::future::{BoxFuture, FutureExt as _, ready};
use tokio::sync::watch;

use super::fake_orders::{order, plan};
use super::fake_swaps::{HASH, MAKER, payment, quote, swap};
use crate::api::types::*;
use crate::api::{Answer, Backend, Swaps};
use crate::datadir::Lock;

/// What was asked of the node.
#[derive(Default)]
pub(crate) struct Asked {
    pub(crate) quoted: Vec<AskFor>,
    pub(crate) planned: Vec<OrderWish>,
    pub(crate) accepted: Vec<String>,
    pub(crate) cancelled_orders: Vec<String>,
    pub(crate) started: Vec<StartSwap>,
    pub(crate) cancelled: Vec<String>,
    pub(crate) sent: Vec<SendCoins>,
    pub(crate) paid: Vec<PayInvoice>,
    pub(crate) stopped: bool,
    /// Channels opened, and channels closed.
    pub(crate) opened: usize,
    pub(crate) closed: usize,
    pub(crate) policy: MakerPolicy,
}

/// The node.
pub(crate) struct Fake {
    pub(crate) asked: Mutex<Asked>,
    pub(crate) version: watch::Sender<u64>,
    pub(crate) no_makers: bool,
    /// Who offers something has just failed.
    pub(crate) resting_until: Option<u64>,
    pub(crate) refuse: bool,
    pub(crate) limits: Limits,
    /// Where the payment stands.
    pub(crate) payment: watch::Sender<PaymentState>,
    pub(crate) payment_changes: watch::Sender<u64>,
    /// Has the folder until it stops.
    pub(crate) lock: Mutex<Option<Lock>>,
}

impl Fake {
    /// The payment ends.
    pub(crate) fn end_payment(&self, state: PaymentState) {
        self.payment.send_replace(state);
        self.payment_changes.send_modify(|count| *count += 1);
    }
}

fn good<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, Result<T, Problem>> {
    ready(Ok(value)).boxed()
}

impl Swaps for Fake {
    fn quotes(
        &self,
        ask: AskFor,
        makers: Vec<MakerContact>,
    ) -> BoxFuture<'_, Result<Quotes, EngineError>> {
        assert_eq!(makers.len(), 1);
        self.asked.lock().unwrap().quoted.push(ask);
        let refused = vec![NoQuote {
            maker: MAKER.into(),
            reason: "too small".into(),
            answered: true,
        }];
        ready(Ok(Quotes {
            quotes: vec![quote()],
            refused,
        }))
        .boxed()
    }

    fn start(&self, request: StartSwap) -> BoxFuture<'_, Result<SwapId, EngineError>> {
        if self.refuse {
            return ready(Err(EngineError::Refused("the price has changed".into()))).boxed();
        }
        self.asked.lock().unwrap().started.push(request);
        ready(Ok(SwapId([0xab; 32]))).boxed()
    }

    fn swaps(&self, _: usize) -> BoxFuture<'_, Result<SwapsView, EngineError>> {
        let swaps = vec![swap(*self.version.borrow())];
        ready(Ok(SwapsView { swaps, older: 0 })).boxed()
    }

    fn swap(&self, id: String) -> BoxFuture<'_, Result<SwapView, EngineError>> {
        let found = swap(*self.version.borrow());
        let missing = EngineError::NotFound(format!("there is no swap {id}"));
        ready(if found.id.starts_with(&id) {
            Ok(found)
        } else {
            Err(missing)
        })
        .boxed()
    }

    fn cancel(&self, id: String) -> BoxFuture<'_, Result<String, EngineError>> {
        if self.refuse {
            return ready(Err(EngineError::Refused(
                "the coins are on the chain".into(),
            )))
            .boxed();
        }
        self.asked.lock().unwrap().cancelled.push(id);
        ready(Ok("nothing was spent".into())).boxed()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    fn policy(&self) -> BoxFuture<'_, Result<MakerPolicy, EngineError>> {
        ready(Ok(self.asked.lock().unwrap().policy)).boxed()
    }

    fn plan(&self, wish: OrderWish) -> BoxFuture<'_, Result<Planned, EngineError>> {
        if self.no_makers {
            return ready(Err(EngineError::Refused("no maker offers it".into()))).boxed();
        }
        let dear = wish.max_fee_sat.is_some_and(|limit| limit < 882);
        self.asked.lock().unwrap().planned.push(wish);
        ready(Ok(Planned {
            plan: (!dear).then(plan),
            no_plan: dear.then(|| "all of it may come to 882 sat".into()),
            quotes: vec![quote()],
            refused: Vec::new(),
        }))
        .boxed()
    }

    fn accept(&self, plan_id: String) -> BoxFuture<'_, Result<Started, EngineError>> {
        if self.refuse {
            return ready(Err(EngineError::Refused("the price has changed".into()))).boxed();
        }
        self.asked.lock().unwrap().accepted.push(plan_id);
        ready(Ok(Started {
            order: order(*self.version.borrow()),
            quotes: vec![quote()],
        }))
        .boxed()
    }

    fn orders(&self) -> BoxFuture<'_, Result<Vec<OrderView>, EngineError>> {
        ready(Ok(vec![order(*self.version.borrow())])).boxed()
    }

    fn order(&self, id: String) -> BoxFuture<'_, Result<OrderView, EngineError>> {
        let found = order(*self.version.borrow());
        let missing = EngineError::NotFound(format!("there is no order {id}"));
        ready(if found.id.starts_with(&id) {
            Ok(found)
        } else {
            Err(missing)
        })
        .boxed()
    }

    fn cancel_order(&self, id: String) -> BoxFuture<'_, Result<String, EngineError>> {
        self.asked.lock().unwrap().cancelled_orders.push(id);
        ready(Ok("nothing more is begun".into())).boxed()
    }
}

impl Backend for Fake {
    fn network(&self) -> Network {
        Network::Regtest
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn status(&self) -> Answer<'_, NodeStatus> {
        good(NodeStatus {
            network: "regtest".into(),
            height: 120,
            ..NodeStatus::default()
        })
    }

    fn business(&self) -> Answer<'_, Business> {
        good(Business {
            sides: Vec::new(),
            open_sat: 5,
            unproven_sat: 3,
            profit_sat: -2,
            not_announced: None,
        })
    }

    fn known_makers(&self) -> Answer<'_, Vec<KnownMaker>> {
        good(Vec::new())
    }

    fn known_maker(&self, id: String) -> Answer<'_, MakerDetail> {
        let known = KnownMaker {
            maker: MAKER.to_owned(),
            ..KnownMaker::default()
        };
        let found = MAKER.starts_with(id.split("..").next().unwrap());
        Box::pin(std::future::ready(if found {
            let proofs = Vec::new();
            Ok(MakerDetail { known, proofs })
        } else {
            Err(Problem::not_found("this node knows no such maker"))
        }))
    }

    fn offers(&self, query: OffersQuery) -> Answer<'_, Vec<Offer>> {
        assert_eq!(
            query,
            OffersQuery {
                direction: Some(DirectionName::Out),
                amount_sat: Some(5),
                limit: query.limit,
                ..OffersQuery::default()
            }
        );
        good(Vec::new())
    }

    fn makers(
        &self,
        _: Direction,
        _: u64,
        maker: Option<PublicKey>,
        limit: usize,
    ) -> Answer<'_, Vec<MakerContact>> {
        assert_eq!(limit, 8);
        let peer = cambista_engine::ports::PeerAddress {
            peer_id: "p".into(),
            addresses: vec![],
        };
        let node_id = maker.unwrap_or_else(|| MAKER.parse().unwrap());
        let makers = vec![MakerContact { node_id, peer }];
        good(if self.no_makers { Vec::new() } else { makers })
    }

    fn resting_until(&self, _: Direction, _: u64) -> Option<u64> {
        self.resting_until
    }

    fn set_maker(&self, policy: MakerPolicy) -> Answer<'_, ()> {
        self.asked.lock().unwrap().policy = policy;
        good(())
    }

    fn channels(&self) -> Answer<'_, Vec<Channel>> {
        let channel = |id: &str| Channel {
            id: id.repeat(32),
            peer: MAKER.into(),
            alias: Some("a\u{202e}b".into()),
            capacity_sat: 1_000_000,
            outbound_sat: 400_000,
            inbound_sat: 500_000,
            ready: true,
            usable: true,
            announced: false,
            closing: false,
            confirmations: 6,
            confirmations_required: Some(3),
            funding_txid: None,
            payments_under_way: 1,
            force_close_delay_blocks: Some(144),
        };
        good(vec![channel("5e"), channel("5f")])
    }

    fn returning(&self) -> Answer<'_, Vec<Returning>> {
        good(Vec::new())
    }

    fn open_channel(&self, _: OpenChannel) -> Answer<'_, String> {
        self.asked.lock().unwrap().opened += 1;
        good("5e".repeat(32))
    }

    fn close_channel(&self, id: String, force: bool) -> Answer<'_, ()> {
        assert!(id.starts_with("5e5e") && force, "{id}");
        self.asked.lock().unwrap().closed += 1;
        good(())
    }

    fn peers(&self) -> Answer<'_, Vec<Peer>> {
        good(Vec::new())
    }

    fn connect(&self, _: ConnectPeer) -> Answer<'_, ()> {
        ready(Err(
            Problem::unavailable("nobody answers there").next("cambista peer list")
        ))
        .boxed()
    }

    fn new_address(&self) -> Answer<'_, String> {
        good("bcrt1q".into())
    }

    fn balance(&self) -> Answer<'_, Balance> {
        good(Balance {
            onchain_spendable_sat: 7,
            ..Balance::default()
        })
    }

    fn send(&self, send: SendCoins) -> Answer<'_, Sent> {
        self.asked.lock().unwrap().sent.push(send);
        good(Sent {
            txid: "ee".repeat(32),
            amount_sat: 1,
            fee_sat: 2,
        })
    }

    fn plan_send(&self, _: SendCoins) -> Answer<'_, SendPlan> {
        good(SendPlan {
            amount_sat: 1,
            fee_sat: 2,
            fee_rate_sat_vb: 3,
        })
    }

    fn history(&self) -> Answer<'_, Vec<WalletTransaction>> {
        good(vec![WalletTransaction {
            txid: "ee".repeat(32),
            net_sat: -5_300,
            fee_sat: Some(300),
            height: None,
            time: Some(1_795_341_734),
        }])
    }

    fn invoice(&self, ask: AskInvoice) -> Answer<'_, Invoice> {
        good(Invoice {
            invoice: "lnbcrt1".into(),
            payment_hash: "2a".repeat(32),
            amount_sat: ask.amount_sat,
            expires_at: 1_795_345_334,
        })
    }

    fn pay(&self, pay: PayInvoice) -> Answer<'_, Payment> {
        if self.refuse {
            return ready(Err(Problem::refused("no route to the receiver"))).boxed();
        }
        self.asked.lock().unwrap().paid.push(pay);
        good(payment(*self.payment.borrow()))
    }

    fn payments(&self) -> Answer<'_, Vec<Payment>> {
        good(vec![payment(*self.payment.borrow())])
    }

    fn payment(&self, hash: [u8; 32]) -> Answer<'_, Payment> {
        assert_eq!(hash, HASH);
        good(payment(*self.payment.borrow()))
    }

    fn payment_changes(&self) -> watch::Receiver<u64> {
        self.payment_changes.subscribe()
    }

    fn stop(&self) {
        self.asked.lock().unwrap().stopped = true;
        self.lock.lock().unwrap().take();
    }
}
