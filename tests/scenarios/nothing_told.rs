//! A node that prints all it can still prints none of its secrets: every node's log is looked through at its end.

use cambista_harness::{Market, Taken, Way};

#[test]
fn a_swap_each_way_is_traced_without_a_secret() {
    let mut market = Market::direct(3);
    for node in [&mut market.taker, &mut market.makers[0]] {
        node.stop();
        node.set_log("trace");
        node.restart();
    }
    market.sync();
    market.wait_quotes();
    for (way, amount) in [(Way::Out, 500_000), (Way::In, 250_000)] {
        let taken = Taken::take(&market.taker, way, amount, &[]);
        market.confirm_and_claim(&taken);
        market.mine(5);
        for node in market.running() {
            taken.assert_outcome(node, "done");
        }
    }
    for node in market.running() {
        node.assert_key_is_looked_for();
        let log = node.log();
        for traced in ["TRACE ldk", "TRACE libp2p"] {
            assert!(log.contains(traced), "{} traces no {traced}", node.name());
        }
    }
}
