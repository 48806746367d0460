//! Real swarms talking over loopback TCP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use tokio::{
    sync::{Mutex, Semaphore, mpsc},
    time::{Instant, sleep, timeout},
};

use super::*;

const SOON: Duration = Duration::from_secs(15);
/// Long enough for gossip to arrive if it were on its way.
const A_WHILE: Duration = Duration::from_secs(3);

/// Answers with what it got, remembers what it saw. An offer's first byte decides its fate: `a`
/// accept, `r` reject, anything else ignore.
struct Recorder {
    offers: mpsc::Sender<(PeerId, Vec<u8>)>,
    peers: mpsc::Sender<PeerId>,
    /// A request whose first byte is `w` waits for a permit here.
    gate: Arc<Semaphore>,
}

impl Handler for Recorder {
    fn offer<'a>(&'a self, from: PeerId, payload: Vec<u8>) -> BoxFuture<'a, Verdict> {
        async move {
            let verdict = match payload.first() {
                Some(b'a') => Verdict::Accept,
                Some(b'r') => Verdict::Reject,
                _ => Verdict::Ignore,
            };
            self.offers.send((from, payload)).await.unwrap();
            verdict
        }
        .boxed()
    }

    fn request<'a>(
        &'a self,
        _: PeerId,
        protocol: Protocol,
        body: Vec<u8>,
    ) -> BoxFuture<'a, Option<Vec<u8>>> {
        async move {
            match body.first() {
                Some(b'n') => None,
                Some(b's') => Some(b"short".to_vec()),
                Some(b'x') => Some(vec![0; protocol.max_bytes() + 1]),
                Some(b'w') => {
                    self.gate.acquire().await.unwrap().forget();
                    Some(body)
                }
                _ => Some([protocol.name().as_bytes(), b" ", &body].concat()),
            }
        }
        .boxed()
    }

    fn connected<'a>(&'a self, peer: PeerId) -> BoxFuture<'a, ()> {
        async move { self.peers.send(peer).await.unwrap() }.boxed()
    }
}

struct Node {
    net: NetworkHandle,
    offers: Mutex<mpsc::Receiver<(PeerId, Vec<u8>)>>,
    peers: Mutex<mpsc::Receiver<PeerId>>,
    gate: Arc<Semaphore>,
}

impl Node {
    async fn start(config: NetworkConfig) -> Self {
        let (offers, offers_seen) = mpsc::channel(1000);
        let (peers, peers_seen) = mpsc::channel(1000);
        let gate = Arc::new(Semaphore::new(0));
        let recorder = Recorder {
            offers,
            peers,
            gate: gate.clone(),
        };
        let net = Network::start(config, Arc::new(recorder)).await.unwrap();
        Self {
            net,
            offers: Mutex::new(offers_seen),
            peers: Mutex::new(peers_seen),
            gate,
        }
    }

    async fn listening() -> Self {
        Self::start(listening()).await
    }

    async fn with_bootstrap(other: &Node) -> Self {
        let mut config = listening();
        config.bootstrap = vec![other.full_address()];
        Self::start(config).await
    }

    fn id(&self) -> PeerId {
        self.net.local_peer_id()
    }

    fn address(&self) -> Multiaddr {
        self.net.listen_addrs().remove(0)
    }

    fn full_address(&self) -> Multiaddr {
        let peer = libp2p::multiaddr::Protocol::P2p(self.id());
        self.address().with(peer)
    }

    async fn ask(
        &self,
        other: &Node,
        protocol: Protocol,
        body: &[u8],
    ) -> Result<Vec<u8>, RequestError> {
        let addresses = vec![other.address()];
        self.net
            .request(other.id(), addresses, protocol, body.to_vec())
            .await
    }

    async fn next_offer(&self) -> (PeerId, Vec<u8>) {
        let mut offers = self.offers.lock().await;
        timeout(SOON, offers.recv()).await.unwrap().unwrap()
    }

    async fn sees_no_offer(&self) {
        let mut offers = self.offers.lock().await;
        let seen = timeout(A_WHILE, offers.recv()).await;
        assert!(seen.is_err(), "unexpected offer {seen:?}");
    }

    /// Waits until the handler is told of a peer.
    async fn next_peer(&self) -> PeerId {
        let mut peers = self.peers.lock().await;
        timeout(SOON, peers.recv()).await.unwrap().unwrap()
    }
}

fn listening() -> NetworkConfig {
    let mut config = NetworkConfig::new(bitcoin::Network::Regtest);
    config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    config
}

/// Three nodes in a row, `a - b - c`, each of which knows only its neighbours.
async fn row_of_three() -> (Node, Node, Node) {
    let b = Node::listening().await;
    let a = Node::with_bootstrap(&b).await;
    let c = Node::with_bootstrap(&b).await;
    a.next_peer().await;
    c.next_peer().await;
    b.next_peer().await;
    b.next_peer().await;
    // Gossip subscriptions follow the connection; a mesh link takes a heartbeat.
    sleep(Duration::from_secs(2)).await;
    assert_eq!(a.net.peers().len(), 1);
    assert_eq!(c.net.peers().len(), 1);
    (a, b, c)
}

#[tokio::test]
async fn a_request_is_answered_on_each_protocol() {
    let maker = Node::listening().await;
    let taker = Node::start(NetworkConfig::new(bitcoin::Network::Regtest)).await;
    for protocol in [Protocol::Quote, Protocol::Swap, Protocol::Book] {
        let answer = taker.ask(&maker, protocol, b"hello").await.unwrap();
        let expected = format!("{} hello", protocol.name());
        assert_eq!(answer, expected.as_bytes());
    }
    // The maker can ask back over the same connection though the taker listens nowhere.
    let answer = maker
        .net
        .request(taker.id(), vec![], Protocol::Swap, b"back".to_vec())
        .await;
    assert_eq!(answer.unwrap(), b"/cambista/swap/1 back");
}

#[tokio::test]
async fn a_message_as_large_as_allowed_passes() {
    let (maker, taker) = (Node::listening().await, Node::listening().await);
    maker.gate.add_permits(1);
    let mut body = vec![7; Protocol::Swap.max_bytes()];
    body[0] = b'w';
    let answer = taker.ask(&maker, Protocol::Swap, &body).await.unwrap();
    assert_eq!(answer, body);
}

#[tokio::test]
async fn an_oversized_request_is_not_sent() {
    let (maker, taker) = (Node::listening().await, Node::listening().await);
    let body = vec![7; Protocol::Quote.max_bytes() + 1];
    let error = taker.ask(&maker, Protocol::Quote, &body).await.unwrap_err();
    assert!(matches!(error, RequestError::TooLarge { .. }), "{error}");
    assert!(!error.may_have_arrived());
    assert!(
        taker.net.peers().is_empty(),
        "not even a connection was made"
    );
}

#[tokio::test]
async fn an_oversized_request_of_a_rude_peer_is_refused() {
    use futures::StreamExt;
    use libp2p::{StreamProtocol, request_response, swarm};

    let maker = Node::listening().await;
    // A peer that does not keep to the limit: the same protocol with a larger one.
    let key = libp2p::identity::Keypair::generate_ed25519();
    let exchange = request_response::Behaviour::with_codec(
        frame::FrameCodec::new(1 << 20),
        [(
            StreamProtocol::new(Protocol::Quote.name()),
            request_response::ProtocolSupport::Outbound,
        )],
        request_response::Config::default(),
    );
    let mut rude = libp2p::Swarm::new(
        transport::build(&key).unwrap(),
        exchange,
        key.public().to_peer_id(),
        swarm::Config::with_tokio_executor(),
    );
    let mut ask = async |size: usize| {
        let addresses = vec![maker.address()];
        let exchange = rude.behaviour_mut();
        exchange.send_request_with_addresses(&maker.id(), vec![b's'; size], addresses);
        loop {
            match rude.select_next_some().await {
                swarm::SwarmEvent::Behaviour(request_response::Event::Message { .. }) => {
                    return true;
                }
                swarm::SwarmEvent::Behaviour(request_response::Event::OutboundFailure {
                    ..
                }) => return false,
                _ => {}
            }
        }
    };
    let max = Protocol::Quote.max_bytes();
    assert!(timeout(SOON, ask(100)).await.unwrap());
    assert!(!timeout(SOON, ask(max + 1)).await.unwrap());
    assert!(!timeout(SOON, ask(1 << 19)).await.unwrap());
}

#[tokio::test]
async fn a_request_the_handler_refuses_or_answers_too_long_is_declined() {
    let (maker, taker) = (Node::listening().await, Node::listening().await);
    for body in [b"no", b"x."] {
        let started = Instant::now();
        let error = taker.ask(&maker, Protocol::Quote, body).await.unwrap_err();
        assert_eq!(error, RequestError::Declined);
        assert!(started.elapsed() < Duration::from_secs(5));
    }
    taker.ask(&maker, Protocol::Quote, b"yes").await.unwrap();
}

#[tokio::test]
async fn a_peer_that_asks_too_much_at_once_is_not_served_beyond_its_share() {
    let (maker, taker) = (Node::listening().await, Node::listening().await);
    let other = Node::listening().await;
    let share = Protocol::Quote.rules().waiting_per_peer;
    let asks = (0..share + 3).map(|_| taker.ask(&maker, Protocol::Quote, b"wait"));
    let mut asks = Box::pin(futures::future::join_all(asks));
    let busy = timeout(A_WHILE, &mut asks).await;
    assert!(busy.is_err(), "those within the share wait");
    // Others are served meanwhile.
    other.ask(&maker, Protocol::Quote, b"hello").await.unwrap();
    maker.gate.add_permits(share + 3);
    let answers = asks.await;
    let served = answers.iter().filter(|a| a.is_ok()).count();
    assert_eq!(served, share);
    let refused = answers
        .iter()
        .filter(|a| **a == Err(RequestError::Declined));
    assert_eq!(refused.count(), 3);
}

#[tokio::test]
async fn an_offer_travels_through_a_node_in_between() {
    let (a, b, c) = row_of_three().await;
    assert_eq!(
        a.net.publish_offer(b"a1".to_vec()).await.unwrap(),
        Published::Sent
    );
    assert_eq!(b.next_offer().await, (a.id(), b"a1".to_vec()));
    assert_eq!(c.next_offer().await, (b.id(), b"a1".to_vec()));
    a.sees_no_offer().await;
}

#[tokio::test]
async fn a_rejected_or_ignored_offer_is_not_passed_on() {
    let (a, b, c) = row_of_three().await;
    for offer in [b"r1", b"i1"] {
        a.net.publish_offer(offer.to_vec()).await.unwrap();
        assert_eq!(b.next_offer().await, (a.id(), offer.to_vec()));
        c.sees_no_offer().await;
    }
    a.net.publish_offer(b"a1".to_vec()).await.unwrap();
    assert_eq!(c.next_offer().await, (b.id(), b"a1".to_vec()));
}

#[tokio::test]
async fn a_peer_that_keeps_sending_invalid_offers_is_no_longer_heard() {
    let (a, b, c) = row_of_three().await;
    let mut heard = 0;
    for number in 0..8u8 {
        a.net.publish_offer(vec![b'r', number]).await.unwrap();
        let mut offers = b.offers.lock().await;
        if timeout(A_WHILE, offers.recv()).await.is_ok() {
            heard += 1;
        }
    }
    assert!((1..8).contains(&heard), "heard {heard} of 8");
    // The others still are.
    c.net.publish_offer(b"a1".to_vec()).await.unwrap();
    assert_eq!(b.next_offer().await, (c.id(), b"a1".to_vec()));
}

#[tokio::test]
async fn an_offer_published_before_any_peer_came_is_delivered_later() {
    let a = Node::listening().await;
    for offer in [b"a1", b"a2"] {
        let published = a.net.publish_offer(offer.to_vec()).await.unwrap();
        assert_eq!(published, Published::Waiting);
    }
    let b = Node::with_bootstrap(&a).await;
    assert_eq!(b.next_offer().await, (a.id(), b"a2".to_vec()));
    b.sees_no_offer().await;
}

#[tokio::test]
async fn an_offer_over_the_limit_is_refused_and_one_at_the_limit_passes() {
    let a = Node::listening().await;
    let b = Node::with_bootstrap(&a).await;
    a.next_peer().await;
    let error = a.net.publish_offer(vec![b'a'; MAX_OFFER_BYTES + 1]).await;
    assert!(matches!(error, Err(PublishError::TooLarge { .. })));
    let largest = vec![b'a'; MAX_OFFER_BYTES];
    a.net.publish_offer(largest.clone()).await.unwrap();
    assert_eq!(b.next_offer().await, (a.id(), largest));
}

#[tokio::test]
async fn a_request_to_a_peer_that_is_gone_fails_fast() {
    let (maker, taker) = (Node::listening().await, Node::listening().await);
    taker.ask(&maker, Protocol::Quote, b"hello").await.unwrap();
    maker.net.shutdown().await;
    assert!(matches!(
        maker.net.publish_offer(vec![]).await,
        Err(PublishError::Stopped)
    ));

    // Asked in vain at first, then for good: an error each time, and soon.
    for _ in 0..2 {
        let started = Instant::now();
        let error = taker.net.request(
            maker.id(),
            vec!["/ip4/127.0.0.1/tcp/1".parse().unwrap()],
            Protocol::Swap,
            b"hello".to_vec(),
        );
        let error = error.await.unwrap_err();
        assert!(
            matches!(error, RequestError::Unreachable | RequestError::Lost),
            "{error}"
        );
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn a_peer_that_vanishes_while_answering_leaves_an_error() {
    let (maker, taker) = (Node::listening().await, Node::listening().await);
    let ask = taker.ask(&maker, Protocol::Swap, b"wait");
    let stop = async {
        sleep(Duration::from_secs(1)).await;
        maker.net.shutdown().await;
    };
    let (answer, ()) = timeout(SOON, futures::future::join(ask, stop))
        .await
        .unwrap();
    let error = answer.unwrap_err();
    assert!(error.may_have_arrived(), "{error}");
}

#[tokio::test]
async fn a_maker_restarted_on_the_same_port_is_reached_again() {
    let mut config = listening();
    config.identity = Some([7; 32]);
    let maker = Node::start(config.clone()).await;
    let taker = Node::with_bootstrap(&maker).await;
    assert_eq!(taker.next_peer().await, maker.id());
    let (id, address) = (maker.id(), maker.address());
    maker.net.shutdown().await;

    config.listen = vec![address.clone()];
    let again = Node::start(config).await;
    assert_eq!(again.id(), id, "the identity follows from the seed");
    assert_eq!(again.address(), address);
    let answer = taker.ask(&again, Protocol::Quote, b"hello").await.unwrap();
    assert_eq!(answer, b"/cambista/quote/1 hello");
    assert_eq!(
        taker.next_peer().await,
        id,
        "the handler hears of its return"
    );
}

#[tokio::test]
async fn a_lost_bootstrap_peer_is_called_until_it_is_back() {
    let mut config = listening();
    config.identity = Some([8; 32]);
    let hub = Node::start(config.clone()).await;
    let node = Node::with_bootstrap(&hub).await;
    assert_eq!(node.next_peer().await, hub.id());
    assert!(node.net.peers()[0].bootstrap);
    config.listen = vec![hub.address()];
    hub.net.shutdown().await;
    sleep(A_WHILE).await;
    assert!(node.net.peers().is_empty());
    let hub = Node::start(config).await;
    assert_eq!(node.next_peer().await, hub.id());
}

#[tokio::test]
async fn nodes_of_different_networks_part_at_once() {
    let a = Node::listening().await;
    let b = Node::start(NetworkConfig::new(bitcoin::Network::Signet)).await;
    b.net.dial(a.full_address()).await.unwrap();
    let deadline = Instant::now() + SOON;
    while !(a.net.peers().is_empty() && b.net.peers().is_empty()) {
        assert!(Instant::now() < deadline);
        sleep(Duration::from_millis(50)).await;
    }
    assert!(a.peers.lock().await.try_recv().is_err());
}

#[tokio::test]
async fn dialling_tells_who_answered_and_fails_for_somebody_else() {
    let (a, b) = (Node::listening().await, Node::listening().await);
    assert_eq!(b.net.dial(a.address()).await.unwrap(), a.id());
    assert_eq!(b.net.dial(a.full_address()).await.unwrap(), a.id());
    let somebody = libp2p::multiaddr::Protocol::P2p(PeerId::random());
    let error = b.net.dial(a.address().with(somebody)).await;
    assert!(matches!(error, Err(DialError::Failed { .. })));
}

#[tokio::test]
async fn a_port_in_use_stops_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut config = listening();
    config.listen = vec![format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()];
    let (offers, _offers) = mpsc::channel(1);
    let (peers, _peers) = mpsc::channel(1);
    let recorder = Recorder {
        offers,
        peers,
        gate: Arc::new(Semaphore::new(0)),
    };
    let result = Network::start(config, Arc::new(recorder)).await;
    assert!(matches!(result, Err(NetworkError::Listen { .. })));
}

#[tokio::test]
async fn swarms_in_one_process_can_do_without_sockets() {
    let mut config = listening();
    config.listen = vec!["/memory/0".parse().unwrap()];
    let a = Node::start(config.clone()).await;
    let b = Node::start(config).await;
    b.ask(&a, Protocol::Quote, b"hello").await.unwrap();
}

#[tokio::test]
async fn connections_beyond_the_limit_are_refused_and_places_come_free_again() {
    let mut config = listening();
    config.limits.inbound = 2;
    let hub = Node::start(config).await;
    let (first, second) = (Node::with_bootstrap(&hub).await, Node::listening().await);
    hub.next_peer().await;
    second.net.dial(hub.full_address()).await.unwrap();
    hub.next_peer().await;

    let third = Node::listening().await;
    let answer = third.ask(&hub, Protocol::Quote, b"hello").await;
    assert!(answer.is_err());
    assert_eq!(hub.net.peers().len(), 2);

    first.net.shutdown().await;
    third.ask(&hub, Protocol::Quote, b"hello").await.unwrap();
    second.ask(&hub, Protocol::Quote, b"hello").await.unwrap();
}
