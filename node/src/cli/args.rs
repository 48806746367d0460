//! The words of the command line.

use std::path::PathBuf;

use bitcoin::Network;
use cambista_protocol::words;
use clap::{Parser, Subcommand};

use super::args_node::{
    ChannelCommand, ContractCommand, InitArgs, MakerCommand, PeerCommand, WalletCommand,
};
use super::args_pay::{CompletionsArgs, InvoiceArgs, PayArgs, PaymentsArgs};
use super::args_swap::{
    CancelArgs, InArgs, MakersArgs, OffersArgs, OrdersArgs, OutArgs, QuoteArgs, SwapsArgs,
};

/// A node of the market for Lightning <-> on-chain swaps.
#[derive(Debug, Parser)]
#[command(
    name = "cambista",
    version,
    about = "Swap between Lightning and the chain at the best price on an open market, or make that market",
    after_help = EXITS,
    propagate_version = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    /// The folder the node lives in [default: ~/.cambista/<network>]
    #[arg(long, global = true, value_name = "DIR", env = "CAMBISTA_DATADIR", help_heading = WHICH)]
    pub(super) datadir: Option<PathBuf>,
    /// bitcoin, testnet, signet or regtest
    #[arg(
        long,
        global = true,
        value_name = "NETWORK",
        env = "CAMBISTA_NETWORK",
        help_heading = WHICH,
        default_value = "bitcoin",
        hide_default_value = true,
        value_parser = network
    )]
    pub(super) network: Network,
    /// Print one JSON object on standard output; text for people goes to standard error
    #[arg(long, global = true, help_heading = WHICH)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) command: Command,
}

fn network(name: &str) -> Result<Network, String> {
    words::network(name)
        .ok_or_else(|| "there are swaps on bitcoin, testnet, signet and regtest".to_owned())
}

/// The heading of what every command takes.
const WHICH: &str = "Which node, and how to answer";

const EXITS: &str = "\
First steps:
  cambista init --bitcoind-cookie ~/.bitcoin/.cookie
  cambista run
  cambista status            (in another terminal)
  cambista offers out

Exit codes:
  0    done
  1    something else went wrong
  2    the command cannot be meant
  3    no node to speak to
  4    refused (price, limits or maker); nothing began
  5    the swap or payment failed and the funds are safe
  6    look at it: something needs you, or a payment has not ended in time
  130  you pressed Ctrl-C; what had begun goes on in the node";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a new node, or bring one back from its words
    #[command(
        after_help = "Example:\n  cambista init --network signet --bitcoind 127.0.0.1:38332 \
        --bitcoind-cookie ~/.bitcoin/signet/.cookie"
    )]
    Init(Box<InitArgs>),
    /// Run the node in the foreground
    #[command(
        after_help = "Example:\n  cambista run\n\nStop it with Ctrl-C or `cambista stop`. Open swaps go on when \
        it is started again; do not leave it off for long while one is open."
    )]
    Run,
    /// Stop the running node
    #[command(after_help = "Example:\n  cambista stop")]
    Stop,
    /// Show how the node is and what to do next
    #[command(after_help = "Example:\n  cambista status")]
    Status,
    /// List the offers of the market, best first
    #[command(
        after_help = "Examples:\n  cambista offers out --amount 250000\n  cambista offers --amount 250000 --max-cost 0.5% --min-done 3\n  \
        cambista offers out --amount 250000 --watch\n\nAn offer binds nobody; `cambista quote` asks for firm prices, routing included."
    )]
    Offers(OffersArgs),
    /// Ask the best makers for a firm price, and whether several together are cheaper
    #[command(after_help = "Example:\n  cambista quote out 250000")]
    Quote(QuoteArgs),
    /// Lightning -> on-chain: swap Lightning balance into coins
    #[command(
        after_help = "Examples:\n  cambista out 250000\n  cambista out 250000 bc1q... --max-fee 1500 --yes\n\n\
        The whole price is shown before anything begins. An amount no maker covers, or several cover for less, is \
        split over makers; what fails before anything is locked is tried again with others, within the price shown. \
        With --json standard output is {\"quote\": .., \"swap\": .., \"quotes\": [..], \"order\": ..}."
    )]
    Out(OutArgs),
    /// On-chain -> Lightning: swap coins into Lightning balance
    #[command(
        after_help = "Example:\n  cambista in 250000\n\nThe whole price is shown before anything begins."
    )]
    In(InArgs),
    /// List swaps, or show or follow one
    #[command(after_help = "Examples:\n  cambista swaps\n  cambista swaps 1f3a --follow")]
    Swaps(SwapsArgs),
    /// List orders, or show or follow one: an order is one swap or several
    #[command(after_help = "Examples:\n  cambista orders\n  cambista orders 5e0c --follow")]
    Orders(OrdersArgs),
    /// Show what happens to all swaps, as it happens
    #[command(
        after_help = "Example:\n  cambista watch --json\n\nUntil Ctrl-C. With --json every line is one JSON object."
    )]
    Watch,
    /// Call a swap or an order off, as far as it still can be
    #[command(
        after_help = "Example:\n  cambista cancel 1f3a\n\nYou are told what it means for the money. What is on \
        the chain already comes back by itself, in its time."
    )]
    Cancel(CancelArgs),
    /// Make a market: offer swaps for a fee
    #[command(
        after_help = "Examples:\n  cambista maker set --out-auto --in-auto\n  cambista maker on\n  cambista maker\n\nWithout \
        more words it shows what is offered now, why not if not, and what it has brought."
    )]
    Maker {
        #[command(subcommand)]
        command: Option<MakerCommand>,
    },
    /// Show what this node has seen of the makers on the market
    #[command(
        after_help = "Examples:\n  cambista makers\n  cambista makers 02ab --faults\n  cambista makers --verify proof.json\n\nIt is \
        this node's own experience: nobody else is asked or believed. It fades: two weeks halve what counts."
    )]
    Makers(MakersArgs),
    /// Lightning channels
    #[command(subcommand, after_help = "Example:\n  cambista channel list")]
    Channel(ChannelCommand),
    /// Other nodes
    #[command(subcommand, after_help = "Example:\n  cambista peer list")]
    Peer(PeerCommand),
    /// The on-chain wallet
    #[command(subcommand, after_help = "Example:\n  cambista wallet balance")]
    Wallet(WalletCommand),
    /// Ask for a Lightning payment
    #[command(
        after_help = "Examples:\n  cambista invoice 25000 --description coffee\n  cambista invoice"
    )]
    Invoice(InvoiceArgs),
    /// Pay a Lightning invoice
    #[command(
        after_help = "Example:\n  cambista pay lnbc250u1... --max-fee 50\n\nAn invoice is never paid twice: the same \
        command again shows how its payment stands. Exit code 6 says that it has not ended in time; it goes on."
    )]
    Pay(PayArgs),
    /// List the payments of invoices, or show one
    #[command(after_help = "Example:\n  cambista payments")]
    Payments(PaymentsArgs),
    /// Look into a swap's on-chain contract, with no node running
    #[command(
        subcommand,
        after_help = "Example:\n  cambista contract show contract.json"
    )]
    Contract(ContractCommand),
    /// Print the version
    #[command(after_help = "Example:\n  cambista version --json")]
    Version,
    /// Print what makes your shell complete these commands
    #[command(
        after_help = "Examples:\n  cambista completions bash > ~/.local/share/bash-completion/completions/cambista\n  \
        cambista completions fish > ~/.config/fish/completions/cambista.fish"
    )]
    Completions(CompletionsArgs),
    /// Print the OpenAPI description of the API
    #[command(hide = true)]
    Openapi,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::network;

    #[test]
    fn only_networks_with_swaps_on_them_are_taken() {
        for name in ["bitcoin", "testnet", "signet", "regtest"] {
            assert_eq!(network(name).unwrap().to_string(), name);
        }
        for name in ["testnet4", "mainnet", "Bitcoin", ""] {
            assert!(network(name).unwrap_err().contains("regtest"), "{name}");
        }
    }
}
