//! Catching up on the book with a peer that was there before.

use std::sync::Arc;
use std::time::Duration;

use bitcoin::secp256k1::PublicKey;
use cambista_protocol::cbor;
use cambista_protocol::message::{BookReply, BookRequest, MAX_BOOK_MESSAGE};

use tokio::sync::watch;

use super::Market;
use crate::network::{NetworkHandle, PeerId, Protocol, Verdict};

/// Pages asked of one peer at most; more than a full book has.
const PAGES: usize = 2_000;
/// New offers taken from one peer at most: a fifth of a full book, so that one peer cannot fill it alone.
const NEW: usize = cambista_market::MAX_OFFERS / 5;

/// Asks a peer for its book, page by page, and takes in what is new. A peer that sends what no honest one would is not
/// listened to further.
pub(super) async fn book(market: &Market, network: &NetworkHandle, peer: PeerId) {
    let mut after: Option<PublicKey> = None;
    let mut new = 0_usize;
    for _ in 0..PAGES {
        let request = cbor::to_vec(&BookRequest {
            network: market.network(),
            after,
        });
        let answer = match network
            .request(peer, Vec::new(), Protocol::Book, request)
            .await
        {
            Ok(answer) => answer,
            Err(error) => {
                tracing::debug!(%peer, %error, "no book from this peer");
                break;
            }
        };
        let Ok(page) = cbor::from_slice::<BookReply>(&answer, MAX_BOOK_MESSAGE) else {
            tracing::debug!(%peer, "its book is malformed");
            break;
        };
        for offer in &page.offers {
            match market.ingest(offer) {
                Verdict::Accept => new += 1,
                Verdict::Ignore => {}
                Verdict::Reject => return,
            }
        }
        after = page.next(after.as_ref());
        if after.is_none() || new >= NEW {
            break;
        }
    }
    if new > 0 {
        tracing::info!(%peer, new, "offers taken over from a peer");
    }
}

/// A book with fewer offers than this is asked for again.
const FEW: usize = 100;
/// Between two such questions: soon after the start, when peers have just started too, and later.
const SOON: Duration = Duration::from_secs(20);
const LATER: Duration = Duration::from_secs(600);
/// Questions that come soon.
const EARLY: usize = 15;

/// Asks one peer after the other for its book while this one is nearly empty, until told to stop. A peer is asked when it
/// connects; if it had just started itself, it knew little then, and what it learns from books it does not pass on.
pub async fn again(market: Arc<Market>, network: NetworkHandle, stop: watch::Receiver<bool>) {
    let pause = |turn| if turn < EARLY { SOON } else { LATER };
    again_after(pause, market, network, stop).await;
}

async fn again_after(
    pause: impl Fn(usize) -> Duration,
    market: Arc<Market>,
    network: NetworkHandle,
    mut stop: watch::Receiver<bool>,
) {
    for turn in 0_usize.. {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(pause(turn)) => {}
        }
        let peers = network.peers();
        let asked = turn.checked_rem(peers.len()).and_then(|at| peers.get(at));
        if let Some(asked) = asked.filter(|_| market.offers().len() < FEW) {
            // A peer that takes its time with every page must not keep this node from stopping.
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = book(&market, &network, asked.peer) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use futures::future::BoxFuture;

    use super::super::announce::tests::{some_offer, stranger};
    use super::super::inbox::Inbox;
    use super::*;
    use crate::network::{Handler, Network, NetworkConfig};

    async fn start(market: &Arc<Market>) -> (NetworkHandle, Arc<Inbox>) {
        let mut config = NetworkConfig::new(market.network());
        config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
        let inbox = Arc::new(Inbox::new(Arc::clone(market)));
        let network = Network::start(config, Arc::clone(&inbox) as _)
            .await
            .unwrap();
        (network, inbox)
    }

    /// Takes questions and never answers; says when one came.
    struct Silent(watch::Sender<bool>);

    impl Handler for Silent {
        fn offer<'a>(&'a self, _: PeerId, _: Vec<u8>) -> BoxFuture<'a, Verdict> {
            Box::pin(std::future::ready(Verdict::Ignore))
        }

        fn request<'a>(
            &'a self,
            _: PeerId,
            _: Protocol,
            _: Vec<u8>,
        ) -> BoxFuture<'a, Option<Vec<u8>>> {
            self.0.send_replace(true);
            Box::pin(std::future::pending())
        }

        fn connected<'a>(&'a self, _: PeerId) -> BoxFuture<'a, ()> {
            Box::pin(std::future::ready(()))
        }
    }

    #[tokio::test]
    async fn a_peer_that_never_answers_does_not_keep_this_node_from_stopping() {
        let market = Arc::new(stranger());
        let (network, _inbox) = start(&market).await;
        let (asked, mut was_asked) = watch::channel(false);
        let mut config = NetworkConfig::new(market.network());
        config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
        let silent = Network::start(config, Arc::new(Silent(asked)))
            .await
            .unwrap();
        network
            .dial(silent.listen_addrs()[0].clone())
            .await
            .unwrap();
        let (stop, stopped) = watch::channel(false);
        let often = |_| Duration::from_millis(20);
        let asking = tokio::spawn(again_after(often, market, network, stopped));
        was_asked.wait_for(|asked| *asked).await.unwrap();
        stop.send_replace(true);
        let soon = Protocol::Book.timeout() / 2;
        let ended = tokio::time::timeout(soon, asking).await;
        ended.expect("it waits for the peer").unwrap();
    }

    /// The peer learns of the offer from somebody's book, so it does not pass it on.
    #[tokio::test]
    async fn what_a_peer_learns_after_it_was_asked_comes_with_a_later_question() {
        let (market, others) = (Arc::new(stranger()), Arc::new(stranger()));
        let (network, inbox) = start(&market).await;
        let (peer, _other_inbox) = start(&others).await;
        inbox.use_network(network.clone());
        let known = network.dial(peer.listen_addrs()[0].clone()).await.unwrap();
        book(&market, &network, known).await;
        assert!(market.offers().is_empty());

        others.ingest(&some_offer());
        let (stop, stopped) = watch::channel(false);
        let often = |_| Duration::from_millis(20);
        let asking = again_after(often, Arc::clone(&market), network.clone(), stopped);
        let waiting = async {
            while market.offers().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            stop.send_replace(true);
        };
        let both = async { tokio::join!(asking, waiting) };
        tokio::time::timeout(Duration::from_secs(20), both)
            .await
            .unwrap();
        assert_eq!(market.offers().len(), 1);
    }
}
