//! From a node's words to what its wallet owns on the chain, without asking the node.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use bitcoin::bip32::{ChildNumber, Xpriv, Xpub};
use bitcoin::hashes::{Hash, HashEngine, Hmac, HmacEngine, sha256, sha512};
use bitcoin::secp256k1::Secp256k1;
use bitcoin::{Network, ScriptBuf};

/// The rounds BIP39 stretches words with.
const ROUNDS: usize = 2048;
/// How many addresses of each kind are looked at.
const RANGE: u32 = 300;

/// The first scripts (receiving and change) of the first BIP86 account of these words on a test network.
///
/// # Panics
/// When another thread has while it reckoned them.
pub fn scripts(words: &str) -> Arc<Vec<ScriptBuf>> {
    // They are asked for again and again.
    static KNOWN: LazyLock<Mutex<HashMap<String, Arc<Vec<ScriptBuf>>>>> =
        LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().expect("the scripts that are known");
    let scripts = known.entry(words.to_owned()).or_insert_with(|| {
        let master = Xpriv::new_master(Network::Regtest, &bip39_seed(words));
        Arc::new(account(&below(&master.expect("a master key"), [86, 1, 0])))
    });
    Arc::clone(scripts)
}

fn account(key: &Xpriv) -> Vec<ScriptBuf> {
    let secp = Secp256k1::new();
    let key = Xpub::from_priv(&secp, key);
    let script = |branch: u32, index: u32| {
        let path = [branch, index].map(|step| ChildNumber::Normal { index: step });
        let child = key.derive_pub(&secp, &path).expect("a derived key");
        ScriptBuf::new_p2tr(&secp, child.to_x_only_pub(), None)
    };
    (0..RANGE)
        .flat_map(|index| [script(0, index), script(1, index)])
        .collect()
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
    let keyed = HmacEngine::<sha512::Hash>::new(words.as_bytes());
    let hmac = |data: &[u8]| {
        let mut engine = keyed.clone();
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

    /// The test vectors of BIP86.
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
        let scripts = account(&below(&master, [86, 0, 0]));
        for (at, program) in [
            (
                0,
                "a60869f0dbcf1dc659c9cecbaf8050135ea9e8cdc487053f1dc6880949dc684c",
            ),
            (
                1,
                "882d74e5d0572d5a816cef0041a96b6c1de832f6f9676d9605c44d5e9a97d3dc",
            ),
            (
                2,
                "a82f29944d65b86ae6b5e5cc75e294ead6c59391a1edc5e016e3498c67fc7bbb",
            ),
        ] {
            assert_eq!(scripts[at].to_hex_string(), format!("5120{program}"));
        }
    }
}
