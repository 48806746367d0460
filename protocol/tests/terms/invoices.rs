//! Everything that can be wrong with an invoice, the swap's and the prepay's.

use bitcoin::Network;
use cambista_protocol::terms::{DealError, InvoiceError};
use cambista_protocol::words::Direction;
use lightning_invoice::Currency;

use crate::case::{Bill, Case, NOW, refused};

/// The swap invoice spoilt, then the prepay spoilt in the same way.
fn refused_both(spoil: impl Fn(&mut Bill)) -> [InvoiceError; 2] {
    let swap = match refused(|case| spoil(&mut case.swap)) {
        DealError::SwapInvoice(error) => error,
        other => panic!("{other:?}"),
    };
    let prepay = match refused(|case| spoil(case.prepay.as_mut().unwrap())) {
        DealError::PrepayInvoice(error) => error,
        other => panic!("{other:?}"),
    };
    [swap, prepay]
}

#[test]
fn an_invoice_for_another_network_is_refused() {
    for currency in [
        Currency::Bitcoin,
        Currency::BitcoinTestnet,
        Currency::Signet,
    ] {
        let errors = refused_both(|bill| bill.currency = currency.clone());
        assert_eq!(errors, [InvoiceError::Network; 2]);
    }
}

#[test]
fn an_invoice_for_the_network_of_the_swap_is_taken_on_each_of_them() {
    for (network, currency) in [
        (Network::Bitcoin, Currency::Bitcoin),
        (Network::Testnet, Currency::BitcoinTestnet),
        (Network::Signet, Currency::Signet),
        (Network::Regtest, Currency::Regtest),
    ] {
        let mut case = Case::new(Direction::Out);
        case.network = network;
        case.quote.network = network;
        case.swap.currency = currency.clone();
        case.prepay.as_mut().unwrap().currency = currency;
        assert_eq!(case.agree().map(|deal| deal.network), Ok(network));
    }
}

#[test]
fn a_swap_invoice_on_another_hash_is_refused() {
    assert_eq!(
        refused(|case| case.swap.hash[31] ^= 1),
        DealError::SwapInvoice(InvoiceError::PaymentHash)
    );
}

#[test]
fn an_invoice_for_any_other_amount_is_refused() {
    let errors = [
        refused_both(|bill| bill.msat = bill.msat.map(|msat| msat + 1)),
        refused_both(|bill| bill.msat = bill.msat.map(|msat| msat - 1)),
        refused_both(|bill| bill.msat = bill.msat.map(|msat| msat + 1000)),
        refused_both(|bill| bill.msat = None),
    ];
    assert_eq!(errors, [[InvoiceError::Amount; 2]; 4]);
}

#[test]
fn an_invoice_of_another_node_than_the_known_one_is_refused() {
    assert_eq!(
        refused_both(|bill| bill.payee = 99),
        [InvoiceError::Payee; 2]
    );
}

#[test]
fn the_prepay_must_go_to_the_swap_invoices_node_even_where_none_is_known() {
    let mut case = Case::new(Direction::Out);
    case.known_payee = None;
    case.prepay.as_mut().unwrap().payee = 99;
    assert_eq!(
        case.agree().unwrap_err(),
        DealError::PrepayInvoice(InvoiceError::Payee)
    );
}

#[test]
fn an_invoice_with_any_other_final_delta_is_refused() {
    let errors = [
        refused_both(|bill| bill.delta -= 1),
        refused_both(|bill| bill.delta += 1),
    ];
    assert_eq!(errors, [[InvoiceError::FinalDelta; 2]; 2]);
}

#[test]
fn an_invoice_that_has_expired_is_refused() {
    let errors = refused_both(|bill| bill.expiry = NOW - bill.made);
    assert_eq!(errors, [InvoiceError::Expired; 2]);
    let mut case = Case::new(Direction::Out);
    case.swap.expiry = NOW - case.swap.made + 1;
    assert!(case.agree().is_ok(), "one second is left");
}

#[test]
fn text_that_is_no_invoice_or_not_signed_as_it_stands_is_refused() {
    let mut good = Case::new(Direction::Out);
    good.funder.swap_invoice = good.swap.text();
    good.funder.prepay_invoice = good.prepay.as_ref().map(Bill::text);
    assert!(good.agree_as_is().is_ok());

    let mut last_changed = good.funder.swap_invoice.clone();
    let last = last_changed.pop().unwrap();
    last_changed.push(if last == 'q' { 'p' } else { 'q' });
    for text in [
        String::new(),
        "lnbcrt1".into(),
        last_changed,
        format!("{} ", good.funder.swap_invoice),
        "l".repeat(2049),
    ] {
        let mut case = good.clone();
        case.funder.swap_invoice = text.clone();
        assert_eq!(
            case.agree_as_is().unwrap_err(),
            DealError::SwapInvoice(InvoiceError::Malformed),
            "{text}"
        );
        let mut case = good.clone();
        case.funder.prepay_invoice = Some(text);
        assert_eq!(
            case.agree_as_is().unwrap_err(),
            DealError::PrepayInvoice(InvoiceError::Malformed)
        );
    }
}
