//! End-to-end scenarios: every file is named after what it shows.
//!
//! All of them run real nodes against a real bitcoind, use nothing but the command line, the API, bitcoind and signals,
//! and expect balances that follow from the accepted quote and the transactions on the chain, to the satoshi.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

/// Makes tests of a scenario at two fee rates (sat/vB).
macro_rules! at_two_fee_rates {
    ($($scenario:ident),+ $(,)?) => {
        $(mod $scenario {
            #[test]
            fn at_3_sat_per_vb() {
                super::$scenario(3);
            }

            #[test]
            fn at_11_sat_per_vb() {
                super::$scenario(11);
            }
        })+
    };
}

mod addresses;
mod at_once;
mod bad_input;
mod cancelled;
mod chain_and_wallet;
mod cheapest_is_chosen;
mod external;
mod funding_bumped;
mod funding_late;
mod hold_invoices;
mod in_;
mod interop;
mod killed_anytime;
mod late_maker;
mod limits_are_kept;
mod limits_bite;
mod maker_killed;
mod never_funded;
mod no_route;
mod out;
mod payer_vanishes;
mod reorganised;
mod taker_killed;
mod too_small;
mod two_hops;
