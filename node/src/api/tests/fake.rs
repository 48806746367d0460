//! A node that answers from memory, served on a real socket.

use std::sync::{Arc, Mutex};

use bitcoin::Network;
use bitcoin::secp256k1::PublicKey;
use cambista_engine::view::{CostView, DepositView, QuoteView, SwapView, TimelineLine};
use cambista_engine::{AskFor, EngineError, MakerContact, MakerPolicy, NoQuote, Quotes, StartSwap};
use cambista_protocol::words::{Direction, SwapId};
use futures::future::{BoxFuture, FutureExt as _, ready};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::api::types::*;
use crate::api::{Answer, Backend, State, Swaps, serve};
use crate::client::{Client, ClientError};
use crate::datadir::DataDir;

/// The token of every test's node.
pub(crate) const TOKEN: &str = "0123456789abcdef";
/// A Lightning node.
pub(crate) const MAKER: &str = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";

/// The version at which the swap is done.
pub(crate) const DONE: u64 = 9;
/// The version at which it has failed.
pub(crate) const FAILED: u64 = 10;

/// The version at which it asks for a deposit.
pub(crate) const DEPOSIT: u64 = 5;

/// A swap under way, or at its end.
pub(crate) fn swap(version: u64) -> SwapView {
    let mut swap = begun(version);
    swap.deposit = (version == DEPOSIT).then(|| DepositView {
        address: "bcrt1p".into(),
        amount_sat: 250_000,
        last_safe_height: 156,
        uri: "bitcoin:bcrt1p?amount=0.0025".into(),
    });
    swap.ended = version >= DONE;
    if swap.ended {
        swap.state = "done".into();
        swap.received_sat = (version == DONE).then_some(249_738);
        swap.outcome = Some(
            if version == DONE {
                "done"
            } else {
                "nothing_happened"
            }
            .into(),
        );
        swap.money = "All of it is where it belongs.".into();
        swap.next = String::new();
        swap.timeline.push(TimelineLine {
            at: 1_795_342_000,
            height: 121,
            text: "swept".into(),
            txid: Some("ee".repeat(32)),
        });
    }
    swap
}

fn begun(version: u64) -> SwapView {
    SwapView {
        id: SwapId([0xab; 32]).to_string(),
        order: SwapId([0xcd; 32]).to_string(),
        direction: "out".into(),
        side: "taker".into(),
        role: "payer".into(),
        state: "paying".into(),
        ended: false,
        outcome: None,
        amount_sat: 250_000,
        received_sat: None,
        maker: MAKER.into(),
        payment_hash: "00".repeat(32),
        swap_invoice_sat: 250_200,
        prepay_sat: 300,
        refund_height: 264,
        confirmations: 1,
        contract_address: "bcrt1p".into(),
        destination: "bcrt1q".into(),
        funding_txid: None,
        spend_txid: None,
        deposit: None,
        locked_until: None,
        money: "reserved".into(),
        next: "the maker funds".into(),
        cost: CostView {
            maker_fee_sat: 500,
            total_sat: 500,
            ..CostView::default()
        },
        label: Some("rent".into()),
        created_at: 1_795_341_734,
        timeline: vec![TimelineLine {
            at: 1_795_341_734,
            height: 120,
            text: "agreed".into(),
            txid: None,
        }],
        version,
    }
}

/// A price.
pub(crate) fn quote() -> QuoteView {
    QuoteView {
        id: "11".repeat(16),
        direction: "out".into(),
        maker: MAKER.into(),
        amount_sat: 250_000,
        send_sat: 250_500,
        receive_sat: 249_738,
        maker_fee_sat: 500,
        prepay_sat: 300,
        miner_fee_sat: 262,
        routing_fee_sat: 120,
        total_sat: 882,
        max_miner_fee_sat: 1000,
        max_routing_fee_sat: 400,
        worst_total_sat: 1900,
        worst_if_failed_sat: 300,
        locked_blocks: 228,
        locked_hours: 38,
        confirmations: 1,
        refund_delta: 144,
        valid_until: 1_795_341_794,
        external: false,
    }
}

/// What was asked of the node.
#[derive(Default)]
pub(crate) struct Asked {
    pub(crate) quoted: Vec<AskFor>,
    pub(crate) started: Vec<StartSwap>,
    pub(crate) cancelled: Vec<String>,
    pub(crate) sent: Vec<SendCoins>,
    pub(crate) paid: Vec<PayInvoice>,
    pub(crate) stopped: bool,
    pub(crate) policy: MakerPolicy,
}

/// The node.
pub(crate) struct Fake {
    pub(crate) asked: Mutex<Asked>,
    pub(crate) version: watch::Sender<u64>,
    pub(crate) no_makers: bool,
    pub(crate) refuse: bool,
    pub(crate) limits: Limits,
    /// Where the payment stands.
    pub(crate) payment: watch::Sender<PaymentState>,
    pub(crate) payment_changes: watch::Sender<u64>,
}

impl Fake {
    /// The payment ends.
    pub(crate) fn end_payment(&self, state: PaymentState) {
        self.payment.send_replace(state);
        self.payment_changes.send_modify(|count| *count += 1);
    }
}

/// The hash of the payment.
pub(crate) const HASH: [u8; 32] = [0x2a; 32];

/// A payment.
pub(crate) fn payment(state: PaymentState) -> Payment {
    let paid = state == PaymentState::Paid;
    Payment {
        payment_hash: "2a".repeat(32),
        state,
        amount_msat: 250_000_000,
        max_fee_msat: 2_500_000,
        fee_msat: paid.then_some(1_234_567),
        preimage: paid.then(|| "77".repeat(32)),
        reason: (state == PaymentState::Failed).then(|| "the receiver refused it".into()),
        payee: MAKER.into(),
        description: Some("1 cup coffee".into()),
        invoice: "lnbc2500u1".into(),
        created_at: 1_795_341_734,
        ended_at: (state != PaymentState::Pending).then_some(1_795_341_740),
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

    fn swaps(&self) -> BoxFuture<'_, Result<Vec<SwapView>, EngineError>> {
        ready(Ok(vec![swap(*self.version.borrow())])).boxed()
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

    fn offers(&self, query: OffersQuery) -> Answer<'_, Vec<Offer>> {
        assert_eq!(
            query,
            OffersQuery {
                direction: Some(DirectionName::Out),
                amount_sat: Some(5)
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
        good("5e".repeat(32))
    }

    fn close_channel(&self, id: String, force: bool) -> Answer<'_, ()> {
        assert!(id.starts_with("5e5e") && force, "{id}");
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
    }
}

/// A served node.
pub(crate) struct Served {
    pub(crate) node: Arc<Fake>,
    pub(crate) address: String,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) server: tokio::task::JoinHandle<std::io::Result<()>>,
    pub(crate) dir: DataDir,
    _temp: tempfile::TempDir,
}

/// Serves a node, the way the daemon does.
pub(crate) async fn served(change: impl FnOnce(&mut Fake)) -> Served {
    let mut node = Fake {
        asked: Mutex::default(),
        version: watch::Sender::new(1),
        no_makers: false,
        refuse: false,
        limits: Limits::default(),
        payment: watch::Sender::new(PaymentState::Pending),
        payment_changes: watch::Sender::new(0),
    };
    change(&mut node);
    let node = Arc::new(node);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (stop, stopped) = watch::channel(false);
    let swaps: Arc<dyn Swaps> = node.clone();
    let backend: Arc<dyn Backend> = node.clone();
    let state = State::over(swaps, backend, TOKEN);
    let server = tokio::spawn(serve(listener, state, stopped));
    let temp = tempfile::tempdir().unwrap();
    let dir = DataDir::at(temp.path().to_owned());
    dir.write_api_token(TOKEN).unwrap();
    dir.write_api_address(&address).unwrap();
    Served {
        node,
        address,
        stop,
        server,
        dir,
        _temp: temp,
    }
}

impl Served {
    /// Uses the blocking client beside the server.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Client) -> Result<T, ClientError> + Send + 'static,
    ) -> Result<T, ClientError> {
        let client = Client::open(&self.dir).unwrap();
        tokio::task::spawn_blocking(move || ask(&client))
            .await
            .unwrap()
    }

    /// The same for a call that must be refused.
    pub(crate) async fn refused<T: std::fmt::Debug + Send + 'static>(
        &self,
        ask: impl FnOnce(&Client) -> Result<T, ClientError> + Send + 'static,
    ) -> Problem {
        match self.call(ask).await {
            Err(ClientError::Problem(problem)) => *problem,
            other => panic!("not refused: {other:?}"),
        }
    }
}
