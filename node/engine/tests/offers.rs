//! What a maker offers to everybody, what it asks when somebody comes, and when it offers nothing by itself.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::tests_outside_test_module
)]

mod common;

use bitcoin::hashes::Hash as _;
use bitcoin::{Network, Txid};
use cambista_engine::ports::{PeerProtocol, StoredEvent, StoredSwap};
use cambista_engine::{EngineHandle, MakerPolicy, SidePolicy};
use cambista_protocol::cbor;
use cambista_protocol::market::quote::Quote;
use cambista_protocol::message::{QuoteReply, QuoteRequest};
use cambista_protocol::money::{Msat, Price};
use cambista_protocol::swap::{Event, Leg, SpendKind};
use cambista_protocol::words::{Direction, Side};

use common::{HEIGHT, blocks, outpoint, run, start, to_be_swept, with};

fn policy() -> MakerPolicy {
    MakerPolicy {
        enabled: true,
        out: Some(SidePolicy {
            price: Price {
                base_sat: 500,
                ppm: 1_000,
            },
            min_sat: 50_000,
            max_sat: 800_000,
            lean_ppm: 0,
        }),
        ..MakerPolicy::default()
    }
}

async fn answer(handle: &EngineHandle, network: Network) -> QuoteReply {
    let request = QuoteRequest {
        network,
        direction: Direction::Out,
        amount_sat: 100_000,
        external: false,
    };
    let answer = handle
        .peer_request("taker".into(), PeerProtocol::Quote, cbor::to_vec(&request))
        .await
        .unwrap();
    cbor::from_slice(&answer, 4_096).unwrap()
}

/// Neither offers nor quotes, and its owner reads why.
async fn is_paused(handle: &EngineHandle, network: Network, because: &str) {
    let offered = handle.business().await.unwrap().out;
    assert_eq!(offered.rate, None);
    let reason = offered.paused.unwrap();
    assert!(reason.contains(because), "{reason}");
    let answer = answer(handle, network).await;
    let QuoteReply::Refused(refusal) = answer else {
        panic!("{answer:?}");
    };
    assert!(!refusal.text.contains(because), "not for strangers");
}

async fn is_open(handle: &EngineHandle, network: Network) {
    let offered = handle.business().await.unwrap().out;
    assert!(offered.rate.is_some(), "{offered:?}");
    let answer = answer(handle, network).await;
    assert!(matches!(answer, QuoteReply::Quote(_)), "{answer:?}");
}

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
        handle.set_policy(policy()).await.unwrap();
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

/// The maker of an `in` that paid and did not get the coins.
fn lost() -> StoredSwap {
    let mut swap = to_be_swept(1);
    swap.record.side = Side::Maker;
    swap.record.deal.direction = Direction::In;
    let value = swap.record.deal.amount;
    let outpoint = outpoint(1);
    let events = [
        Event::Opened,
        Event::OutputSeen {
            outpoint,
            value,
            confirmed: Some(HEIGHT - 20),
        },
        Event::ClaimReady { outpoint },
        Event::PaymentSettled {
            leg: Leg::Swap,
            fee: Msat(0),
        },
        Event::OutputSpent {
            outpoint,
            txid: Txid::from_byte_array([9; 32]),
            kind: SpendKind::Refund,
            preimage: None,
            confirmed: Some(HEIGHT - 10),
        },
        Event::Block,
    ];
    let stored = events.map(|event| StoredEvent {
        event,
        height: HEIGHT,
        at: 50,
    });
    swap.events = stored.to_vec();
    swap
}

#[test]
fn a_maker_that_lost_a_swap_offers_nothing_until_its_owner_has_looked_at_it() {
    run(async {
        let fake = with([lost()]);
        fake.has_small_coins();
        let handle = start(&fake).await;
        handle.set_policy(policy()).await.unwrap();
        is_paused(&handle, Network::Regtest, "a swap was lost").await;

        let seen = MakerPolicy {
            set_at: 51,
            ..policy()
        };
        handle.set_policy(seen).await.unwrap();
        is_open(&handle, Network::Regtest).await;
    });
}

#[test]
fn a_maker_that_has_blocks_to_read_offers_nothing() {
    run(async {
        let fake = with([]);
        fake.has_small_coins();
        let handle = start(&fake).await;
        handle.set_policy(policy()).await.unwrap();
        // Those that came while the last ones were read.
        fake.mined_to(HEIGHT + 2);
        is_open(&handle, Network::Regtest).await;
        fake.mined_to(HEIGHT + 3);
        is_paused(&handle, Network::Regtest, "blocks are being read").await;
        blocks(&handle, HEIGHT + 1..=HEIGHT + 3).await;
        is_open(&handle, Network::Regtest).await;
    });
}

/// Somebody may keep the newest blocks from it.
#[test]
fn a_maker_whose_newest_block_is_old_offers_nothing() {
    run(async {
        let fake = with([]);
        fake.has_small_coins();
        fake.it_is(5_401);
        let handle = start(&fake).await;
        handle.set_policy(policy()).await.unwrap();
        is_open(&handle, Network::Regtest).await;

        fake.on_mainnet();
        is_paused(&handle, Network::Bitcoin, "newest block is over an hour").await;
        fake.it_is(5_400);
        is_open(&handle, Network::Bitcoin).await;
    });
}
