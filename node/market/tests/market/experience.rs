//! What is learnt of makers, and what it decides.

use cambista_market::{Experience, Lesson, MOST_MAKERS, NEWCOMERS_SHARE};
use proptest::prelude::*;

use crate::common::{NOW, node};

const DAY: u64 = 86_400;
const AMOUNT: u64 = 1_000_000;
const STALLED: Lesson = Lesson::Stalled {
    secs: 3600,
    cost_sat: 0,
};
const FAILED: Lesson = Lesson::Failed {
    secs: 3600,
    cost_sat: 0,
};
const DONE: Lesson = Lesson::Done {
    secs: 1200,
    amount_sat: AMOUNT,
    cost_sat: 900,
};

fn after(lessons: &[Lesson]) -> Experience {
    let mut all = Experience::new();
    for lesson in lessons {
        all.learn(&node(1), *lesson, NOW);
    }
    all
}

fn cost(all: &Experience, now: u64) -> u64 {
    all.failure_cost(&node(1), AMOUNT, now)
}

#[test]
fn a_stranger_is_taken_to_fail_one_time_in_twenty() {
    // Half a percent of the amount and 500 sat are at stake each time.
    assert_eq!(cost(&Experience::new(), NOW), 5_500 / 20);
    assert_eq!(Experience::strangers_cost(AMOUNT), 5_500 / 20);
    assert_eq!(Experience::strangers_cost(0), 500 / 20);
}

#[test]
fn a_maker_that_stalls_is_dearer_than_a_stranger_and_one_that_delivers_is_cheaper() {
    let stranger = cost(&Experience::new(), NOW);
    let liar = cost(&after(&[STALLED]), NOW);
    let proved = cost(&after(&[DONE; 10]), NOW);
    assert!(liar > 4 * stranger, "{liar}");
    assert!(3 * proved < stranger, "{proved}");
    let mixed = cost(&after(&[DONE, DONE, DONE, STALLED]), NOW);
    assert!(stranger < mixed && mixed < liar, "{mixed}");
}

#[test]
fn what_a_failure_cost_counts_beside_the_trouble() {
    let dear = Lesson::Failed {
        secs: 1,
        cost_sat: 3_000,
    };
    assert_eq!(
        cost(&after(&[dear]), NOW),
        cost(&after(&[FAILED]), NOW) + 3_000 / 5
    );
}

#[test]
fn nobody_hides_a_failure_behind_prices_it_did_not_stand_by_or_did_not_give() {
    let failed = cost(&after(&[STALLED]), NOW);
    for more in [
        Lesson::Declined,
        Lesson::Silent,
        Lesson::Refused,
        Lesson::Asked,
        Lesson::Quoted { after_ms: 1 },
    ] {
        let mut lessons = vec![STALLED];
        lessons.extend([more; 50]);
        assert!(cost(&after(&lessons), NOW) >= failed, "{more:?}");
    }
    let away = after(&[Lesson::Silent; 20]);
    let longer = after(&[Lesson::Silent; 2_000]);
    assert_eq!(cost(&away, NOW), cost(&longer, NOW), "away is away");
}

#[test]
fn experience_fades_back_to_what_is_thought_of_a_stranger() {
    let stranger = cost(&Experience::new(), NOW);
    for lessons in [[STALLED; 5], [DONE; 5]] {
        let all = after(&lessons);
        let (today, later) = (cost(&all, NOW), cost(&all, NOW + 14 * DAY));
        assert!(later.abs_diff(stranger) < today.abs_diff(stranger));
        assert_eq!(cost(&all, NOW + 2_000 * DAY), stranger);
        assert_eq!(
            all.of(&node(1)).unwrap().totals.tried(),
            5,
            "people still see it"
        );
    }
}

#[test]
fn a_maker_that_failed_is_left_alone_longer_each_time_until_it_delivers() {
    let rest = |lessons: &[Lesson]| {
        let until = after(lessons).resting_until(&node(1), NOW);
        until.map(|until| until - NOW)
    };
    assert_eq!(rest(&[]), None);
    assert_eq!(rest(&[STALLED]), Some(600));
    assert_eq!(rest(&[STALLED, FAILED]), Some(1_200));
    assert_eq!(rest(&[STALLED; 40]), Some(DAY));
    assert_eq!(rest(&[STALLED, STALLED, DONE]), None);
    assert_eq!(rest(&[Lesson::Declined, Lesson::Silent]), None);
    let all = after(&[STALLED]);
    assert_eq!(all.resting_until(&node(1), NOW + 600), None);
    assert_eq!(all.resting_until(&node(2), NOW), None);
    assert_eq!(
        all.resting_until(&node(1), NOW - 2 * DAY),
        None,
        "the clock was ahead"
    );
}

#[test]
fn one_first_try_in_eight_goes_to_newcomers() {
    let turns = (0..800).filter(|draw| Experience::newcomers_turn(*draw));
    assert_eq!(u64::try_from(turns.count()).unwrap(), 800 / NEWCOMERS_SHARE);
    let all = after(&[DONE]);
    let handicap = |n, turn| all.handicap(&node(n), AMOUNT, NOW, turn);
    assert_eq!(handicap(2, true), 0);
    assert!(handicap(1, true) > 0, "known");
    assert_eq!(handicap(2, false), Experience::strangers_cost(AMOUNT));
    let asked = after(&[
        Lesson::Asked,
        Lesson::Quoted { after_ms: 5 },
        Lesson::Refused,
    ]);
    assert!(asked.is_newcomer(&node(1)), "asking is no experience");
    assert!(!after(&[STALLED]).is_newcomer(&node(1)));
}

#[test]
fn the_number_of_makers_remembered_is_bounded_and_the_longest_unheard_goes_first() {
    let mut all = Experience::new();
    let most = u32::try_from(MOST_MAKERS).unwrap();
    for n in 0..most {
        all.learn(&node(n), Lesson::Asked, NOW + u64::from(n));
    }
    all.learn(&node(0), Lesson::Asked, NOW + u64::from(most));
    let (_, forgotten) = all.learn(&node(most), Lesson::Asked, NOW + u64::from(most) + 1);
    assert_eq!(forgotten, Some(node(1)));
    assert_eq!(all.all().count(), MOST_MAKERS);
    assert!(all.of(&node(0)).is_some() && all.of(&node(1)).is_none());
}

#[test]
fn a_crowd_of_strangers_does_not_wipe_out_what_swaps_have_taught() {
    let mut all = Experience::new();
    let most = u32::try_from(MOST_MAKERS).unwrap();
    all.learn(&node(0), DONE, NOW);
    all.learn(&node(1), STALLED, NOW);
    for n in 2..=most + 1 {
        all.learn(&node(n), Lesson::Asked, NOW + u64::from(n));
    }
    assert!(all.of(&node(0)).is_some() && all.of(&node(1)).is_some());
    assert!(all.of(&node(2)).is_none() && all.of(&node(3)).is_none());
}

#[test]
fn what_was_written_down_decides_as_before() {
    let all = after(&[STALLED, DONE, FAILED]);
    let again = Experience::load(all.all().map(|(maker, record)| (maker, record.clone())));
    assert_eq!(cost(&again, NOW + DAY), cost(&all, NOW + DAY));
    assert_eq!(again.of(&node(1)), all.of(&node(1)));
}

fn any_lesson() -> impl Strategy<Value = Lesson> {
    prop_oneof![
        Just(Lesson::Asked),
        any::<u64>().prop_map(|after_ms| Lesson::Quoted { after_ms }),
        Just(Lesson::Refused),
        Just(Lesson::Silent),
        Just(Lesson::Declined),
        (any::<u64>(), any::<u64>())
            .prop_map(|(secs, cost_sat)| Lesson::Stalled { secs, cost_sat }),
        (any::<u64>(), any::<u64>()).prop_map(|(secs, cost_sat)| Lesson::Failed { secs, cost_sat }),
        (any::<u64>(), any::<u64>(), any::<i64>()).prop_map(|(secs, amount_sat, cost_sat)| {
            Lesson::Done {
                secs,
                amount_sat,
                cost_sat,
            }
        }),
    ]
}

proptest! {
    #[test]
    fn a_further_failure_never_makes_a_maker_cheaper_nor_a_success_dearer(
        lessons in prop::collection::vec((any_lesson(), 0u64..100 * DAY), 0..30), amount in any::<u64>(), wait in 0u64..100 * DAY,
    ) {
        let (mut all, mut now) = (Experience::new(), NOW);
        for (lesson, later) in lessons {
            now += later;
            all.learn(&node(1), lesson, now);
        }
        now += wait;
        let before = all.failure_cost(&node(1), amount, now);
        let mut failed = all.clone();
        failed.learn(&node(1), STALLED, now);
        let mut done = all.clone();
        done.learn(&node(1), DONE, now);
        // One more failure draws the mean up to what a failure costs; it is above that only by what was lost before.
        let trouble = 500 + amount / 200;
        prop_assert!(failed.failure_cost(&node(1), amount, now) >= before.min(trouble));
        prop_assert!(done.failure_cost(&node(1), amount, now) <= before);
    }
}
