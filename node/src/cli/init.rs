//! `init`: a new node, or one brought back from its words.

use std::io::Read as _;
use std::path::PathBuf;

use bitcoin::Network;
use serde_json::json;

use super::args_node::InitArgs;
use super::context::Context;
use super::failure::Failure;
use crate::config::{Bitcoind, Config, ConfigError};
use crate::init::{self, InitError};

/// Makes the folder, the settings and the seed of a node.
pub(super) fn init(context: &Context, args: InitArgs) -> Result<(), Failure> {
    let words = match args.words.as_deref() {
        Some("-") => Some(typed_words()?),
        given => given.map(str::to_owned),
    };
    let config = config(context.network, args)?;
    let created = init::init(&context.dir, &config, words.as_deref())?;
    let object = json!({
        "datadir": context.dir.root(),
        "network": created.network.to_string(),
        "words": created.words,
        "restored": created.restored,
    });
    context.show(&object, || {
        let story = if created.restored {
            BROUGHT_BACK.to_owned()
        } else {
            new_words(&created.words)
        };
        format!(
            "A node for {} is ready in {}\n\n{story}\nNext: {}",
            created.network,
            context.dir.root().display(),
            context.command("cambista run")
        )
    });
    Ok(())
}

const BROUGHT_BACK: &str = "\
It has the keys of your words: on-chain coins come back, and so do coins of channels that the other side closes.
What it does not have is the state of channels and swaps: that is in the old node's cambista.db. Never run two nodes
from the same words.
";

fn new_words(words: &str) -> String {
    let mut text = String::from(
        "Write these words down, in this order, on paper. They are shown this once. Whoever has them has your money;\n\
         without them a lost disk is lost money.\n\n",
    );
    for (index, word) in words.split_whitespace().enumerate() {
        text.push_str(&format!("  {:>2} {word:<10}", index + 1));
        if index % 4 == 3 {
            text.push('\n');
        }
    }
    text
}

fn typed_words() -> Result<String, Failure> {
    let mut typed = String::new();
    std::io::stdin()
        .take(4096)
        .read_to_string(&mut typed)
        .map_err(|error| {
            Failure::usage(
                format!("the words cannot be read: {error}"),
                "cambista init --help",
            )
        })?;
    Ok(typed)
}

fn config(network: Network, args: InitArgs) -> Result<Config, Failure> {
    let (host, port) = match args.bitcoind.as_deref() {
        Some(address) => host_port(address)?,
        None => ("127.0.0.1".to_owned(), rpc_port(network)),
    };
    let cookie = match (args.bitcoind_cookie, &args.bitcoind_user) {
        (None, None) => Some(usual_cookie(network)?),
        (cookie, _) => cookie,
    };
    let bitcoind = Bitcoind {
        host,
        port,
        cookie,
        user: args.bitcoind_user,
        password: args.bitcoind_password,
    };
    let mut config = Config::new(network, bitcoind);
    config.lightning.listen = args.lightning_listen;
    config.lightning.alias = args.alias.unwrap_or(config.lightning.alias);
    config.lightning.channel_confirmations = args
        .channel_confirmations
        .unwrap_or(config.lightning.channel_confirmations);
    config.p2p.listen = args.p2p_listen;
    config.p2p.external = args.p2p_external;
    config.p2p.bootstrap = args.bootstrap;
    config.api.listen = args.api_listen.unwrap_or(config.api.listen);
    config.fees.fixed_sat_per_vb = args.fee_rate;
    Ok(config)
}

fn host_port(address: &str) -> Result<(String, u16), Failure> {
    address
        .strip_prefix("http://")
        .unwrap_or(address)
        .trim_end_matches('/')
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host, port.parse().ok()?)))
        .filter(|(host, _)| !host.is_empty())
        .map(|(host, port)| (host.to_owned(), port))
        .ok_or_else(|| {
            Failure::usage(
                "--bitcoind takes HOST:PORT, such as 127.0.0.1:8332; nothing was made",
                "cambista init --help",
            )
        })
}

const fn rpc_port(network: Network) -> u16 {
    match network {
        Network::Bitcoin => 8332,
        Network::Signet => 38332,
        Network::Regtest => 18443,
        _ => 18332,
    }
}

fn usual_cookie(network: Network) -> Result<PathBuf, Failure> {
    let folder = match network {
        Network::Bitcoin => "",
        Network::Signet => "signet",
        Network::Regtest => "regtest",
        _ => "testnet3",
    };
    let home = std::env::var_os("HOME")
        .filter(|home| !home.is_empty())
        .ok_or_else(|| {
            Failure::usage(
                "say where bitcoind's cookie is with --bitcoind-cookie",
                "cambista init --help",
            )
        })?;
    Ok(PathBuf::from(home)
        .join(".bitcoin")
        .join(folder)
        .join(".cookie"))
}

impl From<InitError> for Failure {
    fn from(error: InitError) -> Self {
        match error {
            InitError::DataDir(error) | InitError::Config(ConfigError::DataDir(error)) => {
                error.into()
            }
            error => Self::usage(format!("{error}. Nothing was made"), "cambista init --help"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::failure::Exit;
    use super::*;

    #[test]
    fn bitcoind_is_named_by_host_and_port() {
        assert_eq!(
            host_port("10.0.0.1:8332").unwrap(),
            ("10.0.0.1".to_owned(), 8332)
        );
        assert_eq!(host_port("http://node:1/").unwrap(), ("node".to_owned(), 1));
        assert_eq!(host_port("[::1]:1").unwrap(), ("[::1]".to_owned(), 1));
        for wrong in ["", "node", ":1", "node:", "node:70000"] {
            assert_eq!(host_port(wrong).unwrap_err().exit, Exit::Usage, "{wrong}");
        }
    }

    #[test]
    fn twelve_words_are_shown_numbered_in_their_order() {
        let shown = new_words("a b c d e f g h i j k l");
        let words: Vec<&str> = shown
            .lines()
            .skip(3)
            .flat_map(str::split_whitespace)
            .collect();
        assert_eq!(
            words.join(" "),
            "1 a 2 b 3 c 4 d 5 e 6 f 7 g 8 h 9 i 10 j 11 k 12 l"
        );
    }
}
