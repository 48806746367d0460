//! The quotes a taker holds: bounded in time and number, and never at the cost of the newest.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::tests_outside_test_module
)]

mod common;

use std::sync::Arc;

use bitcoin::secp256k1::{Keypair, Message, Secp256k1, SecretKey};
use bitcoin::{Amount, Network};
use cambista_engine::ports::PeerAddress;
use cambista_engine::{
    AskAmount, AskFor, EngineError, EngineHandle, MakerContact, Quotes, StartSwap,
};
use cambista_protocol::cbor;
use cambista_protocol::market::quote::Quote;
use cambista_protocol::message::QuoteReply;
use cambista_protocol::signed::{Signed, Tag};
use cambista_protocol::words::Direction;

use common::{Fake, run, start, with};

const AMOUNT: u64 = 250_000;

fn maker() -> Keypair {
    let key = SecretKey::from_slice(&[0x33; 32]).unwrap();
    Keypair::from_secret_key(&Secp256k1::new(), &key)
}

/// Asks the maker, which answers with its `number`th quote, good until then (Unix seconds; the test happens at 0).
async fn ask(fake: &Arc<Fake>, handle: &EngineHandle, number: u16, valid_until: u64) -> Quotes {
    let mut nonce = [0; 16];
    nonce[..2].copy_from_slice(&number.to_be_bytes());
    let quote = Quote {
        network: Network::Regtest,
        maker: maker().public_key(),
        direction: Direction::Out,
        amount_sat: AMOUNT,
        maker_fee_sat: 500,
        prepay_sat: 300,
        refund_delta: 144,
        confirmations: 0,
        valid_until,
        nonce,
        external: false,
    };
    let signed = Signed::new(Tag::Quote, cbor::to_vec(&quote), |digest| {
        let message = Message::from_digest(digest);
        Secp256k1::new()
            .sign_schnorr_no_aux_rand(&message, &maker())
            .serialize()
    });
    fake.answers(&cbor::to_vec(&QuoteReply::Quote(signed)));
    let ask = AskFor {
        direction: Direction::Out,
        amount: AskAmount::Swap(Amount::from_sat(AMOUNT)),
        destination: None,
        external: false,
    };
    let contact = MakerContact {
        node_id: maker().public_key(),
        peer: PeerAddress {
            peer_id: "maker".into(),
            addresses: Vec::new(),
        },
    };
    handle.quotes(ask, vec![contact]).await.unwrap()
}

/// Whether a swap could be begun on the quote as far as the quote goes. This node has no channels, so none begins.
async fn is_held(handle: &EngineHandle, quote_id: &str) -> bool {
    let request = StartSwap {
        quote_id: quote_id.to_owned(),
        ..StartSwap::default()
    };
    !matches!(
        handle.start(request).await.unwrap_err(),
        EngineError::NotFound(_)
    )
}

#[test]
fn a_quote_that_is_promised_for_ever_is_left_out() {
    run(async {
        let fake = with([]);
        let handle = start(&fake).await;
        for (number, until) in [(1, 3 * 3_600 + 1), (2, u64::MAX)] {
            let quotes = ask(&fake, &handle, number, until).await;
            assert!(quotes.quotes.is_empty(), "{quotes:?}");
            assert!(quotes.refused[0].reason.contains("longer than an hour"));
        }
        let quotes = ask(&fake, &handle, 3, 3 * 3_600).await;
        assert_eq!(quotes.quotes.len(), 1, "{quotes:?}");
    });
}

#[test]
fn however_many_quotes_came_the_newest_can_be_opened() {
    run(async {
        let fake = with([]);
        let handle = start(&fake).await;
        let mut ids = Vec::new();
        for number in 0..300 {
            let quotes = ask(&fake, &handle, number, 3_600).await;
            ids.push(quotes.quotes[0].id.clone());
        }
        assert!(is_held(&handle, &ids[299]).await);
        assert!(is_held(&handle, &ids[100]).await);
        assert!(!is_held(&handle, &ids[0]).await, "the oldest went");
    });
}
