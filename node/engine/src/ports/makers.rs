//! The makers port: whom to ask, from the book of offers and from experience.

use bitcoin::secp256k1::PublicKey;
use cambista_protocol::money::Price;
use cambista_protocol::words::Direction;

use super::PortError;
use crate::handle::MakerContact;

/// What makers are looked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Which way.
    pub direction: Direction,
    /// What is to be covered, by one of them or by several together (sat).
    pub amount_sat: u64,
    /// By how many at most.
    pub max_parts: usize,
    /// Only these, whatever the limits of their offers; any when there is none.
    pub only: &'a [PublicKey],
    /// None of these.
    pub except: &'a [PublicKey],
    /// So many that could cover all of it alone, and so many more that could cover a part.
    pub limit: usize,
    /// What [`Makers::newcomers_turn`] said for this search.
    pub newcomers_turn: bool,
}

/// A maker and what it offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MakerOffer {
    /// Whom to ask.
    pub contact: MakerContact,
    /// Its price, its own chain costs included.
    pub price: Price,
    /// The smallest swap it takes (sat).
    pub min_sat: u64,
    /// The largest swap it takes (sat).
    pub max_sat: u64,
}

/// The makers this node knows.
pub trait Makers: Send + Sync + 'static {
    /// The makers worth asking, each once, never this node itself; empty when there is none.
    ///
    /// # Errors
    /// When no swap can begin now, with the reason.
    fn candidates(&self, wanted: &Wanted<'_>) -> Result<Vec<MakerOffer>, PortError>;

    /// When (Unix seconds) the first of the makers that offer this, and have failed a short while ago, is worth asking again;
    /// none when there is no such maker.
    fn resting_until(&self, wanted: &Wanted<'_>) -> Option<u64> {
        let _ = wanted;
        None
    }

    /// Whether makers no swap was ever begun with are compared without [`Self::failure_cost`] now. Asked once for each
    /// search, so that everything within it is compared alike.
    fn newcomers_turn(&self) -> bool {
        false
    }

    /// What a swap of this amount with this maker is expected to cost by failing (sat).
    fn failure_cost(&self, maker: &PublicKey, amount_sat: u64, newcomers_turn: bool) -> u64;

    /// By how much the maker's prices were above its offers of late (millionths of the amount).
    fn dearer_ppm(&self, maker: &PublicKey) -> u32 {
        let _ = maker;
        0
    }

    /// The maker gave a price so much above its offer (millionths of the amount), or kept to it (0).
    fn priced(&self, maker: &PublicKey, dearer_ppm: u32) {
        let _ = (maker, dearer_ppm);
    }

    /// What a taker's own transaction of one swap is expected to cost in miner fees (sat), for a first guess before anybody
    /// has quoted. The maker's is in its offer.
    fn chain_cost(&self, direction: Direction) -> u64;
}
