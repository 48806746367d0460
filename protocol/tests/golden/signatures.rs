//! What is signed, and the work in offers.

use bitcoin::hex::{DisplayHex, FromHex};
use cambista_protocol::market::offer::{Offer, OfferError};
use cambista_protocol::market::pow;
use cambista_protocol::market::quote::{Quote, QuoteError};
use cambista_protocol::message::Acceptance;
use cambista_protocol::signed::{BadSignature, Signed, Tag};
use cambista_protocol::words::Direction;

use crate::file::file;
use crate::parts::{
    NODE, acceptance, key, offer, quote, secret, sign, signed_offer, signed_quote, withdrawn,
};

fn built() -> Vec<(&'static str, Tag, Signed)> {
    vec![
        ("offer", Tag::Offer, signed_offer(&offer())),
        ("withdrawal", Tag::Offer, signed_offer(&withdrawn())),
        ("quote, out", Tag::Quote, signed_quote(Direction::Out)),
        ("quote, in", Tag::Quote, signed_quote(Direction::In)),
        (
            "acceptance, out",
            Tag::Accept,
            acceptance(Direction::Out).sign(sign),
        ),
        (
            "acceptance, in",
            Tag::Accept,
            acceptance(Direction::In).sign(sign),
        ),
    ]
}

#[test]
fn every_digest_and_signature_is_its_vector() {
    let file = file();
    assert_eq!(file.node_secret, secret(NODE).display_secret().to_string());
    assert_eq!(file.node_key, key(NODE).to_string());
    let built = built();
    assert_eq!(built.len(), file.signed.len());
    for ((name, tag, signed), vector) in built.iter().zip(&file.signed) {
        assert_eq!(vector.name, *name);
        assert_eq!(vector.tag, tag.text());
        assert_eq!(
            vector.payload,
            signed.payload.to_lower_hex_string(),
            "{name}"
        );
        assert_eq!(
            vector.digest,
            tag.digest(&signed.payload).to_lower_hex_string(),
            "{name}"
        );
        assert_eq!(
            vector.signature,
            signed.signature.to_lower_hex_string(),
            "{name}"
        );
    }
}

#[test]
fn a_vectors_signature_holds_for_its_tag_key_and_bytes_only() {
    let vectors = file().signed;
    assert!(!vectors.is_empty());
    for vector in vectors {
        let signed = Signed {
            payload: Vec::from_hex(&vector.payload).unwrap(),
            signature: Vec::from_hex(&vector.signature)
                .unwrap()
                .try_into()
                .unwrap(),
        };
        for tag in [Tag::Offer, Tag::Quote, Tag::Accept] {
            let expected = if tag.text() == vector.tag {
                Ok(())
            } else {
                Err(BadSignature)
            };
            assert_eq!(signed.verify(tag, &key(NODE)), expected);
            assert_eq!(signed.verify(tag, &key(NODE + 1)), Err(BadSignature));
            for i in 0..signed.payload.len() {
                let mut changed = signed.clone();
                changed.payload[i] ^= 1;
                assert_eq!(changed.verify(tag, &key(NODE)), Err(BadSignature));
            }
        }
    }
}

#[test]
fn signed_payloads_open_as_what_was_signed() {
    let signed = signed_offer(&offer());
    let (read, opened) = Offer::read(&signed.to_bytes()).unwrap();
    assert_eq!((read, opened), (signed.clone(), offer()));
    assert!(offer().check_work(&signed).is_ok());
    assert_eq!(offer().check_signature(&signed), Ok(()));

    for direction in [Direction::Out, Direction::In] {
        assert_eq!(Quote::open(&signed_quote(direction)), Ok(quote(direction)));
        let accepted = acceptance(direction).sign(sign);
        assert_eq!(Acceptance::read(&accepted), Ok(acceptance(direction)));
    }
    // Signed as a quote, but with the tag of an offer.
    let confused = Signed::new(Tag::Offer, signed_quote(Direction::Out).payload, sign);
    assert_eq!(
        Quote::open(&confused),
        Err(QuoteError::Signature(BadSignature))
    );
}

#[test]
fn the_work_of_the_vectors_holds_for_regtest_and_not_for_the_next_nonce_down() {
    for offer in [offer(), withdrawn()] {
        let signed = signed_offer(&offer);
        assert!(pow::shown(&signed.payload) >= pow::bits(offer.network));
        assert!(offer.nonce > 0, "the vector was searched for");
        let before = Offer {
            nonce: offer.nonce - 1,
            ..offer
        };
        assert_eq!(before.check_work(&before.sign(sign)), Err(OfferError::Work));
    }
}
