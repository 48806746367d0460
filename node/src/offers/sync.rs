//! Catching up on the book with a peer that was there before.

use bitcoin::secp256k1::PublicKey;
use cambista_protocol::cbor;
use cambista_protocol::message::{BookReply, BookRequest, MAX_BOOK_MESSAGE};

use super::Market;
use crate::network::{NetworkHandle, PeerId, Protocol, Verdict};

/// Pages asked of one peer at most; more than a full book has.
const PAGES: usize = 2_000;

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
        if after.is_none() {
            break;
        }
    }
    if new > 0 {
        tracing::info!(%peer, new, "offers taken over from a peer");
    }
}
