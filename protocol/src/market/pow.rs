//! Proof of work on offers: what keeps standing offers scarce where nobody asks for money or a name.
//!
//! The work is in the very hash that is signed, of the whole payload, so it is bound to the maker and to the expiry:
//! it can be neither moved to another offer nor done long in advance. Spec 06.

use bitcoin::Network;
use bitcoin::hashes::{Hash, HashEngine, sha256};

use crate::cbor;
use crate::signed::Tag;

/// How many leading zero bits the hash of an offer's payload must have.
#[must_use]
pub const fn bits(network: Network) -> u32 {
    match network {
        Network::Regtest => 8,
        _ => 20,
    }
}

/// What an offer of one grade of work has above one of the grade below it (bits): sixteen times the work.
pub const GRADE_BITS: u32 = 4;
/// The highest grade that is told apart from those below.
pub const MOST_GRADE: u8 = 3;

/// The leading zero bits the hash of an offer's payload must have for a grade of work.
#[must_use]
pub const fn bits_of(network: Network, grade: u8) -> u32 {
    bits(network) + GRADE_BITS * grade as u32
}

/// The grade of work a payload shows; none when it has less than every offer must have.
#[must_use]
pub fn grade(payload: &[u8], network: Network) -> Option<u8> {
    let zeros = shown(payload);
    (0..=MOST_GRADE)
        .rev()
        .find(|grade| zeros >= bits_of(network, *grade))
}

/// The bits of work a payload shows.
#[must_use]
pub fn shown(payload: &[u8]) -> u32 {
    leading_zeros(&Tag::Offer.digest(payload))
}

/// Tries nonces from `start` on behind `prefix`, which is the payload without its last field. Returns the nonce found
/// and `true`, or the next one to try and `false` after so many tries.
pub(super) fn search(prefix: &[u8], start: u64, tries: u64, bits: u32) -> (u64, bool) {
    let tag = sha256::Hash::hash(Tag::Offer.text().as_bytes());
    let mut begun = sha256::Hash::engine();
    begun.input(tag.as_byte_array());
    begun.input(tag.as_byte_array());
    begun.input(prefix);
    let mut nonce = start;
    for _ in 0..tries {
        let mut engine = begun.clone();
        engine.input(&cbor::to_vec(&nonce));
        if leading_zeros(sha256::Hash::from_engine(engine).as_byte_array()) >= bits {
            return (nonce, true);
        }
        nonce = nonce.wrapping_add(1);
    }
    (nonce, false)
}

fn leading_zeros(hash: &[u8; 32]) -> u32 {
    let mut zeros = 0;
    for byte in hash {
        zeros += byte.leading_zeros();
        if *byte != 0 {
            break;
        }
    }
    zeros
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_counted_from_the_front_and_across_bytes() {
        let mut hash = [0xff; 32];
        assert_eq!(leading_zeros(&hash), 0);
        hash[0] = 0x01;
        assert_eq!(leading_zeros(&hash), 7);
        hash[..3].copy_from_slice(&[0, 0, 0x1f]);
        assert_eq!(leading_zeros(&hash), 19);
        assert_eq!(leading_zeros(&[0; 32]), 256);
    }

    #[test]
    fn a_found_nonce_holds_and_the_one_before_it_does_not() {
        let (nonce, found) = search(b"prefix", 7, 1 << 20, 8);
        assert!(found);
        let with = |nonce: u64| [b"prefix".to_vec(), cbor::to_vec(&nonce)].concat();
        assert!(shown(&with(nonce)) >= 8);
        assert!((7..nonce).all(|tried| shown(&with(tried)) < 8));
    }

    #[test]
    fn a_grade_is_sixteen_times_the_work_of_the_one_below() {
        let network = Network::Regtest;
        let mut seen = [0; 4];
        for nonce in 0..1_u64 << 16 {
            let payload = [b"prefix".to_vec(), cbor::to_vec(&nonce)].concat();
            match grade(&payload, network) {
                None => assert!(shown(&payload) < bits(network)),
                Some(grade) => {
                    seen[usize::from(grade)] += 1;
                    assert!(shown(&payload) >= bits_of(network, grade));
                    assert!(grade == MOST_GRADE || shown(&payload) < bits_of(network, grade + 1));
                }
            }
        }
        // Of 2^16 tries 2^8 have 8 zero bits, one in sixteen of these 12.
        assert!(
            (200..300).contains(&seen[0]) && (4..40).contains(&seen[1]),
            "{seen:?}"
        );
    }

    #[test]
    fn a_search_that_runs_out_of_tries_can_go_on() {
        assert_eq!(search(b"prefix", 7, 10, 256), (17, false));
    }
}
