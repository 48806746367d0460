//! Where bitcoind is and how to log in to it.

use std::fmt;
use std::path::PathBuf;

use bitcoin::Network;

/// How to log in to bitcoind.
#[derive(Clone, PartialEq, Eq)]
pub enum Auth {
    /// Path of the `.cookie` file bitcoind writes at every start; read again whenever bitcoind refuses the old one.
    Cookie(PathBuf),
    /// A fixed user and password (`rpcauth` or `rpcuser`/`rpcpassword` in bitcoin.conf).
    UserPass {
        /// User name.
        user: String,
        /// Password.
        password: String,
    },
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cookie(path) => f.debug_tuple("Cookie").field(path).finish(),
            Self::UserPass { user, .. } => f
                .debug_struct("UserPass")
                .field("user", user)
                .finish_non_exhaustive(),
        }
    }
}

/// Where bitcoind's RPC server is and which network it must be on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BitcoindConfig {
    /// Host name or address, without a scheme.
    pub host: String,
    /// RPC port.
    pub port: u16,
    /// Credentials.
    pub auth: Auth,
    /// The network this node runs on; a bitcoind on another one is refused.
    pub network: Network,
}

impl BitcoindConfig {
    /// `host:port`, as shown to people.
    pub fn endpoint(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}
