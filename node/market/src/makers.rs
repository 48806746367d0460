//! Sets of makers that are quick to say no: a look at a full book asks them of each of a hundred thousand.

use std::collections::{HashSet, hash_set};

use crate::book::Key;

/// Bits of a sieve.
const BITS: usize = 1 << 16;

/// Says at once of most makers that are not in a set that they are not. A maker can choose a key that passes; that costs time,
/// and changes no answer.
#[derive(Clone, Debug)]
pub struct Sieve(Box<[u64]>);

impl Default for Sieve {
    fn default() -> Self {
        Self(vec![0; BITS / 64].into_boxed_slice())
    }
}

impl Sieve {
    /// Lets this maker pass from now on.
    pub fn insert(&mut self, maker: &[u8; 33]) {
        let (word, bit) = place(mesh(maker));
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }

    /// Whether the maker may be one of those inserted; `false` is certain.
    #[must_use]
    pub fn may_have(&self, maker: &[u8; 33]) -> bool {
        self.lets_pass(mesh(maker))
    }

    /// The same by all that is looked at of a key.
    pub(crate) fn lets_pass(&self, mesh: u16) -> bool {
        let (word, bit) = place(mesh);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }
}

/// What a sieve looks at of a key: its last sixteen bits.
pub(crate) const fn mesh(maker: &[u8; 33]) -> u16 {
    let [.., high, low] = *maker;
    u16::from_be_bytes([high, low])
}

/// The word, and the bit in it.
const fn place(mesh: u16) -> (usize, u64) {
    (mesh as usize / 64, 1 << (mesh % 64))
}

/// Some makers, by their 33-byte keys.
#[derive(Clone, Debug, Default)]
pub struct Makers {
    sieve: Sieve,
    keys: HashSet<Key>,
}

impl Makers {
    /// Adds one.
    pub fn insert(&mut self, maker: [u8; 33]) {
        self.sieve.insert(&maker);
        self.keys.insert(maker);
    }

    /// Whether it is one of them.
    #[must_use]
    pub fn contains(&self, maker: &[u8; 33]) -> bool {
        self.sieve.may_have(maker) && self.keys.contains(maker)
    }

    /// What lets them pass, and few others.
    #[must_use]
    pub const fn sieve(&self) -> &Sieve {
        &self.sieve
    }

    /// All of them, in no order.
    pub fn iter(&self) -> hash_set::Iter<'_, [u8; 33]> {
        self.keys.iter()
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl Extend<[u8; 33]> for Makers {
    fn extend<T: IntoIterator<Item = [u8; 33]>>(&mut self, makers: T) {
        makers.into_iter().for_each(|maker| self.insert(maker));
    }
}

impl FromIterator<[u8; 33]> for Makers {
    fn from_iter<T: IntoIterator<Item = [u8; 33]>>(makers: T) -> Self {
        let mut all = Self::default();
        all.extend(makers);
        all
    }
}

impl<'a> IntoIterator for &'a Makers {
    type Item = &'a [u8; 33];
    type IntoIter = hash_set::Iter<'a, [u8; 33]>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maker(n: u32) -> Key {
        let mut key = [2; 33];
        key[29..].copy_from_slice(&n.to_be_bytes());
        key
    }

    #[test]
    fn who_passes_the_sieve_without_being_in_is_not_in() {
        let makers: Makers = (0..500).map(|n| maker(n * 7)).collect();
        for n in 0..4_000 {
            let is_in = n % 7 == 0 && n < 3_500;
            assert_eq!(makers.contains(&maker(n)), is_in, "{n}");
            // The same sixteen bits at its end.
            assert!(!makers.contains(&maker(n + (1 << 16))));
        }
        assert_eq!(makers.len(), 500);
    }

    #[test]
    fn a_sieve_holds_back_most_and_nobody_who_is_in() {
        let mut sieve = Sieve::default();
        assert!(!sieve.may_have(&maker(3)));
        (0..500).for_each(|n| sieve.insert(&maker(n)));
        assert!((0..500).all(|n| sieve.may_have(&maker(n))));
        let passed = (500..60_000).filter(|n| sieve.may_have(&maker(*n)));
        assert_eq!(passed.count(), 0);
    }
}
