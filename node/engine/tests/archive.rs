//! Swaps that are over leave memory, and come back when something happens to them after all.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::tests_outside_test_module
)]

mod common;

use std::sync::Arc;

use bitcoin::OutPoint;
use cambista_engine::ports::{OutboxItem, PeerProtocol, StoredEvent, StoredSwap};
use cambista_engine::view::SwapView;
use cambista_engine::{EngineHandle, LightningNews, MakerPolicy, SidePolicy};
use cambista_protocol::cbor;
use cambista_protocol::market::quote::Quote;
use cambista_protocol::message::{QuoteReply, QuoteRequest, SwapReply, SwapRequest};
use cambista_protocol::money::Msat;
use cambista_protocol::signed::{Signed, Tag};
use cambista_protocol::swap::{Effect, Event, HeldHtlc, Leg, Say};
use cambista_protocol::terms::PayerTerms;
use cambista_protocol::words::{Direction, Role, Secret32, Side, SwapId};

use common::{
    Fake, HEIGHT, ask, block, blocks, fork, outpoint, payment, rest, run, start, to_be_swept, with,
};

/// The sweep's block, and the height at which it is buried and the swap ends.
const SWEPT: u32 = HEIGHT + 1;
const ENDED: u32 = SWEPT + 5;
/// So long it stays afterwards.
const WATCH: u32 = 144;
const ID: SwapId = SwapId([1; 32]);

/// A swap whose sweep is in the block after the first, and which has ended at `ENDED`.
async fn ended() -> (Arc<Fake>, EngineHandle) {
    let fake = with([to_be_swept(1)]);
    fake.answers(&cbor::to_vec(&SwapReply::Ack));
    let handle = end(&fake).await;
    (fake, handle)
}

/// The only swap is paid for and swept, and ends.
async fn end(fake: &Arc<Fake>) -> EngineHandle {
    let handle = start(fake).await;
    handle.lightning(sent()).await.unwrap();
    rest().await;
    let sweep = fake.sent.borrow().last().unwrap().tx.clone();
    assert_eq!(sweep.input[0].previous_output, outpoint(1));
    block(&handle, SWEPT, vec![sweep]).await;
    blocks(&handle, SWEPT + 1..=ENDED).await;
    assert_eq!(view(&handle).await.outcome.as_deref(), Some("done"));
    handle
}

/// Its payment has arrived.
fn sent() -> LightningNews {
    LightningNews::Sent {
        payment_hash: to_be_swept(1).record.deal.payment_hash,
        fee: Msat(3_000),
    }
}

/// The same a day later: it is archived.
async fn archived() -> (Arc<Fake>, EngineHandle) {
    let (fake, handle) = ended().await;
    blocks(&handle, ENDED + 1..=ENDED + WATCH).await;
    assert_eq!(fake.disk().archived.len(), 1);
    (fake, handle)
}

async fn view(handle: &EngineHandle) -> SwapView {
    handle.swap(&ID.to_string()).await.unwrap()
}

fn events(fake: &Fake) -> Vec<Event> {
    let disk = fake.disk();
    disk.swaps[0]
        .events
        .iter()
        .map(|e| e.event.clone())
        .collect()
}

#[test]
fn a_swap_leaves_memory_a_day_after_the_last_thing_that_happened_and_is_shown_as_before() {
    run(async {
        let (fake, handle) = ended().await;
        let before = view(&handle).await;
        blocks(&handle, ENDED + 1..=ENDED + WATCH - 1).await;
        assert!(fake.disk().archived.is_empty(), "a block too early");
        blocks(&handle, ENDED + WATCH..=ENDED + WATCH).await;
        {
            let disk = fake.disk();
            let [archived] = disk.archived.as_slice() else {
                panic!("one is archived")
            };
            let record = &disk.swaps[0].record;
            assert_eq!((archived.swap, archived.settled), (ID, ENDED));
            assert_eq!(archived.script, record.deal.script_pubkey);
            assert_eq!(archived.hashes, [record.deal.payment_hash]);
            assert_eq!(archived.node, Some(record.maker));
            assert_eq!((archived.earned.done, archived.earned.open), (1, 0));
        }
        assert!(fake.watched().is_empty(), "{:?}", fake.watched());
        assert_eq!(view(&handle).await, before);
        let list = handle.latest(5).await.unwrap();
        assert_eq!((list.swaps, list.older), (vec![before], 0));
        let list = handle.latest(0).await.unwrap();
        assert_eq!((list.swaps, list.older), (Vec::new(), 1));
    });
}

#[test]
fn what_is_archived_is_not_read_at_a_start() {
    run(async {
        let (fake, handle) = archived().await;
        handle.stop().await;
        fake.forget_reads();
        let handle = start(&fake).await;
        assert!(fake.reads().is_empty());
        assert_eq!(view(&handle).await.outcome.as_deref(), Some("done"));
        assert_eq!(fake.reads(), [ID]);
    });
}

#[test]
fn what_is_over_and_was_never_archived_leaves_with_the_first_block_after_a_start() {
    run(async {
        let (fake, handle) = archived().await;
        handle.stop().await;
        let mut disk = fake.disk().clone();
        disk.archived.clear();
        disk.best = ENDED + WATCH;
        let fake = Fake::new(disk);
        let handle = start(&fake).await;
        blocks(&handle, ENDED + WATCH + 1..=ENDED + WATCH + 1).await;
        assert_eq!(fake.disk().archived.len(), 1);
    });
}

#[test]
fn late_words_about_an_archived_swap_are_answered_and_leave_it_archived() {
    run(async {
        let (fake, handle) = archived().await;
        let stored = events(&fake);
        let late = [
            SwapRequest::Resume { swap_id: ID },
            SwapRequest::Withdraw { swap_id: ID },
            SwapRequest::Key {
                swap_id: ID,
                secret: [7; 32],
            },
            SwapRequest::Preimage {
                swap_id: ID,
                preimage: [7; 32],
            },
            SwapRequest::Funded {
                swap_id: ID,
                tx: bitcoin::consensus::encode::serialize(&payment(
                    &to_be_swept(1).record.deal.script_pubkey,
                    250_000,
                    outpoint(77),
                )),
            },
        ];
        for request in late {
            assert_eq!(ask(&handle, &request).await, SwapReply::Ack, "{request:?}");
            rest().await;
        }
        assert_eq!(events(&fake), stored);
        assert_eq!(fake.disk().archived.len(), 1);
        assert!(fake.watched().is_empty(), "{:?}", fake.watched());
    });
}

#[test]
fn the_id_and_the_hash_of_an_archived_swap_are_not_taken_again() {
    run(async {
        let (fake, handle) = archived().await;
        let quote = Quote {
            network: bitcoin::Network::Regtest,
            maker: to_be_swept(1).record.maker,
            direction: Direction::Out,
            amount_sat: 250_000,
            maker_fee_sat: 1,
            prepay_sat: 0,
            refund_delta: 144,
            confirmations: 0,
            valid_until: u64::MAX,
            nonce: [0; 16],
            external: false,
        };
        let request = SwapRequest::Open {
            swap_id: ID,
            quote: Signed::new(Tag::Quote, cbor::to_vec(&quote), |_| [0; 64]),
            payer: None,
        };
        let SwapReply::Refused(refusal) = ask(&handle, &request).await else {
            panic!("opened again")
        };
        assert_eq!(refusal.text, "this swap id is taken");
        assert_eq!(fake.disk().swaps.len(), 1);
        // Another id, all in order, and the hash of the swap that is over.
        fake.has_small_coins();
        let deal = to_be_swept(1).record.deal;
        let request = SwapRequest::Open {
            swap_id: SwapId([2; 32]),
            quote: quoted(&handle).await,
            payer: Some(PayerTerms {
                payment_hash: deal.payment_hash,
                claim_key: deal.keys.payer_claim,
                internal_key: deal.keys.payer_internal,
                confirmations: 1,
            }),
        };
        let SwapReply::Refused(refusal) = ask(&handle, &request).await else {
            panic!("a hash is used twice")
        };
        assert_eq!(refusal.text, "the payment hash was used before");
        assert_eq!(fake.disk().swaps.len(), 1);
    });
}

/// This node becomes a maker, and somebody asks it for a quote.
async fn quoted(handle: &EngineHandle) -> Signed {
    let policy = MakerPolicy {
        enabled: true,
        out: Some(SidePolicy {
            min_sat: 50_000,
            max_sat: 5_000_000,
            ..SidePolicy::default()
        }),
        ..MakerPolicy::default()
    };
    handle.set_policy(policy).await.unwrap();
    let request = QuoteRequest {
        network: bitcoin::Network::Regtest,
        direction: Direction::Out,
        amount_sat: 250_000,
        external: false,
    };
    let bytes = handle
        .peer_request("peer".into(), PeerProtocol::Quote, cbor::to_vec(&request))
        .await
        .unwrap();
    match cbor::from_slice(&bytes, 16_384).unwrap() {
        QuoteReply::Quote(quote) => quote,
        QuoteReply::Refused(refusal) => panic!("{refusal:?}"),
    }
}

#[test]
fn news_of_a_payment_of_an_archived_swap_finds_it() {
    run(async {
        let (fake, handle) = archived().await;
        let stored = events(&fake);
        fake.forget_reads();
        handle.lightning(sent()).await.unwrap();
        assert_eq!(fake.reads(), [ID]);
        assert_eq!(events(&fake), stored, "Lightning said it before");
        assert_eq!(fake.disk().archived.len(), 1);
    });
}

#[test]
fn a_deposit_long_after_the_end_is_seen() {
    run(async {
        let (fake, handle) = archived().await;
        let script = to_be_swept(1).record.deal.script_pubkey;
        let stored = events(&fake).len();
        // Dust is followed at no time and opens nothing.
        let dust = payment(&script, 999, outpoint(70));
        block(&handle, ENDED + WATCH + 1, vec![dust]).await;
        assert_eq!(fake.disk().archived.len(), 1);
        let deposit = payment(&script, 50_000, outpoint(71));
        let there = OutPoint::new(deposit.compute_txid(), 0);
        block(&handle, ENDED + WATCH + 2, vec![deposit]).await;
        assert!(fake.disk().archived.is_empty());
        assert_eq!(events(&fake).len(), stored + 1);
        assert!(fake.watched().contains(&there));
        // It stays until that, too, is spent and a day deep.
        blocks(&handle, ENDED + WATCH + 3..=ENDED + 3 * WATCH).await;
        assert!(fake.disk().archived.is_empty());
        let home = payment(&bitcoin::ScriptBuf::new(), 49_000, there);
        let spent = ENDED + 3 * WATCH + 1;
        block(&handle, spent, vec![home]).await;
        blocks(&handle, spent + 1..=spent + WATCH - 1).await;
        assert!(fake.disk().archived.is_empty());
        blocks(&handle, spent + WATCH..=spent + WATCH).await;
        assert_eq!(fake.disk().archived.len(), 1);
    });
}

#[test]
fn a_reorganisation_a_block_before_it_would_leave_keeps_it() {
    run(async {
        let (fake, handle) = ended().await;
        let last = ENDED + WATCH - 1;
        blocks(&handle, ENDED + 1..=last).await;
        let sent = fake.sent.borrow().len();
        fork(&handle, SWEPT).await;
        blocks(&handle, SWEPT..=last + 1).await;
        assert!(fake.disk().archived.is_empty());
        assert!(fake.sent.borrow().len() > sent, "it is swept again");
    });
}

#[test]
fn a_reorganisation_below_its_end_brings_an_archived_swap_back() {
    run(async {
        let (fake, handle) = archived().await;
        // What lies above its end is none of its business.
        fork(&handle, ENDED + 1).await;
        assert_eq!(fake.disk().archived.len(), 1);
        let sent = fake.sent.borrow().len();
        fork(&handle, SWEPT).await;
        assert!(fake.disk().archived.is_empty());
        blocks(&handle, SWEPT..=SWEPT + 1).await;
        let all = fake.sent.borrow().clone();
        assert!(all.len() > sent, "it is swept again");
        assert_eq!(all.last().unwrap().tx.input[0].previous_output, outpoint(1));
        // And it is there after a restart.
        handle.stop().await;
        fake.forget_reads();
        start(&fake).await;
        assert_eq!(fake.reads(), [ID]);
    });
}

#[test]
fn as_long_as_something_is_to_be_said_it_stays() {
    run(async {
        let mut swap = to_be_swept(1);
        swap.outbox = vec![OutboxItem {
            id: 1,
            effect: Effect::Say(Say::Key),
        }];
        let fake = with([swap]);
        let handle = end(&fake).await;
        blocks(&handle, ENDED + 1..=ENDED + WATCH + 20).await;
        assert!(fake.disk().archived.is_empty(), "its peer is away");
    });
}

/// A swap of a stranger at this maker that came to nothing, because its payment never came or because it was given up.
fn came_to_nothing(paid: bool) -> StoredSwap {
    let mut swap = to_be_swept(1);
    swap.record.side = Side::Maker;
    swap.record.role = Role::Funder;
    let at = |event| StoredEvent {
        event,
        height: HEIGHT,
        at: 0,
    };
    swap.events = vec![at(Event::Opened)];
    if paid {
        swap.events.push(at(Event::Held {
            leg: Leg::Swap,
            htlc: HeldHtlc {
                payment_id: Secret32([3; 32]),
                amount: Msat(251_000_000),
                claim_deadline: 400,
                sound: true,
            },
        }));
    }
    swap.events.push(at(Event::Cancelled));
    swap
}

#[test]
fn what_strangers_opened_and_never_paid_leaves_soon_and_is_forgotten_after_two_weeks() {
    for paid in [false, true] {
        run(async {
            let fake = with([came_to_nothing(paid)]);
            let handle = start(&fake).await;
            blocks(&handle, HEIGHT + 1..=HEIGHT + 5).await;
            assert!(fake.disk().archived.is_empty());
            blocks(&handle, HEIGHT + 6..=HEIGHT + 6).await;
            assert_eq!(fake.disk().archived.len(), 1);
            assert_eq!(fake.disk().archived[0].nothing, !paid);
            block(&handle, HEIGHT + 2_015, Vec::new()).await;
            assert_eq!(fake.disk().swaps.len(), 1);
            block(&handle, HEIGHT + 2_016, Vec::new()).await;
            assert_eq!(fake.disk().swaps.len(), usize::from(paid));
            let late = SwapRequest::Withdraw { swap_id: ID };
            let refused = matches!(ask(&handle, &late).await, SwapReply::Refused(_));
            assert_eq!(refused, !paid);
        });
    }
}

/// The node died between writing down what Lightning said and marking the claim as done.
#[test]
fn a_claim_that_was_answered_just_before_a_crash_does_not_keep_a_swap() {
    run(async {
        let mut swap = came_to_nothing(true);
        swap.outbox = vec![OutboxItem {
            id: 1,
            effect: Effect::Claim(Leg::Swap),
        }];
        let fake = with([swap]);
        let handle = start(&fake).await;
        blocks(&handle, HEIGHT + 1..=HEIGHT + 6).await;
        assert_eq!(fake.disk().archived.len(), 1);
    });
}

#[test]
fn a_swap_whose_sweep_is_in_no_block_stays() {
    run(async {
        let fake = with([to_be_swept(1)]);
        fake.answers(&cbor::to_vec(&SwapReply::Ack));
        let handle = start(&fake).await;
        handle.lightning(sent()).await.unwrap();
        blocks(&handle, HEIGHT + 1..=HEIGHT + 2 * WATCH).await;
        assert!(fake.disk().archived.is_empty(), "it has not ended");
    });
}
