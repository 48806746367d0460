//! The searches that take minutes and gigabytes: too much for a test, so the program of this crate runs them.

use crate::hold::Search;
use crate::setup::{H0, Honest, Setup};

/// Everything the program searches, in the order it does.
#[must_use]
pub fn deep() -> Vec<Search> {
    let payer = [Honest::Payer];
    let other = [Honest::Both, Honest::Funder];
    [
        Search::each("two-crashes", &payer, |s| s.crashes = (2, 1)),
        Search::each("two-reorgs", &payer, |s| s.reorg = (1, 2)),
        Search::each("deeper-reorg", &payer, Setup::deeper),
        Search::each("crash-and-reorg", &payer, |s| {
            s.crashes = (1, 1);
            s.reorg = (1, 1);
        }),
        Search::each("payer-everything", &payer, |s| {
            s.reorg = (1, 1);
            s.prepay = true;
            s.bump = true;
            s.mempool = true;
        }),
        Search::each("gifts-and-reorg", &payer, |s| {
            s.reorg = (1, 1);
            s.others = [true, false];
            s.others_until = H0 + 1;
        }),
        Search::each("fees-and-crash", &payer, |s| {
            s.crashes = (1, 1);
            s.fee_moves = 1;
        }),
        Search::each("fees-twice", &payer, |s| s.fee_moves = 2),
        Search::of("slow-fees", &Honest::ALL, Setup::small, |s| s.fee_moves = 1),
        Search::each("everything-twice", &other, |s| {
            s.crashes = (2, 1);
            s.reorg = (1, 2);
            s.prepay = true;
            s.bump = true;
            s.mempool = true;
        }),
        Search::of("slow-blocks", &other, Setup::small, |s| {
            s.crashes = (1, 1);
            s.reorg = (1, 1);
        }),
    ]
    .concat()
}
