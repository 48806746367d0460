//! An honest taker whose only maker is hostile.

use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Bitcoind, Node, NodeOptions};
use cambista_protocol::words::Direction;

use super::in_maker::InMaker;
use super::maker::Maker;
use super::wire::Wire;
use super::{Own, blocks};

/// What goes into the only channel (sat).
pub(super) const CHANNEL: u64 = 5_000_000;
/// What of a channel that the maker opens is the taker's (sat).
pub(crate) const PUSHED: u64 = 1_000_000;
/// Coins of who takes an `in`, and the value of each (sat).
const COINS: (usize, u64) = (8, 300_000);

/// What every hostile maker has.
pub(crate) trait Hostile {
    /// Its Lightning node.
    fn own(&self) -> &Own;
    /// What it speaks with.
    fn wire(&self) -> &Wire;
    /// What it offers now, as gossip carries it.
    fn offer(&self) -> Vec<u8>;
}

/// An honest taker whose only maker is this one.
pub(crate) struct Prey<M = Maker> {
    pub(crate) taker: Node,
    pub(crate) maker: M,
    pub(crate) bitcoind: Bitcoind,
}

impl Prey<Maker> {
    /// Starts both for an `out`, with a channel from the taker to the maker.
    pub(crate) fn start(bitcoind_args: &[&str]) -> Self {
        Self::start_with(bitcoind_args, false)
    }

    /// The same, the taker with failpoints or without.
    pub(crate) fn start_with(bitcoind_args: &[&str], failpoints: bool) -> Self {
        let coins = [CHANNEL + 1_000_000];
        let prey = Self::begin(bitcoind_args, Maker::start, &coins, failpoints);
        prey.sync();
        let to = prey.maker.own.lightning_address();
        let size = CHANNEL.to_string();
        prey.taker.cli(&["channel", "open", &to, &size]);
        prey.ready(Direction::Out);
        prey
    }
}

impl Prey<InMaker> {
    /// Starts both for an `in`, with a channel from the maker to the taker.
    pub(crate) fn start_in() -> Self {
        Self::start_in_with(false)
    }

    /// The same, the taker with failpoints or without.
    pub(crate) fn start_in_with(failpoints: bool) -> Self {
        let coins = vec![COINS.1; COINS.0];
        let prey = Self::begin(&[], InMaker::start, &coins, failpoints);
        let own = prey.maker.own();
        let coin = own.lightning().wallet().new_address().unwrap();
        prey.bitcoind.fund_address(coin, CHANNEL + 100_000);
        prey.bitcoind.mine(1);
        prey.sync();
        own.open_channel(&prey.taker, CHANNEL, PUSHED);
        prey.ready(Direction::In);
        prey
    }
}

impl<M: Hostile> Prey<M> {
    /// Both, and a taker with these coins.
    fn begin(
        bitcoind_args: &[&str],
        start: impl FnOnce(&Bitcoind) -> M,
        coins: &[u64],
        failpoints: bool,
    ) -> Self {
        let bitcoind = Bitcoind::start(bitcoind_args);
        bitcoind.mine(120);
        let maker = start(&bitcoind);
        let options = NodeOptions {
            bootstrap: vec![maker.wire().address.clone()],
            failpoints,
            ..NodeOptions::default()
        };
        let taker = Node::start("taker", &bitcoind, &options);
        for sat in coins {
            let address = taker.cli(&["wallet", "address"]);
            bitcoind.fund_address(address["address"].as_str().unwrap(), *sat);
        }
        bitcoind.mine(1);
        Self {
            taker,
            maker,
            bitcoind,
        }
    }

    /// Waits for the channel that is being opened, and for the offer.
    fn ready(&self, way: Direction) {
        self.bitcoind.wait_for_mempool(1, FOUND_AGAIN);
        self.mine(6);
        self.maker.own().wait_channels(&self.taker, 1);
        wait_for("the offer at the taker", FOUND_AGAIN, || {
            let quotes = self.taker.try_cli(&["quote", &way.to_string(), "50000"]);
            let quotes = quotes.map_err(|error| error.output)?;
            match quotes["quotes"].as_array().is_some_and(|q| !q.is_empty()) {
                true => Ok(()),
                false => Err(quotes.to_string()),
            }
        });
    }

    /// Mines `n` blocks that both take in one by one.
    pub(crate) fn mine(&self, n: u32) {
        blocks::one_by_one(&self.bitcoind, n, || self.sync());
    }

    /// Mines until the chain has this height, some blocks at once.
    pub(crate) fn mine_to_height(&self, height: u32) {
        blocks::to_height(&self.bitcoind, height, || self.sync());
    }

    /// Waits until both have seen the tip.
    pub(crate) fn sync(&self) {
        if self.taker.is_running() {
            self.taker.wait_height(self.bitcoind.height());
        }
        self.maker.own().catch_up(&self.bitcoind);
    }
}
