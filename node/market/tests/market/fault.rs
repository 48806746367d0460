//! A word that was not kept, and what of it can be proved.

use bitcoin::Network;
use cambista_market::fault::{Fault, Kind, NotProved};
use cambista_protocol::cbor;
use cambista_protocol::market::quote::Quote;
use cambista_protocol::message::Acceptance;
use cambista_protocol::signed::{Signed, Tag};
use cambista_protocol::terms::{FunderTerms, PayerTerms};
use cambista_protocol::words::{Direction, SwapId};

use crate::common::{NOW, node, secret};

const HEIGHT: u32 = 800;
const SWAP: SwapId = SwapId([7; 32]);

fn sign(n: u32) -> impl Fn([u8; 32]) -> [u8; 64] {
    move |digest| {
        use bitcoin::secp256k1::{Keypair, Message, Secp256k1};
        let keypair = Keypair::from_secret_key(&Secp256k1::new(), &secret(n));
        let message = Message::from_digest(digest);
        Secp256k1::new()
            .sign_schnorr_no_aux_rand(&message, &keypair)
            .serialize()
    }
}

fn quote(direction: Direction) -> Quote {
    Quote {
        network: Network::Regtest,
        maker: node(1),
        direction,
        amount_sat: 250_000,
        maker_fee_sat: 500,
        prepay_sat: if direction == Direction::Out { 300 } else { 0 },
        refund_delta: 144,
        confirmations: if direction == Direction::Out { 0 } else { 2 },
        valid_until: NOW,
        nonce: [3; 16],
        external: false,
    }
}

fn acceptance(quote: &Signed, funder: Option<FunderTerms>) -> Acceptance {
    Acceptance {
        swap_id: SWAP,
        quote_id: quote.id(),
        payer: PayerTerms {
            payment_hash: [9; 32],
            claim_key: node(11),
            internal_key: node(12),
            confirmations: 2,
        },
        funder,
    }
}

fn funder(refund_height: u32) -> FunderTerms {
    FunderTerms {
        refund_key: node(13),
        internal_key: node(14),
        refund_height,
        swap_invoice: "lnbcrt1".into(),
        prepay_invoice: None,
        last_hop: None,
    }
}

fn fault_of(direction: Direction, kind: Kind, signer: u32, terms: Option<FunderTerms>) -> Fault {
    let quote = Signed::new(Tag::Quote, cbor::to_vec(&quote(direction)), sign(1));
    let accepted = acceptance(&quote, terms).sign(sign(signer));
    Fault {
        kind,
        swap: SWAP.to_string(),
        quote: quote.to_bytes(),
        acceptance: accepted.to_bytes(),
        agreed_height: HEIGHT,
        noticed_height: HEIGHT + 7,
        noticed_at: NOW,
    }
}

fn not_funded() -> Fault {
    fault_of(
        Direction::Out,
        Kind::NotFunded,
        1,
        Some(funder(HEIGHT + 144)),
    )
}

#[test]
fn a_signed_acceptance_proves_what_was_to_be_paid_where_and_until_when() {
    let proved = not_funded().check().unwrap();
    assert_eq!(proved.maker, node(1));
    assert_eq!(proved.amount.to_sat(), 250_000);
    assert_eq!(proved.fund_until, HEIGHT + 6);
    assert_eq!(proved.refund_height, Some(HEIGHT + 144));
    assert!(proved.address.unwrap().to_string().starts_with("bcrt1p"));
    let not_paid = fault_of(Direction::In, Kind::NotPaid, 1, None);
    assert_eq!(not_paid.check().unwrap().address, None);
}

#[test]
fn it_survives_being_written_down() {
    let fault = not_funded();
    let text = serde_json::to_string(&fault).unwrap();
    let again: Fault = serde_json::from_str(&text).unwrap();
    assert_eq!(again, fault);
}

#[test]
fn nothing_is_proved_by_what_the_maker_did_not_sign_for_this_swap() {
    let forged = fault_of(
        Direction::Out,
        Kind::NotFunded,
        2,
        Some(funder(HEIGHT + 144)),
    );
    assert_eq!(forged.check(), Err(NotProved::Signature("acceptance")));
    let mut quote_changed = not_funded();
    let last = quote_changed.quote.len() - 1;
    quote_changed.quote[last] ^= 1;
    assert_eq!(quote_changed.check(), Err(NotProved::Signature("quote")));
    let other = Fault {
        swap: SwapId([8; 32]).to_string(),
        ..not_funded()
    };
    assert_eq!(other.check(), Err(NotProved::Mixed));
    let nonsense = Fault {
        acceptance: vec![1],
        ..not_funded()
    };
    assert_eq!(nonsense.check(), Err(NotProved::Malformed("acceptance")));
}

#[test]
fn a_kind_must_fit_what_was_agreed() {
    let of_in = Fault {
        kind: Kind::NotPaid,
        ..not_funded()
    };
    assert_eq!(of_in.check(), Err(NotProved::NotAgreed));
    let half = fault_of(Direction::Out, Kind::NotFunded, 1, None);
    assert_eq!(half.check(), Err(NotProved::NotAgreed));
}

#[test]
fn heights_that_do_not_fit_the_terms_prove_nothing() {
    for (agreed, noticed) in [
        (HEIGHT - 7, HEIGHT + 7),
        (HEIGHT + 7, HEIGHT + 9),
        (HEIGHT, HEIGHT - 1),
    ] {
        let fault = Fault {
            agreed_height: agreed,
            noticed_height: noticed,
            ..not_funded()
        };
        assert_eq!(fault.check(), Err(NotProved::Heights), "{agreed} {noticed}");
    }
}

/// A file of proofs may come from anybody.
#[test]
fn heights_no_block_has_prove_nothing() {
    for agreed in [500_000_000, u32::MAX - 6, u32::MAX] {
        for fault in [
            not_funded(),
            fault_of(Direction::In, Kind::NotPaid, 1, None),
        ] {
            let fault = Fault {
                agreed_height: agreed,
                noticed_height: u32::MAX,
                ..fault
            };
            assert_eq!(fault.check(), Err(NotProved::Heights), "{agreed}");
        }
    }
}

#[test]
fn a_payment_that_was_not_due_yet_was_not_withheld() {
    let noticed = |noticed_height| {
        let fault = Fault {
            noticed_height,
            ..fault_of(Direction::In, Kind::NotPaid, 1, None)
        };
        fault.check()
    };
    assert_eq!(noticed(HEIGHT + 6), Err(NotProved::Heights));
    assert!(noticed(HEIGHT + 7).is_ok());
}
