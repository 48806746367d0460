//! A hostile maker among honest ones: it has a channel with their taker, which knows its offer.

use cambista_harness::Market;
use cambista_harness::market::p2p_addresses;
use cambista_harness::wait::{secs, wait_for};
use cambista_protocol::words::Direction;

use super::in_maker::InMaker;
use super::maker::Maker;
use super::payer::contact;
use super::prey::{CHANNEL, Hostile, PUSHED};

/// One of `out`; all of the channel is the taker's.
pub(crate) fn with_out(market: &Market) -> Maker {
    let maker = Maker::start(&market.bitcoind);
    let to = maker.own.lightning_address();
    catch_up(market, &maker);
    let size = CHANNEL.to_string();
    market.taker.cli(&["channel", "open", &to, &size]);
    joined(market, maker, Direction::Out)
}

/// One of `in`; most of the channel is the maker's.
pub(crate) fn with_in(market: &Market) -> InMaker {
    let maker = InMaker::start(&market.bitcoind);
    let coin = maker.own().lightning().wallet().new_address().unwrap();
    market.bitcoind.fund_address(coin, CHANNEL + 100_000);
    market.bitcoind.mine(1);
    catch_up(market, &maker);
    maker.own().open_channel(&market.taker, CHANNEL, PUSHED);
    joined(market, maker, Direction::In)
}

/// Waits until everybody has seen the tip.
pub(crate) fn catch_up(market: &Market, maker: &impl Hostile) {
    market.sync();
    maker.own().catch_up(&market.bitcoind);
}

/// Waits for the channel that is being opened, and tells of the offer.
fn joined<M: Hostile>(market: &Market, maker: M, way: Direction) -> M {
    market.bitcoind.wait_for_mempool(1, secs(60));
    for _ in 0..6 {
        market.bitcoind.mine(1);
        catch_up(market, &maker);
    }
    maker.own().wait_channels(&market.taker, 2);
    let (peer, addresses) = contact(&p2p_addresses(&market.taker)[0]);
    maker.own().block_on(async {
        maker.wire().offers(peer, &addresses).await;
        maker.wire().publish_when_heard(maker.offer()).await;
    });
    let id = maker.own().lightning().node_id().to_string();
    wait_for("its offer at the taker", secs(60), || {
        let offers = market.taker.cli(&["offers", &way.to_string()]);
        let mut listed = offers["offers"].as_array().unwrap().iter();
        let known = listed.any(|offer| offer["maker"] == id.as_str());
        known.then_some(()).ok_or_else(|| offers.to_string())
    });
    maker
}
