//! Everything secret follows from twelve words.
//!
//! BIP32 paths below the BIP39 seed (no passphrase); `coin` is 0 on bitcoin and 1 on every test network:
//!
//! | path | what |
//! |---|---|
//! | `m/86'/coin'/0'` | on-chain wallet (BIP86) |
//! | `m/6516066'/coin'/0'` | seed of the Lightning node's keys |
//! | `m/6516066'/coin'/1'` | seed of a maker's peer identity |
//! | `m/6516066'/coin'/2'` | root of all swap secrets |
//!
//! 6516066 is "cmb" in ASCII. From the root, each secret of a swap is HMAC-SHA256(root, "cambista/1/" || label ||
//! swap id): the id is random and new for every try, so no secret is ever drawn twice, whatever backup was restored.

use bdk_wallet::keys::bip39::{Language, Mnemonic};
use bitcoin::Network;
use bitcoin::bip32::{ChildNumber, Xpriv};
use bitcoin::hashes::{Hash, HashEngine, Hmac, HmacEngine, sha256};
use bitcoin::secp256k1::{Secp256k1, SecretKey};
use cambista_engine::ports::{Keys, SwapSecrets};
use cambista_ldk::NodeKeys;
use cambista_protocol::contract::Secret;
use cambista_protocol::words::{Role, Secret32, SwapId};

/// Our own branch below the seed.
const PURPOSE: u32 = 0x63_6d62;

/// The words cannot be used. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// Not the words of a seed.
    #[error(
        "these are not the words of a seed ({0}): check spelling and order, there are twelve (or twenty-four) English words"
    )]
    Words(String),
    /// Derivation failed; happens for no seed anyone will ever meet.
    #[error("no keys can be derived from this seed ({0}): make a new one")]
    Derivation(#[from] bitcoin::bip32::Error),
}

/// The keys of this node. Shows nothing of itself.
#[derive(Clone)]
pub struct Seed {
    network: Network,
    wallet: Xpriv,
    lightning: [u8; 32],
    identity: [u8; 32],
    swaps: [u8; 32],
}

/// Twelve new words from 16 random bytes.
///
/// # Errors
/// Never for 16 bytes; the library says otherwise.
pub fn new_words(entropy: &[u8; 16]) -> Result<String, KeysError> {
    Mnemonic::from_entropy(entropy)
        .map(|words| words.to_string())
        .map_err(|e| KeysError::Words(e.to_string()))
}

/// Checks words someone typed and gives them in their usual form.
///
/// # Errors
/// When they are not a seed's.
pub fn check_words(words: &str) -> Result<String, KeysError> {
    parse(words).map(|words| words.to_string())
}

fn parse(words: &str) -> Result<Mnemonic, KeysError> {
    let plain = words.to_lowercase();
    Mnemonic::parse_in(Language::English, plain.as_str())
        .map_err(|e| KeysError::Words(e.to_string()))
}

impl Seed {
    /// The keys of these words on this network.
    ///
    /// # Errors
    /// When they are not a seed's words.
    pub fn from_words(words: &str, network: Network) -> Result<Self, KeysError> {
        let mnemonic = parse(words)?;
        let secp = Secp256k1::new();
        let master = Xpriv::new_master(network, &mnemonic.to_seed_normalized(""))?;
        let coin = u32::from(network != Network::Bitcoin);
        let derive = |path: [u32; 3]| -> Result<Xpriv, KeysError> {
            let [purpose, coin, branch] = path.map(ChildNumber::from_hardened_idx);
            Ok(master.derive_priv(&secp, &[purpose?, coin?, branch?])?)
        };
        let branch =
            |index| derive([PURPOSE, coin, index]).map(|key| key.private_key.secret_bytes());
        Ok(Self {
            network,
            wallet: derive([86, coin, 0])?,
            lightning: branch(0)?,
            identity: branch(1)?,
            swaps: branch(2)?,
        })
    }

    /// What the Lightning node and its wallet are made from.
    #[must_use]
    pub fn node(&self) -> NodeKeys {
        NodeKeys {
            ldk_seed: self.lightning,
            wallet: self.wallet,
        }
    }

    /// The seed of a maker's peer identity.
    #[must_use]
    pub const fn identity(&self) -> [u8; 32] {
        self.identity
    }

    fn draw(&self, label: &str, id: SwapId, round: u8) -> [u8; 32] {
        let mut engine = HmacEngine::<sha256::Hash>::new(&self.swaps);
        engine.input(b"cambista/1/");
        engine.input(label.as_bytes());
        engine.input(&id.0);
        if round > 0 {
            engine.input(&[round]);
        }
        Hmac::from_engine(engine).to_byte_array()
    }

    /// A secret key. One draw in 2^128 is none; then the next round is taken.
    fn key(&self, label: &str, id: SwapId) -> Secret {
        let mut round = 0_u8;
        loop {
            if let Ok(key) = SecretKey::from_slice(&self.draw(label, id, round)) {
                return Secret::new(key);
            }
            round = round.wrapping_add(1);
        }
    }
}

impl Keys for Seed {
    fn network(&self) -> Network {
        self.network
    }

    fn swap_secrets(&self, id: SwapId, role: Role) -> SwapSecrets {
        let [preimage, script, internal] = match role {
            Role::Payer => ["swap preimage", "claim key", "payer internal key"],
            Role::Funder => ["prepay preimage", "refund key", "funder internal key"],
        };
        SwapSecrets {
            preimage: Secret32(self.draw(preimage, id, 0)),
            script_key: self.key(script, id),
            internal_key: self.key(internal, id),
        }
    }
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(..)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use bitcoin::hex::DisplayHex as _;

    use super::*;

    const WORDS: &str = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

    fn all(seed: &Seed, id: SwapId, role: Role) -> [[u8; 32]; 3] {
        let secrets = seed.swap_secrets(id, role);
        [
            secrets.preimage.0,
            secrets.script_key.expose().secret_bytes(),
            secrets.internal_key.expose().secret_bytes(),
        ]
    }

    #[test]
    fn the_wallet_is_the_one_of_bip86s_own_vectors() {
        let seed = Seed::from_words(WORDS, Network::Bitcoin).unwrap();
        assert_eq!(
            seed.wallet.to_string(),
            "xprv9xgqHN7yz9MwCkxsBPN5qetuNdQSUttZNKw1dcYTV4mkaAFiBVGQziHs3NRSWMkCzvgjEe3n9xV8oYywvM8at9yRqyaZVz6TYYhX98VjsUk"
        );
    }

    #[test]
    fn every_secret_of_every_swap_role_network_and_purpose_is_another() {
        let mut seen = BTreeSet::new();
        let mut count = 0;
        for network in [Network::Bitcoin, Network::Regtest] {
            let seed = Seed::from_words(WORDS, network).unwrap();
            let branches = [
                seed.lightning,
                seed.identity,
                seed.swaps,
                seed.wallet.private_key.secret_bytes(),
            ];
            let swaps = [SwapId([1; 32]), SwapId([2; 32])]
                .into_iter()
                .flat_map(|id| [Role::Payer, Role::Funder].map(|role| all(&seed, id, role)))
                .flatten();
            for secret in swaps.chain(branches) {
                seen.insert(secret);
                count += 1;
            }
        }
        assert_eq!(seen.len(), count);
    }

    #[test]
    fn secrets_stay_what_they_were_in_the_first_version() {
        let seed = Seed::from_words(WORDS, Network::Regtest).unwrap();
        let payer =
            all(&seed, SwapId([7; 32]), Role::Payer).map(|secret| secret.to_lower_hex_string());
        let funder =
            all(&seed, SwapId([7; 32]), Role::Funder).map(|secret| secret.to_lower_hex_string());
        assert_eq!(
            [payer, funder].concat().join("\n"),
            include_str!("keys.golden").trim()
        );
    }

    #[test]
    fn nothing_of_a_seed_can_be_printed() {
        let seed = Seed::from_words(WORDS, Network::Regtest).unwrap();
        assert_eq!(format!("{seed:?}"), "Seed(..)");
        assert!(!format!("{:?}", seed.swap_secrets(SwapId([7; 32]), Role::Payer)).contains("0x"));
    }

    #[test]
    fn words_are_checked_and_put_in_their_usual_form() {
        let shouted = format!("  {}\n", WORDS.to_uppercase());
        assert_eq!(check_words(&shouted).unwrap(), WORDS);
        assert!(check_words(&WORDS.replace("about", "abandon")).is_err());
        assert_eq!(new_words(&[0; 16]).unwrap(), WORDS);
    }
}
