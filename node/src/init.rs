//! Making a node: a folder with settings and a seed in it.

use bitcoin::Network;
use cambista_engine::ports::Entropy as _;

use crate::adapters::system::SystemEntropy;
use crate::config::{Config, ConfigError};
use crate::datadir::{DataDir, DataDirError};
use crate::keys::{self, KeysError};

/// No node was made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The folder cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The settings cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The words cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

/// A node that was made.
pub struct Created {
    /// The words everything can be derived from. To be shown once and written down on paper.
    pub words: String,
    /// Whether they were given, not drawn.
    pub restored: bool,
    /// The network.
    pub network: Network,
}

impl std::fmt::Debug for Created {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Created")
            .field("restored", &self.restored)
            .finish_non_exhaustive()
    }
}

/// Taproot's first block on bitcoin: no older coin can be this wallet's.
const TAPROOT: u32 = 709_632;

/// Makes the folder, the settings file and the seed; from `words` when they are given, and then the wallet will look for
/// its old coins. Nothing that is there already is overwritten.
///
/// # Errors
/// When there is a node already, or words or settings cannot be used.
pub fn init(dir: &DataDir, config: &Config, words: Option<&str>) -> Result<Created, InitError> {
    config.check()?;
    let restored = words.is_some();
    let words = match words {
        Some(words) => keys::check_words(words)?,
        None => {
            let [entropy, _] = halves(SystemEntropy.bytes32());
            keys::new_words(&entropy)?
        }
    };
    // A seed without settings can be completed by hand; settings without a seed would look like a node.
    if dir.seed().exists() {
        return Err(DataDirError::Exists(dir.seed()).into());
    }
    let mut config = config.clone();
    if restored && config.rescan_from.is_none() {
        config.rescan_from = Some(if config.network == Network::Bitcoin {
            TAPROOT
        } else {
            0
        });
    }
    dir.create()?;
    config.save_new(&dir.config())?;
    if let Err(error) = dir.write_seed(&words) {
        // Or the next try would find settings and take them for a node.
        let _ = std::fs::remove_file(dir.config());
        return Err(error.into());
    }
    Ok(Created {
        words,
        restored,
        network: config.network,
    })
}

fn halves(bytes: [u8; 32]) -> [[u8; 16]; 2] {
    let mut halves = [[0; 16]; 2];
    for (byte, place) in bytes.into_iter().zip(halves.as_flattened_mut()) {
        *place = byte;
    }
    halves
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::Bitcoind;

    fn config() -> Config {
        let bitcoind = Bitcoind {
            host: "127.0.0.1".into(),
            port: 1,
            cookie: Some("c".into()),
            user: None,
            password: None,
        };
        Config::new(Network::Regtest, bitcoind)
    }

    #[test]
    fn a_new_node_has_words_of_its_own_and_is_made_once() {
        let temp = tempfile::tempdir().unwrap();
        let (one, two) = (
            DataDir::at(temp.path().join("one")),
            DataDir::at(temp.path().join("two")),
        );
        let first = init(&one, &config(), None).unwrap();
        let second = init(&two, &config(), None).unwrap();
        assert_eq!(first.words.split(' ').count(), 12);
        assert_ne!(first.words, second.words);
        assert_eq!(one.read_seed().unwrap(), first.words);
        assert!(init(&one, &config(), None).is_err());
        assert_eq!(one.read_seed().unwrap(), first.words);
    }

    #[test]
    fn only_a_node_made_from_old_words_looks_for_old_coins() {
        let temp = tempfile::tempdir().unwrap();
        let (new, old) = (
            DataDir::at(temp.path().join("new")),
            DataDir::at(temp.path().join("old")),
        );
        let words = init(&new, &config(), None).unwrap().words;
        init(&old, &config(), Some(&words)).unwrap();
        let rescan = |dir: &DataDir| Config::load(&dir.config()).unwrap().rescan_from;
        assert_eq!(rescan(&new), None);
        assert_eq!(rescan(&old), Some(0));
    }

    #[test]
    fn wrong_words_make_no_folder() {
        let temp = tempfile::tempdir().unwrap();
        let dir = DataDir::at(temp.path().join("node"));
        assert!(init(&dir, &config(), Some("not a seed at all")).is_err());
        assert!(!dir.root().exists());
    }
}
