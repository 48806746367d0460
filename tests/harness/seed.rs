//! From a node's words to what its wallet owns on the chain, without asking the node.

use bitcoin::Network;
use bitcoin::bip32::{ChildNumber, Xpriv};
use bitcoin::hashes::{Hash, HashEngine, Hmac, HmacEngine, sha256, sha512};
use bitcoin::secp256k1::Secp256k1;

/// The rounds BIP39 stretches words with.
const ROUNDS: usize = 2048;

/// The two descriptors (receiving, change) of the first BIP86 account of these words on a test network.
pub fn descriptors(words: &str) -> [String; 2] {
    let master = Xpriv::new_master(Network::Regtest, &bip39_seed(words)).expect("a master key");
    [0, 1].map(|branch| format!("tr({master}/86h/1h/0h/{branch}/*)"))
}

/// Everything else a node derives from its words, on a test network.
pub(crate) struct SwapSeed {
    bip39: [u8; 64],
    master: Xpriv,
    swaps: [u8; 32],
}

impl SwapSeed {
    /// The branch below which a node's own secrets are.
    const PURPOSE: u32 = 6_516_066;

    pub(crate) fn of(words: &str) -> Self {
        let bip39 = bip39_seed(words);
        let master = Xpriv::new_master(Network::Regtest, &bip39).expect("a master key");
        let swaps = below(&master, [Self::PURPOSE, 1, 2])
            .private_key
            .secret_bytes();
        Self {
            bip39,
            master,
            swaps,
        }
    }

    /// What the node's parts are made from.
    pub(crate) fn branches(&self) -> Vec<(&'static str, [u8; 32])> {
        let branch = |at| below(&self.master, [Self::PURPOSE, 1, at]);
        let mut half = [0; 32];
        half.copy_from_slice(&self.bip39[..32]);
        vec![
            ("the seed of everything", half),
            (
                "the seed of the Lightning node",
                branch(0).private_key.secret_bytes(),
            ),
            (
                "the seed of the peer identity",
                branch(1).private_key.secret_bytes(),
            ),
            ("the root of all swap secrets", self.swaps),
        ]
    }

    /// The secret of the Lightning node id, as LDK derives it from its seed.
    pub(crate) fn lightning_key(&self) -> [u8; 32] {
        let seed = below(&self.master, [Self::PURPOSE, 1, 0]);
        let master = Xpriv::new_master(Network::Testnet, &seed.private_key.secret_bytes());
        let first = ChildNumber::from_hardened_idx(0).expect("a child number");
        let key = master
            .expect("a master key")
            .derive_priv(&Secp256k1::new(), &[first]);
        key.expect("a derived key").private_key.secret_bytes()
    }

    /// The extended private keys of the wallet, as text.
    pub(crate) fn extended_keys(&self) -> [String; 2] {
        [self.master, below(&self.master, [86, 1, 0])].map(|key| key.to_string())
    }

    /// What this side draws for one swap.
    pub(crate) fn swap(&self, key_id: &[u8; 32], is_payer: bool) -> [(&'static str, [u8; 32]); 3] {
        let labels = if is_payer {
            ["swap preimage", "claim key", "payer internal key"]
        } else {
            ["prepay preimage", "refund key", "funder internal key"]
        };
        labels.map(|label| {
            let mut engine = HmacEngine::<sha256::Hash>::new(&self.swaps);
            engine.input(b"cambista/1/");
            engine.input(label.as_bytes());
            engine.input(key_id);
            (label, Hmac::from_engine(engine).to_byte_array())
        })
    }
}

fn below(master: &Xpriv, path: [u32; 3]) -> Xpriv {
    let path = path.map(|step| ChildNumber::from_hardened_idx(step).expect("a child number"));
    let key = master.derive_priv(&Secp256k1::new(), &path);
    key.expect("a derived key")
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
