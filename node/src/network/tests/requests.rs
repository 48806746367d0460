//! Questions and answers between two nodes.

use futures::{StreamExt, stream::FuturesUnordered};

use super::*;

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
    let (relaying, _relayed) = libp2p::relay::client::new(key.public().to_peer_id());
    let mut rude = libp2p::Swarm::new(
        transport::build(
            &key,
            None,
            relaying,
            &traffic::Meter::default(),
            leads::Leads::new(bitcoin::Network::Regtest),
        )
        .unwrap(),
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
        let error = taker.ask(&maker, Protocol::Quote, body).await.unwrap_err();
        assert_eq!(error, RequestError::Declined, "told, not waited for");
    }
    taker.ask(&maker, Protocol::Quote, b"yes").await.unwrap();
}

#[tokio::test]
async fn a_peer_that_asks_too_much_at_once_is_not_served_beyond_its_share() {
    let (maker, taker) = (Node::listening().await, Node::listening().await);
    let other = Node::listening().await;
    let share = Protocol::Quote.rules().waiting_per_peer;
    let asks = (0..share + 3).map(|_| taker.ask(&maker, Protocol::Quote, b"wait"));
    let mut asks: FuturesUnordered<_> = asks.collect();
    // Those within the share wait, so what is answered now is answered to the others.
    for _ in 0..3 {
        let refused = timeout(SOON, asks.next()).await.unwrap();
        assert_eq!(refused, Some(Err(RequestError::Declined)));
    }
    // Others are served meanwhile.
    other.ask(&maker, Protocol::Quote, b"hello").await.unwrap();
    maker.gate.add_permits(share + 3);
    let answers: Vec<_> = asks.collect().await;
    assert_eq!(answers.len(), share);
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
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

    // Asked in vain at first, then for good: an error each time, and not for want of an answer in time.
    for _ in 0..2 {
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
    }
}

#[tokio::test]
async fn a_peer_that_vanishes_while_answering_leaves_an_error() {
    let (maker, taker) = (Node::listening().await, Node::listening().await);
    let ask = taker.ask(&maker, Protocol::Swap, b"wait");
    let stop = async {
        maker.waiting.acquire().await.unwrap().forget();
        maker.net.shutdown().await;
    };
    let (answer, ()) = timeout(SOON, futures::future::join(ask, stop))
        .await
        .unwrap();
    let error = answer.unwrap_err();
    assert!(error.may_have_arrived(), "{error}");
}
