//! A whole market on one machine: bitcoind, makers and a taker, with channels in a row.
//!
//! The taker has one channel, to the first maker; every maker has one to the next. All of each channel is on the side
//! nearer to the taker: a merchant without inbound capacity. The taker knows the first maker only, by its address.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use bitcoin::OutPoint;
use serde_json::{Value, json};

use crate::bitcoind::Bitcoind;
use crate::node::{Node, NodeOptions};
use crate::swap::{OnChain, Taken};
use crate::transaction::{Seen, spend_in_blocks, spend_in_mempool};
use crate::wait::{FOUND_AGAIN, secs, wait_for};

/// A payer claims within this once it may: not much longer than nodes take to find each other. One that has more to wait for
/// than the other side gets its next block then.
const CLAIMED_WITHIN: Duration = secs(90);

/// A taker has quotes of every maker within this, and routes to it: gossip of channels takes its time.
const QUOTES_WITHIN: Duration = secs(180);

/// What a maker asks: a fixed part (sat) and millionths of the amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Fixed part for `out` (sat).
    pub out_base: u64,
    /// Millionths for `out`.
    pub out_ppm: u32,
    /// Fixed part for `in` (sat).
    pub in_base: u64,
    /// Millionths for `in`.
    pub in_ppm: u32,
}

/// The price where a scenario is not about prices.
pub const USUAL: Price = Price {
    out_base: 300,
    out_ppm: 2_000,
    in_base: 200,
    in_ppm: 1_000,
};
/// A price nobody takes who has a choice.
pub const DEAR: Price = Price {
    out_base: 5_000,
    out_ppm: 9_000,
    in_base: 5_000,
    in_ppm: 9_000,
};
/// A price nobody is below.
pub const CHEAPEST: Price = Price {
    out_base: 1,
    out_ppm: 1,
    in_base: 1,
    in_ppm: 1,
};

/// What is chosen about a market.
#[derive(Clone, Debug)]
pub struct MarketOptions {
    /// The fixed fee rate of all nodes (sat/vB); 0 leaves it to bitcoind's estimates, and to 2 while there are none.
    pub fee_rate: u32,
    /// What bitcoind is started with besides the usual.
    pub bitcoind_args: Vec<String>,
    /// Names and prices of the makers, nearest to the taker first.
    pub makers: Vec<(String, Price)>,
    /// The taker's name.
    pub taker: String,
    /// Blocks until a funder may take its coins back.
    pub refund_delta: u32,
    /// Size of every channel (sat).
    pub channel_sat: u64,
    /// Where the folders go; temporary ones when not said.
    pub dir: Option<PathBuf>,
    /// Whether all nodes are the program with failpoints.
    pub failpoints: bool,
    /// Another program than the one under test, for all nodes.
    pub program: Option<PathBuf>,
}

impl MarketOptions {
    /// Makers of these prices, called `maker1`, `maker2` and so on.
    pub fn new(fee_rate: u32, prices: &[Price]) -> Self {
        let named = |(i, price): (usize, &Price)| (format!("maker{}", i + 1), *price);
        Self {
            fee_rate,
            bitcoind_args: Vec::new(),
            makers: prices.iter().enumerate().map(named).collect(),
            taker: "taker".to_owned(),
            refund_delta: 96,
            channel_sat: 5_000_000,
            dir: None,
            failpoints: false,
            program: None,
        }
    }
}

/// A market that runs. The nodes end before their bitcoind.
#[derive(Debug)]
pub struct Market {
    /// Who takes swaps.
    pub taker: Node,
    /// Who makes the market, nearest to the taker first.
    pub makers: Vec<Node>,
    /// The chain.
    pub bitcoind: Bitcoind,
    fee_rate: u32,
}

impl Market {
    /// One maker with a direct channel, at the usual price.
    #[track_caller]
    pub fn direct(fee_rate: u32) -> Self {
        Self::start(&MarketOptions::new(fee_rate, &[USUAL]))
    }

    /// Starts everything, opens the channels and waits until the taker gets a quote from every maker.
    ///
    /// # Panics
    /// When that does not come about.
    #[track_caller]
    pub fn start(options: &MarketOptions) -> Self {
        let args: Vec<&str> = options.bitcoind_args.iter().map(String::as_str).collect();
        let bitcoind = match &options.dir {
            Some(dir) => Bitcoind::start_in(&folder(dir, "bitcoind"), &args),
            None => Bitcoind::start(&args),
        };
        // Ten coins are mature then: payments in a row need no change of one another.
        bitcoind.mine(110);
        let node = |name: &str, bootstrap: &[String]| {
            let options = NodeOptions {
                fee_rate: options.fee_rate,
                bootstrap: bootstrap.to_vec(),
                dir: options.dir.as_deref().map(|dir| dir.join(name)),
                failpoints: options.failpoints,
                program: options.program.clone(),
                ..NodeOptions::default()
            };
            Node::start(name, &bitcoind, &options)
        };
        let mut makers: Vec<Node> = Vec::new();
        for (name, price) in &options.makers {
            let known = makers.first().map(p2p_addresses).unwrap_or_default();
            let mut maker = node(name, &known);
            make(&maker, *price, options.refund_delta);
            // A node has a peer id that lasts once it makes a market; the others are told this one.
            maker.stop();
            maker.restart();
            makers.push(maker);
        }
        let taker = node(&options.taker, &p2p_addresses(&makers[0]));
        let market = Self {
            taker,
            makers,
            bitcoind,
            fee_rate: options.fee_rate,
        };
        market.fund_wallets(options.channel_sat);
        market.open_channels(options.channel_sat);
        market.wait_quotes();
        market
    }

    /// A market of nodes that were started one by one, all at this fixed fee rate (sat/vB).
    pub const fn of(taker: Node, makers: Vec<Node>, bitcoind: Bitcoind, fee_rate: u32) -> Self {
        Self {
            taker,
            makers,
            bitcoind,
            fee_rate,
        }
    }

    /// The fee rate of all nodes (sat/vB).
    pub fn fee_rate(&self) -> u64 {
        u64::from(self.fee_rate)
    }

    /// The nodes that run, nearest to the taker first.
    pub fn running(&self) -> impl Iterator<Item = &Node> {
        std::iter::once(&self.taker)
            .chain(&self.makers)
            .filter(|node| node.is_running())
    }

    /// Mines `n` blocks one by one; every running node takes each in before the next.
    #[track_caller]
    pub fn mine(&self, n: u32) {
        for _ in 0..n {
            self.bitcoind.mine(1);
            self.sync();
        }
    }

    /// Mines `n` blocks that leave the mempool where it is.
    #[track_caller]
    pub fn mine_empty(&self, n: u32) {
        for _ in 0..n {
            self.bitcoind.mine_only(&[]);
            self.sync();
        }
    }

    /// Mines blocks that leave the mempool where it is until the chain has this height.
    #[track_caller]
    pub fn mine_empty_to_height(&self, height: u32) {
        self.mine_empty(height.saturating_sub(self.bitcoind.height()));
    }

    /// Replaces the last `depth` blocks by empty ones, and one more: what was in them is unconfirmed again.
    #[track_caller]
    pub fn reorganise(&self, depth: u32) {
        let fork = self.bitcoind.height() + 1 - depth;
        self.bitcoind.invalidate(fork);
        for _ in 0..=depth {
            self.bitcoind.mine_only(&[]);
        }
        self.sync();
    }

    /// Mines until the chain has this height.
    #[track_caller]
    pub fn mine_to_height(&self, height: u32) {
        self.mine(height.saturating_sub(self.bitcoind.height()));
    }

    /// Waits until every running node has taken in the tip.
    #[track_caller]
    pub fn sync(&self) {
        let height = self.bitcoind.height();
        self.running().for_each(|node| node.wait_height(height));
    }

    /// Mines as many blocks as the quote asks for and then waits for the claim; mines that as well.
    ///
    /// # Panics
    /// When the contract is spent before it has the confirmations, or not at all.
    #[track_caller]
    pub fn confirm_and_claim(&self, taken: &Taken) -> OnChain {
        let (outpoint, funding) = taken.wait_funding(&self.bitcoind);
        self.mine(taken.quote.confirmations - 1);
        let early = spend_in_mempool(&self.bitcoind, outpoint);
        assert_eq!(early, None, "claimed before it was confirmed");
        self.mine(1);
        taken.wait_spend(&self.bitcoind, outpoint);
        self.mine(1);
        let spend = taken.confirmed_spend(&self.bitcoind, outpoint);
        // The miner's fee rises while a transaction waits; the one that was mined counts.
        let funding = Seen::read(&self.bitcoind, funding.txid);
        OnChain {
            outpoint,
            funding,
            spend,
        }
    }

    /// Mines until the contract at `outpoint` is spent and that is in a block, whatever was mined before. When it has the
    /// confirmations its payer reveals, beside the blocks, and the funder hands over its key: no further block comes meanwhile.
    ///
    /// # Panics
    /// When that does not happen within a few blocks more than the quote asks for.
    #[track_caller]
    pub fn mine_until_claimed(&self, taken: &Taken, outpoint: OutPoint) -> OnChain {
        let wanted = taken.quote.confirmations;
        // A node that was just started has its peers to find again.
        let spend = self.mine_while_unspent(outpoint, wanted, wanted + 6, CLAIMED_WITHIN);
        OnChain {
            outpoint,
            funding: Seen::read(&self.bitcoind, outpoint.txid),
            spend,
        }
    }

    /// Mines until what is at `outpoint` is spent and that is in a block. Once it is in a block itself every further one waits
    /// for the spend, but no longer than this.
    ///
    /// # Panics
    /// When it is not after so many blocks.
    #[track_caller]
    pub fn mine_until_spent(&self, outpoint: OutPoint, blocks: u32, patience: Duration) -> Seen {
        self.mine_while_unspent(outpoint, 1, blocks, patience)
    }

    /// As [`Market::mine_until_spent`], for an output that is spent when it has so many confirmations.
    #[track_caller]
    fn mine_while_unspent(
        &self,
        outpoint: OutPoint,
        confirmations: u32,
        blocks: u32,
        patience: Duration,
    ) -> Seen {
        let chain = &self.bitcoind;
        for _ in 0..blocks {
            if let Some(spend) = spend_in_blocks(chain, outpoint, 40) {
                return spend;
            }
            let until = Instant::now() + patience;
            while spend_in_mempool(chain, outpoint).is_none()
                && !wants_a_block(chain, outpoint, confirmations)
                && Instant::now() < until
            {
                sleep(Duration::from_millis(50));
            }
            self.mine(1);
        }
        let spend = spend_in_blocks(chain, outpoint, 40);
        spend.unwrap_or_else(|| panic!("{outpoint} was not spent"))
    }

    /// The node of this id (hex).
    ///
    /// # Panics
    /// When no maker has it.
    #[track_caller]
    pub fn maker_of(&self, node_id: &str) -> &Node {
        let mut makers = self.makers.iter().filter(|maker| maker.is_running());
        makers
            .find(|maker| maker.status()["node_id"] == node_id)
            .unwrap_or_else(|| panic!("no maker has the node id {node_id}"))
    }

    #[track_caller]
    fn fund_wallets(&self, channel_sat: u64) {
        for node in self.running() {
            // Several coins, so that change on its way blocks nothing.
            for sats in [channel_sat + 1_000_000, 8_000_000, 6_000_000] {
                let answer = node.cli(&["wallet", "address"]);
                let address = answer["address"].as_str().expect("an address");
                self.bitcoind.fund_address(address, sats);
            }
        }
        self.mine(1);
    }

    #[track_caller]
    fn open_channels(&self, channel_sat: u64) {
        let size = channel_sat.to_string();
        let mut opener = &self.taker;
        for (already, maker) in self.makers.iter().enumerate() {
            let to = lightning_address(maker);
            opener.cli(&["channel", "open", &to, &size, "--announced"]);
            self.bitcoind.wait_for_mempool(already + 1, FOUND_AGAIN);
            opener = maker;
        }
        // Six confirmations let the network be told of a channel.
        self.mine(6);
        let wanted = |maker: usize| if maker + 1 < self.makers.len() { 2 } else { 1 };
        wait_usable(&self.taker, 1);
        for (i, maker) in self.makers.iter().enumerate() {
            wait_usable(maker, wanted(i));
        }
    }

    /// Waits until every maker answers the taker, and a route to each is known.
    ///
    /// # Panics
    /// When one is not found in three minutes.
    #[track_caller]
    pub fn wait_quotes(&self) {
        let started = Instant::now();
        while let Err(seen) = self.ask_everybody() {
            assert!(
                started.elapsed() < QUOTES_WITHIN,
                "no quotes and routes from every maker after {QUOTES_WITHIN:?}; last seen: {seen}"
            );
            // A quote reserves what it is for until it expires: not too many.
            sleep(Duration::from_millis(300));
        }
    }

    fn ask_everybody(&self) -> Result<(), String> {
        let asked = self.taker.try_cli(&["quote", "out", "20000"]);
        let answer = asked.map_err(|error| error.output)?;
        let quotes = answer["quotes"].as_array().ok_or("no list")?;
        let known = |maker: usize| {
            let id = self.makers[maker].status()["node_id"].clone();
            let quote = quotes.iter().find(|quote| quote["maker"] == id);
            // Every hop between costs something.
            quote.is_some_and(|q| maker == 0 || q["routing_fee_sat"] != 0)
        };
        let all = (0..self.makers.len()).all(known);
        all.then_some(()).ok_or_else(|| answer.to_string())
    }
}

/// Whether the output waits for a block: it is in the mempool, or has fewer confirmations than this.
#[track_caller]
fn wants_a_block(chain: &Bitcoind, outpoint: OutPoint, confirmations: u32) -> bool {
    let output = chain.rpc("gettxout", json!([outpoint.txid, outpoint.vout]));
    let has = output.unwrap()["confirmations"].as_u64();
    // One that nobody knows of is on its way to the mempool again.
    has.is_some_and(|has| has < u64::from(confirmations))
}

fn folder(dir: &Path, name: &str) -> PathBuf {
    let path = dir.join(name);
    fs::create_dir_all(&path).expect("create a folder");
    path
}

/// Starts the maker's business at this price, or changes it.
///
/// # Panics
/// When the node refuses.
#[track_caller]
pub fn make(maker: &Node, price: Price, refund_delta: u32) {
    let flags = [
        ("--out-base", price.out_base),
        ("--out-ppm", u64::from(price.out_ppm)),
        ("--out-min", 20_000),
        ("--out-max", 4_000_000),
        ("--in-base", price.in_base),
        ("--in-ppm", u64::from(price.in_ppm)),
        ("--in-min", 20_000),
        ("--in-max", 4_000_000),
        ("--refund-delta", u64::from(refund_delta)),
    ];
    let mut args = vec!["maker".to_owned(), "set".to_owned()];
    for (name, value) in flags {
        args.extend([name.to_owned(), value.to_string()]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    maker.cli(&args);
    maker.cli(&["maker", "on"]);
}

/// Where a node's Lightning is reached: `pubkey@host:port`.
///
/// # Panics
/// When it does not listen.
#[track_caller]
pub fn lightning_address(node: &Node) -> String {
    let status = node.status();
    let id = status["node_id"].as_str().expect("a node id");
    let address = status["lightning_addresses"][0].as_str();
    let address = address.expect("a Lightning address");
    if address.contains('@') {
        address.to_owned()
    } else {
        format!("{id}@{address}")
    }
}

/// Where a node's marketplace is reached: multiaddresses that end in its peer id.
///
/// # Panics
/// When it does not listen.
#[track_caller]
pub fn p2p_addresses(node: &Node) -> Vec<String> {
    let status = node.status();
    let peer = status["peer_id"].as_str().expect("a peer id");
    let listed = status["p2p_addresses"].as_array().expect("addresses");
    let texts = listed.iter().filter_map(Value::as_str);
    let full = |address: &str| match address.contains("/p2p/") {
        true => address.to_owned(),
        false => format!("{address}/p2p/{peer}"),
    };
    let found: Vec<String> = texts.map(full).collect();
    assert!(!found.is_empty(), "{} does not listen", node.name());
    found
}

/// Waits until a node has so many channels it can send and receive by.
///
/// # Panics
/// When it has not after [`FOUND_AGAIN`].
#[track_caller]
pub fn wait_usable(node: &Node, channels: usize) {
    let what = format!("{channels} usable channels of {}", node.name());
    wait_for(&what, FOUND_AGAIN, || {
        let list = node.cli(&["channel", "list"]);
        let all = list["channels"].as_array().ok_or("no list")?;
        let usable = all.iter().filter(|channel| channel["usable"] == true);
        if usable.count() == channels {
            Ok(())
        } else {
            Err(list.to_string())
        }
    });
}
