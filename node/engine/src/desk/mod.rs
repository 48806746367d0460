//! The maker's desk: quotes on one side, terms on the other.

mod open;
mod quote;
mod terms;

pub(crate) use quote::too_small;
pub(crate) use terms::{funder_terms, payer_terms};

use std::collections::HashMap;

use bitcoin::Amount;
use cambista_protocol::market::quote::Quote;
use cambista_protocol::signed::Signed;
use cambista_protocol::terms::PayerTerms;
use cambista_protocol::words::{Direction, SwapId};

use crate::handle::MakerPolicy;

/// Quotes outstanding at most.
const MOST_QUOTES: usize = 512;
/// Seconds the taker of an `in` has to bring its terms.
const TERMS_SECS: u64 = 120;

/// What the desk remembers between messages. Quotes reserve liquidity until they expire.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) policy: MakerPolicy,
    quotes: HashMap<[u8; 32], Quoted>,
    half_open: HashMap<SwapId, HalfOpen>,
}

/// A quote that is out, and who has it.
#[derive(Clone, Debug)]
struct Quoted {
    quote: Quote,
    from: String,
}

/// An `in` whose taker has our terms but has not brought its own.
#[derive(Clone, Debug)]
struct HalfOpen {
    quote: Quote,
    signed: Signed,
    key_id: SwapId,
    terms: PayerTerms,
    until: u64,
}

impl Desk {
    pub(crate) fn new(policy: MakerPolicy) -> Self {
        Self {
            policy,
            quotes: HashMap::new(),
            half_open: HashMap::new(),
        }
    }

    pub(crate) fn expire(&mut self, now: u64) {
        self.quotes
            .retain(|_, quoted| quoted.quote.valid_until >= now);
        self.half_open.retain(|_, half| half.until >= now);
    }

    /// What is promised to takers that have not opened yet, one of them (`except`) left out. Who asks for many prices
    /// wants one swap: of each taker the largest counts, and opening a second is checked anew.
    fn promised(&self, direction: Direction, except: Option<&str>) -> Amount {
        let mut largest: HashMap<&str, Amount> = HashMap::new();
        for quoted in self
            .quotes
            .values()
            .filter(|q| q.quote.direction == direction)
        {
            if Some(quoted.from.as_str()) != except {
                let most = largest.entry(&quoted.from).or_default();
                *most = quoted.quote.amount().max(*most);
            }
        }
        let half = self
            .half_open
            .values()
            .filter(|half| half.quote.direction == direction);
        largest
            .into_values()
            .chain(half.map(|half| half.quote.amount()))
            .sum()
    }
}
