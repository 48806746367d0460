//! Swaps that have left memory: what is looked up of them without reading them.

use bitcoin::ScriptBuf;
use bitcoin::secp256k1::PublicKey;
use cambista_protocol::words::{Direction, Side, SwapId};

use crate::desk::Earned;

/// A swap to which nothing more is expected to happen, with what it must still be found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// The swap.
    pub swap: SwapId,
    /// The last height at which anything happened to it.
    pub settled: u32,
    /// This side.
    pub side: Side,
    /// Which way.
    pub direction: Direction,
    /// The contract's script: whatever is paid there, however late, is still this swap's.
    pub script: ScriptBuf,
    /// Its payment hashes.
    pub hashes: Vec<[u8; 32]>,
    /// Of a maker's swap that was done: the peer id of its taker.
    pub taker: Option<String>,
    /// Of a swap that was done: the payee of an `in` (maker) or the maker's Lightning node (taker).
    pub node: Option<PublicKey>,
    /// Where this side's coins go.
    pub destination: ScriptBuf,
    /// Whether nothing can ever have been paid to the destination: it may be used again.
    pub unused: bool,
    /// Whether a stranger opened it and never paid: it may be forgotten some day.
    pub nothing: bool,
    /// What it brought; none of it is open.
    pub earned: Earned,
}

/// Which swaps are sought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sought<'a> {
    /// All that are not archived.
    Kept,
    /// The latest so many that are archived, newest first.
    Latest(usize),
    /// Up to two, archived or not, whose ids lie between these, both included.
    Between(SwapId, SwapId),
    /// Those of an order, archived or not.
    Of(SwapId),
    /// Archived ones with this payment hash.
    Hash([u8; 32]),
    /// Archived ones with one of these scripts.
    Paid(&'a [&'a ScriptBuf]),
    /// Up to so many archived ones that strangers opened and never paid, to which nothing happened above this height.
    Nothing(u32, usize),
    /// Archived ones to which something happened above this height.
    SettledAbove(u32),
}

/// Whom a swap was done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Partner<'a> {
    /// A taker, by its peer id.
    Taker(&'a str),
    /// The payee of an `in` of this maker.
    Payee(PublicKey),
    /// A maker, by its Lightning node.
    Maker(PublicKey),
}
