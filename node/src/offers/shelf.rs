//! The book over restarts: a file of its own, since nothing depends on it. What is read from it is checked like anything
//! a peer brings; what is lost with it, peers have.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bitcoin::secp256k1::PublicKey;
use cambista_market::Remembered;
use tokio::sync::watch;

use super::Market;

/// What the file begins with.
const MAGIC: &[u8] = b"cambista book 1\n";
/// Marks an offer.
const OFFER: u8 = 1;
/// Marks a maker of whom only the sequence is remembered.
const SEQUENCE: u8 = 2;
/// Between two looks at whether there is something to write.
const EVERY: Duration = Duration::from_secs(60);
/// A larger file than this (bytes) is written a tenth as often.
const LARGE: usize = 4_000_000;
/// No larger file is read (bytes): a full book of the longest offers.
const LARGEST: u64 = 110_000_000;

/// The book as bytes.
fn bytes(market: &Market) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    market.each_remembered(|one| match one {
        Remembered::Offer(offer) => {
            if let Ok(length) = u16::try_from(offer.len()) {
                bytes.push(OFFER);
                bytes.extend(length.to_be_bytes());
                bytes.extend(offer);
            }
        }
        Remembered::Sequence {
            maker,
            sequence,
            forget_at,
        } => {
            bytes.push(SEQUENCE);
            bytes.extend(maker);
            bytes.extend(sequence.to_be_bytes());
            bytes.extend(forget_at.to_be_bytes());
        }
    });
    bytes
}

/// Takes what a file says into the book. A file that is cut off or no book is taken as far as it makes sense.
fn take(market: &Market, file: &[u8]) -> usize {
    let Some(mut rest) = file.strip_prefix(MAGIC) else {
        return 0;
    };
    let mut taken = 0;
    while let Some((kind, after)) = rest.split_first() {
        let next = match *kind {
            OFFER => offer(after).map(|(offer, next)| {
                let kept = market.ingest(offer) == crate::network::Verdict::Accept;
                taken += usize::from(kept);
                next
            }),
            SEQUENCE => sequence(after).map(|((maker, sequence, forget_at), next)| {
                market.recall(&maker, sequence, forget_at);
                next
            }),
            _ => None,
        };
        let Some(next) = next else { break };
        rest = next;
    }
    taken
}

fn offer(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

type Sequence = (PublicKey, u64, u64);

fn sequence(bytes: &[u8]) -> Option<(Sequence, &[u8])> {
    let (maker, rest) = bytes.split_first_chunk::<33>()?;
    let (sequence, rest) = rest.split_first_chunk::<8>()?;
    let (forget_at, rest) = rest.split_first_chunk::<8>()?;
    let maker = PublicKey::from_slice(maker).ok()?;
    let numbers = (
        u64::from_be_bytes(*sequence),
        u64::from_be_bytes(*forget_at),
    );
    Some(((maker, numbers.0, numbers.1), rest))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if std::fs::metadata(path)?.len() > LARGEST {
        return Err(io::Error::other("it is larger than any book"));
    }
    std::fs::read(path)
}

/// In place of the last one, or not at all.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    std::fs::write(&new, bytes)?;
    std::fs::rename(new, path)
}

/// Writes the book down unless it is what was written last. Returns what is written now.
fn note(path: &Path, market: &Market, last: Vec<u8>) -> Vec<u8> {
    let now = bytes(market);
    if now == last {
        return last;
    }
    match write(path, &now) {
        Ok(()) => now,
        Err(error) => {
            tracing::warn!(%error, "the book could not be written down");
            last
        }
    }
}

/// Takes in the book of the last run, then writes it down every now and then and at the end.
pub async fn keep(path: PathBuf, market: Arc<Market>, mut stop: watch::Receiver<bool>) {
    let (from, into) = (path.clone(), Arc::clone(&market));
    // Signatures are checked anew, which takes a while for a large book.
    let reading = tokio::task::spawn_blocking(move || read(&from).map(|file| take(&into, &file)));
    match reading.await {
        Ok(Ok(offers)) => tracing::info!(offers, "offers of the last run"),
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {}
        Ok(Err(error)) => tracing::warn!(%error, "the book of the last run cannot be read"),
        Err(_) => {}
    }
    let mut written = Vec::new();
    let mut looks = 0_u32;
    loop {
        let stopped = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => true,
            () = tokio::time::sleep(EVERY) => false,
        };
        looks = looks.wrapping_add(1);
        if stopped || written.len() < LARGE || looks.is_multiple_of(10) {
            let (path, market) = (path.clone(), Arc::clone(&market));
            let last = std::mem::take(&mut written);
            // A large book takes a while, and others want the thread.
            let noting = tokio::task::spawn_blocking(move || note(&path, &market, last));
            written = noting.await.unwrap_or_default();
        }
        if stopped {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bitcoin::Network;
    use bitcoin::secp256k1::{Keypair, Message, Secp256k1, SecretKey};
    use cambista_engine::ports::Clock as _;
    use cambista_protocol::market::offer::{Offer, Rate};

    use super::*;
    use crate::adapters::system::SystemClock;
    use crate::network::Verdict;

    fn keypair(n: u8) -> Keypair {
        SecretKey::from_slice(&[n; 32])
            .unwrap()
            .keypair(&Secp256k1::new())
    }

    fn offer(n: u8, sequence: u64, seconds: u64) -> Vec<u8> {
        let now = SystemClock.now();
        let mut offer = Offer {
            network: Network::Regtest,
            maker: keypair(n).public_key(),
            peer_id: "abc".into(),
            addresses: Vec::new(),
            sequence,
            issued: now,
            expires: now + seconds,
            out: Some(Rate {
                base_sat: 1,
                ppm: 1,
                min_sat: 1,
                max_sat: 1_000_000,
            }),
            into: None,
            refund_delta_min: 96,
            refund_delta_max: 144,
            features: 0,
            nonce: 0,
        };
        assert!(offer.mine(1 << 20));
        let sign = |digest| {
            let message = Message::from_digest(digest);
            *Secp256k1::new()
                .sign_schnorr_no_aux_rand(&message, &keypair(n))
                .as_ref()
        };
        offer.sign(sign).to_bytes()
    }

    fn market() -> Market {
        Market::new(Network::Regtest, &keypair(99).public_key())
    }

    #[test]
    fn a_book_is_the_same_after_a_restart() {
        let (old, new) = (market(), market());
        assert_eq!(old.ingest(&offer(1, 7, 3_000)), Verdict::Accept);
        assert_eq!(old.ingest(&offer(2, 1, 3_000)), Verdict::Accept);
        let file = bytes(&old);
        assert_eq!(take(&new, &file), 2);
        assert_eq!(new.offers(), old.offers());
        assert_eq!(
            new.ingest(&offer(1, 6, 3_000)),
            Verdict::Ignore,
            "an older one"
        );
    }

    #[test]
    fn an_older_offer_does_not_come_back_over_a_restart_when_the_newer_has_expired() {
        let (old, new) = (market(), market());
        old.recall(&keypair(1).public_key(), 9, SystemClock.now() + 100);
        assert_eq!(take(&new, &bytes(&old)), 0);
        assert_eq!(new.ingest(&offer(1, 8, 3_000)), Verdict::Ignore);
        assert_eq!(new.ingest(&offer(1, 10, 3_000)), Verdict::Accept);
    }

    #[test]
    fn a_file_that_is_cut_off_changed_or_none_at_all_does_no_harm() {
        let old = market();
        for n in 1..=3 {
            old.ingest(&offer(n, 1, 3_000));
        }
        let file = bytes(&old);
        for cut in 0..file.len() {
            assert!(take(&market(), &file[..cut]) <= 2, "{cut}");
        }
        let mut forged = file.clone();
        let last = forged.len() - 1;
        forged[last] ^= 1;
        assert_eq!(take(&market(), &forged), 2, "its signature does not hold");
        assert_eq!(take(&market(), b"something else"), 0);
    }

    #[test]
    fn the_file_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("offers");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
