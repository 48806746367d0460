//! How many offers each peer may bring, whoever made them: the limit that costs nothing to check.

use std::collections::HashMap;
use std::hash::Hash;

use crate::bucket::{Bucket, Rules};

/// A token bucket per sender, for a bounded number of senders.
#[derive(Debug)]
pub struct SenderLimits<K> {
    rules: Rules,
    max_senders: usize,
    buckets: HashMap<K, Bucket>,
}

impl<K: Clone + Eq + Hash> SenderLimits<K> {
    /// Lets each sender bring `burst` offers at once and `per_minute` in the long run. Past `max_senders` (at least
    /// one) the sender unheard for longest is forgotten.
    #[must_use]
    pub fn new(burst: u32, per_minute: u32, max_senders: usize) -> Self {
        Self {
            rules: Rules { burst, per_minute },
            max_senders: max_senders.max(1),
            buckets: HashMap::new(),
        }
    }

    /// Whether `sender` may bring one more at `now` (Unix seconds).
    #[must_use]
    pub fn take(&mut self, sender: &K, now: u64) -> bool {
        if let Some(bucket) = self.buckets.get_mut(sender) {
            return bucket.take(self.rules, now);
        }
        if self.buckets.len() >= self.max_senders {
            self.forget_one();
        }
        let mut bucket = Bucket::full(self.rules, now);
        let taken = bucket.take(self.rules, now);
        self.buckets.insert(sender.clone(), bucket);
        taken
    }

    /// What `sender` has brought of what it may bring at once, by the time it was last heard.
    #[must_use]
    pub fn spent(&self, sender: &K) -> u32 {
        let bucket = self.buckets.get(sender);
        bucket.map_or(0, |bucket| bucket.spent(self.rules))
    }

    fn forget_one(&mut self) {
        let oldest = self.buckets.iter().min_by_key(|(_, bucket)| bucket.seen());
        if let Some(sender) = oldest.map(|(sender, _)| sender.clone()) {
            self.buckets.remove(&sender);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sender_that_talks_too_much_does_not_silence_another() {
        let mut limits = SenderLimits::new(2, 60, 10);
        assert!(limits.take(&"a", 100));
        assert!(limits.take(&"a", 100));
        assert!(!limits.take(&"a", 100));
        assert!(limits.take(&"b", 100));
        assert!(limits.take(&"a", 101));
        assert_eq!(
            ["a", "b", "c"].map(|sender| limits.spent(&sender)),
            [2, 1, 0]
        );
    }

    #[test]
    fn the_number_of_senders_remembered_is_bounded_and_the_longest_silent_goes_first() {
        let mut limits = SenderLimits::new(1, 1, 3);
        for (now, sender) in [(1, 1), (2, 2), (3, 3), (4, 1), (5, 4)] {
            let _ = limits.take(&sender, now);
        }
        assert_eq!(limits.buckets.len(), 3);
        let mut left: Vec<_> = limits.buckets.keys().copied().collect();
        left.sort_unstable();
        assert_eq!(left, [1, 3, 4]);
    }
}
