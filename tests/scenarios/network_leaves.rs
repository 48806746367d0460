//! A maker that is stopped in good order takes its offer along, and brings it back.

use cambista_harness::wait::{secs, wait_for};
use cambista_harness::{Market, Node};

fn listed(taker: &Node) -> usize {
    let offers = taker.cli(&["offers"]);
    offers["offers"].as_array().unwrap().len()
}

#[test]
fn a_stopped_makers_offer_is_gone_from_the_takers_book_and_there_again_after_a_start() {
    let mut market = Market::direct(3);
    let at_first = listed(&market.taker);
    assert!(at_first > 0);
    market.makers[0].stop();
    wait_for("the offer to be withdrawn", secs(60), || {
        let left = listed(&market.taker);
        (left == 0).then_some(()).ok_or(left.to_string())
    });
    market.makers[0].restart();
    wait_for("the offer to be back", secs(60), || {
        let back = listed(&market.taker);
        (back == at_first).then_some(()).ok_or(back.to_string())
    });
}
