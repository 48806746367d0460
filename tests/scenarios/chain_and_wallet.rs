//! One ordered stream of blocks from a real bitcoind: the swap watcher is told first, at start and in a reorganisation.
//! The wallet on it receives, funds, bumps and takes back, and the mempool tells of spends.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bitcoin::absolute::LockTime;
use bitcoin::bip32::Xpriv;
use bitcoin::hashes::Hash as _;
use bitcoin::transaction::Version;
use bitcoin::{Address, Amount, Block, BlockHash, FeeRate, Network, OutPoint, Psbt, Transaction};
use bitcoin::{TxIn, TxOut, Txid};
use cambista_harness::Bitcoind;
use cambista_ldk::chain::{
    BlockId, Broadcaster, Chain, ChainError, FeeConfig, Fees, Follower, Mempool, NoObserver,
    Observer,
};
use cambista_ldk::rpc::{Auth, BitcoindConfig, Rpc, RpcError};
use cambista_ldk::wallet::{SinkError, Wallet, WalletSink};
use futures::future::BoxFuture;
use lightning::chain::chaininterface::{ConfirmationTarget, FeeEstimator as _};
use lightning::chain::{BestBlock, Listen};
use lightning::events::bump_transaction::sync::WalletSourceSync as _;
use serde_json::json;
use tokio::sync::watch;

/// What somebody was told, in the order it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Block(&'static str, u32, BlockHash),
    Back(&'static str, u32),
    Spend(Txid),
}

type Log = Arc<Mutex<Vec<Told>>>;

/// A swap watcher that takes its time with every block.
struct Watcher {
    log: Log,
    best: Option<(u32, BlockHash)>,
}

const SLOW: Duration = Duration::from_millis(15);

impl Observer for Watcher {
    fn best_block(&self) -> Option<(u32, BlockHash)> {
        self.best
    }

    fn connected<'a>(&'a self, block: &'a Block, height: u32) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            tokio::time::sleep(SLOW).await;
            let told = Told::Block("watcher", height, block.block_hash());
            self.log.lock().unwrap().push(told);
        })
    }

    fn disconnected<'a>(&'a self, fork: BlockId) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            tokio::time::sleep(SLOW).await;
            self.log
                .lock()
                .unwrap()
                .push(Told::Back("watcher", fork.height));
        })
    }

    fn spent_in_mempool<'a>(&'a self, tx: &'a Transaction) -> BoxFuture<'a, ()> {
        self.log
            .lock()
            .unwrap()
            .push(Told::Spend(tx.compute_txid()));
        Box::pin(std::future::ready(()))
    }
}

/// Stands where LDK stands.
struct Ear(&'static str, Log);

impl Listen for Ear {
    fn filtered_block_connected(
        &self,
        header: &bitcoin::block::Header,
        _: &lightning::chain::transaction::TransactionData,
        height: u32,
    ) {
        let told = Told::Block(self.0, height, header.block_hash());
        self.1.lock().unwrap().push(told);
    }

    fn blocks_disconnected(&self, fork: BestBlock) {
        self.1.lock().unwrap().push(Told::Back(self.0, fork.height));
    }
}

#[derive(Default)]
struct Memory(Mutex<Vec<Vec<u8>>>);

impl WalletSink for Memory {
    fn load(&self) -> Result<Vec<Vec<u8>>, SinkError> {
        Ok(self.0.lock().unwrap().clone())
    }

    fn append(&self, change: &[u8]) -> Result<(), SinkError> {
        self.0.lock().unwrap().push(change.to_vec());
        Ok(())
    }
}

fn config(bitcoind: &Bitcoind) -> BitcoindConfig {
    BitcoindConfig {
        host: "127.0.0.1".to_owned(),
        port: bitcoind.rpc_port(),
        auth: Auth::Cookie(bitcoind.cookie_path()),
        network: Network::Regtest,
    }
}

async fn connect(bitcoind: &Bitcoind) -> (Arc<Rpc>, Arc<Chain>) {
    let rpc = Rpc::new(config(bitcoind));
    rpc.ready(Duration::from_secs(10)).await.unwrap();
    let chain = Chain::new(rpc.clone()).await.unwrap();
    (rpc, chain)
}

async fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "waited in vain: {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn wait_for_tip(chain: &Chain, bitcoind: &Bitcoind) {
    let best = bitcoind.rpc("getbestblockhash", json!([])).unwrap();
    let best: BlockHash = serde_json::from_value(best).unwrap();
    wait_until("everybody at the tip", || chain.tip().hash == best).await;
}

fn take(log: &Log) -> Vec<Told> {
    std::mem::take(&mut *log.lock().unwrap())
}

/// Every one of `who` told of every one of `blocks`, block by block, in this order.
fn together(who: &[&'static str], first: u32, blocks: &[BlockHash]) -> Vec<Told> {
    let each = |(height, hash): (u32, &BlockHash)| {
        who.iter()
            .map(move |who| Told::Block(who, height, *hash))
            .collect::<Vec<_>>()
    };
    (first..).zip(blocks).flat_map(each).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_swap_watcher_is_told_of_every_block_before_anybody_else() {
    let bitcoind = Bitcoind::start(&[]);
    let blocks = bitcoind.mine(5);
    let (_, chain) = connect(&bitcoind).await;
    let genesis = bitcoin::constants::genesis_block(Network::Regtest).block_hash();
    let log = Log::default();
    let watcher = |best| {
        Arc::new(Watcher {
            log: log.clone(),
            best,
        })
    };
    let ear = |who, height, hash| {
        Follower::new(
            who,
            BestBlock::new(hash, height),
            Arc::new(Ear(who, log.clone())),
        )
    };

    // At start: the watcher alone to the tip, then the others, in the order given, each from its own place.
    let followers = vec![ear("ldk", 3, blocks[2]), ear("wallet", 0, genesis)];
    let following = chain
        .follow(watcher(Some((1, blocks[0]))), followers)
        .await
        .unwrap();
    let mut expected = together(&["watcher"], 2, &blocks[1..]);
    expected.extend(together(&["ldk"], 4, &blocks[3..]));
    expected.extend(together(&["wallet"], 1, &blocks));
    assert_eq!(take(&log), expected);
    assert_eq!(chain.tip().hash, blocks[4]);

    // Later: block by block, the watcher finished before the others begin.
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(following.run(stopped));
    let everybody = ["watcher", "ldk", "wallet"];
    let lost = bitcoind.mine(2);
    wait_for_tip(&chain, &bitcoind).await;
    assert_eq!(take(&log), together(&everybody, 6, &lost));

    // A reorganisation: back to the fork, then on, in the same order.
    bitcoind.rpc("invalidateblock", json!([lost[0]])).unwrap();
    let won = bitcoind.mine(3);
    wait_for_tip(&chain, &bitcoind).await;
    let mut expected: Vec<Told> = everybody.iter().map(|who| Told::Back(who, 5)).collect();
    expected.extend(together(&everybody, 6, &won));
    assert_eq!(take(&log), expected);
    assert_eq!(chain.tip().height, 8);

    stop.send(true).unwrap();
    tokio::time::timeout(Duration::from_secs(2), running)
        .await
        .unwrap()
        .unwrap();

    // A listener that slept through the reorganisation, and a watcher that did not.
    let newest = bitcoind.mine(1);
    let followers = vec![ear("ldk", 7, lost[1])];
    chain
        .follow(watcher(Some((8, won[2]))), followers)
        .await
        .unwrap();
    let mut expected = together(&["watcher"], 9, &newest);
    expected.push(Told::Back("ldk", 5));
    expected.extend(together(&["ldk"], 6, &won));
    expected.extend(together(&["ldk"], 9, &newest));
    assert_eq!(take(&log), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn channel_state_of_different_ages_is_brought_to_one_tip() {
    let bitcoind = Bitcoind::start(&[]);
    let blocks = bitcoind.mine(4);
    let (rpc, chain) = connect(&bitcoind).await;
    bitcoind.rpc("invalidateblock", json!([blocks[2]])).unwrap();
    let won = bitcoind.mine(1);
    let log = Log::default();
    let ears = [
        Ear("old", log.clone()),
        Ear("stale", log.clone()),
        Ear("fresh", log.clone()),
    ];
    // The stale one stands higher than the tip.
    let places = [(1, blocks[0]), (4, blocks[3]), (3, won[0])];
    let listeners = places.iter().zip(&ears).map(|((height, hash), ear)| {
        (
            BestBlock::new(*hash, *height),
            ear as &(dyn Listen + Send + Sync),
        )
    });
    let tip = chain.sync(listeners.collect()).await.unwrap();
    assert_eq!((tip.height, tip.hash), (3, won[0]));
    let told = take(&log);
    let of = |who: &str| {
        let mine =
            |told: &&Told| matches!(told, Told::Block(w, ..) | Told::Back(w, _) if *w == who);
        told.iter().filter(mine).cloned().collect::<Vec<_>>()
    };
    assert_eq!(of("old"), together(&["old"], 2, &[blocks[1], won[0]]));
    assert_eq!(
        of("stale"),
        [Told::Back("stale", 2), Told::Block("stale", 3, won[0])]
    );
    assert_eq!(of("fresh"), []);

    // A place this bitcoind never heard of is an error that says so, not a guess.
    let nowhere = BestBlock::new(BlockHash::all_zeros(), 2);
    let lost = chain.sync(vec![(nowhere, &ears[0])]).await;
    assert!(
        matches!(lost, Err(ChainError::UnknownBlock { height: 2, .. })),
        "{lost:?}"
    );

    // Nor is a bitcoind of another network accepted, or one that does not know us.
    let mainnet = BitcoindConfig {
        network: Network::Bitcoin,
        ..config(&bitcoind)
    };
    let refused = Rpc::new(mainnet).ready(Duration::from_secs(1)).await;
    assert!(
        matches!(refused, Err(RpcError::WrongNetwork { .. })),
        "{refused:?}"
    );
    let password = Auth::UserPass {
        user: "u".to_owned(),
        password: "p".to_owned(),
    };
    let stranger = BitcoindConfig {
        auth: password,
        ..config(&bitcoind)
    };
    let refused = Rpc::new(stranger).ready(Duration::from_secs(1)).await;
    assert!(
        matches!(refused, Err(RpcError::Unauthorized { .. })),
        "{refused:?}"
    );

    // One that is gone is named.
    drop(bitcoind);
    let gone = rpc.best_block_hash().await;
    assert!(
        matches!(gone, Err(RpcError::Unreachable { .. })),
        "{gone:?}"
    );
}

/// A wallet that follows the chain, and what it needs to send.
struct Purse {
    chain: Arc<Chain>,
    wallet: Arc<Wallet>,
    broadcaster: Arc<Broadcaster>,
    _stop: watch::Sender<bool>,
}

async fn purse(bitcoind: &Bitcoind, seed: u8) -> Purse {
    let (rpc, chain) = connect(bitcoind).await;
    let account = Xpriv::new_master(Network::Regtest, &[seed; 32]).unwrap();
    let sink = Arc::new(Memory::default());
    let start = Some(chain.tip());
    let wallet = Wallet::open(account, Network::Regtest, sink, start).unwrap();
    assert_eq!(
        wallet.best_block(),
        chain.tip().best(),
        "a new wallet begins at the tip"
    );
    let broadcaster = Broadcaster::new(rpc);
    broadcaster.set_wallet(wallet.clone());
    let follower = Follower::new("wallet", wallet.best_block(), wallet.clone());
    let following = chain
        .follow(Arc::new(NoObserver), vec![follower])
        .await
        .unwrap();
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(following.run(stopped.clone()));
    tokio::spawn(broadcaster.clone().run(stopped));
    Purse {
        chain,
        wallet,
        broadcaster,
        _stop: stop,
    }
}

impl Purse {
    async fn with(bitcoind: &Bitcoind, seed: u8, sats: u64) -> Self {
        let purse = purse(bitcoind, seed).await;
        bitcoind.fund_address(purse.wallet.new_address().unwrap(), sats);
        bitcoind.mine(1);
        wait_for_tip(&purse.chain, bitcoind).await;
        purse
    }

    async fn send(&self, tx: &Transaction) {
        self.broadcaster
            .broadcast(std::slice::from_ref(tx))
            .await
            .unwrap();
    }
}

fn rate(sat_per_vb: u64) -> FeeRate {
    FeeRate::from_sat_per_vb(sat_per_vb).unwrap()
}

fn sats(value: u64) -> Amount {
    Amount::from_sat(value)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wallet_receives_funds_bumps_and_takes_back() {
    let bitcoind = Bitcoind::start(&[]);
    bitcoind.mine(101);
    let payer = purse(&bitcoind, 2).await;
    let funder = Purse::with(&bitcoind, 1, 1_000_000).await;
    let wallet = &funder.wallet;
    assert_eq!(wallet.balance().confirmed, sats(1_000_000));
    let contract = payer.wallet.new_address().unwrap().script_pubkey();

    let first = wallet
        .fund(contract.clone(), sats(400_000), rate(2))
        .unwrap();
    let mempool = Mempool::new(Rpc::new(config(&bitcoind)));
    mempool.test_accept(&first.tx).await.unwrap();
    funder.send(&first.tx).await;
    mempool
        .test_accept(&first.tx)
        .await
        .expect("one that is there already is no error");
    let second = wallet.refund_fund(&first, rate(2)).unwrap();
    funder.send(&second.tx).await;
    assert_eq!(
        bitcoind.mempool(),
        [second.tx.compute_txid()],
        "the bump replaced the first"
    );
    assert!(!mempool.is_known(&first.tx.compute_txid()).await.unwrap());
    // A coin is left over whatever happens to the funding: its change is not counted on.
    assert_eq!(wallet.fundable(), Amount::ZERO);

    bitcoind.mine(1);
    wait_for_tip(&funder.chain, &bitcoind).await;
    wait_for_tip(&payer.chain, &bitcoind).await;
    funder.send(&second.tx).await;
    assert_eq!(payer.wallet.balance().confirmed, sats(400_000));
    assert_eq!(wallet.balance().confirmed, sats(600_000) - second.fee);
    let history = wallet.history();
    assert_eq!(history.len(), 2, "{history:?}");
    assert_eq!(
        (history[0].fee, history[0].height),
        (Some(second.fee), Some(103))
    );
    wallet.release_tx(&second.tx);

    // Taken back: the first input goes home and the funding can never confirm.
    let before = wallet.balance().confirmed;
    let third = wallet.fund(contract, sats(300_000), rate(3)).unwrap();
    funder.send(&third.tx).await;
    let cancel = wallet.cancel_funding(&third, rate(4)).unwrap();
    funder.send(&cancel).await;
    assert_eq!(bitcoind.mempool(), [cancel.compute_txid()]);
    bitcoind.mine(1);
    wait_for_tip(&funder.chain, &bitcoind).await;
    let refused = mempool.test_accept(&third.tx).await;
    assert!(refused.is_err(), "the funding's first input is spent");
    // What the funding paid, and 1 sat/vB more for its own 111 vB, is more than the 4 sat/vB asked for.
    assert_eq!(wallet.balance().confirmed, before - sats(3 * 154 + 111));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unconfirmed_spend_of_a_watched_output_is_told_once_and_its_replacement_too() {
    let bitcoind = Bitcoind::start(&[]);
    bitcoind.mine(101);
    let purse = Purse::with(&bitcoind, 3, 500_000).await;
    let rpc = Rpc::new(config(&bitcoind));
    let mempool = Mempool::new(rpc);
    let log = Log::default();
    let watcher = Arc::new(Watcher {
        log: log.clone(),
        best: None,
    });
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(mempool.clone().run(watcher, stopped));

    let away = bitcoind
        .new_address()
        .parse::<Address<_>>()
        .unwrap()
        .assume_checked();
    let spend = purse
        .wallet
        .fund(away.script_pubkey(), sats(100_000), rate(2))
        .unwrap();
    mempool.watch(spend.first_input);
    mempool.watch(OutPoint::new(spend.first_input.txid, 99));
    purse.send(&spend.tx).await;
    wait_until("the spend is told", || !log.lock().unwrap().is_empty()).await;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(take(&log), [Told::Spend(spend.tx.compute_txid())]);

    let bump = purse.wallet.refund_fund(&spend, rate(5)).unwrap();
    purse.send(&bump.tx).await;
    wait_until("the replacement is told", || {
        !log.lock().unwrap().is_empty()
    })
    .await;
    assert_eq!(take(&log), [Told::Spend(bump.tx.compute_txid())]);

    // Nobody watches any more: nobody is told.
    mempool.unwatch(&spend.first_input);
    let again = purse.wallet.refund_fund(&bump, rate(9)).unwrap();
    purse.send(&again.tx).await;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(take(&log), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_pays_for_its_parent_and_fee_rates_have_a_floor() {
    let bitcoind = Bitcoind::start(&["-minrelaytxfee=0.00003"]);
    bitcoind.mine(1);
    let purse = purse(&bitcoind, 4).await;
    bitcoind.mine_to(purse.wallet.new_address().unwrap(), 1);
    bitcoind.mine(100);
    wait_for_tip(&purse.chain, &bitcoind).await;
    let rpc = Rpc::new(config(&bitcoind));
    let fees = Fees::new(rpc.clone(), FeeConfig::default());
    assert_eq!(fees.rate(6), rate(2), "the fallback");
    fees.refresh().await.unwrap();
    assert_eq!(fees.rate(6), rate(3), "never below what the mempool takes");
    let urgent = fees.get_est_sat_per_1000_weight(ConfirmationTarget::UrgentOnChainSweep);
    assert_eq!(urgent, 750);

    // The parent pays nothing: alone it is refused, with its child it is taken, in whatever order they are handed over.
    let coin = purse.wallet.list_confirmed_utxos().unwrap().remove(0);
    let parent = spend(&purse.wallet, coin.outpoint, coin.output, Amount::ZERO);
    let child = spend(
        &purse.wallet,
        OutPoint::new(parent.compute_txid(), 0),
        parent.output[0].clone(),
        sats(10_000),
    );
    let alone = purse
        .broadcaster
        .broadcast(std::slice::from_ref(&parent))
        .await;
    assert!(matches!(alone, Err(RpcError::Rpc { .. })), "{alone:?}");
    let mempool = Mempool::new(rpc);
    assert!(mempool.test_accept(&parent).await.is_err());
    purse
        .broadcaster
        .broadcast(&[child.clone(), parent.clone()])
        .await
        .unwrap();
    for tx in [&child, &parent] {
        assert!(mempool.is_known(&tx.compute_txid()).await.unwrap());
    }
    // The wallet knows its own transactions once they are out: the coin is spent, its change on the way.
    assert_eq!(purse.wallet.history().len(), 3);
    assert_eq!(purse.wallet.fundable(), Amount::ZERO);
}

/// A version 3 transaction that moves a coin of the wallet to a change key of it, for `fee`.
fn spend(wallet: &Wallet, from: OutPoint, coin: TxOut, fee: Amount) -> Transaction {
    let script_pubkey = wallet.get_change_script().unwrap();
    let unsigned = Transaction {
        version: Version(3),
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: from,
            ..TxIn::default()
        }],
        output: vec![TxOut {
            value: coin.value - fee,
            script_pubkey,
        }],
    };
    let mut psbt = Psbt::from_unsigned_tx(unsigned).unwrap();
    psbt.inputs[0].witness_utxo = Some(coin);
    wallet.sign_psbt(psbt).unwrap()
}
