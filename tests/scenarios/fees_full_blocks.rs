//! Blocks are full, and strangers pay more: miners take what pays most of a mempool that holds many blocks. What the node sends
//! gets in by bidding, in time.

use cambista_harness::market::USUAL;
use cambista_harness::transaction::{spend_in_blocks, spend_in_mempool};
use cambista_harness::{Auction, Filler, Market, MarketOptions, Taken, Way};

use crate::REVEAL_MARGIN;
use crate::fees_spike::amount;
use crate::taker_killed::{finish, make_room, purses};

/// The largest block a miner makes here (weight units): ten thousand virtual bytes.
const BLOCK: &str = "-blockmaxweight=40000";
/// Strangers' transactions that fit into one, of some 400 vB each.
const PER_BLOCK: u64 = 25;
const SIZE: u64 = 400;
/// What strangers pay at least, and by how much others pay more (sat/vB). More than five times what a maker charges for.
const LEAST: u64 = 40;
const SPREAD: u64 = 40;
/// So many blocks' worth of them wait at any time.
const WAITING: u64 = 3;

#[test]
fn a_takers_sweep_gets_into_full_blocks() {
    gets_in(Way::Out);
}

/// Within what it charged for it does not: it bids more when time runs out.
#[test]
fn a_makers_sweep_gets_into_full_blocks_in_time() {
    gets_in(Way::In);
}

fn gets_in(way: Way) {
    let mut options = MarketOptions::new(0, &[USUAL]);
    options.refund_delta = 76;
    options.bitcoind_args = vec![BLOCK.to_owned()];
    let market = Market::start(&options);
    if way == Way::In {
        make_room(&market);
    }
    let chain = &market.bitcoind;
    let mut strangers = Strangers {
        filler: Filler::new(chain, 1_800, 1_000_000),
        sent: 0,
    };
    market.sync();
    let before = purses(&market);
    let taken = match way {
        Way::Out => {
            let more = ["--max-miner-fee", "60000"];
            Taken::take(&market.taker, way, amount(way), &more)
        }
        Way::In => Taken::take(&market.taker, way, amount(way), &[]),
    };
    let (outpoint, _) = taken.wait_funding(chain);
    market.mine(taken.quote.confirmations);
    let first = taken.wait_spend(chain, outpoint);
    let mut sweep = Auction::of(outpoint);

    let last = match way {
        Way::Out => taken.refund_height - REVEAL_MARGIN,
        Way::In => taken.refund_height - REVEAL_MARGIN / 2,
    };
    strangers.send(chain, WAITING * PER_BLOCK);
    let mut passed_by = 0;
    let paid = loop {
        // Every bid on the way replaces the one before by the rules.
        sweep.look(chain);
        strangers.send(chain, PER_BLOCK);
        market.mine(1);
        if let Some(paid) = spend_in_blocks(chain, outpoint, 1) {
            break paid;
        }
        passed_by += 1;
        let height = chain.height();
        assert!(height < last, "not in at {height}");
        assert!(spend_in_mempool(chain, outpoint).is_some(), "at {height}");
    };
    println!(
        "{passed_by} blocks passed it by, {} bids; {} sat for {} vB got in",
        sweep.bids().len(),
        paid.fee_sat,
        paid.vsize
    );
    assert!(
        passed_by > 0 && paid.txid != first.txid,
        "blocks were not full"
    );
    assert!(paid.fee_sat > LEAST * paid.vsize, "{paid:?}");
    if way == Way::In {
        assert!(chain.height() > taken.refund_height - REVEAL_MARGIN);
    }
    finish(&market, &taken, outpoint, &before);
}

/// Those who pay more.
struct Strangers {
    filler: Filler,
    sent: u64,
}

impl Strangers {
    /// So many more of them, at rates all over the range.
    fn send(&mut self, chain: &cambista_harness::Bitcoind, n: u64) {
        for _ in 0..n {
            self.sent += 1;
            let rate = LEAST + self.sent * 17 % SPREAD;
            self.filler.send(chain, rate, SIZE);
        }
    }
}
