//! The words the two sides share: network, direction, role, side and the names of things.

use std::fmt;

use bitcoin::Network;
use serde::{Deserialize, Serialize};

/// The networks there are swaps on. On the wire each is its place here (`spec/messages.cddl`).
pub const NETWORKS: [Network; 4] = [
    Network::Bitcoin,
    Network::Testnet,
    Network::Signet,
    Network::Regtest,
];

/// The network of this name: `bitcoin`, `testnet`, `signet` or `regtest`. `None` for all others, whatever libraries know.
#[must_use]
pub fn network(name: &str) -> Option<Network> {
    NETWORKS
        .into_iter()
        .find(|network| network.to_string() == name)
}

/// Which way the *taker's* money moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Lightning -> on-chain: the taker pays over Lightning and receives on the chain.
    Out,
    /// On-chain -> Lightning: the taker funds on the chain and receives over Lightning.
    In,
}

impl Direction {
    /// The role the taker plays in a swap of this direction.
    #[must_use]
    pub const fn taker_role(self) -> Role {
        match self {
            Self::Out => Role::Payer,
            Self::In => Role::Funder,
        }
    }

    /// The role the maker plays in a swap of this direction.
    #[must_use]
    pub const fn maker_role(self) -> Role {
        self.taker_role().other()
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Out => "out",
            Self::In => "in",
        })
    }
}

/// What a side does in a swap, whichever side asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Pays over Lightning and claims on the chain with the preimage it drew.
    Payer,
    /// Funds the on-chain HTLC and claims the Lightning payment.
    Funder,
}

impl Role {
    /// The role across the table.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Payer => Self::Funder,
            Self::Funder => Self::Payer,
        }
    }
}

/// Who asked for the swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Asked for the swap and pays the maker's fee.
    Taker,
    /// Offers swaps for a fee.
    Maker,
}

/// The random 32 bytes that name one try of one swap. Known to the two sides only, it is also what authorises a
/// message about the swap: who knows it is a party to it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SwapId(pub [u8; 32]);

impl SwapId {
    /// The first eight hex digits: how people are shown a swap. Never enough to speak for it.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string().chars().take(8).collect()
    }
}

impl fmt::Display for SwapId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SwapId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SwapId({}..)", self.short())
    }
}

impl std::str::FromStr for SwapId {
    type Err = bitcoin::hex::HexToArrayError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        <[u8; 32] as bitcoin::hex::FromHex>::from_hex(s).map(Self)
    }
}

impl Serialize for SwapId {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SwapId {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Thirty-two secret bytes (a preimage, a handed-over key). Does not print itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Secret32(pub [u8; 32]);

impl fmt::Debug for Secret32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret32(..)")
    }
}

impl Serialize for Secret32 {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&SwapId(self.0))
    }
}

impl<'de> Deserialize<'de> for Secret32 {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        SwapId::deserialize(d).map(|id| Self(id.0))
    }
}
