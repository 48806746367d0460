//! One hundred swarms in one process.

use std::{
    collections::HashSet,
    sync::Mutex as Lock,
    sync::atomic::{AtomicUsize, Ordering},
};

use libp2p::multiaddr::Protocol as Part;

use super::*;

const NODES: u64 = 100;
/// One node in so many has an offer.
const MAKE_EVERY: usize = 5;
/// As large as an offer is.
const OFFER: usize = 400;

/// Takes every offer, and counts how many different ones came.
#[derive(Default)]
struct Counter {
    seen: Lock<HashSet<u64>>,
    came: AtomicUsize,
}

impl Handler for Counter {
    fn offer<'a>(&'a self, _: PeerId, payload: Vec<u8>) -> BoxFuture<'a, Verdict> {
        async move {
            let number = u64::from_be_bytes(payload[..8].try_into().unwrap());
            self.came.fetch_add(1, Ordering::Relaxed);
            self.seen.lock().unwrap().insert(number);
            Verdict::Accept
        }
        .boxed()
    }

    fn request<'a>(
        &'a self,
        _: PeerId,
        _: Protocol,
        body: Vec<u8>,
    ) -> BoxFuture<'a, Option<Vec<u8>>> {
        async move { Some(body) }.boxed()
    }

    fn connected<'a>(&'a self, _: PeerId) -> BoxFuture<'a, ()> {
        async {}.boxed()
    }
}

/// Each knows three that came before it, as nodes do that were told of a few.
async fn start_all() -> Vec<(NetworkHandle, Arc<Counter>)> {
    let mut nodes: Vec<(NetworkHandle, Arc<Counter>)> = Vec::new();
    for number in 0..NODES {
        let mut config = NetworkConfig::new(bitcoin::Network::Regtest);
        config.listen = vec![Multiaddr::empty().with(Part::Memory(73_000 + number))];
        config.external = config.listen.clone();
        config.limits.searching = 6;
        for before in [number / 2, number / 3, number.saturating_sub(1)] {
            if let Some((known, _)) = usize::try_from(before).ok().and_then(|i| nodes.get(i)) {
                let at = known.listen_addrs().remove(0);
                config
                    .bootstrap
                    .push(address::with_peer(&at, known.local_peer_id()));
            }
        }
        let counter = Arc::new(Counter::default());
        let net = Network::start(config, counter.clone()).await.unwrap();
        nodes.push((net, counter));
    }
    nodes
}

/// Waits until all nodes have come so far; the machine may have other things to do meanwhile.
async fn until(what: &str, wanted: usize, far: impl Fn() -> Vec<usize>) {
    let started = Instant::now();
    loop {
        let far = far();
        if far.iter().all(|one| *one >= wanted) {
            return;
        }
        let late = started.elapsed() > Duration::from_secs(180);
        assert!(!late, "{what}: {wanted} wanted, {far:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

fn offer(number: u64) -> Vec<u8> {
    let mut offer = vec![0; OFFER];
    offer[..8].copy_from_slice(&number.to_be_bytes());
    offer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_reaches_one_hundred_nodes_and_connections_stay_few() {
    let started = Instant::now();
    let nodes = start_all().await;
    until("peers", 3, || {
        nodes.iter().map(|(net, _)| net.peers().len()).collect()
    })
    .await;
    let joined = started.elapsed();
    // Gossip needs a heartbeat to choose whom it talks to.
    sleep(Duration::from_secs(2)).await;
    let sent = |nodes: &[(NetworkHandle, Arc<Counter>)]| -> u64 {
        nodes.iter().map(|(net, _)| net.traffic().sent).sum()
    };

    let before = sent(&nodes);
    let published = Instant::now();
    for (number, (net, _)) in (0..).zip(nodes.iter().step_by(MAKE_EVERY)) {
        net.publish_offer(offer(number)).await.unwrap();
    }
    let made = nodes.len() / MAKE_EVERY;
    // Nobody is told of its own.
    until("offers known", made - 1, || {
        let known = |counter: &Counter| counter.seen.lock().unwrap().len();
        nodes.iter().map(|(_, counter)| known(counter)).collect()
    })
    .await;
    let spread = published.elapsed();
    let bytes = (sent(&nodes) - before) / (NODES * made as u64);
    let most = nodes
        .iter()
        .map(|(net, _)| net.peers().len())
        .max()
        .unwrap();
    let all: usize = nodes.iter().map(|(net, _)| net.peers().len()).sum();
    println!(
        "{NODES} nodes: joined in {joined:?}; {made} offers of {OFFER} bytes known to all after {spread:?}; \
         {bytes} bytes sent for each offer and node; {} connections for each node, {most} at most",
        all / nodes.len()
    );
    // Each node hears of an offer a few times over, never as often as there are nodes. The longer it takes the more of what
    // nodes say besides is counted.
    assert!(
        bytes < 40 * OFFER as u64,
        "{bytes} bytes for each offer and node"
    );
    assert!(most <= 60, "{most} connections");
    assert!(all / nodes.len() <= 30, "{all} connections in all");
    let twice = |counter: &Counter| counter.came.load(Ordering::Relaxed) > made;
    assert!(!nodes.iter().any(|(_, counter)| twice(counter)));

    // Half of them go. What the others say still reaches all that are left.
    let (gone, left): (Vec<_>, Vec<_>) =
        nodes.into_iter().enumerate().partition(|(n, _)| n % 2 == 1);
    futures::future::join_all(gone.iter().map(|(_, (net, _))| net.shutdown())).await;
    let (_, (first, _)) = &left[0];
    first.publish_offer(offer(1_000)).await.unwrap();
    until("the last offer known", 1, || {
        let hears = |counter: &Counter| counter.seen.lock().unwrap().contains(&1_000);
        let others = left.iter().skip(1);
        others
            .map(|(_, (_, counter))| usize::from(hears(counter)))
            .collect()
    })
    .await;
}
