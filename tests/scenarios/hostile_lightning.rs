//! Lightning itself is used against a swap: the channel is closed by force under payments that are held, and held payments
//! come to the height at which Lightning gives them back by itself.

mod closing;
mod deadline;
mod deadline_closed;
mod deadline_in;
mod fees;
mod held_closed;
mod second_htlc;

use cambista_harness::swap::signed;
use cambista_harness::transaction::Path;
use cambista_harness::wait::secs;
use cambista_harness::{Market, Node, Taken, Way};

use closing::Closing;

/// A payment on the chain is final so deep.
const BURIED: u32 = 6;
/// Well before any deadline (blocks).
const MOST: u32 = 30;

/// The sides of a swap by what they do on Lightning.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Pays.
    Payer,
    /// Holds what was paid, and has funded the contract.
    Holder,
}

#[test]
fn an_outs_taker_closes_the_channel_while_the_maker_is_away() {
    closed_under_held_payments(Way::Out, Side::Payer);
}

#[test]
fn an_outs_maker_closes_the_channel() {
    closed_under_held_payments(Way::Out, Side::Holder);
}

#[test]
fn an_ins_maker_closes_the_channel_while_the_taker_is_away() {
    closed_under_held_payments(Way::In, Side::Payer);
}

#[test]
fn an_ins_taker_closes_the_channel() {
    closed_under_held_payments(Way::In, Side::Holder);
}

/// Two swaps are paid and funded, nothing of them is in a block, and the channel is closed. One goes on: its holder takes the
/// payment on the chain, with the R it was told, or, back from being away, with the R it finds in a block. The other one is
/// called off: its coins go back to the holder, its payment to the payer once its time lock has ended, and its prepay, where
/// there is one, stays with the holder that has funded.
fn closed_under_held_payments(way: Way, closer: Side) {
    let mut market = Market::direct(3);
    let makers = match way {
        Way::Out => 0,
        Way::In => make_room(&market),
    };
    let closing = Closing::of(&market, makers);
    let goes_on = Taken::take(&market.taker, way, 200_000, &[]);
    let ends = Taken::take(&market.taker, way, 100_000, &[]);
    let (output, _) = goes_on.wait_funding(&market.bitcoind);
    let (other, _) = ends.wait_funding(&market.bitcoind);

    let away = closer == Side::Payer;
    if away {
        node_mut(&mut market, way, Side::Holder).kill9();
    }
    closing.force(node(&market, way, closer), &market.bitcoind);
    let payer = node(&market, way, Side::Payer);
    let id = ends.seen_by(payer)["id"].clone();
    payer.cli(&["cancel", id.as_str().unwrap(), "--yes"]);

    market.mine(goes_on.quote.confirmations);
    goes_on.wait_revealed(node(&market, way, Side::Payer));
    // No faster than the two sides do what is theirs to do.
    let claim = market.mine_until_spent(output, MOST, secs(5));
    if away {
        assert_eq!(claim.path(output), Path::Claim, "R was told to nobody");
        node_mut(&mut market, way, Side::Holder).restart();
    }
    market.sync();
    let back = market.mine_until_spent(other, MOST, secs(60));
    assert_eq!(back.path(other), Path::Key, "the payer's key came at once");

    closing.mine_until_returned(&market);
    for node in [&market.taker, &market.makers[0]] {
        goes_on.assert_outcome(node, "done");
        ends.assert_outcome(node, called_off(way));
    }
    // A taker that calls a funded swap off leaves the maker its prepay; an `in` has none.
    let gained = goes_on.quote.maker_fee_sat + signed(ends.quote.prepay_sat);
    closing.assert_returned(&market, [-gained, gained]);
}

const fn called_off(way: Way) -> &'static str {
    match way {
        Way::Out => "prepay_kept",
        Way::In => "taken_back",
    }
}

/// Pays the maker by an `out`, so that it can pay the taker; says what it has in the channel then (sat).
fn make_room(market: &Market) -> i64 {
    let room = Taken::take(&market.taker, Way::Out, 500_000, &[]);
    market.confirm_and_claim(&room);
    market.mine(BURIED - 1);
    for node in [&market.taker, &market.makers[0]] {
        room.assert_outcome(node, "done");
    }
    signed(room.quote.amount_sat) + room.quote.maker_fee_sat
}

/// Who has this part in a taker's swap of this way.
fn node(market: &Market, way: Way, side: Side) -> &Node {
    match (way, side) {
        (Way::Out, Side::Payer) | (Way::In, Side::Holder) => &market.taker,
        (Way::Out, Side::Holder) | (Way::In, Side::Payer) => &market.makers[0],
    }
}

fn node_mut(market: &mut Market, way: Way, side: Side) -> &mut Node {
    match (way, side) {
        (Way::Out, Side::Payer) | (Way::In, Side::Holder) => &mut market.taker,
        (Way::Out, Side::Holder) | (Way::In, Side::Payer) => &mut market.makers[0],
    }
}
