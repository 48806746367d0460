//! Nodes of the first version stop in the middle of swaps, and today's go on with what those left on the disk.
//!
//! `CAMBISTA_OLD_BIN` names the old program (`scripts/old-version` builds it), which is why `make soak` has it run and not
//! `make test`; there a test of the store reads what such a program once wrote.

use std::path::PathBuf;

use bitcoin::OutPoint;
use cambista_harness::market::USUAL;
use cambista_harness::transaction::{Seen, paid_in_mempool};
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Change, Market, MarketOptions, Taken, Way, program};

use crate::at_once::add;
use crate::taker_killed::purses;

/// More than the first version takes with one confirmation (sat).
const LARGE: u64 = 1_200_000;

#[test]
#[ignore = "wants the program of the first version, which `make soak` builds"]
fn swaps_of_the_first_version_end_well_with_todays() {
    let old = std::env::var_os("CAMBISTA_OLD_BIN").map(PathBuf::from);
    let old = old.filter(|path| !path.as_os_str().is_empty());
    let old = old.expect("CAMBISTA_OLD_BIN names the program of the first version");
    let mut market = Market::start(&MarketOptions {
        program: Some(old.clone()),
        ..MarketOptions::new(3, &[USUAL])
    });
    finish_one(&market, Way::Out, 2 * LARGE);
    finish_one(&market, Way::In, 60_000);
    let before = purses(&market);
    let open = leave_open(&market);
    kill_both(&mut market);
    if let Some(folder) = std::env::var_os("CAMBISTA_OLD_FOLDER") {
        keep(&market, &PathBuf::from(folder));
    }

    use_program(&mut market, &program::cambista());
    market.makers[0].restart();
    market.taker.restart();
    market.sync();
    let outpoints: Vec<Option<OutPoint>> =
        open.iter().map(|taken| funded(&market, taken)).collect();
    let mut wanted = [Change::default(); 2];
    for (taken, outpoint) in open.iter().zip(&outpoints) {
        let Some(outpoint) = *outpoint else {
            continue;
        };
        let seen = market.mine_until_claimed(taken, outpoint);
        add(&mut wanted[0], taken.taker_change(&seen, 0, true));
        add(&mut wanted[1], taken.maker_change(&seen, 0));
    }
    before[0].assert_changed(&market.taker, &market.bitcoind, wanted[0]);
    before[1].assert_changed(&market.makers[0], &market.bitcoind, wanted[1]);
    market.mine(6);
    for (taken, outpoint) in open.iter().zip(&outpoints) {
        for node in market.running() {
            if outpoint.is_some() {
                taken.assert_outcome(node, "done");
            } else {
                taken.assert_outcome(node, "nothing_happened");
            }
        }
    }
    // What was over before it was upgraded can be read as ever, and new swaps go on.
    assert_eq!(listed(&market), open.len() + 2);
    finish_one(&market, Way::Out, 50_000);
    goes_not_back(&mut market, old);
}

/// Swaps both ways at every stage there is, under way at the same time.
fn leave_open(market: &Market) -> Vec<Taken> {
    let take = |way, amount| {
        let taken = Taken::take(&market.taker, way, amount, &[]);
        let (outpoint, _) = taken.wait_funding(&market.bitcoind);
        (taken, outpoint)
    };
    // Swept, and the sweep not yet buried.
    let swept = take(Way::Out, 200_000);
    market.mine(swept.0.quote.confirmations);
    swept.0.wait_spend(&market.bitcoind, swept.1);
    market.mine(1);
    // Revealed: their claims wait in the mempool when everything ends.
    let revealed = [take(Way::In, 150_000), take(Way::Out, 160_000)];
    let most = revealed.iter().map(|(taken, _)| taken.quote.confirmations);
    market.mine(most.max().unwrap() - 1);
    // One confirmation too few.
    let confirming = [take(Way::Out, LARGE), take(Way::In, LARGE)];
    market.mine(1);
    for (taken, outpoint) in &revealed {
        taken.wait_spend(&market.bitcoind, *outpoint);
    }
    for (taken, _) in &confirming {
        assert!(taken.quote.confirmations > 1, "{taken:?}");
    }
    // Funded, and not yet in a block.
    let funded = [take(Way::Out, 100_000), take(Way::In, 110_000)];
    // Only just begun.
    let begun = [(Way::Out, 70_000), (Way::In, 80_000)]
        .map(|(way, amount)| Taken::take(&market.taker, way, amount, &[]));
    std::iter::once(swept)
        .chain(revealed)
        .chain(confirming)
        .chain(funded)
        .map(|(taken, _)| taken)
        .chain(begun)
        .collect()
}

fn finish_one(market: &Market, way: Way, amount: u64) {
    let taken = Taken::take(&market.taker, way, amount, &[]);
    market.confirm_and_claim(&taken);
    market.mine(5);
    for node in market.running() {
        taken.assert_outcome(node, "done");
    }
}

fn kill_both(market: &mut Market) {
    market.taker.kill9();
    market.makers[0].kill9();
}

fn use_program(market: &mut Market, program: &std::path::Path) {
    market.taker.set_program(program.to_owned());
    market.makers[0].set_program(program.to_owned());
}

/// Copies both databases and the words they belong to, as the old program left them.
fn keep(market: &Market, folder: &std::path::Path) {
    for node in [&market.taker, &market.makers[0]] {
        let to = folder.join(node.name());
        std::fs::create_dir_all(&to).unwrap();
        for name in ["cambista.db", "cambista.db-wal", "seed"] {
            let _ = std::fs::copy(node.dir().join(name), to.join(name));
        }
    }
}

/// The contract's output, once there is one; none when both sides have given the swap up before.
fn funded(market: &Market, taken: &Taken) -> Option<OutPoint> {
    let chain = &market.bitcoind;
    wait_for("the swap to be funded or given up", FOUND_AGAIN, || {
        if let Ok((outpoint, _)) = paid_in_mempool(chain, &taken.script, taken.quote.amount_sat) {
            return Ok(Some(outpoint));
        }
        let views = [&market.taker, &market.makers[0]].map(|node| taken.seen_by(node));
        if let Some(txid) = views[0]["funding_txid"].as_str() {
            let funding = Seen::read(chain, txid.parse().unwrap());
            let pays = |out: &bitcoin::TxOut| out.script_pubkey == taken.script;
            let vout = funding.tx.output.iter().position(pays).unwrap();
            return Ok(Some(OutPoint::new(
                funding.txid,
                u32::try_from(vout).unwrap(),
            )));
        }
        if views.iter().all(|view| view["ended"] == true) {
            return Ok(None);
        }
        Err(format!("{views:?}"))
    })
}

fn listed(market: &Market) -> usize {
    let list = market.taker.api_get("/swaps");
    list["swaps"].as_array().unwrap().len()
}

/// The old program does not touch what today's has written, and says why.
fn goes_not_back(market: &mut Market, old: PathBuf) {
    market.taker.stop();
    market.taker.set_program(old);
    let refused = market.taker.output(&["run"]);
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("run the newer program"), "{said}");
    market.taker.set_program(program::cambista());
    market.taker.restart();
    finish_one(market, Way::Out, 40_000);
}
