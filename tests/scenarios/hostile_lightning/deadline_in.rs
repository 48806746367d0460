//! The same with the taker as the one who holds: no miner takes its refunds, its maker is gone.

use cambista_harness::swap::{OnChain, signed};
use cambista_harness::transaction::Path;
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Change, Market, Purse, Taken, Way};

use super::deadline::{BURIED, FAIL_BACK};
use super::make_room;
use crate::adversary::blocks;
use crate::at_once::add;

const AMOUNT: u64 = 100_000;
/// So many blocks after its time lock a payment is taken back by closing its channel: a payer is shown that height.
const GRACE: u32 = 3;

/// A claim that the maker made before it was gone comes up in the very last block before the taker's Lightning would give the
/// payment back: the taker is paid. The payment of the other swap goes back by itself, its coins come back when a block takes
/// what the taker sends.
#[test]
fn r_in_the_last_block_before_lightning_gives_up_pays_the_taker() {
    let mut market = Market::direct(3);
    make_room(&market);
    let before = [&market.taker, &market.makers[0]].map(|node| Purse::of(node, &market.bitcoind));
    let mut swaps = [(); 2].map(|()| {
        let taken = Taken::take(&market.taker, Way::In, AMOUNT, &[]);
        let (outpoint, funding) = taken.wait_funding(&market.bitcoind);
        (deadline(&market, &taken), taken, outpoint, funding)
    });
    // Each payment has a time lock of its own: Lightning draws a part of it.
    swaps.sort_by_key(|(deadline, ..)| *deadline);
    let [shown, silent] = swaps;

    // The maker claims one while nobody listens, and everybody forgets it.
    market.taker.kill9();
    market.bitcoind.mine_only(&[shown.3.txid.to_string()]);
    market.mine_empty(shown.1.quote.confirmations - 1);
    shown.1.wait_revealed(&market.makers[0]);
    // It waits a block for the key of who does not answer.
    market.mine_empty(1);
    let claim = shown.1.wait_spend(&market.bitcoind, shown.2);
    assert_eq!(claim.path(shown.2), Path::Claim);
    let claim_hex = bitcoin::consensus::encode::serialize_hex(&claim.tx);
    market.makers[0].kill9();
    market.bitcoind.restart_forgetful();
    market.taker.restart();
    silent.1.wait_funding(&market.bitcoind);
    let t = silent.1.refund_height;
    blocks::to_height(&market.bitcoind, t - 1, || market.sync());

    let last = shown.0 - 1;
    assert!(last >= t + 18 + BURIED + 144 - 1, "the margins of a taker");
    mine_empty_to(&market, last - 1);
    let refund = shown.1.wait_spend(&market.bitcoind, shown.2);
    assert_eq!(refund.path(shown.2), Path::Refund);
    market.bitcoind.mine_only(&[claim_hex]);
    market.sync();
    assert_eq!(market.bitcoind.height(), last);

    // Claimed, whatever happens to the taker now; the channel has its other side back before the payment's time lock ends.
    market.taker.kill9();
    market.makers[0].restart();
    market.taker.restart();
    market.sync();
    let done = OnChain {
        outpoint: shown.2,
        funding: shown.3,
        spend: claim,
    };
    wait_for("the payment to be the taker's", FOUND_AGAIN, || {
        let seen = shown.1.seen_by(&market.makers[0]);
        match seen["locked_until"].is_null() {
            true => Ok(()),
            false => Err(seen.to_string()),
        }
    });
    mine_empty_to(&market, silent.0);
    silent.1.assert_outcome(&market.makers[0], "taken_back");
    silent.1.wait_spend(&market.bitcoind, silent.2);
    market.mine(BURIED);
    let back = silent.1.confirmed_spend(&market.bitcoind, silent.2);
    assert_eq!(back.path(silent.2), Path::Refund);
    shown.1.assert_outcome(&market.makers[0], "done");
    shown.1.assert_outcome(&market.taker, "done");
    silent.1.assert_outcome(&market.taker, "taken_back");
    let fees = silent.3.fee_sat + back.fee_sat;
    let mut taker = shown.1.taker_change(&done, 0, true);
    add(
        &mut taker,
        Change {
            lightning: 0,
            chain: -signed(fees),
        },
    );
    let maker = shown.1.maker_change(&done, 0);
    before[0].assert_changed(&market.taker, &market.bitcoind, taker);
    before[1].assert_changed(&market.makers[0], &market.bitcoind, maker);
}

/// The height at which the taker's Lightning gives this payment back.
fn deadline(market: &Market, taken: &Taken) -> u32 {
    let locked = wait_for("the payment under way", FOUND_AGAIN, || {
        let seen = taken.seen_by(&market.makers[0]);
        seen["locked_until"]
            .as_u64()
            .ok_or_else(|| seen.to_string())
    });
    u32::try_from(locked).unwrap() - GRACE - FAIL_BACK
}

fn mine_empty_to(market: &Market, height: u32) {
    blocks::empty_to_height(&market.bitcoind, height, || market.sync());
}
