//! Being heard as a new maker where somebody makes up many: by more work than they do (spec 06, section 3).
//!
//! Who knows a maker takes its next offer whatever its work. So one strong offer is enough, and it is searched for beside
//! everything else once the usual one has gone out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cambista_protocol::market::offer::Offer;
use cambista_protocol::market::pow::GRADE_BITS;
use tokio::task::JoinHandle;

/// Nonces tried at one go.
const TRIES: u64 = 1 << 20;
/// Goes for the work every offer must have: far beyond the luck anyone can lack.
const GOES: u64 = 256;
/// An offer is not announced with less than this left of it.
const OF_USE: Duration = Duration::from_secs(20 * 60);

/// An offer with the work every one must have.
///
/// # Errors
/// When it was not found, which takes more bad luck than there is.
pub(super) fn mined(mut offer: Offer) -> Result<Offer, String> {
    for _ in 0..GOES {
        if offer.mine(TRIES) {
            return Ok(offer);
        }
    }
    Err("the proof of work was not found".into())
}

/// A node that has just started has not seen yet what is announced in the market.
const SETTLE: Duration = Duration::from_secs(15 * 60);

/// Whether others have heard of this maker, as far as work can tell, and the search for what tells them.
#[derive(Debug)]
pub(super) struct Strength {
    begun: Instant,
    /// The highest grade of work of what was announced.
    best: Option<u8>,
    heard: bool,
    search: Option<Search>,
}

#[derive(Debug)]
struct Search {
    stop: Arc<AtomicBool>,
    found: JoinHandle<Option<Offer>>,
}

impl Strength {
    /// For a node that starts now.
    pub(super) fn new() -> Self {
        Self {
            begun: Instant::now(),
            best: None,
            heard: false,
            search: None,
        }
    }

    /// An offer of this grade of work went out. What was searched for is out of date with that.
    pub(super) fn announced(&mut self, grade: u8) {
        self.search = None;
        self.best = self.best.max(Some(grade));
    }

    /// The grade of work that is to be searched for, if one is, when unknown makers are heard from grade `room` on.
    pub(super) fn wanted(&mut self, room: u8) -> Option<u8> {
        let best = self.best.filter(|_| !self.heard && self.search.is_none())?;
        if best < room {
            return Some(room);
        }
        self.heard = self.begun.elapsed() >= SETTLE;
        None
    }

    /// Searches for work of this grade, at half the pace of a processor core.
    pub(super) fn search(&mut self, offer: Offer, grade: u8) {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let found = tokio::task::spawn_blocking(move || strong(offer, grade, &told));
        self.search = Some(Search { stop, found });
    }

    /// The offer, when it is found; waits for ever while none is searched for, or it was given up.
    pub(super) async fn found(&mut self) -> Offer {
        if let Some(search) = &mut self.search {
            let found = (&mut search.found).await;
            self.search = None;
            if let Ok(Some(offer)) = found {
                return offer;
            }
        }
        std::future::pending().await
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn strong(mut offer: Offer, grade: u8, stop: &AtomicBool) -> Option<Offer> {
    let goes = GOES << (GRADE_BITS * u32::from(grade));
    let lives = Duration::from_secs(offer.expires.saturating_sub(offer.issued));
    let begun = Instant::now();
    for _ in 0..goes {
        let go = Instant::now();
        if offer.mine_grade(grade, TRIES) {
            return Some(offer);
        }
        if stop.load(Ordering::Relaxed) || begun.elapsed() + OF_USE > lives {
            return None;
        }
        std::thread::sleep(go.elapsed());
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use cambista_protocol::signed::Signed;

    use super::super::announce::tests::some_offer;
    use super::*;

    fn offer() -> Offer {
        Offer::read(&some_offer()).unwrap().1
    }

    #[tokio::test]
    async fn the_work_that_is_missing_is_found_and_nothing_else_is_changed() {
        let mut strength = Strength::new();
        assert_eq!(strength.wanted(2), None, "nothing was announced yet");
        strength.announced(0);
        assert_eq!(strength.wanted(2), Some(2));
        let usual = offer();
        strength.search(usual.clone(), 2);
        assert_eq!(strength.wanted(2), None, "it is under way");
        let strong = strength.found().await;
        let signed = Signed {
            payload: cambista_protocol::cbor::to_vec(&strong),
            signature: [0; 64],
        };
        assert!(strong.check_work(&signed).unwrap() >= 2);
        let nonce = usual.nonce;
        assert_eq!(Offer { nonce, ..strong }, usual);
        strength.announced(2);
        assert_eq!(strength.wanted(2), None);
        assert_eq!(strength.wanted(3), Some(3), "the others do more by now");
    }

    #[tokio::test]
    async fn who_was_heard_for_a_while_does_no_more_work() {
        let mut strength = Strength::new();
        strength.begun -= SETTLE;
        strength.announced(0);
        assert_eq!(strength.wanted(0), None);
        assert_eq!(strength.wanted(3), None, "it is known by now");
    }

    #[tokio::test]
    async fn a_search_ends_when_another_offer_goes_out() {
        let mut strength = Strength::new();
        strength.announced(0);
        strength.search(offer(), 12);
        let stop = Arc::clone(&strength.search.as_ref().unwrap().stop);
        strength.announced(0);
        assert!(stop.load(Ordering::Relaxed));
        let nothing = tokio::time::timeout(Duration::from_millis(50), strength.found());
        assert!(nothing.await.is_err());
    }
}
