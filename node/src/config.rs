//! `cambista.toml`: what the owner of a node chose. Every key has a default except the network and how to reach bitcoind;
//! an unknown key is an error, so that a misspelt one cannot be silently ignored.

mod p2p;
mod unknown;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bitcoin::{FeeRate, Network};
use cambista_engine::{MakerPolicy, SidePolicy};
use cambista_ldk::chain::FeeConfig;
use cambista_ldk::rpc::{Auth, BitcoindConfig};
use cambista_protocol::money::MAX_MONEY_SAT;
use cambista_protocol::words::NETWORKS;
use serde::{Deserialize, Serialize};

pub use self::p2p::P2p;
pub use crate::api::types::Limits;
use crate::datadir::{self, DataDirError};

/// The settings cannot be used. Nothing was begun.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not what the file should be.
    #[error("{path} cannot be used: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A network others know of, and the market does not.
    #[error("there are no swaps on {0}: choose bitcoin, testnet, signet or regtest")]
    Network(Network),
    /// No way to log in to bitcoind.
    #[error(
        "say how to log in to bitcoind: either `cookie` (the path of its .cookie file) or `user` and `password` under [bitcoind]"
    )]
    Login,
    /// A rate that is none.
    #[error("{0} sat/vB is no usable fee rate: choose one from 1 to 10000 under [fees]")]
    FeeRate(u64),
    /// A limit nothing could meet.
    #[error("{0} under [limits] is beyond what a limit can be: {1}")]
    Limit(&'static str, &'static str),
    /// The API would be open to others.
    #[error(
        "the API may only listen on this machine (127.0.0.1 or [::1]), not on {0}: it commands the node's money"
    )]
    ApiNotLocal(SocketAddr),
    /// The proxy would hide nothing.
    #[error(
        "with a proxy this node may only listen on this machine (/ip4/127.0.0.1/tcp/9740), not on {0}: whoever calls \
         there would know where it is. An onion service that leads to that port makes it reachable; its address goes \
         under `external`"
    )]
    ListensInTheOpen(libp2p::Multiaddr),
    /// The file could not be written or read.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
}

/// All settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `bitcoin`, `testnet`, `signet` or `regtest`.
    pub network: Network,
    /// Height from which a wallet that is new to this folder looks for coins; set for a node made from old words. Not
    /// set: from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rescan_from: Option<u32>,
    /// The chain source.
    pub bitcoind: Bitcoind,
    /// The Lightning node.
    #[serde(default)]
    pub lightning: Lightning,
    /// The market.
    #[serde(default)]
    pub p2p: P2p,
    /// The API for programs and the command line.
    #[serde(default)]
    pub api: Api,
    /// On-chain fees.
    #[serde(default)]
    pub fees: Fees,
    /// Limits that hold for every swap this node takes unless an order says otherwise.
    #[serde(default)]
    pub limits: Limits,
    /// What a maker begins with; `cambista maker set` changes it for good.
    #[serde(default)]
    pub maker: Maker,
}

/// How to reach bitcoind.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bitcoind {
    /// Its name or address.
    pub host: String,
    /// Its RPC port.
    pub port: u16,
    /// The path of its `.cookie` file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<PathBuf>,
    /// `rpcuser`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// `rpcpassword`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

impl std::fmt::Debug for Bitcoind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bitcoind")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("cookie", &self.cookie)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// `[lightning]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lightning {
    /// Where Lightning peers may connect; port 0 takes a free one. Empty: this node only calls others.
    pub listen: Vec<SocketAddr>,
    /// Addresses told to the Lightning network.
    pub announce: Vec<SocketAddr>,
    /// Name told to the Lightning network, at most 32 bytes.
    pub alias: String,
    /// Whether others may open channels to this node.
    pub accept_channels: bool,
    /// Confirmations before a new channel is used.
    pub channel_confirmations: u32,
}

impl Default for Lightning {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            announce: Vec::new(),
            alias: String::new(),
            accept_channels: true,
            channel_confirmations: 3,
        }
    }
}

/// `[api]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Api {
    /// Where the API listens; port 0 takes a free one, `api-address` in the data folder says which.
    pub listen: SocketAddr,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        }
    }
}

/// `[fees]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fees {
    /// Always this rate (sat/vB), whatever bitcoind estimates. For test networks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed_sat_per_vb: Option<u64>,
    /// The rate when bitcoind has no estimate (sat/vB).
    pub fallback_sat_per_vb: u64,
}

impl Default for Fees {
    fn default() -> Self {
        Self {
            fixed_sat_per_vb: None,
            fallback_sat_per_vb: 2,
        }
    }
}

/// `[maker]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Maker {
    /// Whether to make a market from the first start on. Also keeps the peer id over restarts.
    pub enabled: bool,
    /// T counts so many blocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_delta: Option<u32>,
    /// Lightning -> on-chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out: Option<SidePolicy>,
    /// On-chain -> Lightning.
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    pub into: Option<SidePolicy>,
}

impl Config {
    /// The settings of a node that uses this bitcoind; everything else at its default.
    #[must_use]
    pub fn new(network: Network, bitcoind: Bitcoind) -> Self {
        Self {
            network,
            rescan_from: None,
            bitcoind,
            lightning: Lightning::default(),
            p2p: P2p::default(),
            api: Api::default(),
            fees: Fees::default(),
            limits: Limits::default(),
            maker: Maker::default(),
        }
    }

    /// Reads and checks the file.
    ///
    /// # Errors
    /// When it is missing, not TOML, has an unknown key, or says something impossible.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let wrong = |reason: String| ConfigError::File {
            path: path.to_owned(),
            reason,
        };
        let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                wrong("there is no such file; make a node with `cambista init`".into())
            }
            _ => wrong(error.to_string()),
        })?;
        let config: Self = toml::from_str(&text).map_err(|error| wrong(in_line(&text, &error)))?;
        config.check()?;
        Ok(config)
    }

    /// Writes the file of a new node. An existing one is never overwritten.
    ///
    /// # Errors
    /// When there is one, or it cannot be written.
    pub fn save_new(&self, path: &Path) -> Result<(), ConfigError> {
        self.check()?;
        let text = toml::to_string(self).map_err(|error| ConfigError::File {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(datadir::write_new(path, text.as_bytes())?)
    }

    /// What no file may say.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !NETWORKS.contains(&self.network) {
            return Err(ConfigError::Network(self.network));
        }
        self.auth()?;
        self.fee_config()?;
        if !self.api.listen.ip().is_loopback() {
            return Err(ConfigError::ApiNotLocal(self.api.listen));
        }
        if let Some(open) = self.p2p.listens_in_the_open() {
            return Err(ConfigError::ListensInTheOpen(open.clone()));
        }
        self.check_limits()
    }

    fn check_limits(&self) -> Result<(), ConfigError> {
        let limits = &self.limits;
        if limits.max_fee_ppm.is_some_and(|ppm| ppm > 1_000_000) {
            return Err(ConfigError::Limit("max_fee_ppm", "choose up to 1000000"));
        }
        if limits
            .confirmations
            .is_some_and(|n| !(1..=144).contains(&n))
        {
            return Err(ConfigError::Limit("confirmations", "choose from 1 to 144"));
        }
        let fees = [
            ("max_miner_fee_sat", limits.max_miner_fee_sat),
            ("max_routing_fee_sat", limits.max_routing_fee_sat),
        ];
        for (name, fee) in fees {
            if fee.is_some_and(|sat| sat > MAX_MONEY_SAT) {
                return Err(ConfigError::Limit(
                    name,
                    "choose less than all money there is",
                ));
            }
        }
        Ok(())
    }

    fn auth(&self) -> Result<Auth, ConfigError> {
        let Bitcoind {
            cookie,
            user,
            password,
            ..
        } = &self.bitcoind;
        match (cookie, user, password) {
            (Some(path), None, None) => Ok(Auth::Cookie(path.clone())),
            (None, Some(user), Some(password)) => Ok(Auth::UserPass {
                user: user.clone(),
                password: password.clone(),
            }),
            _ => Err(ConfigError::Login),
        }
    }

    fn fee_config(&self) -> Result<FeeConfig, ConfigError> {
        let rate = |sat_per_vb: u64| {
            Some(sat_per_vb)
                .filter(|rate| (1..=10_000).contains(rate))
                .and_then(FeeRate::from_sat_per_vb)
                .ok_or(ConfigError::FeeRate(sat_per_vb))
        };
        Ok(FeeConfig {
            fallback: rate(self.fees.fallback_sat_per_vb)?,
            fixed: self.fees.fixed_sat_per_vb.map(rate).transpose()?,
        })
    }

    /// The part Lightning and wallet are made from.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn lightning(&self) -> Result<cambista_ldk::Config, ConfigError> {
        let mut config = cambista_ldk::Config::new(BitcoindConfig {
            host: self.bitcoind.host.clone(),
            port: self.bitcoind.port,
            auth: self.auth()?,
            network: self.network,
        });
        config.listen.clone_from(&self.lightning.listen);
        config.announce.clone_from(&self.lightning.announce);
        config.alias.clone_from(&self.lightning.alias);
        config.accept_channels = self.lightning.accept_channels;
        config.channel_confirmations = self.lightning.channel_confirmations;
        config.fees = self.fee_config()?;
        config.rescan_from = self.rescan_from;
        Ok(config)
    }

    /// The business a maker begins with.
    #[must_use]
    pub fn maker(&self) -> MakerPolicy {
        let default = MakerPolicy::default();
        MakerPolicy {
            enabled: self.maker.enabled,
            out: self.maker.out,
            into: self.maker.into,
            refund_delta: self.maker.refund_delta.unwrap_or(default.refund_delta),
            ..default
        }
    }
}

/// What is wrong with the file, on one line.
fn in_line(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map(|before| before.matches('\n').count().saturating_add(1));
    let mut message = error.message().replace('\n', " ");
    if let Some(known) = unknown::nearest(error.message()) {
        message = format!("{message}; did you mean `{known}`?");
    }
    match line {
        Some(line) => format!("{message} (line {line})"),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn cookie() -> Config {
        Config::new(
            Network::Regtest,
            Bitcoind {
                host: "127.0.0.1".into(),
                port: 18443,
                cookie: Some("/tmp/cookie".into()),
                user: None,
                password: None,
            },
        )
    }

    #[test]
    fn what_is_saved_is_what_is_loaded_and_is_saved_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cambista.toml");
        let mut config = cookie();
        config.p2p.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
        config.lightning.listen = vec!["127.0.0.1:0".parse().unwrap()];
        config.rescan_from = Some(7);
        config.fees.fixed_sat_per_vb = Some(3);
        config.limits.max_fee_ppm = Some(5_000);
        config.limits.confirmations = Some(2);
        config.maker.enabled = true;
        config.maker.out = Some(SidePolicy {
            price: cambista_protocol::money::Price {
                base_sat: 100,
                ppm: -5,
            },
            min_sat: 10_000,
            max_sat: 1_000_000,
            lean_ppm: 500,
        });
        config.save_new(&path).unwrap();
        assert_eq!(Config::load(&path).unwrap(), config);
        assert!(config.save_new(&path).is_err());
    }

    #[test]
    fn a_misspelt_key_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cambista.toml");
        let text = "network = 'regtest'\n[bitcoind]\nhost = 'h'\nport = 1\ncookie = 'c'\n[p2p]\nlisen = []\n";
        std::fs::write(&path, text).unwrap();
        let error = Config::load(&path).unwrap_err().to_string();
        assert!(
            error.contains("`lisen`")
                && error.contains("did you mean `listen`? (line 7)")
                && !error.contains('\n'),
            "{error}"
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let mut open = cookie();
        open.api.listen = "0.0.0.0:80".parse().unwrap();
        assert!(matches!(open.check(), Err(ConfigError::ApiNotLocal(_))));
        let mut anonymous = cookie();
        anonymous.bitcoind.cookie = None;
        assert!(matches!(anonymous.check(), Err(ConfigError::Login)));
        let mut free = cookie();
        free.fees.fixed_sat_per_vb = Some(0);
        assert!(matches!(free.check(), Err(ConfigError::FeeRate(0))));
        let mut elsewhere = cookie();
        elsewhere.network = Network::Testnet4;
        assert!(matches!(elsewhere.check(), Err(ConfigError::Network(_))));
        let mut blind = cookie();
        blind.limits.confirmations = Some(0);
        assert!(matches!(
            blind.check(),
            Err(ConfigError::Limit("confirmations", _))
        ));
        cookie().check().unwrap();
    }

    #[test]
    fn a_password_is_not_printed() {
        let mut config = cookie();
        config.bitcoind.password = Some("hunter2".into());
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
