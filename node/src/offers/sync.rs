//! Catching up on the book with a peer that was there before.

use std::sync::Arc;
use std::time::Duration;

use bitcoin::secp256k1::PublicKey;
use cambista_protocol::cbor;
use cambista_protocol::market::offer::MAX_OFFER;
use cambista_protocol::message::{BookReply, BookRequest, MAX_BOOK_MESSAGE};

use tokio::sync::watch;

use super::Market;
use crate::network::{NetworkHandle, PeerId, Protocol, Verdict};

/// Pages asked of one peer at most; more than a full book has.
const PAGES: usize = 2_000;
/// How long all pages of one peer together may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Offers of a page that is not the last, at least: half as many as fit when all are as long as they may be.
const PAGE_LEAST: usize = MAX_BOOK_MESSAGE / MAX_OFFER / 2;

/// Asks a peer for its book, page by page, and takes in what is new. A peer that sends what no honest one would is not
/// listened to further, and none for longer than two minutes: others wait to be asked.
pub(super) async fn book(market: &Market, network: &NetworkHandle, peer: PeerId) {
    book_within(PATIENCE, market, network, peer).await;
}

async fn book_within(patience: Duration, market: &Market, network: &NetworkHandle, peer: PeerId) {
    let mut new = 0;
    let reading = pages(market, network, peer, &mut new);
    if tokio::time::timeout(patience, reading).await.is_err() {
        tracing::debug!(%peer, "its book takes too long");
    }
    if new > 0 {
        tracing::info!(%peer, new, "offers taken over from a peer");
    }
}

/// Counts in `new` what was taken in, however it ends.
async fn pages(market: &Market, network: &NetworkHandle, peer: PeerId, new: &mut usize) {
    let mut after: Option<PublicKey> = None;
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
                return;
            }
        };
        let Ok(page) = cbor::from_slice::<BookReply>(&answer, MAX_BOOK_MESSAGE) else {
            tracing::debug!(%peer, "its book is malformed");
            return;
        };
        for offer in &page.offers {
            match market.paged(&peer, offer) {
                Some(Verdict::Accept) => *new += 1,
                Some(Verdict::Ignore) => {}
                Some(Verdict::Reject) | None => return,
            }
        }
        after = page.next(after.as_ref());
        if after.is_none() || page.offers.len() < PAGE_LEAST {
            return;
        }
    }
}

/// A book with fewer offers than this is asked for again.
const FEW: usize = 100;
/// Between two such questions: soon after the start, when peers have just started too, and later.
const SOON: Duration = Duration::from_secs(20);
const LATER: Duration = Duration::from_secs(600);
/// Questions that come soon.
const EARLY: usize = 15;

/// Asks one peer after the other for its book while this one is nearly empty, until told to stop. A peer is asked when this
/// node has called it; if it had just started itself, it knew little then, and what it learns from books it does not pass on.
/// A node that has called nobody, as the first of a network has not, asks those that called it.
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
        let mut peers = network.peers();
        if peers.iter().any(|peer| peer.called) {
            peers.retain(|peer| peer.called);
        }
        let asked = turn.checked_rem(peers.len()).and_then(|at| peers.get(at));
        if let Some(asked) = asked.filter(|_| market.count() < FEW) {
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

    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::BoxFuture;

    use super::super::announce::tests::{made_up, some_offer, stranger};
    use super::super::inbox::Inbox;
    use super::*;
    use crate::network::{Handler, Network, NetworkConfig};

    async fn start(market: &Arc<Market>) -> (NetworkHandle, Arc<Inbox>) {
        let inbox = Arc::new(Inbox::new(Arc::clone(market)));
        (serve(market, Arc::clone(&inbox) as _).await, inbox)
    }

    async fn serve(market: &Market, handler: Arc<dyn Handler>) -> NetworkHandle {
        let mut config = NetworkConfig::new(market.network());
        config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
        Network::start(config, handler).await.unwrap()
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
        let silent = serve(&market, Arc::new(Silent(asked))).await;
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

    #[tokio::test]
    async fn a_peer_that_takes_its_time_is_given_up() {
        let market = Arc::new(stranger());
        let (network, _inbox) = start(&market).await;
        let silent = serve(&market, Arc::new(Silent(watch::Sender::new(false)))).await;
        let peer = network.dial(silent.listen_addrs()[0].clone()).await;
        let reading = book_within(Duration::from_millis(50), &market, &network, peer.unwrap());
        let soon = Protocol::Book.timeout() / 2;
        let ended = tokio::time::timeout(soon, reading).await;
        ended.expect("it waits for the peer");
    }

    /// Says with every page that there is more, and sends one offer at a time; counts the pages.
    struct Drips(AtomicUsize);

    impl Handler for Drips {
        fn offer<'a>(&'a self, _: PeerId, _: Vec<u8>) -> BoxFuture<'a, Verdict> {
            Box::pin(std::future::ready(Verdict::Ignore))
        }

        fn request<'a>(
            &'a self,
            _: PeerId,
            _: Protocol,
            _: Vec<u8>,
        ) -> BoxFuture<'a, Option<Vec<u8>>> {
            let pages = self.0.fetch_add(1, Ordering::Relaxed);
            // Keys that grow from page to page.
            let mut keys: Vec<PublicKey> = (1..=20)
                .map(|n| {
                    let key = bitcoin::secp256k1::SecretKey::from_slice(&[n; 32]);
                    key.unwrap()
                        .public_key(&bitcoin::secp256k1::Secp256k1::new())
                })
                .collect();
            keys.sort_by_key(PublicKey::serialize);
            let page = BookReply {
                offers: vec![some_offer()],
                more: keys.get(pages).copied(),
            };
            Box::pin(std::future::ready(Some(cbor::to_vec(&page))))
        }

        fn connected<'a>(&'a self, _: PeerId) -> BoxFuture<'a, ()> {
            Box::pin(std::future::ready(()))
        }
    }

    #[tokio::test]
    async fn a_peer_that_sends_its_book_in_drops_is_not_listened_to_further() {
        let market = Arc::new(stranger());
        let (network, _inbox) = start(&market).await;
        let drips = Arc::new(Drips(AtomicUsize::new(0)));
        let peer = serve(&market, Arc::clone(&drips) as _).await;
        let peer = network.dial(peer.listen_addrs()[0].clone()).await;
        book(&market, &network, peer.unwrap()).await;
        assert_eq!(drips.0.load(Ordering::Relaxed), 1);
        assert_eq!(market.count(), 1);
    }

    #[tokio::test]
    async fn a_peer_that_called_is_not_asked_for_its_book() {
        let (market, others) = (Arc::new(stranger()), Arc::new(stranger()));
        let (network, inbox) = start(&market).await;
        let (caller, caller_inbox) = start(&others).await;
        inbox.use_network(network.clone());
        market.ingest(&some_offer());
        let called = caller.dial(network.listen_addrs()[0].clone()).await;
        caller_inbox.use_network(caller.clone());
        caller_inbox.connected(called.unwrap()).await;
        assert_eq!(others.count(), 1, "who called asks");

        others.ingest(&made_up(1, 0));
        assert_eq!(others.count(), 2);
        inbox.connected(caller.local_peer_id()).await;
        assert_eq!(market.count(), 1);
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
