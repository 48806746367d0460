//! The search can fail: with one number or one order wrong it finds somebody honest who lost.
//!
//! What is done wrong is looked for in a setup that holds when it is done right, and that is searched here as well: what is
//! found is due to it. Where it is found because something leaves before its time, a second search looks at losses alone:
//! either somebody honest pays for it, or it is written down as harmless.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use cambista_model::{Honest, Setup, Wrong, search};

const MOST: usize = 2_000_000;

/// Searches a setup with something wrong in it: that must be found.
fn fails(honest: Honest, change: impl Fn(&mut Setup), expected: &str) {
    let mut setup = Setup::tiny(honest);
    change(&mut setup);
    finds(&setup, expected);
}

fn finds(setup: &Setup, expected: &str) {
    let found = search(setup, MOST).unwrap();
    println!("{:?}: {found}", setup.wrong);
    let (what, _) = found.violation.unwrap();
    assert!(what.contains(expected), "{what}");
}

/// Searches a setup in which nothing is wrong: once, however many tests ask for it.
fn holds(setup: &Setup) {
    type Held = Arc<OnceLock<Option<String>>>;
    static HELD: Mutex<BTreeMap<String, Held>> = Mutex::new(BTreeMap::new());
    let held = HELD
        .lock()
        .unwrap()
        .entry(format!("{setup:?}"))
        .or_default()
        .clone();
    let wrong = held.get_or_init(|| {
        let found = search(setup, MOST).unwrap();
        let shown = found.violation.is_none() && found.swapped > 0;
        (!shown).then(|| found.to_string())
    });
    assert!(wrong.is_none(), "with nothing wrong: {wrong:?}");
}

/// Nothing is found in this setup, and what is expected is found with the one thing done wrong.
fn done_wrong(honest: Honest, right: impl Fn(&mut Setup), wrong: Wrong, expected: &str) {
    let setup = not_right(honest, right, wrong);
    finds(&setup, expected);
}

/// The same, where nothing counts but what somebody honest loses by it.
fn costs(honest: Honest, right: impl Fn(&mut Setup), wrong: Wrong, expected: &str) {
    let mut setup = not_right(honest, right, wrong);
    setup.losses_only = true;
    finds(&setup, expected);
}

fn not_right(honest: Honest, right: impl Fn(&mut Setup), wrong: Wrong) -> Setup {
    let mut setup = Setup::tiny(honest);
    right(&mut setup);
    holds(&setup);
    setup.wrong = Some(wrong);
    setup
}

fn quiet(_: &mut Setup) {}

fn one_crash(setup: &mut Setup) {
    setup.crashes = (1, 1);
}

/// A crash in the last block in which R may still be revealed, or later.
fn a_late_crash(setup: &mut Setup) {
    setup.crashes = (1, 1);
    setup.crash_from = setup.locks.last_reveal(setup.refund_height()) - 1;
}

/// A reorganisation of what comes after the last height to reveal.
fn a_late_reorganisation(setup: &mut Setup) {
    setup.reorg = (1, 1);
    setup.reorg_from = setup.locks.last_reveal(setup.refund_height());
}

fn a_prepay(setup: &mut Setup) {
    setup.prepay = true;
}

/// Away for longer than its claim margin, and the payment does not expire by then.
fn away_after_t(setup: &mut Setup) {
    setup.crashes = (1, 6);
    setup.crash_from = setup.refund_height();
    setup.locks.fail_back = 6;
}

#[test]
fn a_reveal_margin_of_nothing_loses_to_the_refund() {
    let expected = "the chain went to the funder";
    fails(Honest::Payer, |s| s.locks.reveal_margin = 0, expected);
}

#[test]
fn one_confirmation_loses_to_a_reorganisation_of_one_block() {
    let change = |s: &mut Setup| {
        s.confirmations = 1;
        s.reorg = (1, 1);
    };
    fails(Honest::Payer, change, "paid over Lightning");
}

#[test]
fn a_claim_deadline_nobody_checked_loses_the_payment() {
    let expected = "so did the Lightning payment";
    done_wrong(Honest::Funder, quiet, Wrong::DeadlineUnchecked, expected);
}

#[test]
fn a_payment_failed_back_before_the_take_back_is_buried_is_lost() {
    let change = |s: &mut Setup| {
        s.reorg = (1, 1);
        s.locks.reorg_depth = 1;
    };
    fails(Honest::Funder, change, "so did the Lightning payment");
}

#[test]
fn a_payment_failed_back_at_the_handover_is_lost() {
    let expected = "the chain went to the payer";
    done_wrong(Honest::Funder, quiet, Wrong::FailedBackAtHandover, expected);
}

#[test]
fn a_payers_key_sent_before_its_decision_is_stored_is_found() {
    let expected = "stored decision";
    done_wrong(Honest::Payer, a_late_crash, Wrong::EffectsFirst, expected);
}

#[test]
fn a_payer_that_forgets_that_it_gave_up_loses() {
    let expected = "the payer paid over Lightning";
    costs(Honest::Payer, a_late_crash, Wrong::EffectsFirst, expected);
}

#[test]
fn a_funding_published_before_its_intent_is_stored_is_found() {
    let expected = "stored intent";
    done_wrong(Honest::Funder, one_crash, Wrong::EffectsFirst, expected);
}

#[test]
fn a_funder_that_forgets_that_it_published_loses() {
    let expected = "so did the Lightning payment";
    costs(Honest::Funder, one_crash, Wrong::EffectsFirst, expected);
}

#[test]
fn a_funding_published_for_a_payment_a_crash_forgets_is_lost() {
    let expected = "so did the Lightning payment";
    done_wrong(Honest::Funder, one_crash, Wrong::HoldNotDurable, expected);
}

#[test]
fn an_outbox_skipped_after_a_crash_loses_the_payment() {
    done_wrong(
        Honest::Funder,
        one_crash,
        Wrong::OutboxSkipped,
        "so did the Lightning payment",
    );
}

#[test]
fn another_value_taken_for_the_agreed_one_is_found() {
    let strays = |s: &mut Setup| {
        s.others = [false, true];
        s.others_until = 12;
    };
    let expected = "has no output";
    done_wrong(Honest::Payer, strays, Wrong::ValueNotCompared, expected);
}

#[test]
fn a_stuck_funding_left_alone_is_lost() {
    done_wrong(
        Honest::Funder,
        quiet,
        Wrong::StuckFundingLeft,
        "so did the Lightning payment",
    );
}

#[test]
fn a_bump_from_other_inputs_pays_twice() {
    let bump = |s: &mut Setup| s.bump = true;
    done_wrong(
        Honest::Funder,
        bump,
        Wrong::BumpFromOtherInputs,
        "two outputs",
    );
}

#[test]
fn an_outside_funding_whose_payment_is_failed_early_is_lost() {
    let external = |s: &mut Setup| {
        s.external = true;
        s.others = [true, false];
    };
    let expected = "the chain went to the payer";
    done_wrong(
        Honest::Funder,
        external,
        Wrong::ExternalFailedEarly,
        expected,
    );
}

#[test]
fn lightning_fed_before_the_watcher_drops_what_it_could_claim() {
    let expected = "the chain went to the payer";
    let wrong = Wrong::LightningFirst;
    done_wrong(Honest::Funder, away_after_t, wrong, expected);
}

/// Then the channel's other side takes the payment back on the chain, whoever is there.
#[test]
fn a_funder_away_until_the_payment_expires_loses() {
    let away = |s: &mut Setup| {
        away_after_t(s);
        s.locks.fail_back = 1;
    };
    fails(Honest::Funder, away, "so did the Lightning payment");
}

#[test]
fn a_prepay_kept_from_a_payer_that_had_no_chance_is_found() {
    let (expected, wrong) = ("had no chance", Wrong::PrepayAlwaysKept);
    done_wrong(Honest::Funder, a_prepay, wrong, expected);
}

#[test]
fn a_prepay_that_is_not_claimed_with_the_swap_is_found() {
    let (expected, wrong) = ("without the prepay", Wrong::PrepayForgotten);
    done_wrong(Honest::Funder, a_prepay, wrong, expected);
}

#[test]
fn a_refund_after_the_handover_is_found() {
    let expected = "refund leaf after";
    done_wrong(Honest::Funder, quiet, Wrong::RefundAfterHandover, expected);
}

#[test]
fn a_preimage_sent_after_an_abort_is_found() {
    let expected = "R left the payer";
    done_wrong(Honest::Payer, quiet, Wrong::PreimageAfterAbort, expected);
}

#[test]
fn a_payer_that_sends_r_after_its_key_loses() {
    let expected = "the payer paid over Lightning";
    costs(Honest::Payer, quiet, Wrong::PreimageAfterAbort, expected);
}

#[test]
fn a_preimage_in_a_witness_nobody_reads_is_lost() {
    let expected = "the chain went to the payer";
    done_wrong(Honest::Funder, quiet, Wrong::WitnessIgnored, expected);
}

/// The fee of a claim stays where it was while the market rises: the refund at T gets in first.
#[test]
fn a_claim_that_is_never_bumped_loses_to_the_refund() {
    let fees = |s: &mut Setup| s.fee_moves = 1;
    let expected = "the chain went to the funder";
    done_wrong(Honest::Payer, fees, Wrong::NeverBumped, expected);
}

#[test]
fn a_refund_that_is_never_bumped_loses_the_payment() {
    let fees = |s: &mut Setup| s.fee_moves = 1;
    let expected = "so did the Lightning payment";
    done_wrong(Honest::Funder, fees, Wrong::NeverBumped, expected);
}

#[test]
fn a_cap_on_fees_that_is_never_lifted_loses_the_claim() {
    let fees = |s: &mut Setup| s.fee_moves = 1;
    let expected = "the chain went to the funder";
    done_wrong(Honest::Payer, fees, Wrong::CapNeverLifted, expected);
}

#[test]
fn a_second_set_of_parts_failed_back_takes_the_first_with_it() {
    let expected = "so did the Lightning payment";
    done_wrong(Honest::Funder, quiet, Wrong::SecondSetFailed, expected);
}

#[test]
fn an_intent_not_taken_for_a_funding_loses_the_payment() {
    let expected = "so did the Lightning payment";
    done_wrong(Honest::Funder, one_crash, Wrong::IntentForgotten, expected);
}

#[test]
fn a_preimage_revealed_at_a_stale_tip_loses_to_the_refund() {
    let expected = "the chain went to the funder";
    done_wrong(Honest::Payer, quiet, Wrong::StaleTip, expected);
}

#[test]
fn a_payers_key_sent_before_its_spend_is_buried_is_found() {
    let expected = "stored decision";
    done_wrong(Honest::Payer, quiet, Wrong::KeyBeforeBurial, expected);
}

/// A block is replaced, and with the key the funder spends what the payer had claimed.
#[test]
fn a_payer_that_sends_its_key_before_its_spend_is_buried_loses() {
    let expected = "the payer paid over Lightning";
    let (right, wrong) = (a_late_reorganisation, Wrong::KeyBeforeBurial);
    costs(Honest::Payer, right, wrong, expected);
}

#[test]
fn a_funder_away_for_longer_than_its_claim_margin_loses() {
    let away = |s: &mut Setup| s.crashes = (1, 6);
    fails(Honest::Funder, away, "so did the Lightning payment");
}

#[test]
fn a_claim_deadline_without_time_for_the_refund_to_be_buried_loses() {
    let change = |s: &mut Setup| {
        s.locks.claim_margin = 0;
        s.locks.refund_confirm = 0;
        s.confirm_bound = 2;
    };
    fails(Honest::Funder, change, "so did the Lightning payment");
}

/// Blocks may keep the claim waiting for two, and the margin is one: between two honest sides the refund gets in first.
#[test]
fn a_reveal_margin_shorter_than_the_confirmation_bound_loses() {
    let change = |s: &mut Setup| {
        *s = Setup::small(Honest::Both);
        s.locks.reveal_margin = 1;
    };
    fails(Honest::Both, change, "the chain went to the funder");
}

/// Harmless in the model, and why: a claim must be in a block before it takes anything, the funder reads every block before
/// Lightning does, and the claim deadline leaves it the time. The mempool gives R earlier, no more; it stays a duty because
/// the keys then change hands within seconds, and because a node may miss a block's worth of time in practice.
#[test]
fn a_mempool_nobody_watches_is_harmless() {
    let setup = Setup::tiny(Honest::Funder);
    assert!(!setup.mempool);
    let found = search(&setup, MOST).unwrap();
    assert!(found.violation.is_none() && found.swapped > 0, "{found}");
}

/// Harmless in the model, and why: a refund is valid from T only, and by then the payer's own spend is in a block, whatever its
/// funder does: that is what its margins are for.
#[test]
fn a_refund_after_the_handover_takes_nothing_from_a_payer_that_is_there() {
    let mut setup = not_right(Honest::Both, one_crash, Wrong::RefundAfterHandover);
    setup.losses_only = true;
    let found = search(&setup, MOST).unwrap();
    assert!(found.violation.is_none() && found.swapped > 0, "{found}");
}
