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

#[path = "../adversary/mod.rs"]
mod adversary;

mod addresses;
mod archived;
mod at_once;
mod bad_input;
mod batched;
mod behind_nat;
mod cancelled;
mod chain_and_wallet;
mod channel_choice;
mod cheapest_is_chosen;
mod crash_matrix;
mod demo_ends;
mod disk_full;
mod external;
mod fees_floor;
mod fees_forgotten;
mod fees_full_blocks;
mod fees_preimage;
mod fees_spike;
mod fees_stuck_parent;
mod funding_bumped;
mod funding_late;
mod hold_invoices;
mod hostile_asleep;
mod hostile_away;
mod hostile_backup;
mod hostile_chain;
mod hostile_clock;
mod hostile_contract;
mod hostile_cycle;
mod hostile_flood;
mod hostile_funder;
mod hostile_funding;
mod hostile_in;
mod hostile_jam;
mod hostile_lightning;
mod hostile_replies;
mod hostile_reuse;
mod hostile_reveal;
mod hostile_silence;
mod hostile_sweep;
mod hostile_terms;
mod hostile_tip;
mod hostile_wire;
mod in_;
mod interop;
mod killed_anytime;
mod late_maker;
mod limits_are_kept;
mod limits_bite;
mod load;
mod maker_killed;
mod makers_lean;
mod makers_liar;
mod makers_pause;
mod network_alone;
mod network_leaves;
mod network_six;
mod network_strangers;
mod never_funded;
mod no_route;
mod nothing_told;
mod orders_move_on;
mod orders_resume;
mod orders_shown;
mod orders_split;
mod out;
mod payer_vanishes;
mod reorganised;
mod taker_killed;
mod too_small;
mod two_hops;
mod upgraded;

/// So many blocks before the refund height a payer tells R for the last time, and the user's limit on fees binds no more
/// (`spec/03-timelocks.md`).
const REVEAL_MARGIN: u32 = 42;
