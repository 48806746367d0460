//! Single decisions of the planner, with their figures.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use bitcoin::{Amount, FeeRate};

use super::plan::{Fit, Form, MOST_MEMBERS, Order, Plan, Standing, Wanting, plan};
use super::price::Replaced;
use crate::ports::BatchStep;

const FORM: Form = Form {
    frame: 214,
    dust: Amount::from_sat(330),
    increment: FeeRate::BROADCAST_MIN,
};

const fn sat(sat: u64) -> Amount {
    Amount::from_sat(sat)
}

/// An output of 100,000 sat whose swap allows 5,000.
fn wanting(rate: u64) -> Wanting {
    Wanting {
        fit: Fit::Together,
        value: sat(100_000),
        weight: 230,
        most: sat(5_000),
        rate: FeeRate::from_sat_per_vb(rate).unwrap(),
        deadline: 1_000,
    }
}

fn standing(members: &[usize], fee: u64, vsize: u64) -> Standing {
    Standing {
        members: members.to_vec(),
        whole: true,
        replaced: Replaced {
            fee: sat(fee),
            vsize,
        },
        bid: Amount::ZERO,
    }
}

fn only(plan: &Plan) -> &Order {
    assert_eq!((plan.orders.len(), plan.keep.len()), (1, 0), "{plan:?}");
    &plan.orders[0]
}

#[test]
fn one_swap_pays_for_111_vbytes() {
    let plan = plan(&[wanting(7)], &[], FORM, true);
    let order = only(&plan);
    assert_eq!((order.fee, &order.shares), (sat(777), &vec![sat(777)]));
}

#[test]
fn three_at_once_share_a_transaction() {
    let plan = plan(&[wanting(7); 3], &[], FORM, true);
    let order = only(&plan);
    assert_eq!(order.members, [0, 1, 2]);
    // 214 + 3 * 230 weight units are 226 vB.
    assert_eq!(order.fee, sat(226 * 7));
    assert_eq!(order.shares, [sat(528), sat(527), sat(527)]);
}

#[test]
fn a_later_one_joins_where_that_is_cheaper_than_going_alone() {
    let both = [wanting(3); 2];
    let joined = plan(&both, &[standing(&[0], 333, 111)], FORM, false);
    let order = only(&joined);
    assert_eq!((order.step, order.of), (BatchStep::Joined, Some(0)));
    // Above the rate of 3 by the least there is.
    assert_eq!(order.fee, sat(508));

    let both = [wanting(1); 2];
    let apart = plan(&both, &[standing(&[0], 111, 111)], FORM, false);
    let order = only(&apart);
    assert_eq!((order.step, order.fee), (BatchStep::Formed, sat(111)));
    assert_eq!(order.members, [1]);
}

#[test]
fn nothing_joins_what_is_late_young_or_full() {
    for fit in [Fit::Late, Fit::Young] {
        let mut all = [wanting(9); 3];
        all[0].fit = fit;
        let apart = plan(&all, &[standing(&[0, 1], 1_521, 169)], FORM, false);
        assert_eq!(only(&apart).members, [2], "{fit:?}");
    }
    let all = vec![wanting(9); MOST_MEMBERS + 1];
    let full: Vec<usize> = (0..MOST_MEMBERS).collect();
    let apart = plan(&all, &[standing(&full, 9 * 1_491, 1_491)], FORM, false);
    assert_eq!(only(&apart).members, [MOST_MEMBERS]);
}

#[test]
fn between_two_blocks_what_is_under_way_is_left_alone() {
    let plan = plan(&[wanting(50)], &[standing(&[0], 333, 111)], FORM, false);
    assert_eq!(plan, Plan::default());
}

#[test]
fn a_fee_is_never_lowered_and_sent_again_instead() {
    let plan = plan(&[wanting(2)], &[standing(&[0], 333, 111)], FORM, true);
    assert_eq!((plan.orders.len(), plan.keep), (0, vec![0]));
}

#[test]
fn a_batch_caught_late_is_bumped_whole_where_its_members_can_pay_for_it() {
    let mut all = [wanting(20); 3];
    all[0].fit = Fit::Late;
    let bumped = plan(&all, &[standing(&[0, 1, 2], 678, 226)], FORM, true);
    let order = only(&bumped);
    assert_eq!((order.step, order.fee), (BatchStep::Bumped, sat(4_520)));
}

/// Two that allow 500 each hold back the third, whose limit is lifted: it pays 678 + 111 at least, and its rate.
#[test]
fn the_late_one_leaves_where_the_others_hold_it_back() {
    let mut all = [wanting(20); 3];
    all[0].fit = Fit::Late;
    all[0].most = sat(100_000);
    all[1].most = sat(500);
    all[2].most = sat(500);
    let left = plan(&all, &[standing(&[0, 1, 2], 678, 226)], FORM, true);
    let [alone, rest] = left.orders.as_slice() else {
        panic!("{left:?}")
    };
    assert_eq!((&alone.members, alone.fee), (&vec![0], sat(2_220)));
    assert_eq!((&rest.members, rest.fee), (&vec![1, 2], sat(1_000)));

    // Where leaving costs more than what the others lack, it stays and pays that.
    all[0].rate = FeeRate::from_sat_per_vb(5).unwrap();
    all[1].rate = all[0].rate;
    all[2].rate = all[0].rate;
    let stays = plan(&all, &[standing(&[0, 1, 2], 1_000, 226)], FORM, true);
    let order = only(&stays);
    assert_eq!((order.step, order.fee), (BatchStep::Bumped, sat(1_226)));
    assert_eq!(order.shares[0], sat(409));
}

#[test]
fn who_is_in_doubt_is_left_behind_by_a_replacement_that_pays_for_it() {
    let mut all = [wanting(3); 3];
    all[1].fit = Fit::Apart;
    let left = plan(&all, &[standing(&[0, 1, 2], 734, 226)], FORM, true);
    let [rest, behind] = left.orders.as_slice() else {
        panic!("{left:?}")
    };
    assert_eq!((&rest.members, rest.of), (&vec![0, 2], Some(0)));
    assert_eq!(rest.fee, sat(734 + 169));
    assert_eq!(
        (&behind.members, behind.of, behind.fee),
        (&vec![1], None, sat(333))
    );
}

#[test]
fn what_is_outbid_bids_more_at_the_same_rate() {
    let mut bidding = standing(&[0, 1], 507, 169);
    bidding.bid = sat(760);
    let bumped = plan(&[wanting(3); 2], &[bidding], FORM, true);
    let order = only(&bumped);
    assert_eq!((order.step, order.fee), (BatchStep::Bumped, sat(760)));
}
