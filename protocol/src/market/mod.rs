//! What goes round on the market: offers, quotes and the proof of work that keeps offers scarce.

pub mod offer;
pub mod pow;
pub mod quote;
