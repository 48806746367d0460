//! The words about the node itself, its channels and its money.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use libp2p::Multiaddr;

use super::args_swap::amount;

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// bitcoind's RPC [default: 127.0.0.1 at the network's usual port]
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) bitcoind: Option<String>,
    /// bitcoind's cookie file [default: where bitcoind puts it]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["bitcoind_user", "bitcoind_password"])]
    pub(super) bitcoind_cookie: Option<PathBuf>,
    /// rpcuser, instead of a cookie
    #[arg(long, value_name = "USER", requires = "bitcoind_password")]
    pub(super) bitcoind_user: Option<String>,
    /// rpcpassword
    #[arg(long, value_name = "PASSWORD", requires = "bitcoind_user")]
    pub(super) bitcoind_password: Option<String>,
    /// Where Lightning peers may connect [default: nowhere; this node calls others]
    #[arg(long, value_name = "IP:PORT")]
    pub(super) lightning_listen: Vec<SocketAddr>,
    /// Where other Cambista nodes may connect, such as /ip4/0.0.0.0/tcp/9740; a maker needs one
    #[arg(long, value_name = "MULTIADDR")]
    pub(super) p2p_listen: Vec<Multiaddr>,
    /// The address others reach this node at, when it differs from --p2p-listen
    #[arg(long, value_name = "MULTIADDR")]
    pub(super) p2p_external: Vec<Multiaddr>,
    /// Cambista nodes to join the market through; each ends in /p2p/<peer id>
    #[arg(long, value_name = "MULTIADDR", num_args = 1..)]
    pub(super) bootstrap: Vec<Multiaddr>,
    /// Where the API listens on this machine [default: a free port]
    #[arg(long, value_name = "IP:PORT")]
    pub(super) api_listen: Option<SocketAddr>,
    /// The node's name on the Lightning network
    #[arg(long, value_name = "NAME")]
    pub(super) alias: Option<String>,
    /// Confirmations before a new channel is used [default: 3]
    #[arg(long, value_name = "BLOCKS")]
    pub(super) channel_confirmations: Option<u32>,
    /// A fixed fee rate for on-chain transactions; for test networks
    #[arg(long, value_name = "SAT/VB")]
    pub(super) fee_rate: Option<u64>,
    /// Bring a node back from these words; `-` reads them from standard input, where no one else sees them
    #[arg(long, value_name = "WORDS")]
    pub(super) words: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum MakerCommand {
    /// Take on new swaps
    #[command(after_help = "Example:\n  cambista maker on")]
    On,
    /// Take on no new swaps; open ones go on as agreed
    #[command(after_help = "Example:\n  cambista maker off")]
    Off,
    /// Set prices and limits; what is not said stays as it is
    #[command(
        after_help = "Examples:\n  cambista maker set --out-auto --in-auto\n  cambista maker set --out-base 500 --out-ppm 1000 \
        --out-min 20000 --out-max 2000000 --no-in\n  cambista maker set --in-ppm=-200 --floor-ppm=-200\n\nChain costs are added \
        to the price at the fee rate of the moment. With --out-auto and --in-auto the node sets the price: 2000 ppm, up to \
        1500 more where a direction runs out of what it spends and up to 1500 less where there is plenty, so that \
        takers refill what is low. No swap is quoted below the floor: what must be left of the fee after chain costs at fee \
        rates half as high again as now."
    )]
    Set(Box<MakerSet>),
    /// Show prices and limits
    #[command(after_help = "Example:\n  cambista maker show")]
    Show,
}

#[derive(Debug, Default, Args)]
#[command(allow_negative_numbers = true)]
pub(super) struct MakerSet {
    /// Lightning -> on-chain: fixed part of the price
    #[arg(long, value_name = "SAT", value_parser = amount)]
    pub(super) out_base: Option<u64>,
    /// Lightning -> on-chain: share of the amount in millionths; negative pays the taker
    #[arg(long, value_name = "PPM")]
    pub(super) out_ppm: Option<i32>,
    /// Lightning -> on-chain: let the node set the price, by what is left on each side
    #[arg(long, conflicts_with_all = ["out_base", "out_ppm", "out_lean", "no_out"])]
    pub(super) out_auto: bool,
    /// Lightning -> on-chain: how far the price leans with what is left, at most; 0 keeps it fixed
    #[arg(long, value_name = "PPM")]
    pub(super) out_lean: Option<u32>,
    /// Lightning -> on-chain: the smallest swap
    #[arg(long, value_name = "SAT", value_parser = amount)]
    pub(super) out_min: Option<u64>,
    /// Lightning -> on-chain: the largest swap
    #[arg(long, value_name = "SAT", value_parser = amount)]
    pub(super) out_max: Option<u64>,
    /// Do not offer Lightning -> on-chain
    #[arg(long, conflicts_with_all = ["out_base", "out_ppm", "out_min", "out_max"])]
    pub(super) no_out: bool,
    /// On-chain -> Lightning: fixed part of the price
    #[arg(long, value_name = "SAT", value_parser = amount)]
    pub(super) in_base: Option<u64>,
    /// On-chain -> Lightning: share of the amount in millionths; negative pays the taker
    #[arg(long, value_name = "PPM")]
    pub(super) in_ppm: Option<i32>,
    /// On-chain -> Lightning: let the node set the price, by what is left on each side
    #[arg(long, conflicts_with_all = ["in_base", "in_ppm", "in_lean", "no_in"])]
    pub(super) in_auto: bool,
    /// On-chain -> Lightning: how far the price leans with what is left, at most; 0 keeps it fixed
    #[arg(long, value_name = "PPM")]
    pub(super) in_lean: Option<u32>,
    /// On-chain -> Lightning: the smallest swap
    #[arg(long, value_name = "SAT", value_parser = amount)]
    pub(super) in_min: Option<u64>,
    /// On-chain -> Lightning: the largest swap
    #[arg(long, value_name = "SAT", value_parser = amount)]
    pub(super) in_max: Option<u64>,
    /// Do not offer on-chain -> Lightning
    #[arg(long, conflicts_with_all = ["in_base", "in_ppm", "in_min", "in_max"])]
    pub(super) no_in: bool,
    /// On-chain -> Lightning with coins from outside the taker's node: so many millionths of the amount more
    #[arg(long, value_name = "PPM")]
    pub(super) external_ppm: Option<u32>,
    /// Do not take coins from outside the taker's node
    #[arg(long, conflicts_with = "external_ppm")]
    pub(super) no_external: bool,
    /// What must be left of every fee after chain costs, even if fees rise: fixed part
    #[arg(long, value_name = "SAT", value_parser = amount)]
    pub(super) floor_base: Option<u64>,
    /// What must be left of every fee: share of the amount in millionths; negative lets swaps cost something
    #[arg(long, value_name = "PPM")]
    pub(super) floor_ppm: Option<i32>,
    /// No floor: quote the price whatever the swap costs
    #[arg(long, conflicts_with_all = ["floor_base", "floor_ppm"])]
    pub(super) no_floor: bool,
    /// Open with one taker at most; `none` for no cap
    #[arg(long, value_name = "SAT", value_parser = cap)]
    pub(super) cap_taker: Option<Cap>,
    /// Open towards one Lightning node that is to be paid, at most; `none` for no cap
    #[arg(long, value_name = "SAT", value_parser = cap)]
    pub(super) cap_payee: Option<Cap>,
    /// Open with all takers together that never did a swap with this node, at most; `none` for no cap
    #[arg(long, value_name = "SAT", value_parser = cap)]
    pub(super) cap_newcomers: Option<Cap>,
    /// Open altogether at most; `none` for no cap
    #[arg(long, value_name = "SAT", value_parser = cap)]
    pub(super) cap_total: Option<Cap>,
    /// Blocks after which whoever funded a contract may take it back
    #[arg(long, value_name = "BLOCKS")]
    pub(super) refund_delta: Option<u32>,
    /// Seconds a quote is good for
    #[arg(long, value_name = "SECONDS")]
    pub(super) quote_secs: Option<u32>,
    /// Open swaps with takers at most
    #[arg(long, value_name = "SWAPS")]
    pub(super) max_open: Option<u32>,
}

/// A cap, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cap(pub(super) Option<u64>);

fn cap(text: &str) -> Result<Cap, String> {
    match text.trim() {
        "none" => Ok(Cap(None)),
        text => amount(text).map(|sat| Cap(Some(sat))),
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum ChannelCommand {
    /// Open a channel to a node
    #[command(
        after_help = "Example:\n  cambista channel open 02ab...@203.0.113.7:9735 1000000\n\nWith --push it asks first: what is \
        given does not come back."
    )]
    Open {
        /// Whom to: NODE@HOST:PORT
        node: String,
        /// The channel's size, paid by this node
        #[arg(value_name = "SAT", value_parser = amount)]
        amount: u64,
        /// Let others see the channel
        #[arg(long)]
        announced: bool,
        /// Give so much to the other side at once, for nothing
        #[arg(long, value_name = "SAT", value_parser = amount, default_value = "0")]
        push: u64,
        /// Do not ask, give
        #[arg(long, short)]
        yes: bool,
    },
    /// Close a channel; its coins come back to the wallet
    #[command(
        after_help = "Examples:\n  cambista channel close 5e1f\n  cambista channel close 5e1f --force\n\nClosed together \
        with the other side its coins are in the wallet as soon as the closing transaction has confirmed. Closed with \
        --force they stay locked for the blocks agreed when the channel was opened (cambista channel list says how many), \
        counted from that confirmation; what is in payments under way comes later, when these have ended or run out. With \
        --force it shows the channel and asks first."
    )]
    Close {
        /// The channel: its id or the beginning of it
        id: String,
        /// Alone, when the other side does not answer: takes longer and costs more
        #[arg(long)]
        force: bool,
        /// Do not ask, close
        #[arg(long, short)]
        yes: bool,
    },
    /// List the channels
    #[command(after_help = "Example:\n  cambista channel list")]
    List,
}

#[derive(Debug, Subcommand)]
pub(super) enum PeerCommand {
    /// Connect to a Lightning node or to a node of the market
    #[command(
        after_help = "Examples:\n  cambista peer connect 02ab...@203.0.113.7:9735\n  cambista peer connect \
        /ip4/203.0.113.7/tcp/9740/p2p/12D3..."
    )]
    Connect {
        /// NODE@HOST:PORT (Lightning) or a multiaddress ending in /p2p/<peer id> (market)
        address: String,
    },
    /// List connected and remembered nodes
    #[command(after_help = "Example:\n  cambista peer list")]
    List,
}

#[derive(Debug, Subcommand)]
pub(super) enum WalletCommand {
    /// A fresh address to receive coins at
    #[command(after_help = "Example:\n  cambista wallet address")]
    Address {
        /// Draw no QR code
        #[arg(long)]
        no_qr: bool,
    },
    /// What is on the chain and in channels
    #[command(after_help = "Example:\n  cambista wallet balance")]
    Balance,
    /// List the wallet's transactions, newest first
    #[command(after_help = "Example:\n  cambista wallet history")]
    History,
    /// Send coins
    #[command(
        after_help = "Examples:\n  cambista wallet send bc1q... 100000\n  cambista wallet send bc1q... --all"
    )]
    Send {
        /// Where to
        address: String,
        /// How much; the miner fee comes on top
        #[arg(value_name = "SAT", value_parser = amount, required_unless_present = "all")]
        amount: Option<u64>,
        /// Everything spendable, the miner fee taken from it
        #[arg(long, conflicts_with = "amount")]
        all: bool,
        /// Whole sat/vB [default: estimated]
        #[arg(long, value_name = "SAT/VB")]
        fee_rate: Option<u64>,
        /// Do not ask, send
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ContractCommand {
    /// Print address and scripts of a contract from its terms (JSON)
    #[command(
        after_help = "Example:\n  cambista contract show contract.json\n\nThe terms: payer_claim, \
        payer_internal, funder_refund, funder_internal, payment_hash, refund_height, network."
    )]
    Show {
        /// The file with the terms, `-` for standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}
