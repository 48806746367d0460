//! Strangers in the market's network: one of another network, and one that says far too much. Nobody believes the one,
//! and the other is shown out while swaps go on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bitcoin::Network as Chain;
use cambista::network::{
    Handler, Limits, Multiaddr, Network, NetworkConfig, NetworkHandle, PeerId, Protocol, Verdict,
};
use cambista_harness::market::p2p_addresses;
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Market, Node, Taken, Way};
use cambista_protocol::cbor;
use cambista_protocol::market::offer::{MAX_LIFETIME, Offer, Rate};
use cambista_protocol::message::BookRequest;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::runtime::Runtime;

/// Says nothing of its own accord, and takes whatever comes.
struct Deaf;

impl Handler for Deaf {
    fn offer<'a>(&'a self, _: PeerId, _: Vec<u8>) -> BoxFuture<'a, Verdict> {
        async { Verdict::Ignore }.boxed()
    }

    fn request<'a>(&'a self, _: PeerId, _: Protocol, _: Vec<u8>) -> BoxFuture<'a, Option<Vec<u8>>> {
        async { None }.boxed()
    }

    fn connected<'a>(&'a self, _: PeerId) -> BoxFuture<'a, ()> {
        async {}.boxed()
    }
}

struct Stranger {
    runtime: Runtime,
    net: NetworkHandle,
}

impl Stranger {
    fn start(chain: Chain) -> Self {
        let runtime = Runtime::new().unwrap();
        let mut config = NetworkConfig::new(chain);
        config.limits = Limits {
            requests: 4_000,
            requests_per_peer: 4_000,
            ..Limits::default()
        };
        let net = runtime
            .block_on(Network::start(config, Arc::new(Deaf)))
            .unwrap();
        Self { runtime, net }
    }

    fn is_connected(&self, to: PeerId) -> bool {
        self.net.peers().iter().any(|peer| peer.peer == to)
    }

    /// Asks for quotes without end, many at a time, until it is connected no more. How many it asked for.
    fn flood(&self, node: &Node) -> usize {
        let (peer, at) = address(node);
        self.runtime.block_on(async {
            let mut asked = 0;
            let began = Instant::now();
            self.net.dial(at).await.unwrap();
            while !self.is_connected(peer) {
                assert!(began.elapsed() < FOUND_AGAIN, "not let in at all");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            while self.is_connected(peer) {
                let ask = || {
                    self.net
                        .request(peer, vec![], Protocol::Quote, vec![0; 100])
                };
                asked += futures::future::join_all((0..AT_ONCE).map(|_| ask()))
                    .await
                    .len();
                assert!(began.elapsed() < FOUND_AGAIN, "asked {asked}");
            }
            asked
        })
    }

    /// Whether it is let in, and answered. The refusal comes once both know who the other is: to the caller that is a call that
    /// succeeded, and ends before an answer.
    fn is_let_in(&self, node: &Node) -> bool {
        let (peer, at) = address(node);
        let ask = BookRequest {
            network: Chain::Regtest,
            after: None,
        };
        let asked = self
            .net
            .request(peer, vec![at], Protocol::Book, cbor::to_vec(&ask));
        self.runtime.block_on(asked).is_ok()
    }
}

/// As many as one connection carries.
const AT_ONCE: usize = 24;

fn address(node: &Node) -> (PeerId, Multiaddr) {
    let at: Multiaddr = p2p_addresses(node)[0].parse().unwrap();
    let peer = at.to_string().rsplit('/').next().unwrap().parse();
    (peer.unwrap(), at)
}

#[test]
fn one_that_floods_both_sides_is_shown_out_while_a_swap_goes_through() {
    let market = Market::direct(3);
    let (taker, maker) = (&market.taker, &market.makers[0]);
    let strangers = [maker, taker].map(|node| (node, Stranger::start(Chain::Regtest)));
    let calm = Stranger::start(Chain::Regtest);
    assert!(calm.is_let_in(maker) && calm.is_let_in(taker));
    calm.runtime.block_on(calm.net.shutdown());
    std::thread::scope(|scope| {
        let floods = strangers.each_ref().map(|(node, stranger)| {
            scope.spawn(|| (stranger.flood(node), stranger.is_let_in(node)))
        });
        let taken = Taken::take(taker, Way::Out, 500_000, &[]);
        market.confirm_and_claim(&taken);
        for flood in floods {
            let (asked, inside) = flood.join().unwrap();
            assert!(asked >= 500, "shown out after {asked}");
            assert!(!inside, "let in again");
        }
        market.mine(5);
        taken.assert_outcome(taker, "done");
        taken.assert_outcome(maker, "done");
    });
    for node in [maker, taker] {
        wait_for("only the other to be left", FOUND_AGAIN, || {
            let peers = node.status()["p2p_peers"].clone();
            (peers == 1).then_some(()).ok_or_else(|| peers.to_string())
        });
    }
}

/// An offer as good as any, but for the network it is for.
fn offer(chain: Chain, peer: PeerId) -> Vec<u8> {
    use bitcoin::secp256k1::{Message, Secp256k1, SecretKey};
    let secp = Secp256k1::new();
    let key = SecretKey::from_slice(&[9; 32]).unwrap().keypair(&secp);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.unwrap().as_secs();
    let rate = Rate {
        base_sat: 1,
        ppm: 1,
        min_sat: 20_000,
        max_sat: 1_000_000,
    };
    let mut offer = Offer {
        network: chain,
        maker: key.public_key(),
        peer_id: peer.to_string(),
        addresses: vec!["/ip4/127.0.0.1/tcp/1".to_owned()],
        sequence: now,
        issued: now,
        expires: now + MAX_LIFETIME,
        out: Some(rate),
        into: None,
        refund_delta_min: 96,
        refund_delta_max: 96,
        features: 0,
        nonce: 0,
    };
    while !offer.mine(1 << 20) {}
    let sign = |digest| {
        *secp
            .sign_schnorr_no_aux_rand(&Message::from_digest(digest), &key)
            .as_ref()
    };
    offer.sign(sign).to_bytes()
}

#[test]
fn offers_of_another_network_are_not_listed_and_its_nodes_not_talked_to() {
    let market = Market::direct(3);
    let taker = &market.taker;
    let (peer, at) = address(&market.makers[0]);
    let listed = || {
        let offers = taker.cli(&["offers", "out"]);
        offers["offers"].as_array().unwrap().len()
    };
    let before = listed();

    // A node of another network is parted from as soon as it has said so.
    let other = Stranger::start(Chain::Signet);
    other.runtime.block_on(other.net.dial(at.clone())).unwrap();
    let parted = Instant::now() + FOUND_AGAIN;
    while other.is_connected(peer) {
        assert!(Instant::now() < parted);
        std::thread::sleep(Duration::from_millis(50));
    }

    // One that claims to be of this network and brings both kinds: only this network's is listed.
    let liar = Stranger::start(Chain::Regtest);
    liar.runtime.block_on(async {
        liar.net.dial(at).await.unwrap();
        let (foreign, own) = (Chain::Signet, Chain::Regtest);
        for chain in [foreign, own] {
            let offer = offer(chain, liar.net.local_peer_id());
            liar.net.publish_offer(offer).await.unwrap();
        }
    });
    let known = Instant::now() + FOUND_AGAIN;
    while listed() == before {
        assert!(
            Instant::now() < known,
            "the own network's offer is not listed"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(listed(), before + 1);
}
