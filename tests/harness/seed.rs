//! From a node's words to what its wallet owns on the chain, without asking the node.

use bitcoin::Network;
use bitcoin::bip32::Xpriv;
use bitcoin::hashes::{Hash, HashEngine, Hmac, HmacEngine, sha512};

/// The rounds BIP39 stretches words with.
const ROUNDS: usize = 2048;

/// The two descriptors (receiving, change) of the first BIP86 account of these words on a test network.
pub fn descriptors(words: &str) -> [String; 2] {
    let master = Xpriv::new_master(Network::Regtest, &bip39_seed(words)).expect("a master key");
    [0, 1].map(|branch| format!("tr({master}/86h/1h/0h/{branch}/*)"))
}

/// PBKDF2 with HMAC-SHA512 and no passphrase: one block of output is all of the seed.
fn bip39_seed(words: &str) -> [u8; 64] {
    let hmac = |data: &[u8]| {
        let mut engine = HmacEngine::<sha512::Hash>::new(words.as_bytes());
        engine.input(data);
        Hmac::<sha512::Hash>::from_engine(engine).to_byte_array()
    };
    let mut block = hmac(b"mnemonic\x00\x00\x00\x01");
    let mut seed = block;
    for _ in 1..ROUNDS {
        block = hmac(&block);
        seed.iter_mut().zip(block).for_each(|(s, b)| *s ^= b);
    }
    seed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vector of BIP86.
    #[test]
    fn the_words_of_bip86_give_its_first_account() {
        let words = "abandon abandon abandon abandon abandon abandon abandon abandon abandon \
                     abandon abandon about";
        let seed = bip39_seed(words);
        let master = Xpriv::new_master(Network::Bitcoin, &seed).unwrap();
        assert_eq!(
            master.to_string(),
            "xprv9s21ZrQH143K3GJpoapnV8SFfukcVBSfeCficPSGfubmSFDxo1kuHnLisriDvSnRRuL2Qrg5ggqHKNVpxR86QEC8w35uxmGoggxtQTPvfUu"
        );
    }
}
