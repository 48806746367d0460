//! An old copy of the data folder is put in place of the newer one. Nobody is promised anything then; what holds all the same
//! is that the node sees it as soon as it meets a channel's other side, and ends before its old state reaches the chain.

use std::fs;
use std::path::Path;

use bitcoin::Txid;
use cambista_harness::market::USUAL;
use cambista_harness::transaction::spend_in_mempool;
use cambista_harness::wait::{FOUND_AGAIN, secs, wait_for};
use cambista_harness::{Change, Market, MarketOptions, Node, Purse, Taken, Way, program};
use serde_json::Value;
use tempfile::TempDir;

use crate::taker_killed::{finish, purses};

/// Blocks after the agreement in which a maker may fund.
const FUND_WINDOW: u32 = 6;

/// Copied before a swap, put back after it.
#[test]
fn a_copy_from_before_a_swap_does_not_reach_the_chain() {
    let mut market = Market::direct(3);
    let copy = copied(&mut market.taker);
    swap(&market);
    let before = purses(&market);
    ends_harmlessly(&mut market, copy.path(), &before);
}

/// Copied when the payment is held and the funding in the mempool, put back when the swap is over.
#[test]
fn a_copy_from_the_middle_of_a_swap_does_not_reach_the_chain() {
    let mut market = Market::direct(3);
    let taken = Taken::take(&market.taker, Way::Out, 300_000, &[]);
    taken.wait_funding(&market.bitcoind);
    let copy = copied(&mut market.taker);
    complete(&market, &taken);
    let before = purses(&market);
    ends_harmlessly(&mut market, copy.path(), &before);
}

/// The newest folder is gone. When the channel's other side has closed it by itself, the old copy runs again, and what was
/// the taker's in the channel's newest state comes to its wallet.
#[test]
fn with_an_old_copy_alone_the_channels_coins_come_back_when_the_other_side_closes() {
    let mut market = Market::direct(3);
    let copy = copied(&mut market.taker);
    swap(&market);
    let before = Purse::of(&market.taker, &market.bitcoind);
    let own: u64 = before.channels.values().map(|sides| sides.outbound).sum();

    market.taker.kill9();
    replace(&market.taker, copy.path());
    market.taker.launch();
    let ended = market.taker.wait_end(FOUND_AGAIN);
    assert!(ended.is_some_and(|status| !status.success()));

    let list = market.makers[0].cli(&["channel", "list"]);
    let id = list["channels"][0]["id"].as_str().unwrap();
    market.makers[0].cli(&["channel", "close", id, "--force", "--yes"]);
    market.bitcoind.wait_for_mempool(1, FOUND_AGAIN);
    market.mine(1);
    market.taker.restart();
    // Lightning looks for coins that are free every half minute.
    market.mine(8);
    market.bitcoind.wait_for_mempool(1, FOUND_AGAIN);
    market.mine(1);
    let fees = 20_000;
    wait_for("the coins in the wallet", FOUND_AGAIN, || {
        let chain = Purse::of(&market.taker, &market.bitcoind).chain;
        let come = chain.saturating_sub(before.chain);
        (come + fees >= own)
            .then_some(())
            .ok_or_else(|| format!("{come} of {own} sat"))
    });
}

/// The same copy, put back while the claim of that swap waits for its block: the maker has been paid by then, so the channel has
/// gone on. With the newest folder again the swap ends as it would have.
#[test]
fn a_copy_put_back_while_the_claim_waits_leaves_the_swap_to_the_newest_folder() {
    let mut market = Market::direct(3);
    let before = purses(&market);
    let taken = Taken::take(&market.taker, Way::Out, 300_000, &[]);
    let (outpoint, _) = taken.wait_funding(&market.bitcoind);
    let copy = copied(&mut market.taker);
    market.mine(taken.quote.confirmations);
    let claim = taken.wait_spend(&market.bitcoind, outpoint);
    let paid = Change {
        lightning: -(300_000 + taken.quote.maker_fee_sat),
        chain: 0,
    };
    before[0].assert_settled(&market.taker, &market.bitcoind, paid);

    let newest = put_back(&mut market, copy.path());
    let waits = spend_in_mempool(&market.bitcoind, outpoint);
    assert_eq!(waits, Some(claim.txid), "another claim took its place");
    stays_ended(&mut market);
    replace(&market.taker, newest.path());
    market.taker.restart();
    finish(&market, &taken, outpoint, &before);
}

/// A maker's copy from the moment before it wrote down that it publishes its funding, put back when that is out. Nothing has moved
/// in the channel since, so nothing tells that the copy is old: it funds with the very transaction it had built.
#[test]
fn a_makers_copy_from_before_it_published_funds_no_second_time() {
    let (mut market, before, taken, copy) = copied_before_publishing();
    let (outpoint, _) = taken.wait_funding(&market.bitcoind);
    market.makers[0].stop();
    replace(&market.makers[0], copy.path());
    market.makers[0].restart();
    wait_for("the maker to have funded again", secs(60), || {
        let seen = taken.seen_by(&market.makers[0]);
        let funded = seen["state"] == "confirming";
        funded.then_some(()).ok_or_else(|| seen.to_string())
    });
    assert_eq!(market.bitcoind.mempool(), [outpoint.txid]);
    finish(&market, &taken, outpoint, &before);
}

/// The same copy when the time to fund is over and the funding is in a block, R not told yet: its taker was away. What the copy has
/// built and the chain has is published, whatever was written down: the payment is held on to, and R pays the maker.
#[test]
fn a_makers_copy_from_before_it_published_holds_on_to_the_payment() {
    let (mut market, before, taken, copy) = copied_before_publishing();
    let (outpoint, _) = taken.wait_funding(&market.bitcoind);
    market.taker.stop();
    market.mine(FUND_WINDOW + 2);
    market.makers[0].stop();
    replace(&market.makers[0], copy.path());
    market.makers[0].restart();
    market.sync();
    market.taker.restart();
    finish(&market, &taken, outpoint, &before);
}

/// A swap whose maker was killed when its funding was built and not published, what it had then, and what both sides had before. It
/// runs again.
fn copied_before_publishing() -> (Market, [Purse; 2], Taken, TempDir) {
    let mut market = Market::start(&MarketOptions {
        failpoints: true,
        ..MarketOptions::new(3, &[USUAL])
    });
    let before = purses(&market);
    let points = market.makers[0].failpoints().clone();
    points.arm(&["out funder event hold-durable before"]);
    let taken = Taken::take(&market.taker, Way::Out, 300_000, &[]);
    wait_for("the maker to die of it", secs(60), || {
        let fell = market.makers[0].fell();
        fell.then_some(()).ok_or_else(|| "it lives".to_owned())
    });
    points.arm(&[]);
    market.makers[0].set_program(program::cambista());
    assert!(market.bitcoind.mempool().is_empty(), "published");
    let copy = TempDir::new().unwrap();
    copy_folder(market.makers[0].dir(), copy.path());
    market.makers[0].restart();
    (market, before, taken, copy)
}

/// A whole swap.
fn swap(market: &Market) {
    complete(market, &Taken::take(&market.taker, Way::Out, 300_000, &[]));
}

/// The rest of one whose funding waits for a block.
fn complete(market: &Market, taken: &Taken) {
    market.confirm_and_claim(taken);
    market.mine(5);
    taken.assert_outcome(&market.taker, "done");
}

/// Puts the copy in place of the taker's folder and starts it: it ends, says why, and has published nothing. With the newest
/// folder again everything is there.
fn ends_harmlessly(market: &mut Market, old: &Path, before: &[Purse; 2]) {
    let newest = put_back(market, old);
    stays_ended(market);
    replace(&market.taker, newest.path());
    market.taker.restart();
    market.mine(1);
    before[0].assert_changed(&market.taker, &market.bitcoind, Change::default());
    before[1].assert_changed(&market.makers[0], &market.bitcoind, Change::default());
    swap(market);
}

/// Puts the copy in place of the taker's folder and starts it: it ends, says why, and has closed nothing. The newest folder.
fn put_back(market: &mut Market, old: &Path) -> TempDir {
    let channels = fundings(&market.taker);
    market.taker.stop();
    let newest = TempDir::new().unwrap();
    copy_folder(market.taker.dir(), newest.path());
    replace(&market.taker, old);
    market.taker.launch();
    let ended = market.taker.wait_end(FOUND_AGAIN);
    let said = market.taker.log_tail();
    let ended = ended.unwrap_or_else(|| panic!("it runs on an old copy: {said}"));
    assert!(!ended.success(), "{ended}");
    assert!(said.contains("an old copy"), "{said}");
    let starts_again = said.lines().any(|line| line.ends_with(" run"));
    assert!(!starts_again, "it says to start it again: {said}");
    assert_untouched(market, &channels);
    newest
}

/// It ends again when it is started once more, and when blocks have come.
fn stays_ended(market: &mut Market) {
    let channels = fundings(&market.makers[0]);
    market.bitcoind.mine(3);
    market.taker.launch();
    let ended = market.taker.wait_end(FOUND_AGAIN);
    assert!(ended.is_some_and(|status| !status.success()));
    assert_untouched(market, &channels);
}

/// Stops the node, copies its folder and starts it again.
fn copied(node: &mut Node) -> TempDir {
    let to = TempDir::new().unwrap();
    node.stop();
    copy_folder(node.dir(), to.path());
    node.restart();
    to
}

/// Puts this in place of the node's folder; its log stays.
fn replace(node: &Node, from: &Path) {
    for entry in fs::read_dir(node.dir()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else if path.file_name().unwrap() != "node.log" {
            fs::remove_file(path).unwrap();
        }
    }
    copy_folder(from, node.dir());
}

/// Copies everything but the log.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        if path.is_dir() {
            copy_folder(&path, &to.join(name));
        } else if name != "node.log" {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

/// The transactions that opened a node's channels.
fn fundings(node: &Node) -> Vec<Txid> {
    let list = node.cli(&["channel", "list"]);
    let channels = list["channels"].as_array().unwrap();
    let txid = |channel: &Value| channel["funding_txid"].as_str().unwrap().parse().unwrap();
    channels.iter().map(txid).collect()
}

/// Checks that nothing spends a channel, on the chain or on its way there.
#[track_caller]
fn assert_untouched(market: &Market, channels: &[Txid]) {
    let chain = &market.bitcoind;
    for txid in chain.mempool() {
        let tx = chain.tx(txid);
        let inputs = tx["vin"].as_array().unwrap();
        let spends = inputs.iter().any(|input| {
            let from: Option<Txid> = input["txid"].as_str().and_then(|txid| txid.parse().ok());
            from.is_some_and(|from| channels.contains(&from))
        });
        assert!(!spends, "a channel is being closed: {tx}");
    }
    let list = market.makers[0].cli(&["channel", "list"]);
    let open = list["channels"].as_array().map_or(0, Vec::len);
    assert_eq!(open, channels.len(), "{list}");
}
