//! The taker's side of the market: asking for quotes, and opening a swap on one.

mod ask;
mod start;
