//! Blocks in one order for everybody, at start, later and in a reorganisation.

use std::sync::Arc;
use std::time::Duration;

use bitcoin::hashes::Hash as _;
use bitcoin::{Block, BlockHash, Network, Transaction};
use cambista_harness::Bitcoind;
use cambista_ldk::chain::{self, BlockId, ChainError, Follower, Gone, Observer};
use cambista_ldk::rpc::{Auth, BitcoindConfig, Rpc, RpcError};
use lightning::chain::{BestBlock, Listen};
use serde_json::json;
use tokio::sync::watch;

use super::{Log, Told, Watcher, config, connect, take, wait_for_tip};

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
    tokio::time::timeout(Duration::from_secs(180), running)
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

/// A watcher that has ended at this height: what it has not seen is told to nobody, and nothing waits for it.
struct Ends {
    log: Log,
    best: (u32, BlockHash),
    at: u32,
}

impl Observer for Ends {
    fn best_block(&self) -> Option<(u32, BlockHash)> {
        Some(self.best)
    }

    fn connected<'a>(&'a self, block: &'a Block, height: u32) -> chain::Told<'a> {
        let told = Told::Block("watcher", height, block.block_hash());
        let seen = if height < self.at {
            self.log.lock().unwrap().push(told);
            Ok(())
        } else {
            Err(Gone)
        };
        Box::pin(std::future::ready(seen))
    }

    fn disconnected<'a>(&'a self, _: BlockId) -> chain::Told<'a> {
        Box::pin(std::future::ready(Err(Gone)))
    }

    fn spent_in_mempool<'a>(&'a self, _: &'a Transaction) -> chain::Told<'a> {
        Box::pin(std::future::ready(Err(Gone)))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_that_has_ended_holds_every_block_back_and_nobody_up() {
    let bitcoind = Bitcoind::start(&[]);
    let blocks = bitcoind.mine(3);
    let (_, chain) = connect(&bitcoind).await;
    let log = Log::default();
    let watcher = |at| {
        Arc::new(Ends {
            log: log.clone(),
            best: (1, blocks[0]),
            at,
        })
    };
    let ldk = || {
        Follower::new(
            "ldk",
            BestBlock::new(blocks[0], 1),
            Arc::new(Ear("ldk", log.clone())),
        )
    };
    let patience = Duration::from_secs(180);

    // At start: it is an error, not a wait.
    let started = tokio::time::timeout(patience, chain.follow(watcher(3), vec![ldk()])).await;
    assert_eq!(started.unwrap().err(), Some(ChainError::WatcherGone));
    assert_eq!(take(&log), together(&["watcher", "ldk"], 2, &blocks[1..2]));

    // Later: the stream stands still, and ends as soon as it is told to.
    let following = chain.follow(watcher(4), vec![ldk()]).await.unwrap();
    take(&log);
    let (stop, stopped) = watch::channel(false);
    let mut running = tokio::spawn(following.run(stopped));
    bitcoind.mine(2);
    let waited = tokio::time::timeout(Duration::from_secs(1), &mut running).await;
    assert!(waited.is_err(), "the stream ended by itself");
    assert_eq!(take(&log), []);
    stop.send(true).unwrap();
    tokio::time::timeout(patience, running)
        .await
        .unwrap()
        .unwrap();
}
