//! Amounts and addresses.

use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Change, Market, Node, Purse};

use serde_json::{Value, json};

use super::{REFUSED, USAGE, assert_says, fails};

#[test]
fn amounts_and_addresses_that_cannot_be_meant_move_nothing() {
    let market = Market::direct(3);
    let (taker, maker, chain) = (&market.taker, &market.makers[0], &market.bitcoind);
    let before = [taker, maker].map(|node| Purse::of(node, chain));

    for way in ["out", "in"] {
        // No amount, dust, too little for the chain's fees, more than the maker takes, than the channel holds, than there is.
        for (amount, code, says) in [
            ("0", USAGE, "sat"),
            ("-1", USAGE, "'-1'"),
            ("1.5", USAGE, "1.5"),
            ("1e6", USAGE, "1e6"),
            ("99999999999999999999", USAGE, "99999999999999999999"),
            ("2100000000000001", USAGE, "cannot be swapped"),
            ("100", REFUSED, "100 sat"),
            ("1000", REFUSED, "1000 sat"),
            ("4000001", REFUSED, "4000001 sat"),
            ("2100000000000000", REFUSED, "2100000000000000 sat"),
        ] {
            let said = refused(taker, &[way, amount, "--yes"], code);
            assert_says(&said, &[says]);
        }
    }
    // The maker would, the channel cannot.
    maker.cli(&[
        "maker",
        "set",
        "--out-max",
        "9000000",
        "--in-max",
        "9000000",
    ]);
    // What it can really take is offered: more than before, and not all of it.
    wait_for("the new limits to be known", FOUND_AGAIN, || {
        let offers = taker.cli(&["offers", "out"]);
        let most = offers["offers"][0]["max_sat"].as_u64().unwrap_or(0);
        (most > 4_000_000)
            .then_some(())
            .ok_or_else(|| offers.to_string())
    });
    for way in ["out", "in"] {
        let said = refused(taker, &[way, "6000000", "--yes"], REFUSED);
        assert_says(&said, &["6000000 sat", "nothing was begun"]);
    }

    for address in [
        // Other networks.
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
        "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
        // A typing error, nothing at all, and something else altogether.
        "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt081",
        "",
        "nobody",
        "lnbcrt1",
    ] {
        let said = refused(taker, &["out", "200000", address, "--yes"], USAGE);
        assert_says(&said, &["address"]);
        let said = refused(taker, &["wallet", "send", address, "20000", "--yes"], USAGE);
        assert_says(&said, &["address", "nothing was sent"]);
    }

    // What is above what somebody agreed to, and what nobody agreed to.
    let own = chain.new_address();
    let send = |more: Value| {
        let mut send = json!({ "address": own, "amount_sat": 20_000 });
        send.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        send
    };
    let plan = taker.api_post("/wallet/plan", &send(json!({})));
    assert_eq!(plan["fee_rate_sat_vb"], 3, "{plan}");
    let fee = plan["fee_sat"].as_u64().unwrap();
    let above = send(json!({ "max_fee_sat": fee - 1 }));
    let said = taker.api().post("/wallet/send", &above).unwrap_err();
    assert_says(&said, &["HTTP 409", "nothing was sent", &fee.to_string()]);
    let id = taker.cli(&["channel", "list"])["channels"][0]["id"].clone();
    let id = id.as_str().unwrap();
    let to = format!("{}@127.0.0.1:9", maker.id());
    for unasked in [
        ["wallet", "send", &own, "20000"].as_slice(),
        &["channel", "close", &id[..1], "--force"],
        &["channel", "open", &to, "100000", "--push", "50000"],
    ] {
        let said = refused(taker, unasked, USAGE);
        assert_says(&said, &["--yes", "Nothing was begun"]);
    }

    for (node, purse) in [taker, maker].into_iter().zip(&before) {
        assert_eq!(node.status()["open_swaps"], 0);
        purse.assert_changed(node, chain, Change::default());
    }
    assert!(chain.mempool().is_empty());
}

#[track_caller]
fn refused(node: &Node, args: &[&str], code: i32) -> String {
    fails(node.command(args), code)
}
