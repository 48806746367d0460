//! Strangers turn the market against itself: they ask and do not swap, hold what they are paid, and make offers that lie.
//! Honest swaps go through meanwhile.

use std::cell::RefCell;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bitcoin::Network;
use bitcoin::secp256k1::{Keypair, Message, Secp256k1, SecretKey};
use cambista_harness::market::{p2p_addresses, wait_usable};
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Change, Market, Node, Taken, Way};
use cambista_protocol::cbor;
use cambista_protocol::market::offer::{MAX_LIFETIME, Offer, Rate};
use cambista_protocol::message::{QuoteReply, QuoteRequest, SwapReply, SwapRequest};
use cambista_protocol::signed::Signed;
use cambista_protocol::words::{Direction, SwapId};
use tokio::runtime::Runtime;

use crate::adversary::payer::{Payer, contact};
use crate::adversary::random;
use crate::adversary::wire::{Frame, Protocol, Wire};
use crate::at_once::add;
use crate::taker_killed::{make_room, purses};

/// As much as a maker swaps at once here, and all that fits its only channel.
const LARGEST: u64 = 4_000_000;
/// Swaps each stranger opens and leaves there.
const OPENED: u32 = 3;
/// Work of a test network.
const TRIES: u64 = 1 << 20;

/// Many peers ask for the largest quote there is, in both directions, again and again, and open the `in` they were quoted
/// without ever bringing their terms. A newcomer and, later, somebody known are quoted and served all the same.
#[test]
fn strangers_that_only_ask_shut_nobody_out() {
    let market = Market::direct(3);
    let (taker, maker) = (&market.taker, &market.makers[0]);
    let runtime = Runtime::new().unwrap();
    let target = p2p_addresses(maker)[0].clone();
    let (stop, given) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let asking: Vec<_> = (0..8)
        .map(|_| {
            let (target, stop, given) = (target.clone(), stop.clone(), given.clone());
            runtime.spawn(async move { ask_for_ever(&target, &stop, &given).await })
        })
        .collect();
    wait_for("strangers with quotes", FOUND_AGAIN, || {
        let given = given.load(Ordering::Relaxed);
        (given >= 16).then_some(()).ok_or_else(|| given.to_string())
    });

    make_room(&market);
    let before = purses(&market);
    let wanted = swap_both_ways(&market, [(Way::In, 200_000), (Way::Out, 600_000)]);
    before[0].assert_changed(taker, &market.bitcoind, wanted[0]);
    before[1].assert_changed(maker, &market.bitcoind, wanted[1]);
    stop.store(true, Ordering::Relaxed);
    for one in asking {
        runtime.block_on(one).unwrap();
    }
    println!("{} quotes to strangers", given.load(Ordering::Relaxed));
    runtime.shutdown_background();
}

/// Two honest swaps with the only maker that is one, one after the other; what both sides must have gained by them.
fn swap_both_ways(market: &Market, swaps: [(Way, u64); 2]) -> [Change; 2] {
    let (taker, maker) = (&market.taker, &market.makers[0]);
    let mut wanted = [Change::default(); 2];
    for (way, amount) in swaps {
        let taken = Taken::take(taker, way, amount, &[]);
        assert_eq!(taken.quote.maker, maker.id());
        let seen = market.confirm_and_claim(&taken);
        add(&mut wanted[0], taken.taker_change(&seen, 0, true));
        add(&mut wanted[1], taken.maker_change(&seen, 0));
        market.mine(5);
        taken.assert_outcome(taker, "done");
        taken.assert_outcome(maker, "done");
    }
    wanted
}

/// Asks for the largest quotes, and opens every `in`; counts the quotes.
async fn ask_for_ever(target: &str, stop: &AtomicBool, given: &AtomicUsize) {
    let wire = Wire::mute().await;
    let (peer, addresses) = contact(target);
    let mut opened = 0;
    while !stop.load(Ordering::Relaxed) {
        for direction in [Direction::Out, Direction::In] {
            // As much as it is given.
            for amount_sat in [LARGEST, LARGEST / 2, LARGEST / 4, LARGEST / 10] {
                let request = QuoteRequest {
                    network: Network::Regtest,
                    direction,
                    amount_sat,
                    external: false,
                };
                let frame = Frame::of(cbor::to_vec(&request));
                let Ok(answer) = wire.ask(peer, &addresses, Protocol::Quote, frame).await else {
                    continue;
                };
                let Ok(QuoteReply::Quote(quote)) = cbor::from_slice(&answer, 4096) else {
                    continue;
                };
                given.fetch_add(1, Ordering::Relaxed);
                // How many newcomers open in a minute is limited for all of them together: that door is another's.
                if direction == Direction::In && opened < OPENED {
                    opened += 1;
                    let swap_id = SwapId(random());
                    let open = SwapRequest::Open {
                        swap_id,
                        quote,
                        payer: None,
                    };
                    let frame = Frame::of(cbor::to_vec(&open));
                    let answer = wire.ask(peer, &addresses, Protocol::Swap, frame).await;
                    let _: Option<SwapReply> =
                        answer.ok().and_then(|a| cbor::from_slice(&a, 65_536).ok());
                }
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// A taker opens `in` after `in`, is paid over Lightning, holds it and never funds. It gets as far as the owner's cap for
/// newcomers; somebody known swaps both ways beside it. When its payments run out everything is back.
#[test]
fn payments_held_by_a_stranger_stop_at_the_cap() {
    const CAP: u64 = 600_000;
    let market = Market::direct(3);
    let (taker, maker, chain) = (&market.taker, &market.makers[0], &market.bitcoind);
    make_room(&market);
    maker.cli(&["maker", "set", "--cap-newcomers", &CAP.to_string()]);
    let stranger = Payer::start(chain);
    let channel = stranger_channel(&market, &stranger);
    let before = purses(&market);
    let target = &p2p_addresses(maker)[0];
    let mut held = 0;
    let refused = loop {
        let opened = match stranger.try_open_in(target, 200_000) {
            Ok(opened) => opened,
            Err((_, why)) => break why,
        };
        stranger.offer(&opened, |_| {}).expect("its own terms");
        stranger.own.held(opened.payer.payment_hash);
        held += 1;
    };
    assert_eq!(held, CAP / 200_000, "{refused}");

    let wanted = swap_both_ways(&market, [(Way::In, 200_000), (Way::Out, 500_000)]);
    before[0].assert_changed(taker, chain, wanted[0]);
    // As far as its own Lightning node lets it: that gives back in time, so as not to lose its channel.
    let deadline = stranger.own.deadline();
    while chain.height() <= deadline {
        chain.mine((deadline + 1 - chain.height()).min(48));
        market.sync();
        stranger.own.catch_up(chain);
    }
    before[1].assert_changed(maker, chain, wanted[1]);
    wait_for("the maker to be free again", FOUND_AGAIN, || {
        let open = maker.status()["open_swaps"].clone();
        (open == 0).then_some(()).ok_or_else(|| open.to_string())
    });
    assert!(stranger.quote(target, Direction::In, 200_000).is_ok());
    assert!(before[1].channels.contains_key(&channel));
}

/// Opens a channel from the stranger to the maker, part of which is the maker's; its funding transaction.
fn stranger_channel(market: &Market, stranger: &Payer) -> String {
    const CHANNEL: u64 = 3_000_000;
    let (maker, chain) = (&market.makers[0], &market.bitcoind);
    let coin = stranger.own.lightning().wallet().new_address().unwrap();
    chain.fund_address(coin, CHANNEL + 100_000);
    market.mine(1);
    stranger.own.catch_up(chain);
    stranger.own.open_channel(maker, CHANNEL, CHANNEL / 2);
    let funding = chain.wait_for_mempool(1, FOUND_AGAIN)[0];
    market.mine(6);
    stranger.own.catch_up(chain);
    wait_usable(maker, 2);
    funding.to_string()
}

/// Offers that are cheaper than any and lead nowhere, to the wrong maker, or that are not what they say.
#[test]
fn offers_that_lie_cost_a_taker_nothing() {
    let market = Market::direct(3);
    let (taker, maker, chain) = (&market.taker, &market.makers[0], &market.bitcoind);
    let before = purses(&market);
    let honest = maker.id();
    let runtime = Runtime::new().unwrap();
    let target = p2p_addresses(taker)[0].clone();
    let (peer, at) = contact(&target);
    // Connected to the end: what was sent arrives, sooner or later.
    let wires = RefCell::new(Vec::new());
    let gossip = |bytes: Vec<u8>| {
        let (peer, at) = (peer, at.clone());
        wires.borrow_mut().push(runtime.block_on(async move {
            let wire = Wire::mute().await;
            wire.offers(peer, &at).await;
            wire.publish_when_heard(bytes).await;
            // Asked after what was sent, on the same connection.
            wire.offers(peer, &at).await;
            wire
        }));
    };
    let listed = || {
        let offers = taker.cli(&["offers", "out"]);
        let offers = offers["offers"].as_array().unwrap().clone();
        let mut ids: Vec<String> = offers
            .iter()
            .map(|offer| offer["maker"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    };
    assert_eq!(listed(), std::slice::from_ref(&honest));

    // Stolen: as it was signed, and with another peer's id put in.
    let own = runtime.block_on(async {
        let wire = Wire::mute().await;
        wire.offers(peer, &at).await
    });
    let (signed, stolen) = Offer::read(&own[0]).unwrap();
    gossip(own[0].clone());
    let redirected = |sequence: u64, from: &Signed| {
        let mut offer = Offer {
            peer_id: libp2p::PeerId::random().to_string(),
            addresses: vec![NOBODY.to_owned()],
            sequence,
            ..stolen.clone()
        };
        assert!(offer.mine(TRIES));
        offer.sign(|_| from.signature).to_bytes()
    };
    gossip(redirected(stolen.sequence, &signed));
    gossip(redirected(stolen.sequence + 1, &signed));
    assert_eq!(listed(), std::slice::from_ref(&honest));

    // Times that cannot be: from the future, for longer than six hours, over.
    let thief = Thief::new(&stolen);
    for (issued, expires) in [
        (now() + 1_200, now() + 1_200 + MAX_LIFETIME),
        (now(), now() + MAX_LIFETIME + 60),
        (now() + 365 * 86_400, now() + 366 * 86_400),
        (now() - 7_200, now() - 60),
    ] {
        gossip(thief.offer(|offer| {
            (offer.issued, offer.expires) = (issued, expires);
        }));
    }
    assert_eq!(listed(), std::slice::from_ref(&honest));

    // Somebody else's address, and a price below any: the honest maker is asked, and answers under its own name.
    let (first, second) = (now(), now() + 1);
    gossip(thief.offer(|offer| offer.sequence = first));
    let both = || {
        let mut both = [honest.clone(), thief.id()];
        both.sort();
        both
    };
    wait_for("the thief's offer", FOUND_AGAIN, || {
        let listed = listed();
        (listed == both())
            .then_some(())
            .ok_or_else(|| format!("{listed:?}"))
    });
    let fee = |id: &str| {
        let offers = taker.cli(&["offers", "out", "--amount", "300000"]);
        let offers = offers["offers"].as_array().unwrap().clone();
        let offer = offers.into_iter().find(|offer| offer["maker"] == id);
        offer.expect("the offer")["est_fee_sat"].clone()
    };
    let cheapest = fee(&thief.id());
    // A higher sequence takes the place of a lower one. One sequence is one offer, and a lower one is none.
    gossip(thief.offer(|offer| {
        offer.sequence = second;
        offer.out = Some(rate(2));
    }));
    let later = wait_for("the later offer", FOUND_AGAIN, || {
        let seen = fee(&thief.id());
        let other = seen != cheapest;
        other.then_some(seen).ok_or_else(|| cheapest.to_string())
    });
    for sequence in [second, first, first - 1] {
        gossip(thief.offer(|offer| {
            offer.sequence = sequence;
            offer.out = Some(rate(9_000));
        }));
    }

    let taken = Taken::take(taker, Way::Out, 300_000, &[]);
    assert_eq!(taken.quote.maker, honest);
    let seen = market.confirm_and_claim(&taken);
    before[0].assert_changed(taker, chain, taken.taker_change(&seen, 0, true));
    before[1].assert_changed(maker, chain, taken.maker_change(&seen, 0));
    // All of it has been heard by now.
    assert_eq!(listed(), both());
    assert_eq!(fee(&thief.id()), later);
    runtime.shutdown_background();
}

/// Made-up makers, more than anybody asks, each with its work and all cheaper than any honest one: nobody answers at their
/// addresses, or somebody who says nothing. Swaps in both directions find the maker that is there.
#[test]
fn a_crowd_of_made_up_makers_hides_nobody() {
    let market = Market::direct(3);
    let (taker, maker) = (&market.taker, &market.makers[0]);
    let runtime = Runtime::new().unwrap();
    // Takes every call and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("/ip4/127.0.0.1/tcp/{}", silent.local_addr().unwrap().port());
    let (made, wires) = crowd(&runtime, &[taker, maker], CROWD, &[NOBODY, &silent]);
    wait_for("the crowd in the book", FOUND_AGAIN, || {
        let offers = taker.cli(&["offers", "out", "--limit", "1000"]);
        let listed = offers["offers"].as_array().unwrap().len();
        (listed >= CROWD / 2)
            .then_some(())
            .ok_or_else(|| listed.to_string())
    });
    println!("{made} made-up makers");
    drop(wires);
    let before = purses(&market);
    let wanted = swap_both_ways(&market, [(Way::Out, 500_000), (Way::In, 200_000)]);
    before[0].assert_changed(taker, &market.bitcoind, wanted[0]);
    before[1].assert_changed(maker, &market.bitcoind, wanted[1]);
    runtime.shutdown_background();
}

/// So many of them.
const CROWD: usize = 400;
/// Where nobody listens.
const NOBODY: &str = "/ip4/127.0.0.1/tcp/1";
/// What one peer may bring of makers nobody knows, at once.
const OF_ONE: usize = 200;

/// Gossips so many made-up makers that lead to one of these addresses. Says how many, and who gossips: what was sent arrives
/// while these are connected.
fn crowd(
    runtime: &Runtime,
    nodes: &[&Node],
    makers: usize,
    addresses: &[&str],
) -> (usize, Vec<Wire>) {
    let secp = Secp256k1::new();
    let offers: Vec<Vec<u8>> = (0..makers)
        .map(|number| {
            let key = SecretKey::from_slice(&random()).unwrap().keypair(&secp);
            let address = addresses[number % addresses.len()];
            let mut offer = Offer {
                network: Network::Regtest,
                maker: key.public_key(),
                peer_id: libp2p::PeerId::random().to_string(),
                addresses: vec![address.to_owned()],
                sequence: now(),
                issued: now(),
                expires: now() + MAX_LIFETIME,
                out: Some(rate(1)),
                into: Some(rate(1)),
                refund_delta_min: 96,
                refund_delta_max: 96,
                features: 0,
                nonce: 0,
            };
            assert!(offer.mine(TRIES));
            sign(&offer, &key)
        })
        .collect();
    let contacts: Vec<_> = nodes
        .iter()
        .map(|node| contact(&p2p_addresses(node)[0]))
        .collect();
    let mut wires = Vec::new();
    for some in offers.chunks(OF_ONE / 2) {
        wires.push(runtime.block_on(async {
            let wire = Wire::mute().await;
            for (peer, at) in &contacts {
                wire.offers(*peer, at).await;
            }
            for offer in some {
                wire.publish_when_heard(offer.clone()).await;
            }
            wire
        }));
    }
    (offers.len(), wires)
}

/// Who makes offers in its own name that lead to another maker.
struct Thief {
    key: Keypair,
    like: Offer,
}

impl Thief {
    fn new(like: &Offer) -> Self {
        let key = SecretKey::from_slice(&random()).unwrap();
        Self {
            key: key.keypair(&Secp256k1::new()),
            like: like.clone(),
        }
    }

    fn id(&self) -> String {
        self.key.public_key().to_string()
    }

    fn offer(&self, change: impl FnOnce(&mut Offer)) -> Vec<u8> {
        let mut offer = Offer {
            maker: self.key.public_key(),
            sequence: now(),
            issued: now(),
            expires: now() + 3_600,
            out: Some(rate(1)),
            into: None,
            ..self.like.clone()
        };
        change(&mut offer);
        assert!(offer.mine(TRIES));
        sign(&offer, &self.key)
    }
}

fn sign(offer: &Offer, key: &Keypair) -> Vec<u8> {
    let secp = Secp256k1::new();
    let signed = offer.sign(|digest| {
        let message = Message::from_digest(digest);
        *secp.sign_schnorr_no_aux_rand(&message, key).as_ref()
    });
    signed.to_bytes()
}

/// A price nobody else asks.
const fn rate(base_sat: u64) -> Rate {
    Rate {
        base_sat,
        ppm: 0,
        min_sat: 20_000,
        max_sat: LARGEST,
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs()
}
