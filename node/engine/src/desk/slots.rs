//! How many swaps may be open, and how many of them without a payment.
//!
//! Opening an `out` costs a stranger nothing before its payment has arrived, and the slot is taken for an hour.

use cambista_protocol::message::{Refusal, RefusalCode};
use cambista_protocol::swap::{FunderSwap, Htlc, Leg};
use cambista_protocol::words::{Direction, Side};

use crate::engine::Core;
use crate::ports::Ports;

/// Strangers that have not paid take one slot in so many.
const UNPAID_SHARE: u32 = 3;
/// So many of them find room with a maker of few slots too.
const LEAST_UNPAID: u32 = 4;

/// What takes a slot.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// An `out` whose payment has not arrived.
    unpaid: bool,
    /// Whether its taker has done a swap with this maker before.
    proven: bool,
}

/// Whether one more swap may be open.
fn check(max_open: u32, open: impl Iterator<Item = Slot>, new: Slot) -> Result<(), &'static str> {
    let (mut all, mut unpaid) = (0_u32, 0_u32);
    for slot in open {
        all = all.saturating_add(1);
        if slot.unpaid && !slot.proven {
            unpaid = unpaid.saturating_add(1);
        }
    }
    if all >= max_open {
        return Err("too many swaps under way");
    }
    let most = (max_open / UNPAID_SHARE).max(LEAST_UNPAID);
    if new.unpaid && !new.proven && unpaid >= most {
        return Err("too many swaps wait for their payment; try again later");
    }
    Ok(())
}

fn unpaid(funder: &FunderSwap) -> bool {
    matches!(funder.htlc(Leg::Swap), Htlc::None | Htlc::Awaited)
}

impl<P: Ports> Core<P> {
    /// Whether one more swap with this taker may be open.
    pub(super) fn check_slots(&self, direction: Direction, from: &str) -> Result<(), Refusal> {
        let proven = self.proven();
        let open = self
            .swaps
            .values()
            .filter(|live| !live.ended() && live.record.side == Side::Maker)
            .map(|live| Slot {
                unpaid: live.funder().is_some_and(unpaid),
                proven: proven.holds(live.opened_by(), None),
            });
        let new = Slot {
            unpaid: direction == Direction::Out,
            proven: proven.holds(from, None),
        };
        check(self.desk.policy.max_open, open, new)
            .map_err(|text| Refusal::new(RefusalCode::Busy, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRANGER: Slot = Slot {
        unpaid: true,
        proven: false,
    };
    const PAID: Slot = Slot {
        unpaid: false,
        proven: false,
    };
    const PROVEN: Slot = Slot {
        unpaid: true,
        proven: true,
    };

    /// What is open after so many tried one after the other.
    fn let_in(max_open: u32, open: &mut Vec<Slot>, new: Slot) -> usize {
        let before = open.len();
        for _ in 0..100 {
            if check(max_open, open.iter().copied(), new).is_ok() {
                open.push(new);
            }
        }
        open.len() - before
    }

    #[test]
    fn strangers_that_do_not_pay_leave_slots_to_the_rest() {
        let mut open = Vec::new();
        assert_eq!(let_in(50, &mut open, STRANGER), 16);
        assert_eq!(let_in(50, &mut open, PROVEN), 34, "not shut out by them");
        assert_eq!(let_in(50, &mut open, PAID), 0);
    }

    #[test]
    fn a_swap_that_is_paid_makes_room_for_the_next_stranger() {
        let mut open = Vec::new();
        let_in(50, &mut open, STRANGER);
        open[0] = PAID;
        assert_eq!(let_in(50, &mut open, STRANGER), 1);
        assert_eq!(let_in(50, &mut open, PAID), 33, "as `in` is not held back");
    }

    #[test]
    fn a_maker_of_few_slots_fills_them_with_whom_it_likes() {
        assert_eq!(let_in(3, &mut Vec::new(), STRANGER), 3);
        assert_eq!(let_in(6, &mut Vec::new(), STRANGER), 4);
        assert_eq!(let_in(0, &mut Vec::new(), PROVEN), 0);
    }
}
