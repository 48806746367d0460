//! What peers that want too much get.

use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, StreamExt};
use libp2p::{
    StreamProtocol, Swarm,
    request_response::{self, Codec},
    swarm,
};

use super::*;

fn narrow(change: impl FnOnce(&mut Limits)) -> NetworkConfig {
    let mut config = listening();
    change(&mut config.limits);
    config
}

#[tokio::test]
async fn a_peer_that_asks_too_often_is_disconnected_and_refused_while_others_are_served() {
    let hub = Node::start(narrow(|limits| {
        limits.messages_at_once = 20;
        limits.messages_per_minute = 1;
    }))
    .await;
    let (flooder, other) = (Node::listening().await, Node::listening().await);
    let mut answered = 0;
    while flooder.ask(&hub, Protocol::Quote, b"flood").await.is_ok() {
        answered += 1;
    }
    // It is given another one a minute.
    assert!((20..=22).contains(&answered), "{answered}");
    hub.has_peers(0).await;
    let error = flooder.ask(&hub, Protocol::Quote, b"again").await;
    assert!(error.is_err());
    other.ask(&hub, Protocol::Quote, b"hello").await.unwrap();
}

#[tokio::test]
async fn a_peer_that_floods_offers_is_disconnected() {
    let hub = Node::start(narrow(|limits| {
        limits.messages_at_once = 20;
        limits.messages_per_minute = 1;
    }))
    .await;
    let flooder = Node::with_bootstrap(&hub).await;
    hub.next_peer().await;
    flooder.next_peer().await;
    publish_until_alone(&flooder, b'a', &hub).await;
    let mut offers = hub.offers.lock().await;
    let mut heard = 0;
    while offers.try_recv().is_ok() {
        heard += 1;
    }
    assert!(heard <= 22, "{heard}");
}

/// Publishes offers until the hub has parted from who does: what is published before the hub's gossip has begun is not sent.
async fn publish_until_alone(from: &Node, kind: u8, hub: &Node) {
    let deadline = Instant::now() + SOON;
    for round in 0u8.. {
        for number in 0..8 {
            let offer = vec![kind, round, number];
            from.net.publish_offer(offer).await.unwrap();
        }
        if hub.net.peers().is_empty() {
            return;
        }
        assert!(Instant::now() < deadline);
        sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test]
async fn a_peer_whose_offers_break_the_rules_is_disconnected() {
    let hub = Node::listening().await;
    let liar = Node::with_bootstrap(&hub).await;
    hub.next_peer().await;
    liar.next_peer().await;
    publish_until_alone(&liar, b'r', &hub).await;
    assert!(liar.ask(&hub, Protocol::Quote, b"again").await.is_err());
}

/// What is not counted one by one: here large requests, few enough for the count of messages.
#[tokio::test]
async fn a_peer_that_sends_more_bytes_than_an_honest_one_is_disconnected_and_refused() {
    let hub = Node::start(narrow(|limits| {
        limits.bytes_at_once = 100_000;
        limits.bytes_per_second = 0;
    }))
    .await;
    shown_out_by(&hub, &[0; 3_000], 33).await;
}

#[tokio::test]
async fn a_peer_that_opens_more_streams_than_an_honest_one_is_disconnected_and_refused() {
    let hub = Node::start(narrow(|limits| {
        limits.streams_at_once = 60;
        limits.streams_per_second = 0;
    }))
    .await;
    shown_out_by(&hub, b"hello", 60).await;
}

/// Asks until the hub hangs up, which it does before `most` answers; then nobody but the flooder is kept out.
async fn shown_out_by(hub: &Node, body: &[u8], most: usize) {
    let (flooder, other) = (Node::listening().await, Node::listening().await);
    let mut answered = 0;
    while flooder.ask(hub, Protocol::Quote, body).await.is_ok() {
        answered += 1;
        assert!(answered <= most, "{answered}");
    }
    assert!(answered >= most / 2, "{answered}");
    let deadline = Instant::now() + SOON;
    while hub.net.peers().iter().any(|p| p.peer == flooder.id()) {
        assert!(Instant::now() < deadline);
        sleep(Duration::from_millis(50)).await;
    }
    assert!(flooder.ask(hub, Protocol::Quote, b"again").await.is_err());
    other.ask(hub, Protocol::Quote, b"hello").await.unwrap();
}

#[tokio::test]
async fn no_connection_is_made_or_taken_when_memory_is_short() {
    let full = Node::start(narrow(|limits| limits.memory_percent = 0)).await;
    let other = Node::listening().await;
    assert!(other.ask(&full, Protocol::Quote, b"hello").await.is_err());
    assert!(full.ask(&other, Protocol::Quote, b"hello").await.is_err());
}

/// Opens streams and never says what they are for.
#[derive(Clone)]
struct HalfOpen;

impl Codec for HalfOpen {
    type Protocol = StreamProtocol;
    type Request = ();
    type Response = ();

    async fn read_request<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        _: &mut T,
    ) -> io::Result<()> {
        std::future::pending().await
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<()> {
        io.read_exact(&mut [0]).await
    }

    async fn write_request<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        _: &mut T,
        (): (),
    ) -> io::Result<()> {
        std::future::pending().await
    }

    async fn write_response<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        _: &mut T,
        (): (),
    ) -> io::Result<()> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn streams_left_half_open_keep_nobody_else_out() {
    let maker = Node::listening().await;
    let key = libp2p::identity::Keypair::generate_ed25519();
    let protocols = [Protocol::Quote, Protocol::Swap, Protocol::Book].map(|protocol| {
        let name = StreamProtocol::new(protocol.name());
        (name, request_response::ProtocolSupport::Outbound)
    });
    let settings = request_response::Config::default().with_max_concurrent_streams(4_000);
    let exchange = request_response::Behaviour::with_codec(HalfOpen, protocols, settings);
    let local = key.public().to_peer_id();
    let (relaying, _relayed) = libp2p::relay::client::new(local);
    let meter = traffic::Meter::default();
    let mut rude = Swarm::new(
        transport::build(
            &key,
            None,
            relaying,
            &meter,
            leads::Leads::new(bitcoin::Network::Regtest),
        )
        .unwrap(),
        exchange,
        local,
        swarm::Config::with_tokio_executor(),
    );
    for _ in 0..1_000 {
        let addresses = vec![maker.address()];
        let exchange = rude.behaviour_mut();
        exchange.send_request_with_addresses(&maker.id(), (), addresses);
    }
    // The streams open, and the maker closes those beyond its limits.
    let busy = async {
        loop {
            rude.select_next_some().await;
        }
    };
    assert!(timeout(A_WHILE, busy).await.is_err());
    let other = Node::listening().await;
    other.ask(&maker, Protocol::Swap, b"hello").await.unwrap();
}
