//! Everything but the invoices that can be wrong with terms.

use bitcoin::Network;
use bitcoin::secp256k1::{PublicKey, Secp256k1};
use cambista_protocol::contract::ContractError;
use cambista_protocol::market::quote::QuoteError;
use cambista_protocol::money::MAX_MONEY_SAT;
use cambista_protocol::terms::DealError;
use cambista_protocol::timelock::{REFUND_HEIGHT_ABOVE, REFUND_HEIGHT_BELOW, TimelockError};
use cambista_protocol::words::{Direction, Role};

use crate::case::{
    CLAIM, Case, FUNDER_INTERNAL, HEIGHT, PAYER_INTERNAL, PREIMAGE, REFUND, hash, key, refused,
    refused_in,
};

#[test]
fn a_quote_for_another_network_is_refused() {
    assert_eq!(
        refused(|case| case.quote.network = Network::Bitcoin),
        DealError::Network
    );
}

#[test]
fn a_quote_is_good_until_its_last_second_and_no_longer() {
    assert_eq!(refused(|case| case.now += 1), DealError::QuoteExpired);
}

#[test]
fn amounts_that_do_not_come_out_are_refused() {
    assert_eq!(
        refused(|case| case.quote.prepay_sat = 1_003_001),
        DealError::Amounts
    );
    assert_eq!(
        refused(|case| case.quote.maker_fee_sat = i64::try_from(MAX_MONEY_SAT).unwrap()),
        DealError::Amounts
    );
    assert_eq!(
        refused_in(Direction::In, |case| case.quote.maker_fee_sat = 1_000_001),
        DealError::Amounts
    );
    assert_eq!(
        refused_in(Direction::In, |case| case.quote.maker_fee_sat = i64::MIN),
        DealError::Amounts
    );
}

#[test]
fn a_prepay_of_more_than_a_fifth_is_refused() {
    let mut quote = Case::new(Direction::Out).quote;
    quote.prepay_sat = quote.amount_sat / 5;
    assert_eq!(quote.check(), Ok(()));
    quote.prepay_sat += 1;
    assert_eq!(quote.check(), Err(QuoteError::Amounts));
}

#[test]
fn a_refund_height_too_near_or_too_far_is_refused() {
    let own = HEIGHT + 144;
    for theirs in [
        0,
        own - REFUND_HEIGHT_BELOW - 1,
        own + REFUND_HEIGHT_ABOVE + 1,
        499_999_999,
        u32::MAX,
    ] {
        assert_eq!(
            refused(|case| case.funder.refund_height = theirs),
            DealError::RefundHeight { theirs, own }
        );
    }
}

/// Each pair of the four keys made equal, seen by the side whose own keys are left as they were.
#[test]
fn keys_that_are_not_four_are_refused() {
    let equal = |role, spoil: fn(&mut Case)| {
        let mut case = Case::new(Direction::Out).seen_by(role);
        spoil(&mut case);
        assert_eq!(case.agree().unwrap_err(), DealError::KeysNotDistinct);
    };
    let (payer, funder) = (Role::Payer, Role::Funder);
    equal(payer, |case| case.funder.refund_key = key(CLAIM));
    equal(payer, |case| case.funder.refund_key = key(PAYER_INTERNAL));
    equal(payer, |case| case.funder.refund_key = key(FUNDER_INTERNAL));
    equal(payer, |case| case.funder.internal_key = key(CLAIM));
    equal(payer, |case| case.funder.internal_key = key(PAYER_INTERNAL));
    equal(funder, |case| case.payer.claim_key = key(PAYER_INTERNAL));
}

#[test]
fn a_key_and_its_negation_are_not_two_keys() {
    let negated = |n| -> PublicKey { key(n).negate(&Secp256k1::new()) };
    assert_ne!(negated(CLAIM), key(CLAIM));
    assert_eq!(
        refused(|case| case.funder.refund_key = negated(CLAIM)),
        DealError::KeysNotDistinct
    );
    assert_eq!(
        refused(|case| case.funder.internal_key = negated(PAYER_INTERNAL)),
        DealError::KeysNotDistinct
    );
}

#[test]
fn own_keys_that_came_back_changed_are_refused() {
    let changed = |role, spoil: fn(&mut Case)| {
        let mut case = Case::new(Direction::Out).seen_by(role);
        spoil(&mut case);
        assert_eq!(case.agree().unwrap_err(), DealError::OurKeys);
    };
    changed(Role::Payer, |case| case.payer.claim_key = key(40));
    changed(Role::Payer, |case| case.payer.internal_key = key(40));
    changed(Role::Funder, |case| case.funder.refund_key = key(40));
    changed(Role::Funder, |case| case.funder.internal_key = key(40));
    // Swapped is changed: one of the two is handed over, the other must never be.
    changed(Role::Funder, |case| {
        case.funder.refund_key = key(FUNDER_INTERNAL);
        case.funder.internal_key = key(REFUND);
    });
}

#[test]
fn a_prepay_that_is_missing_or_was_not_quoted_is_refused() {
    assert_eq!(refused(|case| case.prepay = None), DealError::Prepay);
    assert_eq!(
        refused_in(Direction::In, |case| case.prepay = Some(case.swap.clone())),
        DealError::Prepay
    );
    let unquoted = refused(|case| {
        case.quote.prepay_sat = 0;
        case.swap.msat = Some(1_003_000_000);
    });
    assert_eq!(unquoted, DealError::Prepay);
}

#[test]
fn a_prepay_on_the_swaps_own_hash_is_refused() {
    let error = refused(|case| {
        if let Some(prepay) = &mut case.prepay {
            prepay.hash = hash(PREIMAGE);
        }
    });
    assert_eq!(error, DealError::PrepayHash);
}

#[test]
fn confirmations_out_of_range_or_other_than_quoted_are_refused() {
    for n in [0, 13, u32::MAX] {
        assert_eq!(
            refused(|case| case.payer.confirmations = n),
            DealError::Confirmations(n)
        );
    }
    for n in [1, 3] {
        assert_eq!(
            refused_in(Direction::In, |case| case.payer.confirmations = n),
            DealError::Confirmations(n)
        );
    }
}

#[test]
fn timelocks_that_cannot_carry_the_swap_are_refused() {
    let with_delta = |direction, delta| {
        refused_in(direction, |case| {
            case.quote.refund_delta = delta;
            case.funder.refund_height = HEIGHT + delta;
        })
    };
    // 6 to fund, 42 to reveal, 2 confirmations, 6 for a reorganisation, 18 to replace: 74 are too few.
    assert_eq!(
        with_delta(Direction::Out, 74),
        DealError::Timelocks(TimelockError::TooShort)
    );
    assert_eq!(
        with_delta(Direction::In, 500),
        DealError::Timelocks(TimelockError::TooLong)
    );
}

#[test]
fn a_height_no_contract_can_have_is_refused() {
    let height = 499_999_999;
    let error = refused(|case| {
        case.height = height;
        case.funder.refund_height = height + 144;
    });
    assert_eq!(
        error,
        DealError::Contract(ContractError::RefundHeight(height + 144))
    );
}
