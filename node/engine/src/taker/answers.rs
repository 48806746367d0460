//! Waiting for the answers of several makers: not much longer than the first price took.
//!
//! A maker whose machine is off is silent until the network gives up, and a user looks on meanwhile.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use bitcoin::secp256k1::PublicKey;
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, timeout_at};

use crate::handle::NoQuote;

/// What the others have in any case, above twice the time of the first price.
const GRACE: Duration = Duration::from_secs(3);

/// Makers that have been asked.
pub(super) struct Asked<Q> {
    begun: Instant,
    grace: Duration,
    asked: JoinSet<Result<Q, NoQuote>>,
    open: HashMap<Id, PublicKey>,
}

impl<Q: Send + 'static> Asked<Q> {
    pub(super) fn new() -> Self {
        Self::with_grace(GRACE)
    }

    fn with_grace(grace: Duration) -> Self {
        Self {
            begun: Instant::now(),
            grace,
            asked: JoinSet::new(),
            open: HashMap::new(),
        }
    }

    /// One more, whose answer is this.
    pub(super) fn add(
        &mut self,
        maker: PublicKey,
        answer: impl Future<Output = Result<Q, NoQuote>> + Send + 'static,
    ) {
        let id = self.asked.spawn(answer).id();
        self.open.insert(id, maker);
    }

    /// The prices, and why others have none. Those that are left out here go on: how they answer is experience all the same.
    pub(super) async fn answers(mut self) -> (Vec<Q>, Vec<NoQuote>) {
        let (mut prices, mut none) = (Vec::new(), Vec::new());
        let mut until = None;
        loop {
            let next = self.asked.join_next_with_id();
            let next = match until {
                None => next.await,
                Some(until) => match timeout_at(until, next).await {
                    Ok(next) => next,
                    Err(_) => break,
                },
            };
            match next {
                None => break,
                Some(Ok((id, answer))) => {
                    self.open.remove(&id);
                    match answer {
                        Ok(price) => prices.push(price),
                        Err(why) => none.push(why),
                    }
                }
                Some(Err(error)) => {
                    self.open.remove(&error.id());
                }
            }
            if until.is_none() && !prices.is_empty() {
                until = Some(self.begun + self.begun.elapsed() * 2 + self.grace);
            }
        }
        self.asked.detach_all();
        none.extend(self.open.into_values().map(|maker| NoQuote {
            maker: maker.to_string(),
            reason: "it takes much longer than others to answer; left out".to_owned(),
            answered: false,
        }));
        (prices, none)
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::Arc;

    use bitcoin::secp256k1::{Secp256k1, SecretKey};
    use tokio::sync::Notify;
    use tokio::time::sleep;

    use super::*;

    const SOON: Duration = Duration::from_millis(50);

    #[expect(clippy::unwrap_used, reason = "a key of a test")]
    fn maker(n: u8) -> PublicKey {
        let key = SecretKey::from_slice(&[n; 32]).unwrap();
        key.public_key(&Secp256k1::new())
    }

    fn refusal(n: u8) -> NoQuote {
        NoQuote {
            maker: maker(n).to_string(),
            reason: "not today".to_owned(),
            answered: true,
        }
    }

    #[tokio::test]
    async fn a_silent_maker_does_not_hold_up_those_that_answer_and_is_still_listened_to() {
        let mut asked = Asked::with_grace(SOON);
        let [speak, heard] = [(); 2].map(|()| Arc::new(Notify::new()));
        let (told, late) = (speak.clone(), heard.clone());
        asked.add(maker(1), async {
            sleep(SOON).await;
            Ok(1)
        });
        // Says nothing before the others' answers are there.
        asked.add(maker(2), async move {
            told.notified().await;
            late.notify_one();
            Ok(2)
        });
        asked.add(maker(3), ready(Err(refusal(3))));
        let (prices, none) = asked.answers().await;
        assert_eq!(prices, [1]);
        let left_out: Vec<_> = none.iter().map(|no| (&no.maker, no.answered)).collect();
        assert_eq!(
            left_out,
            [
                (&maker(3).to_string(), true),
                (&maker(2).to_string(), false)
            ]
        );
        speak.notify_one();
        heard.notified().await;
    }

    #[tokio::test]
    async fn as_long_as_there_is_no_price_all_are_waited_for() {
        let mut asked = Asked::with_grace(Duration::ZERO);
        asked.add(maker(1), ready(Err(refusal(1))));
        asked.add(maker(2), async {
            sleep(SOON).await;
            Ok(2)
        });
        let (prices, none) = asked.answers().await;
        assert_eq!((prices.as_slice(), none.len()), ([2].as_slice(), 1));
        let mut asked: Asked<u8> = Asked::with_grace(Duration::ZERO);
        asked.add(maker(1), pending());
        let all = asked.answers();
        assert!(tokio::time::timeout(SOON, all).await.is_err());
    }
}
