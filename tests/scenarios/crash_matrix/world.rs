//! A market of one taker and one maker that die at their points and are started again at once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bitcoin::{OutPoint, Txid};
use cambista_harness::failpoints::is;
use cambista_harness::market::USUAL;
use cambista_harness::swap::OnChain;
use cambista_harness::transaction::{
    Seen, paid_in_mempool, read_spend_in_mempool, spend_in_blocks, spend_in_mempool,
};
use cambista_harness::wait::{FOUND_AGAIN, secs};
use cambista_harness::{Change, Market, MarketOptions, Node, Purse, Taken, Way};
use serde_json::{Value, json};

/// A swap goes on within this when nobody dies any more.
const PATIENCE: Duration = FOUND_AGAIN;
const POLL: Duration = Duration::from_millis(20);
/// So deep a transaction is final.
pub(super) const REORG_DEPTH: u32 = 6;
/// Blocks after the agreement in which a funder may fund.
pub(super) const FUND_WINDOW: u32 = 6;
/// The shortest a swap can be on a test network (blocks).
pub(super) const REFUND_DELTA: u32 = 76;
/// What all nodes pay (sat/vB).
pub(super) const FEE_RATE: u32 = 3;

/// Who of the two, by what it is to the swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Payer,
    Funder,
}

impl Role {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Payer => "payer",
            Self::Funder => "funder",
        }
    }
}

/// The market, and who is kept from coming back.
pub(super) struct World {
    pub(super) market: Market,
    /// All swaps of it go this way.
    pub(super) way: Way,
    /// And their coins come from a wallet outside.
    pub(super) from_outside: bool,
    /// The maker's node id.
    maker: Value,
    /// Taker, maker: not started again when it dies.
    away: [bool; 2],
    /// What had fired before it was armed once more.
    history: BTreeSet<String>,
    kills: u32,
}

/// A swap under way, and what both sides had before it.
pub(super) struct Case {
    pub(super) taken: Taken,
    pub(super) before: [Purse; 2],
}

impl World {
    pub(super) fn start(way: Way) -> Self {
        Self::start_with(way, REFUND_DELTA, false)
    }

    /// Of an `in` from a wallet outside, for which makers want more time.
    pub(super) fn start_from_outside() -> Self {
        Self::start_with(Way::In, 144, true)
    }

    fn start_with(way: Way, refund_delta: u32, from_outside: bool) -> Self {
        let mut options = MarketOptions::new(FEE_RATE, &[USUAL]);
        options.refund_delta = refund_delta;
        options.failpoints = true;
        let market = Market::start(&options);
        if from_outside {
            market.makers[0].cli(&["maker", "set", "--external-ppm", "500"]);
        }
        let maker = market.makers[0].status()["node_id"].clone();
        Self {
            market,
            way,
            from_outside,
            maker,
            away: [false; 2],
            history: BTreeSet::new(),
            kills: 0,
        }
    }

    /// Taker or maker.
    fn index(&self, role: Role) -> usize {
        let taker = match self.way {
            Way::Out => Role::Payer,
            Way::In => Role::Funder,
        };
        usize::from(role != taker)
    }

    pub(super) fn nodes(&self) -> [&Node; 2] {
        [&self.market.taker, &self.market.makers[0]]
    }

    pub(super) fn node(&self, role: Role) -> &Node {
        self.nodes()[self.index(role)]
    }

    fn at(&mut self, index: usize) -> &mut Node {
        match index {
            0 => &mut self.market.taker,
            _ => &mut self.market.makers[0],
        }
    }

    /// The name of a point of this side.
    pub(super) fn point(&self, role: Role, rest: &str) -> String {
        format!("{} {} {rest}", self.way.word(), role.word())
    }

    /// Every node dies at every point of this market's swaps that has not fired.
    pub(super) fn arm_all(&self) {
        let way = format!("{} ", self.way.word());
        for node in self.nodes() {
            node.failpoints().arm(&[way.as_str(), "node "]);
        }
    }

    /// One side dies at this one point, even if it has before, and stays away.
    pub(super) fn aim(&mut self, role: Role, rest: &str) {
        let point = self.point(role, rest);
        let index = self.index(role);
        self.away[index] = true;
        let again = self.node(role).failpoints().forget(&point);
        self.history.extend(again);
        self.node(role).failpoints().arm(&[point.as_str()]);
    }

    /// Kills one side, whatever it does, and keeps it away.
    pub(super) fn take_away(&mut self, role: Role) {
        let index = self.index(role);
        self.away[index] = true;
        self.revive();
        if self.at(index).is_running() {
            self.at(index).kill9();
        }
    }

    /// It may come back.
    pub(super) fn bring_back(&mut self, role: Role) {
        let index = self.index(role);
        self.away[index] = false;
    }

    /// Waits until a side that stays away has died.
    pub(super) fn wait_gone(&mut self, role: Role) {
        let index = self.index(role);
        let what = format!("the {} to die", role.word());
        self.wait(&what, |world| {
            let gone = !world.nodes()[index].is_running();
            gone.then_some(()).ok_or_else(|| "it lives".to_owned())
        });
    }

    /// Starts whoever died and is not kept away.
    fn revive(&mut self) {
        for index in [0, 1] {
            if self.at(index).fell() {
                self.kills += 1;
            }
            if !self.at(index).is_running() && !self.away[index] {
                self.at(index).launch();
            }
        }
    }

    /// Asks again and again, while nodes die and come back. Every death takes its time: what is waited for is due after the last.
    pub(super) fn wait<T>(
        &mut self,
        what: &str,
        mut probe: impl FnMut(&Self) -> Result<T, String>,
    ) -> T {
        let (mut since, mut deaths) = (Instant::now(), self.kills);
        loop {
            self.revive();
            if self.kills != deaths {
                (since, deaths) = (Instant::now(), self.kills);
            }
            match probe(self) {
                Ok(value) => return value,
                Err(seen) if since.elapsed() > PATIENCE => {
                    panic!("waited {PATIENCE:?} for {what}; last seen: {seen}")
                }
                Err(_) => std::thread::sleep(POLL),
            }
        }
    }

    /// Waits until everybody who is to be here has taken in the tip.
    pub(super) fn sync(&mut self) {
        let height = self.market.bitcoind.height();
        self.wait(&format!("everybody at height {height}"), |world| {
            for (node, away) in world.nodes().into_iter().zip(world.away) {
                let seen = match away {
                    true => continue,
                    false => node.api().get("/status")?["height"].clone(),
                };
                if seen != height {
                    return Err(format!("{}: {seen}", node.name()));
                }
            }
            Ok(())
        });
    }

    /// Mines blocks one by one.
    pub(super) fn mine(&mut self, blocks: u32) {
        for _ in 0..blocks {
            self.market.bitcoind.mine(1);
            self.sync();
        }
    }

    /// Mines blocks that leave the mempool where it is.
    pub(super) fn mine_empty(&mut self, blocks: u32) {
        for _ in 0..blocks {
            self.market.bitcoind.mine_only(&[]);
            self.sync();
        }
    }

    pub(super) fn mine_empty_to(&mut self, height: u32) {
        let height = height.saturating_sub(self.market.bitcoind.height());
        self.mine_empty(height);
    }

    pub(super) fn mine_to(&mut self, height: u32) {
        let height = height.saturating_sub(self.market.bitcoind.height());
        self.mine(height);
    }

    /// Nobody dies any more; both sides are up and have read the chain.
    pub(super) fn settle(&mut self) {
        for node in self.nodes() {
            node.failpoints().arm(&[]);
        }
        self.away = [false; 2];
        self.sync();
    }

    /// What both sides have. To be asked when nobody dies.
    fn purses(&self) -> [Purse; 2] {
        self.nodes()
            .map(|node| Purse::of(node, &self.market.bitcoind))
    }

    /// Begins a swap. With `aimed`, only this side dies, at this point; else everybody does everywhere.
    pub(super) fn begin(&mut self, amount: u64, aimed: Option<(Role, &str)>) -> Case {
        self.settle();
        let before = self.purses();
        match aimed {
            Some((role, rest)) => self.aim(role, rest),
            None => self.arm_all(),
        }
        let taken = self.take(amount);
        Case { taken, before }
    }

    /// Takes a swap, while both sides may die.
    pub(super) fn take(&mut self, amount: u64) -> Taken {
        // A side that died before it stored the swap has none, and the other side's comes to nothing.
        for _ in 0..12 {
            if let Some(taken) = self.try_take(amount) {
                return taken;
            }
        }
        panic!("no swap came about");
    }

    /// Takes a quote. None if the swap is not known on both sides afterwards.
    fn try_take(&mut self, amount: u64) -> Option<Taken> {
        // By name: left to itself, the taker leaves a maker alone for a while that died before it stored a swap.
        let ask = json!({
            "direction": self.way.word(),
            "amount_sat": amount,
            "external": self.from_outside,
            "maker": self.maker,
        });
        let known = self.wait("the taker's swaps", |world| hashes(world.nodes()[0]));
        let quote = self.wait("a quote", |world| {
            let answer = world.nodes()[0].api().post("/quotes", &ask)?;
            let quote = answer["quotes"][0].clone();
            match quote.is_object() {
                true => Ok(quote),
                false => {
                    // Not too many: each quote reserves what it is for.
                    std::thread::sleep(secs(1) / 3);
                    Err(answer.to_string())
                }
            }
        });
        let order = json!({ "quote_id": quote["id"] });
        let answer = self.nodes()[0].api().post("/orders", &order);
        // Whether it was stored is seen when everybody is up again.
        let new = self.wait("the swap on both sides or not", |world| {
            let taker = swaps(world.nodes()[0])?;
            let new = taker.into_iter().find(|swap| {
                let hash = swap["payment_hash"].as_str().unwrap_or_default();
                !known.contains(hash) && swap["ended"] == false
            });
            let Some(new) = new else { return Ok(None) };
            // A maker that stays away was there to agree.
            if !world.nodes()[1].is_running() && world.away[1] {
                return Ok(Some(new));
            }
            let hash = new["payment_hash"].as_str().unwrap_or_default();
            let there = hashes(world.nodes()[1])?.contains(hash);
            Ok(there.then_some(new))
        });
        let new = new.or_else(|| {
            println!("  not begun: {answer:?}");
            None
        })?;
        Some(Taken::from_json(&json!({ "quote": quote, "swap": new })))
    }

    /// Calls a swap off at one side, until it says that it is.
    pub(super) fn cancel(&mut self, role: Role, taken: &Taken) {
        self.wait("the swap to be called off", |world| {
            let node = world.node(role);
            let id = seen(node, taken)?["id"].as_str().unwrap().to_owned();
            let answer = node.api().post(&format!("/swaps/{id}/cancel"), &json!({}));
            match answer {
                Err(why) if why.contains("being undone") || why.contains("has ended") => Ok(()),
                other => other.map(drop),
            }
        });
    }

    /// Waits until the contract's funding is in the mempool.
    pub(super) fn wait_funding(&mut self, taken: &Taken) -> (OutPoint, Seen) {
        self.wait("the funding in the mempool", |world| {
            let chain = &world.market.bitcoind;
            paid_in_mempool(chain, &taken.script, taken.quote.amount_sat)
        })
    }

    /// Waits until something in the mempool spends this output, other than `than`.
    pub(super) fn wait_spend(&mut self, outpoint: OutPoint, than: Option<Txid>) -> Seen {
        self.wait("a spend in the mempool", |world| {
            let seen = read_spend_in_mempool(&world.market.bitcoind, outpoint)?;
            (Some(seen.txid) != than)
                .then_some(seen)
                .ok_or_else(|| "that one".to_owned())
        })
    }

    /// Mines until what spends this output is in a block: both of its transactions as they are there.
    pub(super) fn mine_until_spent(&mut self, outpoint: OutPoint) -> OnChain {
        let spend = self.mine_until_spent_in(outpoint);
        OnChain {
            outpoint,
            funding: Seen::read(&self.market.bitcoind, outpoint.txid),
            spend,
        }
    }

    /// Mines until what spends this output is in a block.
    pub(super) fn mine_until_spent_in(&mut self, outpoint: OutPoint) -> Seen {
        for _ in 0..8 {
            let spent = self.wait("a spend in the mempool or in a block", |world| {
                let chain = &world.market.bitcoind;
                let waits = spend_in_mempool(chain, outpoint).is_some();
                match spend_in_blocks(chain, outpoint, 10) {
                    None if !waits => Err(format!("none at height {}", chain.height())),
                    spent => Ok(spent),
                }
            });
            match spent {
                Some(spent) => return spent,
                None => self.mine(1),
            }
        }
        panic!("{outpoint} was not spent");
    }

    /// Waits until both sides say that the swap ended so.
    pub(super) fn wait_ended(&mut self, taken: &Taken, outcome: &str) {
        self.wait(&format!("the swap to end as {outcome}"), |world| {
            for node in world.nodes() {
                let swap = seen(node, taken)?;
                if swap["outcome"] != outcome {
                    return Err(format!("{}: {swap}", node.name()));
                }
            }
            Ok(())
        });
    }

    /// Waits until a point has fired, in this swap or before.
    pub(super) fn wait_fired(&mut self, role: Role, rest: &str) {
        let point = self.point(role, rest);
        self.wait_passed(role, &point);
    }

    /// The same for a point by its whole name.
    pub(super) fn wait_passed(&mut self, role: Role, point: &str) {
        self.wait(&format!("`{point}`"), |world| {
            let fired = world.node(role).failpoints().has_fired(point)
                || world.history.iter().any(|line| is(line, point));
            fired.then_some(()).ok_or_else(|| "not yet".to_owned())
        });
    }

    /// Nobody dies any more; both sides have exactly what they should.
    pub(super) fn assert_changes(&mut self, case: &Case, payer: Change, funder: Change) {
        self.settle();
        let mut changes = [Change::default(); 2];
        changes[self.index(Role::Payer)] = payer;
        changes[self.index(Role::Funder)] = funder;
        for ((node, before), change) in self.nodes().into_iter().zip(&case.before).zip(changes) {
            before.assert_changed(node, &self.market.bitcoind, change);
        }
        // Swaps only one side knew come to nothing.
        for node in self.nodes() {
            for swap in swaps(node).unwrap() {
                let fair = swap["ended"] == false || swap["outcome"] != "lost";
                assert!(fair, "{swap}");
            }
        }
    }

    /// What this side pays from now on (sat/vB). It is away, or restarted for it.
    pub(super) fn set_fee_rate(&mut self, role: Role, sat_per_vb: u32) {
        let index = self.index(role);
        if self.at(index).is_running() {
            self.at(index).stop();
        }
        self.at(index).set_fee_rate(sat_per_vb);
    }

    /// What fired in this market, with the details, and how often somebody died.
    pub(super) fn fired(&self) -> (BTreeSet<String>, u32) {
        let mut fired = self.history.clone();
        for node in self.nodes() {
            fired.extend(node.failpoints().fired());
        }
        (fired, self.kills)
    }
}

/// The swap as a node has it.
///
/// # Errors
/// While it does not answer.
pub(super) fn seen(node: &Node, taken: &Taken) -> Result<Value, String> {
    let all = swaps(node)?;
    let found = all
        .into_iter()
        .find(|swap| swap["payment_hash"] == taken.payment_hash.as_str());
    found.ok_or_else(|| format!("{} does not know the swap", node.name()))
}

fn swaps(node: &Node) -> Result<Vec<Value>, String> {
    let list = node.api().get("/swaps")?;
    Ok(list["swaps"].as_array().cloned().unwrap_or_default())
}

fn hashes(node: &Node) -> Result<BTreeSet<String>, String> {
    let all = swaps(node)?;
    Ok(all
        .iter()
        .filter_map(|swap| swap["payment_hash"].as_str().map(str::to_owned))
        .collect())
}
