//! What a maker offers to everybody, and what it asks when somebody comes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::tests_outside_test_module
)]

mod common;

use bitcoin::Network;
use cambista_engine::ports::PeerProtocol;
use cambista_engine::{EngineHandle, MakerPolicy, SidePolicy};
use cambista_protocol::cbor;
use cambista_protocol::market::quote::Quote;
use cambista_protocol::message::{QuoteReply, QuoteRequest};
use cambista_protocol::money::Price;
use cambista_protocol::words::Direction;

use common::{run, start, with};

async fn quoted(handle: &EngineHandle, amount_sat: u64) -> Quote {
    let request = QuoteRequest {
        network: Network::Regtest,
        direction: Direction::Out,
        amount_sat,
        external: false,
    };
    let answer = handle
        .peer_request("taker".into(), PeerProtocol::Quote, cbor::to_vec(&request))
        .await
        .unwrap();
    match cbor::from_slice(&answer, 4_096).unwrap() {
        QuoteReply::Quote(signed) => cbor::from_slice(&signed.payload, 4_096).unwrap(),
        QuoteReply::Refused(refusal) => panic!("{refusal:?}"),
    }
}

/// Eight coins fund what the maker offers at most: its offer says what they cost, and no quote is above it.
#[test]
fn a_maker_with_many_small_coins_quotes_no_more_than_it_offers() {
    run(async {
        let fake = with([]);
        fake.has_small_coins();
        let handle = start(&fake).await;
        let side = SidePolicy {
            price: Price {
                base_sat: 500,
                ppm: 1_000,
            },
            min_sat: 50_000,
            max_sat: 800_000,
            lean_ppm: 0,
        };
        handle
            .set_policy(MakerPolicy {
                enabled: true,
                out: Some(side),
                ..MakerPolicy::default()
            })
            .await
            .unwrap();
        let rate = handle.business().await.unwrap().out.rate.unwrap();
        assert_eq!(rate.max_sat, 800_000);
        for amount in [50_000, 100_001, 500_000, 800_000] {
            let quote = quoted(&handle, amount).await;
            let offered = rate.fee(amount).unwrap();
            assert!(
                quote.maker_fee_sat <= offered,
                "{amount}: {quote:?} {offered}"
            );
        }
    });
}
