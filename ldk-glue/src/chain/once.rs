//! What LDK says once and never again.
//!
//! It repeats what it claims from closed channels, and bumps it. The funding of a channel and a closing by agreement it
//! broadcasts in the moment they are signed, and forgets: when bitcoind does not take them then, the money hangs until
//! somebody offers them anew. LDK does not say which is which, but both are known by their looks.

use bitcoin::{Transaction, TxIn};

/// The upper bytes of a commitment's lock time and sequence, by which BOLT 3 tells it from a closing.
const COMMITMENT: (u32, u32) = (0x20, 0x80);
/// A Schnorr signature with the default sighash.
const KEY_PATH: usize = 64;
/// A 2-of-2 script: two keys of 33 bytes with their lengths, three opcodes.
const MULTISIG: usize = 71;

/// The transaction of a package LDK will not repeat.
pub(super) fn said_once(package: &[Transaction]) -> Option<&Transaction> {
    match package {
        [tx] if is_funding(tx) || is_closing(tx) => Some(tx),
        _ => None,
    }
}

/// Spends nothing but coins of the wallet, by key path: of all that LDK broadcasts alone, only fundings do.
fn is_funding(tx: &Transaction) -> bool {
    let by_key = |input: &TxIn| {
        let mut witness = input.witness.iter();
        witness.next().is_some_and(|sig| sig.len() == KEY_PATH) && witness.next().is_none()
    };
    !tx.input.is_empty() && tx.input.iter().all(by_key)
}

/// Closes a channel by agreement: spends a 2-of-2 alone, and is no commitment.
pub(crate) fn is_closing(tx: &Transaction) -> bool {
    let [input] = tx.input.as_slice() else {
        return false;
    };
    let marks = (
        tx.lock_time.to_consensus_u32() >> 24,
        input.sequence.to_consensus_u32() >> 24,
    );
    let script = input.witness.last().unwrap_or_default();
    let multisig = script.len() == MULTISIG
        && script.starts_with(&[0x52, 0x21])
        && script.ends_with(&[0x52, 0xae]);
    multisig && input.witness.len() == 4 && marks != COMMITMENT
}

#[cfg(test)]
mod tests {
    use bitcoin::absolute::LockTime;
    use bitcoin::transaction::Version;
    use bitcoin::{Sequence, Witness};

    use super::*;

    fn spending(lock_time: u32, inputs: &[(u32, &[Vec<u8>])]) -> Transaction {
        let input = inputs.iter().map(|(sequence, witness)| TxIn {
            sequence: Sequence(*sequence),
            witness: Witness::from_slice(witness),
            ..TxIn::default()
        });
        Transaction {
            version: Version::TWO,
            lock_time: LockTime::from_consensus(lock_time),
            input: input.collect(),
            output: Vec::new(),
        }
    }

    fn two_of_two() -> Vec<Vec<u8>> {
        let key = [vec![0x21], vec![2; 33]].concat();
        let script = [vec![0x52], key.clone(), key, vec![0x52, 0xae]].concat();
        vec![Vec::new(), vec![1; 71], vec![1; 72], script]
    }

    #[test]
    fn fundings_and_closings_are_told_from_what_is_repeated() {
        let coin = [vec![1; 64]];
        let both = two_of_two();
        let is_once = |tx: Transaction| said_once(std::slice::from_ref(&tx)).is_some();
        let max = u32::MAX;
        assert!(is_once(spending(110, &[(max, &coin), (max, &coin)])));
        assert!(is_once(spending(0, &[(max, &both)])));
        // A commitment, a bump of an HTLC with a coin of the wallet, a claim by script.
        assert!(!is_once(spending(0x2000_0001, &[(0x8000_0001, &both)])));
        let claim = [vec![1; 72], vec![1; 32], vec![2; 130]];
        assert!(!is_once(spending(0, &[(max, &claim), (max, &coin)])));
        assert!(!is_once(spending(0, &[(max, &claim)])));
        let anchor = [
            spending(0x2000_0001, &[(0x8000_0001, &both)]),
            spending(0, &[(max, &coin)]),
        ];
        assert!(said_once(&anchor).is_none());
    }
}
