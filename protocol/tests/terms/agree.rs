//! Deals that come out, and that both sides see the same.

use bitcoin::{Amount, Network};
use cambista_protocol::contract::Contract;
use cambista_protocol::terms::Deal;
use cambista_protocol::timelock::{REFUND_HEIGHT_ABOVE, REFUND_HEIGHT_BELOW, Timelocks};
use cambista_protocol::words::{Direction, Role};

use crate::case::{Case, HEIGHT, MAKER, PREIMAGE, PREPAY_PREIMAGE, TAKER, hash, key};

fn both_sides(direction: Direction) -> Deal {
    let payer = Case::new(direction).seen_by(Role::Payer).agree().unwrap();
    let funder = Case::new(direction).seen_by(Role::Funder).agree().unwrap();
    assert_eq!(payer, funder);
    payer
}

#[test]
fn an_out_has_the_amounts_hashes_and_heights_of_its_quote_and_terms() {
    let deal = both_sides(Direction::Out);
    assert_eq!(deal.network, Network::Regtest);
    assert_eq!(deal.direction, Direction::Out);
    assert_eq!(deal.amount, Amount::from_sat(1_000_000));
    assert_eq!(deal.prepay_amount, Amount::from_sat(1200));
    // Swap invoice and prepay together are SAT and the maker's fee.
    assert_eq!(
        deal.swap_amount + deal.prepay_amount,
        Amount::from_sat(1_003_000)
    );
    assert_eq!(deal.payment_hash, hash(PREIMAGE));
    assert_eq!(deal.prepay_hash, Some(hash(PREPAY_PREIMAGE)));
    assert_eq!(deal.refund_height, HEIGHT + 144);
    assert_eq!(deal.agreed_height, HEIGHT);
    assert_eq!(deal.confirmations, 2);
    assert_eq!(deal.locks, Timelocks::new(Direction::Out, 144));
    assert_eq!(deal.payee, key(MAKER));
    assert_eq!(
        deal.hashes().collect::<Vec<_>>(),
        [hash(PREIMAGE), hash(PREPAY_PREIMAGE)]
    );
}

#[test]
fn an_in_pays_the_taker_the_amount_less_the_fee_and_has_no_prepay() {
    let deal = both_sides(Direction::In);
    assert_eq!(deal.amount, Amount::from_sat(1_000_000));
    assert_eq!(deal.swap_amount, Amount::from_sat(997_000));
    assert_eq!(deal.prepay_amount, Amount::ZERO);
    assert_eq!(deal.prepay_hash, None);
    assert_eq!(deal.payee, key(TAKER));
    assert_eq!(deal.hashes().collect::<Vec<_>>(), [hash(PREIMAGE)]);
}

#[test]
fn the_script_is_that_of_the_contract_built_from_the_terms() {
    let deal = both_sides(Direction::Out);
    let contract = Contract::new(deal.keys, hash(PREIMAGE), HEIGHT + 144).unwrap();
    assert_eq!(deal.script_pubkey, contract.script_pubkey());
    assert_eq!(deal.contract().unwrap(), contract);
}

#[test]
fn an_out_without_a_prepay_comes_out_too() {
    let mut case = Case::new(Direction::Out);
    case.quote.prepay_sat = 0;
    case.prepay = None;
    case.swap.msat = Some(1_003_000_000);
    let deal = case.agree().unwrap();
    assert_eq!(deal.prepay_hash, None);
    assert_eq!(deal.swap_amount, Amount::from_sat(1_003_000));
}

#[test]
fn a_maker_may_pay_the_taker() {
    let mut case = Case::new(Direction::In);
    case.quote.maker_fee_sat = -500;
    case.swap.msat = Some(1_000_500_000);
    assert_eq!(
        case.agree().unwrap().swap_amount,
        Amount::from_sat(1_000_500)
    );
}

#[test]
fn tips_may_differ_by_a_few_blocks() {
    for refund_height in HEIGHT + 144 - REFUND_HEIGHT_BELOW..=HEIGHT + 144 + REFUND_HEIGHT_ABOVE {
        let mut case = Case::new(Direction::Out);
        case.funder.refund_height = refund_height;
        assert_eq!(case.agree().unwrap().refund_height, refund_height);
    }
}

#[test]
fn the_payee_of_an_in_is_whoever_signed_the_invoice_where_nobody_is_known() {
    let mut case = Case::new(Direction::In);
    case.swap.payee = 77;
    assert_eq!(case.agree().unwrap().payee, key(77));
}
