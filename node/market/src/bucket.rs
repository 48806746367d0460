//! A token bucket in whole numbers.

/// Tokens are counted in sixtieths, so that a number per minute comes in evenly by the second.
const TOKEN: u64 = 60;

/// What a bucket holds at most and how fast it fills.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Tokens of a full bucket.
    pub(crate) burst: u32,
    /// Tokens that come in per minute.
    pub(crate) per_minute: u32,
}

/// One bucket. It starts full.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    sixtieths: u64,
    seen: u64,
}

impl Bucket {
    /// A full bucket at `now` (seconds).
    pub(crate) fn full(rules: Rules, now: u64) -> Self {
        Self {
            sixtieths: u64::from(rules.burst) * TOKEN,
            seen: now,
        }
    }

    /// Takes one token at `now` (seconds); false when there is none. A clock that goes back fills nothing.
    pub(crate) fn take(&mut self, rules: Rules, now: u64) -> bool {
        let passed = now.saturating_sub(self.seen);
        let filled = passed.saturating_mul(rules.per_minute.into());
        let full = u64::from(rules.burst) * TOKEN;
        self.sixtieths = self.sixtieths.saturating_add(filled).min(full);
        self.seen = now;
        match self.sixtieths.checked_sub(TOKEN) {
            Some(rest) => {
                self.sixtieths = rest;
                true
            }
            None => false,
        }
    }

    /// Tokens missing from a full bucket when it was last used.
    pub(crate) fn spent(&self, rules: Rules) -> u32 {
        let left = u32::try_from(self.sixtieths / TOKEN).unwrap_or(u32::MAX);
        rules.burst.saturating_sub(left)
    }

    /// When it was last used (seconds).
    pub(crate) const fn seen(&self) -> u64 {
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        burst: 3,
        per_minute: 2,
    };

    fn taken(bucket: &mut Bucket, now: u64) -> usize {
        (0..100).filter(|_| bucket.take(RULES, now)).count()
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::full(RULES, 1000);
        assert_eq!(taken(&mut bucket, 1000), 3);
        assert_eq!(taken(&mut bucket, 1029), 0);
        assert_eq!(taken(&mut bucket, 1030), 1);
        assert_eq!(taken(&mut bucket, 1090), 2);
        assert_eq!(taken(&mut bucket, 1_000_000), 3, "never above the burst");
    }

    #[test]
    fn a_clock_that_jumps_back_fills_nothing_and_breaks_nothing() {
        let mut bucket = Bucket::full(RULES, 1000);
        assert_eq!(taken(&mut bucket, 1000), 3);
        assert_eq!(taken(&mut bucket, 0), 0);
        assert_eq!(taken(&mut bucket, 30), 1);
    }
}
