//! A maker signs an acceptance and does not fund. The taker gets its payment back, keeps the proof, and asks others first.

use cambista_harness::market::{DEAR, USUAL};
use cambista_harness::{Change, Market, MarketOptions, Purse, Taken, Way};
use serde_json::Value;

at_two_fee_rates!(it_is_left_alone_and_its_signature_is_kept);

fn it_is_left_alone_and_its_signature_is_kept(fee_rate: u32) {
    let mut market = Market::start(&MarketOptions::new(fee_rate, &[DEAR, USUAL]));
    let honest = market.makers[0].id();
    let liar = market.makers[1].id();
    let before = Purse::of(&market.taker, &market.bitcoind);
    let elsewhere = market.bitcoind.new_address();

    // The payment takes its time, and when it arrives the coins are gone.
    market.makers[0].freeze();
    let taken = Taken::take(&market.taker, Way::Out, 500_000, &["--maker", &liar]);
    market.makers[1].cli(&["wallet", "send", &elsewhere, "--all", "--yes"]);
    market.makers[0].thaw();
    taken.assert_outcome(&market.taker, "nothing_happened");
    before.assert_changed(&market.taker, &market.bitcoind, Change::default());
    // It lies on: with coins again it offers as before.
    let address = market.makers[1].cli(&["wallet", "address"]);
    let address = address["address"].as_str().unwrap();
    market.bitcoind.fund_address(address, 6_000_000);
    market.mine(1);

    let known = market.taker.cli(&["makers", &liar]);
    assert_eq!(known["seen"]["stalled"], 1, "{known}");
    assert_eq!(known["seen"]["done"], 0, "{known}");
    assert!(known["seen"]["quoted"].as_u64().unwrap() > 0, "{known}");
    assert!(known["seen"]["resting_until"].is_u64(), "{known}");
    let other = market.taker.cli(&["makers", &honest]);
    let cost = |known: &Value| known["failure_cost_sat"].as_u64().unwrap();
    assert!(cost(&known) > 2 * cost(&other), "{known} {other}");

    // Ten times as dear, and asked all the same.
    let next = Taken::take(&market.taker, Way::Out, 500_000, &[]);
    assert_eq!(next.quote.maker, honest);
    market.confirm_and_claim(&next);
    market.mine(5);
    next.assert_outcome(&market.taker, "done");

    market.taker.kill9();
    market.taker.restart();
    let detail = market.taker.cli(&["makers", &liar, "--faults"]);
    let proofs = detail["proofs"].as_array().unwrap();
    assert_eq!(proofs.len(), 1, "{detail}");
    assert_eq!(proofs[0]["kind"], "not_funded", "{detail}");
    assert_eq!(proofs[0]["swap"], taken.id, "{detail}");
    let other = market.taker.cli(&["makers", &honest, "--faults"]);
    assert_eq!(other["proofs"].as_array().unwrap().len(), 0, "{other}");
    assert_eq!(other["seen"]["done"], 1, "{other}");

    // Anybody can check it, without a node.
    let file = market.taker.dir().join("proof.json");
    std::fs::write(&file, detail.to_string()).unwrap();
    let path = file.to_str().unwrap();
    let checked = market.taker.cli(&["makers", "--verify", path]);
    assert_eq!(checked["proofs"][0]["holds"], true, "{checked}");
    assert_eq!(checked["proofs"][0]["maker"], liar, "{checked}");
    let forged = detail.to_string().replace("not_funded", "not_paid");
    std::fs::write(&file, forged).unwrap();
    assert!(market.taker.try_cli(&["makers", "--verify", path]).is_err());
}
