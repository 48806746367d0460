//! The words about offers, quotes and swaps.

use clap::{Args, ValueEnum};

use crate::api::types::DirectionName;

/// Which way the money moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Way {
    /// Lightning -> on-chain
    Out,
    /// On-chain -> Lightning
    In,
}

impl From<Way> for DirectionName {
    fn from(way: Way) -> Self {
        match way {
            Way::Out => Self::Out,
            Way::In => Self::In,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct OffersArgs {
    /// out (Lightning -> on-chain) or in (on-chain -> Lightning); both when not said
    pub(super) direction: Option<Way>,
    /// Only offers that take this amount, cheapest for it first
    #[arg(long, value_name = "SAT", value_parser = amount)]
    pub(super) amount: Option<u64>,
}

#[derive(Debug, Args)]
pub(super) struct QuoteArgs {
    /// out (Lightning -> on-chain) or in (on-chain -> Lightning)
    pub(super) direction: Way,
    /// How much, in satoshis
    #[arg(value_name = "SAT", value_parser = amount)]
    pub(super) amount: u64,
    /// Ask only this maker (its Lightning node)
    #[arg(long, value_name = "NODE")]
    pub(super) maker: Option<String>,
    /// out: SAT is what should arrive, the miner fee of claiming it comes on top
    #[arg(long)]
    pub(super) receive: bool,
    /// out: where the coins will go [default: this node's wallet]
    #[arg(long, value_name = "ADDRESS")]
    pub(super) address: Option<String>,
    /// in: the coins will come from outside this node
    #[arg(long)]
    pub(super) external: bool,
}

/// What both directions take.
#[derive(Debug, Args)]
pub(super) struct TakeArgs {
    /// How much, in satoshis: the value of the on-chain contract
    #[arg(value_name = "SAT", value_parser = amount)]
    pub(super) amount: u64,
    /// Swap with this maker (its Lightning node) instead of the cheapest
    #[arg(long, value_name = "NODE")]
    pub(super) maker: Option<String>,
    /// The most the whole swap may cost if it works; the other limits are lowered to keep it
    #[arg(long, value_name = "SAT", value_parser = amount)]
    pub(super) max_fee: Option<u64>,
    /// The most this node's own transaction may pay to miners [default: the quote's limit]
    #[arg(long, value_name = "SAT", value_parser = amount)]
    pub(super) max_miner_fee: Option<u64>,
    /// The most routing may cost [default: the quote's limit]
    #[arg(long, value_name = "SAT", value_parser = amount)]
    pub(super) max_routing_fee: Option<u64>,
    /// A name to find the swap by
    #[arg(long, value_name = "TEXT")]
    pub(super) label: Option<String>,
    /// Do not ask, begin
    #[arg(long, short)]
    pub(super) yes: bool,
    /// Return as soon as the swap has begun; it goes on without you
    #[arg(long)]
    pub(super) detach: bool,
}

#[derive(Debug, Args)]
pub(super) struct OutArgs {
    #[command(flatten)]
    pub(super) take: TakeArgs,
    /// Where the coins go [default: this node's wallet]
    #[arg(value_name = "ADDRESS")]
    pub(super) address: Option<String>,
    /// Confirmations to wait for before paying for good [default: by amount]
    #[arg(long, value_name = "BLOCKS", value_parser = clap::value_parser!(u32).range(1..=144))]
    pub(super) confs: Option<u32>,
    /// SAT is what should arrive; the miner fee of claiming it comes on top
    #[arg(long)]
    pub(super) receive: bool,
    /// A channel the payment may leave by (its id or the beginning of it); more than once for more [default: any]
    #[arg(long = "channel", value_name = "ID")]
    pub(super) channels: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct InArgs {
    #[command(flatten)]
    pub(super) take: TakeArgs,
    /// The coins come from outside this node: you are shown an address, an exact amount and the last safe block
    #[arg(long)]
    pub(super) external: bool,
    /// The node the Lightning payment should arrive from, to refill the channel with it [default: any]
    #[arg(long, value_name = "NODE")]
    pub(super) last_hop: Option<String>,
    /// The channel to refill (its id or the beginning of it): the payment arrives from the node it is with, which may
    /// spread it over all channels with this node
    #[arg(long, value_name = "ID", conflicts_with = "last_hop")]
    pub(super) channel: Option<String>,
    /// Draw no QR code of what to deposit
    #[arg(long)]
    pub(super) no_qr: bool,
}

#[derive(Debug, Args)]
pub(super) struct CancelArgs {
    /// The swap: its id or the beginning of it
    pub(super) id: String,
    /// Do not ask
    #[arg(long, short)]
    pub(super) yes: bool,
}

#[derive(Debug, Args)]
pub(super) struct SwapsArgs {
    /// The swap: its id or the beginning of it
    pub(super) id: Option<String>,
    /// Follow it until it ends; the exit code then says how
    #[arg(long, short, requires = "id")]
    pub(super) follow: bool,
    /// List ended swaps too, however many
    #[arg(long, short, conflicts_with = "id")]
    pub(super) all: bool,
}

/// Whole satoshis: `250000`, `250_000`, `"250 000 sat"`.
pub(super) fn amount(text: &str) -> Result<u64, String> {
    let number = text.trim().strip_suffix("sat").unwrap_or(text).trim();
    let digits: String = number
        .chars()
        .filter(|letter| !matches!(letter, '_' | ' '))
        .collect();
    if digits.contains(['.', ',']) {
        return Err("amounts are whole satoshis, such as 250000 (0.0025 BTC)".to_owned());
    }
    digits
        .parse()
        .map_err(|_| "amounts are whole satoshis, such as 250000".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::amount;

    #[test]
    fn amounts_are_whole_satoshis_however_they_are_grouped() {
        for text in ["250000", "250_000", "250 000", "250 000 sat", "250000sat"] {
            assert_eq!(amount(text).unwrap(), 250_000, "{text}");
        }
        for text in ["0.0025", "1,5", "-1", "", "sat", "1k"] {
            assert!(
                amount(text).unwrap_err().contains("whole satoshis"),
                "{text}"
            );
        }
    }
}
