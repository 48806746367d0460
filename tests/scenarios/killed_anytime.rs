//! Nodes are killed at any moment of a swap, and no channel is closed for it: both sides end with what the swap gives.
//! Then the same under load: swaps both ways with two makers, and any of the nodes killed again and again among them.
//!
//! `CAMBISTA_KILLS` makes it more kills, of each kind. `CAMBISTA_SEED` makes the same moments of it again.

use std::thread::sleep;
use std::time::{Duration, SystemTime};

use bitcoin::OutPoint;
use cambista_harness::market::USUAL;
use cambista_harness::transaction::paid_in_mempool;
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Change, Market, MarketOptions, Taken, Way};

use crate::load::Load;
use crate::taker_killed::{finish, purses};

const KILLS: u32 = 6;
/// So often nodes are killed while the same swaps are under way.
const STEPS: u32 = 5;
/// Everything a moment of the swap sets off is over by then (milliseconds).
const LONGEST: u64 = 250;

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victims {
    Taker,
    Maker,
    Both,
}

/// From which moment of the swap on the time is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    /// It has begun: payment, hold, funding.
    Begun,
    /// Its last confirmation: reveal, claim, settlement.
    Confirmed,
}

#[derive(Clone, Copy, Debug)]
struct Kill {
    way: Way,
    victims: Victims,
    from: From,
    after: Duration,
}

impl Kill {
    /// Every mixture of the others comes once in twelve; the moment is left to chance.
    fn new(number: u32, chance: &mut Chance) -> Self {
        Self {
            way: if (number / 2).is_multiple_of(2) {
                Way::Out
            } else {
                Way::In
            },
            victims: match number / 2 % 3 {
                0 => Victims::Taker,
                1 => Victims::Maker,
                _ => Victims::Both,
            },
            from: if number.is_multiple_of(2) {
                From::Begun
            } else {
                From::Confirmed
            },
            after: Duration::from_millis(chance.early(LONGEST)),
        }
    }

    /// Less comes back than has gone out, so that there is always something to come back.
    fn amount(&self) -> u64 {
        match self.way {
            Way::Out => 100_000,
            Way::In => 60_000,
        }
    }
}

#[test]
fn kills_at_any_moment_close_no_channel() {
    let kills = wanted_kills();
    let mut market = Market::direct(3);
    let mut chance = Chance::new();
    for number in 0..kills {
        let kill = Kill::new(number, &mut chance);
        println!("{number}: {kill:?}");
        survive(&mut market, kill);
    }
}

fn wanted_kills() -> u32 {
    std::env::var("CAMBISTA_KILLS").map_or(KILLS, |kills| kills.parse().unwrap())
}

/// The second maker is reached through the first, so a kill also breaks off what a node only passes on.
#[test]
fn kills_under_load_close_no_channel() {
    let wanted = wanted_kills();
    let mut market = Market::start(&MarketOptions::new(3, &[USUAL, USUAL]));
    make_room_with_both(&market);
    let mut chance = Chance::new();
    let (mut kills, mut taken, mut done) = (0, 0, 0);
    while kills < wanted {
        let mut load = Load::new(&market);
        for _ in 0..STEPS {
            take_some(&market, &mut load, &mut chance);
            if chance.up_to(2) == 0 {
                market.bitcoind.mine(1);
            }
            sleep(Duration::from_millis(chance.early(LONGEST)));
            kills += kill_some(&mut market, &mut chance);
        }
        let through = load.settle(&market);
        taken += load.swaps().count();
        done += through;
        println!("{kills} kills, {taken} swaps taken, {done} of them went through");
    }
    assert!(done > 0, "no swap came of it");
}

/// So that every maker can pay the taker.
fn make_room_with_both(market: &Market) {
    let mut load = Load::new(market);
    for maker in 0..market.makers.len() {
        load.take(market, Way::Out, 600_000, maker);
    }
    assert_eq!(load.settle(market), market.makers.len());
}

/// A few swaps, once everybody is found again; as much comes back as goes out, by and large.
fn take_some(market: &Market, load: &mut Load, chance: &mut Chance) {
    wait_for_a_quote(market, Way::Out, 20_000);
    for _ in 0..=chance.up_to(2) {
        let way = if chance.up_to(1) == 0 {
            Way::Out
        } else {
            Way::In
        };
        let maker = usize::try_from(chance.up_to(1)).unwrap();
        load.take(market, way, 20_000 + chance.up_to(40_000), maker);
    }
}

/// Of whichever maker: one that was killed together with the node the taker asks for offers may stay unknown to it until
/// it announces its offer again.
fn wait_for_a_quote(market: &Market, way: Way, amount: u64) {
    wait_for("a quote", FOUND_AGAIN, || {
        let ask = ["quote", way.word(), &amount.to_string()];
        let asked = market.taker.try_cli(&ask);
        asked.map(|_| ()).map_err(|error| error.output)
    });
}

/// Kills one node at least, any of them, and starts what was killed again. How many these were.
fn kill_some(market: &mut Market, chance: &mut Chance) -> u32 {
    let chosen = 1 + chance.up_to(6);
    let is_chosen = |place: u32| chosen & (1 << place) != 0;
    let nodes = std::iter::once(&mut market.taker).chain(&mut market.makers);
    let mut down: Vec<_> = (0_u32..)
        .zip(nodes)
        .filter(|(place, _)| is_chosen(*place))
        .map(|(_, node)| node)
        .collect();
    down.iter_mut().for_each(|node| node.kill9());
    down.iter_mut().for_each(|node| node.restart());
    u32::try_from(down.len()).unwrap()
}

/// Balances are compared channel by channel: one that was closed does not compare.
fn survive(market: &mut Market, kill: Kill) {
    // Who was killed last may not have found the other again.
    wait_for_a_quote(market, kill.way, kill.amount());
    let before = purses(market);
    let taken = Taken::take(&market.taker, kill.way, kill.amount(), &[]);
    let outpoint = match kill.from {
        From::Begun => {
            sleep(kill.after);
            kill_and_restart(market, kill.victims);
            funded_or_over(market, &taken)
        }
        From::Confirmed => {
            let (outpoint, _) = taken.wait_funding(&market.bitcoind);
            market.mine(taken.quote.confirmations - 1);
            market.bitcoind.mine(1);
            sleep(kill.after);
            kill_and_restart(market, kill.victims);
            Some(outpoint)
        }
    };
    match outpoint {
        Some(outpoint) => finish(market, &taken, outpoint, &before),
        None => {
            for (purse, node) in before.iter().zip([&market.taker, &market.makers[0]]) {
                purse.assert_changed(node, &market.bitcoind, Change::default());
            }
        }
    }
}

fn kill_and_restart(market: &mut Market, victims: Victims) {
    let (taker, maker) = (victims != Victims::Maker, victims != Victims::Taker);
    if taker {
        market.taker.kill9();
    }
    if maker {
        market.makers[0].kill9();
    }
    if taker {
        market.taker.restart();
    }
    if maker {
        market.makers[0].restart();
    }
}

/// The contract's output as soon as there is one; none when both sides have given the swap up before.
fn funded_or_over(market: &Market, taken: &Taken) -> Option<OutPoint> {
    wait_for("the swap to be funded or given up", FOUND_AGAIN, || {
        if let Ok((outpoint, _)) =
            paid_in_mempool(&market.bitcoind, &taken.script, taken.quote.amount_sat)
        {
            return Ok(Some(outpoint));
        }
        let views = [&market.taker, &market.makers[0]].map(|node| taken.seen_by(node));
        if views.iter().all(|view| view["ended"] == true) {
            return Ok(None);
        }
        Err(format!("{views:?}"))
    })
}

/// Moments that differ from run to run; what they come from is printed.
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        let chosen = std::env::var("CAMBISTA_SEED").ok();
        let seed = chosen.map_or_else(any_seed, |seed| seed.parse().unwrap());
        println!("CAMBISTA_SEED={seed}");
        Self(seed)
    }

    fn up_to(&mut self, longest: u64) -> u64 {
        // A linear congruential step; its upper half is random enough.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % (longest + 1)
    }

    /// Early moments more often: most happens there.
    fn early(&mut self, longest: u64) -> u64 {
        let longest = self.up_to(longest);
        self.up_to(longest)
    }
}

fn any_seed() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(1, |now| u64::from(now.subsec_nanos()))
}
