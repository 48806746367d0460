//! What a side says of itself, and events that come when they mean nothing any more.

use bitcoin::Amount;
use cambista_protocol::money::Msat;
use cambista_protocol::swap::{
    Effect, Event, FunderSwap, Funding, Htlc, Leg, Outcome, PayerSwap, Say, SpendKind, Swap,
};
use cambista_protocol::words::{Role, Secret32};

use crate::common::*;

fn funder(driven: &Driven) -> &FunderSwap {
    match &driven.swap {
        Swap::Funder(funder) => funder,
        Swap::Payer(_) => unreachable!("it funds"),
    }
}

fn payer(driven: &Driven) -> &PayerSwap {
    match &driven.swap {
        Swap::Payer(payer) => payer,
        Swap::Funder(_) => unreachable!("it pays"),
    }
}

fn built() -> Event {
    Event::FundingBuilt {
        txid: txid(1),
        first_input: outpoint(77),
    }
}

fn fails_back(effects: &[Effect]) -> bool {
    effects.iter().any(|e| matches!(e, Effect::FailBack(_)))
}

#[test]
fn the_payer_of_an_out_and_the_funder_of_an_in_asked_for_the_swap() {
    assert!(Driven::new(Role::Payer, false).swap.is_taker());
    assert!(!Driven::new(Role::Funder, false).swap.is_taker());
    assert!(Driven::external().swap.is_taker());
}

#[test]
fn a_side_tells_what_it_was_given_and_nothing_before() {
    let mut pays = Driven::revealed();
    assert_eq!(payer(&pays).peer_key(), None);
    assert!(!payer(&pays).handed_over());
    let secret = Secret32(key(4).secret_bytes());
    pays.event(Event::PeerKey { secret });
    assert_eq!(payer(&pays).peer_key(), Some(secret));

    let mut funds = Driven::confirmed_funder(false);
    assert_eq!(funder(&funds).preimage(), None);
    assert_eq!(funder(&funds).peer_key(), None);
    let preimage = Secret32(R);
    funds.event(Event::PeerPreimage { preimage });
    assert_eq!(funder(&funds).preimage(), Some(preimage));
    let secret = Secret32(key(2).secret_bytes());
    funds.event(Event::PeerKey { secret });
    assert_eq!(funder(&funds).peer_key(), Some(secret));
}

#[test]
fn a_funding_that_cannot_be_paid_for_ends_the_swap_and_one_that_was_built_goes_on() {
    let mut none = Driven::new(Role::Funder, false);
    none.held(Leg::Swap);
    assert!(fails_back(&none.event(Event::FundingImpossible)));
    assert_eq!(none.swap.outcome(), Some(Outcome::NothingHappened));

    let mut goes_on = Driven::new(Role::Funder, false);
    goes_on.held(Leg::Swap);
    goes_on.event(built());
    assert_eq!(goes_on.event(Event::FundingImpossible), []);
    assert_eq!(funder(&goes_on).funding(), Funding::Built(outpoint(77)));
}

#[test]
fn a_hold_that_is_durable_before_anything_is_built_publishes_nothing() {
    let mut driven = Driven::new(Role::Funder, false);
    driven.held(Leg::Swap);
    assert_eq!(driven.event(Event::HoldDurable), []);
    assert_eq!(funder(&driven).funding(), Funding::None);
}

#[test]
fn no_deposit_from_outside_is_asked_for_when_its_payment_is_gone() {
    let mut driven = Driven::external();
    driven.held(Leg::Swap);
    driven.event(Event::Dropped { leg: Leg::Swap });
    assert_eq!(driven.event(Event::HoldDurable), []);
    assert_ne!(funder(&driven).funding(), Funding::External);
}

#[test]
fn only_the_swaps_own_payment_buys_the_key_and_only_once() {
    let mut driven = Driven::confirmed_funder(true);
    let preimage = Secret32(R);
    driven.event(Event::PeerPreimage { preimage });
    let claimed = |driven: &mut Driven, leg| driven.event(Event::Claimed { leg });
    assert_eq!(claimed(&mut driven, Leg::Prepay), []);
    assert!(!funder(&driven).handed_over());
    let key = Effect::Say(Say::Key);
    assert!(claimed(&mut driven, Leg::Swap).contains(&key));
    assert!(driven.swap.handed_over());
    assert!(!claimed(&mut driven, Leg::Swap).contains(&key));
}

#[test]
fn a_payment_that_is_claimed_cannot_be_dropped_any_more() {
    let mut driven = Driven::confirmed_funder(false);
    let preimage = Secret32(R);
    driven.event(Event::PeerPreimage { preimage });
    driven.event(Event::Claimed { leg: Leg::Swap });
    driven.event(Event::Dropped { leg: Leg::Swap });
    assert_eq!(funder(&driven).htlc(Leg::Swap), Htlc::Claimed);
}

#[test]
fn a_swap_that_is_said_to_open_again_keeps_its_payment() {
    let mut driven = Driven::new(Role::Funder, false);
    driven.held(Leg::Swap);
    assert_eq!(driven.event(Event::Opened), []);
    assert!(matches!(funder(&driven).htlc(Leg::Swap), Htlc::Held(_)));
}

#[test]
fn nothing_is_called_off_once_r_is_known() {
    let mut driven = Driven::confirmed_funder(false);
    let preimage = Secret32(R);
    driven.event(Event::PeerPreimage { preimage });
    assert_eq!(driven.event(Event::Cancelled), []);
    assert!(!funder(&driven).withdrawn());
}

/// Not after T, and not for a stray that came home: it may confirm any time.
#[test]
fn a_payment_is_held_while_the_own_funding_is_not_in_a_block() {
    let mut driven = Driven::published(false);
    driven.seen(1, AMOUNT, None);
    let stray = Amount::from_sat(60_000);
    driven.seen(2, stray, Some(H0));
    driven.event(Event::OutputSpent {
        outpoint: outpoint(2),
        txid: txid(9),
        kind: SpendKind::Refund,
        preimage: None,
        confirmed: Some(H0),
    });
    let before_its_deadline = driven.claim_deadline();
    assert!(!fails_back(&driven.to(before_its_deadline)));
    assert!(matches!(funder(&driven).htlc(Leg::Swap), Htlc::Held(_)));
}

/// The block with the conflicting transaction is replaced, or it is not.
#[test]
fn a_conflict_counts_only_as_long_as_its_block_stands() {
    for (fork, stands) in [(H0 + 1, false), (H0 + 2, true)] {
        let mut driven = Driven::new(Role::Payer, false);
        driven.to(H0 + 2);
        driven.seen(1, AMOUNT, None);
        driven.event(Event::FundingConflict {
            txid: txid(8),
            confirmed: H0 + 2,
        });
        driven.event(Event::Reorg { fork });
        let gives_up = driven.to(H0 + 20).contains(&Effect::Say(Say::Key));
        assert_eq!(gives_up, stands, "{fork}");
    }
}

/// What a payer says that has told R, when this became of its payments and the funder took the coins back all the same.
fn refunded(became: fn(Leg) -> Event) -> Option<Outcome> {
    let mut driven = Driven::revealed();
    for leg in [Leg::Swap, Leg::Prepay] {
        driven.event(became(leg));
    }
    driven.to(T);
    driven.spent(SpendKind::Refund, Some(T));
    driven.to(T + 20);
    driven.swap.outcome()
}

#[test]
fn who_paid_and_did_not_get_the_coins_says_that_it_lost() {
    let paid = |leg| Event::PaymentSettled { leg, fee: Msat(0) };
    assert_eq!(refunded(paid), Some(Outcome::Lost));
}

#[test]
fn who_did_not_get_the_coins_and_paid_nothing_has_its_payment_back() {
    let failed = |leg| Event::PaymentFailed { leg };
    assert_eq!(refunded(failed), Some(Outcome::TakenBack));
}

/// The news of the hold may come before the news of the block that ends the window.
#[test]
fn a_hold_that_is_durable_too_late_publishes_nothing() {
    let mut driven = Driven::new(Role::Funder, false);
    driven.held(Leg::Swap);
    driven.event(built());
    driven.height = H0 + 7;
    let effects = driven.event(Event::HoldDurable);
    assert!(!effects.contains(&Effect::PublishFunding));
    assert!(fails_back(&effects));
}

#[test]
fn who_has_swept_for_good_says_that_its_key_may_go() {
    let mut driven = Driven::revealed();
    assert!(!driven.swap.handed_over());
    let height = driven.height;
    driven.spent(SpendKind::Claim, Some(height));
    driven.to(height + 10);
    assert!(driven.swap.handed_over());
    assert!(payer(&driven).handed_over());
}

#[test]
fn a_funding_that_is_not_wanted_is_not_taken() {
    let mut unpaid = Driven::new(Role::Funder, false);
    unpaid.event(built());
    assert_eq!(funder(&unpaid).funding(), Funding::None);

    let mut external = Driven::external();
    external.held(Leg::Swap);
    external.event(built());
    assert_eq!(funder(&external).funding(), Funding::None);
}

#[test]
fn only_what_was_published_can_be_bumped() {
    let mut driven = Driven::new(Role::Funder, false);
    driven.held(Leg::Swap);
    driven.event(built());
    assert_eq!(driven.event(Event::FundingBumped { txid: txid(2) }), []);
    assert_eq!(funder(&driven).funding_txid(), Some(txid(1)));
}

#[test]
fn blocks_do_nothing_to_a_swap_that_is_not_open() {
    let swap = Swap::new(Role::Funder, deal(false));
    let after = swap.step(Event::Block, H0 + 500);
    let saved: Result<Swap, std::convert::Infallible> = after.save(|_, _, effects| {
        assert_eq!(effects, []);
        Ok(())
    });
    assert_eq!(saved.unwrap().outcome(), None);
}
