//! Each reason not to take an offer, at the cheapest check that can find it.

use bitcoin::Network;
use cambista_market::{Ignored, Verdict};
use cambista_protocol::cbor::Malformed;
use cambista_protocol::market::offer::{MAX_LIFETIME, MAX_OFFER, Offer, OfferError, Rate};
use cambista_protocol::signed::{BadSignature, Signed};

use crate::common::{HOUR, NOW, announced, book, node, offer, rate, signed_by, without_work};

/// Neither work nor the maker's signature: only checks before those two can say anything else.
fn worthless(offer: Offer) -> Vec<u8> {
    signed_by(99, &without_work(offer)).to_bytes()
}

fn verdict(bytes: &[u8]) -> Verdict {
    book().ingest(bytes, NOW)
}

#[test]
fn a_good_offer_is_accepted_and_stands_until_it_expires() {
    let mut book = book();
    assert_eq!(book.ingest(&announced(1, offer(1)), NOW), Verdict::Accept);
    assert_eq!(book.live(NOW).count(), 1);
    assert_eq!(
        book.get(&node(1), NOW + HOUR - 1).map(|o| o.sequence),
        Some(1)
    );
    assert_eq!(book.get(&node(1), NOW + HOUR), None);
    assert_eq!(book.live(NOW + HOUR).count(), 0);
}

#[test]
fn an_oversized_offer_is_rejected_before_it_is_decoded() {
    let too_long = vec![0xff; MAX_OFFER + 1];
    assert_eq!(
        verdict(&too_long),
        Verdict::Reject(OfferError::Malformed(Malformed::TooLong))
    );
    // The limit itself is not the reason for the next one.
    assert_eq!(
        verdict(&too_long[..MAX_OFFER]),
        Verdict::Reject(OfferError::Malformed(Malformed::Shape))
    );
}

#[test]
fn bytes_that_are_no_offer_are_rejected() {
    let good = announced(1, offer(1));
    let shape = Verdict::Reject(OfferError::Malformed(Malformed::Shape));
    assert_eq!(verdict(&[]), shape);
    assert_eq!(verdict(&good[..good.len() - 1]), shape);
    let trailing = [good, vec![0]].concat();
    assert_eq!(
        verdict(&trailing),
        Verdict::Reject(OfferError::Malformed(Malformed::Trailing))
    );
    let no_offer = Signed::new(cambista_protocol::signed::Tag::Offer, vec![0x80], |_| {
        [0; 64]
    });
    assert_eq!(verdict(&no_offer.to_bytes()), shape);
}

#[test]
fn contents_that_can_never_be_are_rejected_before_anything_else_is_looked_at() {
    let contact = |peer_id: &str, addresses: Vec<String>| {
        let offer = Offer {
            peer_id: peer_id.into(),
            addresses,
            // Another network and expired: both would be looked at later.
            network: Network::Signet,
            issued: 1,
            expires: 2,
            ..offer(1)
        };
        verdict(&worthless(offer))
    };
    let bad = Verdict::Reject(OfferError::Contact);
    assert_eq!(contact("", vec![]), bad);
    assert_eq!(contact(&"a".repeat(65), vec![]), bad);
    assert_eq!(contact("a\u{1b}[2J", vec![]), bad);
    assert_eq!(contact("a", vec!["/".repeat(129)]), bad);
    assert_eq!(contact("a", vec!["ip4/1.2.3.4".into()]), bad);
    assert_eq!(contact("a", vec!["/dns4/\u{202e}".into()]), bad);
    assert_eq!(contact("a", vec!["/a".into(); 9]), bad);
    let other = Verdict::Ignore(Ignored::Network);
    assert_eq!(contact(&"a".repeat(64), vec!["/a".into(); 8]), other);
    assert_eq!(contact("a", vec![format!("/{}", "a".repeat(127))]), other);
}

#[test]
fn a_lifetime_of_nothing_or_of_more_than_six_hours_is_rejected() {
    let lasting = |issued, expires| {
        verdict(&worthless(Offer {
            issued,
            expires,
            ..offer(1)
        }))
    };
    let bad = Verdict::Reject(OfferError::Lifetime);
    assert_eq!(lasting(NOW, NOW), bad);
    assert_eq!(lasting(NOW + 1, NOW), bad);
    assert_eq!(lasting(0, u64::MAX), bad);
    assert_eq!(lasting(NOW, NOW + MAX_LIFETIME + 1), bad);
    let next = Verdict::Reject(OfferError::Work);
    assert_eq!(lasting(NOW, NOW + MAX_LIFETIME), next);
}

#[test]
fn rates_and_deltas_out_of_range_are_rejected() {
    let with = |rate| {
        verdict(&worthless(Offer {
            into: Some(rate),
            ..offer(1)
        }))
    };
    let good = rate(0, -1_000_000);
    assert_eq!(with(good), Verdict::Reject(OfferError::Work));
    for bad in [
        Rate { min_sat: 0, ..good },
        Rate {
            min_sat: good.max_sat + 1,
            ..good
        },
        Rate {
            max_sat: u64::MAX,
            ..good
        },
        Rate {
            base_sat: u64::MAX,
            ..good
        },
        Rate {
            ppm: 1_000_001,
            ..good
        },
        Rate {
            ppm: i32::MIN,
            ..good
        },
    ] {
        assert_eq!(with(bad), Verdict::Reject(OfferError::Rate), "{bad:?}");
    }
    let deltas = |network, refund_delta_min, refund_delta_max| {
        verdict(&worthless(Offer {
            network,
            refund_delta_min,
            refund_delta_max,
            ..offer(1)
        }))
    };
    let bad = Verdict::Reject(OfferError::RefundDelta);
    assert_eq!(deltas(Network::Regtest, 0, 144), bad);
    assert_eq!(deltas(Network::Regtest, 145, 144), bad);
    assert_eq!(deltas(Network::Regtest, 144, 433), bad);
    assert_eq!(deltas(Network::Bitcoin, 95, 144), bad);
    assert_eq!(
        deltas(Network::Bitcoin, 96, 144),
        Verdict::Ignore(Ignored::Network)
    );
    assert_eq!(
        deltas(Network::Regtest, 1, 144),
        Verdict::Reject(OfferError::Work)
    );
}

#[test]
fn another_network_or_time_is_ignored_before_the_work_is_looked_at() {
    let other = Offer {
        network: Network::Bitcoin,
        ..offer(1)
    };
    assert_eq!(
        verdict(&worthless(other)),
        Verdict::Ignore(Ignored::Network)
    );
    let old = Offer {
        issued: NOW - HOUR,
        expires: NOW,
        ..offer(1)
    };
    assert_eq!(verdict(&worthless(old)), Verdict::Ignore(Ignored::Expired));
    let ahead = |issued| Offer {
        issued,
        expires: issued + HOUR,
        ..offer(1)
    };
    assert_eq!(
        verdict(&worthless(ahead(NOW + 601))),
        Verdict::Ignore(Ignored::Early)
    );
    assert_eq!(
        verdict(&announced(1, ahead(NOW + 600))),
        Verdict::Accept,
        "clocks differ"
    );
}

#[test]
fn a_known_sequence_is_ignored_before_work_and_signature_are_looked_at() {
    let mut book = book();
    let second = Offer {
        sequence: 2,
        ..offer(1)
    };
    let bytes = announced(1, second.clone());
    assert_eq!(book.ingest(&bytes, NOW), Verdict::Accept);
    let stale = Verdict::Ignore(Ignored::Stale);
    assert_eq!(book.ingest(&bytes, NOW), stale, "the very same");
    assert_eq!(book.ingest(&worthless(second), NOW), stale);
    assert_eq!(book.ingest(&worthless(offer(1)), NOW), stale);
    assert_eq!(book.ingest(&announced(1, offer(1)), NOW), stale);
    assert_eq!(book.get(&node(1), NOW).map(|o| o.sequence), Some(2));
}

#[test]
fn missing_work_is_rejected_before_the_signature_is_looked_at() {
    assert_eq!(
        verdict(&worthless(offer(1))),
        Verdict::Reject(OfferError::Work)
    );
}

#[test]
fn work_done_for_one_offer_does_not_serve_another() {
    let mut mined = offer(1);
    // A nonce that holds for this expiry and not for the next: one of 256 does for both.
    let extended = loop {
        assert!(mined.mine(1 << 16));
        let extended = Offer {
            expires: mined.expires + 1,
            ..mined.clone()
        };
        if extended == without_work(extended.clone()) {
            break extended;
        }
        mined.nonce += 1;
    };
    assert_eq!(verdict(&signed_by(1, &mined).to_bytes()), Verdict::Accept);
    assert_eq!(
        verdict(&signed_by(1, &extended).to_bytes()),
        Verdict::Reject(OfferError::Work)
    );
}

#[test]
fn another_makers_signature_is_rejected_and_spends_nothing_of_the_makers() {
    let mut book = book();
    let forged = Offer {
        sequence: u64::MAX,
        ..offer(1)
    };
    for _ in 0..100 {
        assert_eq!(
            book.ingest(&announced(2, forged.clone()), NOW),
            Verdict::Reject(OfferError::Signature(BadSignature))
        );
    }
    assert!(book.is_empty());
    assert_eq!(book.ingest(&announced(1, offer(1)), NOW), Verdict::Accept);
}

#[test]
fn a_newer_offer_takes_the_place_of_the_older_one() {
    let mut book = book();
    assert_eq!(book.ingest(&announced(1, offer(1)), NOW), Verdict::Accept);
    let newer = Offer {
        sequence: 5,
        issued: NOW + 10,
        out: None,
        into: Some(rate(1, 1)),
        ..offer(1)
    };
    assert_eq!(
        book.ingest(&announced(1, newer.clone()), NOW + 10),
        Verdict::Accept
    );
    let live: Vec<_> = book.live(NOW + 10).map(|l| l.offer.into).collect();
    assert_eq!(live, [newer.into]);
    assert_eq!(book.len(), 1);
}

#[test]
fn an_older_offer_that_lasts_longer_does_not_come_back_when_the_newer_one_has_expired() {
    let mut book = book();
    let long = Offer {
        expires: NOW + MAX_LIFETIME,
        ..offer(1)
    };
    let short = Offer {
        sequence: 2,
        issued: NOW + 1,
        expires: NOW + 60,
        ..offer(1)
    };
    let (long, short) = (announced(1, long), announced(1, short));
    assert_eq!(book.ingest(&long, NOW), Verdict::Accept);
    assert_eq!(book.ingest(&short, NOW + 1), Verdict::Accept);
    book.expire(NOW + 61);
    assert_eq!(book.live(NOW + 61).count(), 0);
    assert_eq!(
        book.ingest(&long, NOW + 61),
        Verdict::Ignore(Ignored::Stale)
    );
    book.expire(NOW + MAX_LIFETIME);
    assert_eq!(
        book.ingest(&long, NOW + MAX_LIFETIME),
        Verdict::Ignore(Ignored::Expired),
        "forgotten only when nothing old can stand any more"
    );
}

#[test]
fn a_maker_that_announces_all_the_time_is_ignored_until_it_has_waited() {
    let mut book = book();
    let mut announce = |sequence, now| {
        let next = Offer {
            sequence,
            ..offer(1)
        };
        book.ingest(&announced(1, next), now)
    };
    for sequence in 1..=10 {
        assert_eq!(announce(sequence, NOW), Verdict::Accept);
    }
    assert_eq!(announce(11, NOW), Verdict::Ignore(Ignored::TooOften));
    assert_eq!(announce(11, NOW + 60), Verdict::Accept, "not yet known");
}
