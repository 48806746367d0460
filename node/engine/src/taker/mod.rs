//! The taker's side of the market: asking for quotes, and opening a swap on one.

mod agree;
mod answers;
mod ask;
mod held;
mod limits;
mod means;
mod start;

pub(crate) use held::HeldQuotes;
