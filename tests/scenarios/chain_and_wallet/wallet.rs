//! The wallet receives, funds, bumps and takes back; the mempool tells of spends and takes packages.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bitcoin::absolute::LockTime;
use bitcoin::bip32::Xpriv;
use bitcoin::transaction::Version;
use bitcoin::{Address, Amount, FeeRate, Network, OutPoint, Psbt, Transaction, TxIn, TxOut};
use cambista_harness::Bitcoind;
use cambista_ldk::chain::{Broadcaster, Chain, FeeConfig, Fees, Follower, Mempool, NoObserver};
use cambista_ldk::rpc::{Rpc, RpcError};
use cambista_ldk::wallet::{SinkError, Wallet, WalletSink};
use lightning::chain::chaininterface::{ConfirmationTarget, FeeEstimator as _};
use lightning::events::bump_transaction::sync::WalletSourceSync as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Log, Told, Watcher, config, connect, take, wait_for_tip, wait_until};

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

/// A wallet that follows the chain, and what it needs to send.
pub(super) struct Purse {
    pub(super) chain: Arc<Chain>,
    pub(super) wallet: Arc<Wallet>,
    pub(super) broadcaster: Arc<Broadcaster>,
    stop: watch::Sender<bool>,
    following: Vec<JoinHandle<()>>,
}

pub(super) async fn purse(bitcoind: &Bitcoind, seed: u8) -> Purse {
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
    let following = vec![
        tokio::spawn(following.run(stopped.clone())),
        tokio::spawn(broadcaster.clone().run(stopped)),
    ];
    Purse {
        chain,
        wallet,
        broadcaster,
        stop,
        following,
    }
}

impl Purse {
    pub(super) async fn with(bitcoind: &Bitcoind, seed: u8, sats: u64) -> Self {
        let purse = purse(bitcoind, seed).await;
        bitcoind.fund_address(purse.wallet.new_address().unwrap(), sats);
        bitcoind.mine(1);
        wait_for_tip(&purse.chain, bitcoind).await;
        purse
    }

    pub(super) async fn send(&self, tx: &Transaction) {
        self.broadcaster
            .broadcast(std::slice::from_ref(tx))
            .await
            .unwrap();
    }

    /// Follows the chain and sends by itself no more.
    pub(super) async fn stand_still(&mut self) {
        self.stop.send_replace(true);
        for part in self.following.drain(..) {
            part.await.unwrap();
        }
    }
}

pub(super) fn rate(sat_per_vb: u64) -> FeeRate {
    FeeRate::from_sat_per_vb(sat_per_vb).unwrap()
}

pub(super) fn sats(value: u64) -> Amount {
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
    let (cancel, _) = wallet.cancel_funding(&third, rate(4)).unwrap();
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
