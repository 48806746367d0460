//! The words about offers, quotes and swaps.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::api::types::DirectionName;

/// So many are listed when nobody says how many.
const LISTED: u32 = 20;

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
    /// Only offers that cost no more than this for the amount: satoshis, or percent of it
    #[arg(long, value_name = "SAT|PERCENT", value_parser = cost, requires = "amount")]
    pub(super) max_cost: Option<Cost>,
    /// Only makers so many swaps were done with
    #[arg(long, value_name = "SWAPS", value_parser = clap::value_parser!(u64))]
    pub(super) min_done: Option<u64>,
    /// So many of each direction, the best
    #[arg(long, value_name = "N", default_value_t = LISTED, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) limit: u32,
    /// Show the list again whenever it changes, until Ctrl-C
    #[arg(long, short)]
    pub(super) watch: bool,
}

#[derive(Debug, Args)]
pub(super) struct MakersArgs {
    /// The maker: its Lightning node, or the beginning of it
    #[arg(value_name = "MAKER")]
    pub(super) id: Option<String>,
    /// So many, those with the most swaps done
    #[arg(long, value_name = "N", default_value_t = LISTED, value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "id")]
    pub(super) limit: u32,
    /// Show what it signed and did not keep
    #[arg(long, requires = "id")]
    pub(super) faults: bool,
    /// Check proofs in a file, `-` for standard input; needs no node
    #[arg(long, value_name = "FILE", conflicts_with_all = ["id", "faults"])]
    pub(super) verify: Option<PathBuf>,
}

/// A cost: an amount, or a share of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cost {
    /// Satoshis.
    Sat(u64),
    /// Millionths of the amount.
    Ppm(u64),
}

impl Cost {
    /// In satoshis, rounded down: for a swap of this amount.
    pub(super) fn of(self, amount_sat: u64) -> u64 {
        match self {
            Self::Sat(sat) => sat,
            Self::Ppm(ppm) => {
                let share = u128::from(amount_sat) * u128::from(ppm) / 1_000_000;
                u64::try_from(share).unwrap_or(u64::MAX)
            }
        }
    }
}

/// `1500`, `0.5%`
pub(super) fn cost(text: &str) -> Result<Cost, String> {
    let Some(percent) = text.trim().strip_suffix('%') else {
        return amount(text).map(Cost::Sat);
    };
    let wrong =
        || "a share is written like 0.5%, with four digits behind the point at most".to_owned();
    let (whole, rest) = percent
        .trim()
        .split_once('.')
        .unwrap_or((percent.trim(), ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || rest.len() > 4 || !digits(whole) || !digits(rest) {
        return Err(wrong());
    }
    let number: u64 = format!("{whole}{rest:0<4}").parse().map_err(|_| wrong())?;
    Ok(Cost::Ppm(number))
}

#[derive(Debug, Args)]
pub(super) struct QuoteArgs {
    /// out (Lightning -> on-chain) or in (on-chain -> Lightning)
    pub(super) direction: Way,
    /// How much, in satoshis
    #[arg(value_name = "SAT", value_parser = amount)]
    pub(super) amount: u64,
    #[command(flatten)]
    pub(super) parts: PartArgs,
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

/// With whom, and in how many swaps.
#[derive(Debug, Default, Args)]
pub(super) struct PartArgs {
    /// Only with this maker (its Lightning node, the beginning of it, or `BEGINNING..END` as lists have it); more than once for more [default: whoever is cheapest]
    #[arg(long = "maker", value_name = "NODE")]
    pub(super) makers: Vec<String>,
    /// One swap with one maker: never split the amount
    #[arg(long, conflicts_with = "max_parts")]
    pub(super) single: bool,
    /// Split the amount over this many makers at most [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=8))]
    pub(super) max_parts: Option<u8>,
}

/// What both directions take.
#[derive(Debug, Args)]
pub(super) struct TakeArgs {
    /// How much, in satoshis: the value of the on-chain contract
    #[arg(value_name = "SAT", value_parser = amount)]
    pub(super) amount: u64,
    #[command(flatten)]
    pub(super) parts: PartArgs,
    /// The most all of it may cost if it works; the other limits are lowered to keep it
    #[arg(long, value_name = "SAT", value_parser = amount)]
    pub(super) max_fee: Option<u64>,
    /// The most this node's own transactions may pay to miners [default: the quotes' limit]
    #[arg(long, value_name = "SAT", value_parser = amount)]
    pub(super) max_miner_fee: Option<u64>,
    /// The most routing may cost [default: the quotes' limit]
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
pub(super) struct OrdersArgs {
    /// The order: its id or the beginning of it
    pub(super) id: Option<String>,
    /// Follow it until it is over; the exit code then says how
    #[arg(long, short, requires = "id")]
    pub(super) follow: bool,
    /// List ended orders too, the latest 500
    #[arg(long, short, conflicts_with = "id")]
    pub(super) all: bool,
}

#[derive(Debug, Args)]
pub(super) struct CancelArgs {
    /// The swap or order: its id or the beginning of it
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
    /// List ended swaps too, up to 2000
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
    use super::{Cost, amount, cost};

    #[test]
    fn a_cost_is_an_amount_or_a_share_of_one() {
        assert_eq!(cost("1 500").unwrap(), Cost::Sat(1_500));
        assert_eq!(cost("0.5%").unwrap(), Cost::Ppm(5_000));
        assert_eq!(cost("2 %").unwrap(), Cost::Ppm(20_000));
        assert_eq!(cost("0.0001%").unwrap().of(10_000_000), 10);
        for text in ["%", ".5%", "0.00001%", "-1%", "0,5%", "1e3%"] {
            assert!(cost(text).is_err(), "{text}");
        }
    }

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
