//! A maker agrees, or does not, and does not pay as it agreed: nothing is funded that is not paid for.

use std::sync::mpsc;
use std::thread;

use cambista_harness::Purse;
use cambista_harness::transaction::paid_in_mempool;
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_protocol::message::{Acceptance, Refusal, RefusalCode, SwapReply};
use cambista_protocol::words::SwapId;

use super::{BURIED, FUND_WINDOW, assert_over, pay, take, try_take};
use crate::adversary::chain;
use crate::adversary::in_maker::{Tricks, Word};
use crate::adversary::payer::Bought;
use crate::adversary::prey::Prey;

/// What it answers to its taker's terms.
type Answer = fn(Acceptance) -> Word;

/// It never pays; it gives the terms no answer; it refuses them, or signs others, or gives up, and pays all the same; it pays when
/// it is too late. What it pays goes back, whatever it tells of R.
#[test]
fn a_maker_that_does_not_pay_in_time_is_never_funded() {
    let prey = Prey::start_in();
    let (maker, payer) = (&prey.maker, &prey.maker.payer);
    let before = Purse::of(&prey.taker, &prey.bitcoind);

    let unpaid = take(&prey);
    maker.play(Tricks {
        agreed: |_| Word::Silence,
        ..Tricks::NONE
    });
    let unanswered = take(&prey);
    let answers: [(Answer, &str); 4] = [
        (
            |_| {
                let refusal = Refusal::new(RefusalCode::Terms, "other terms, please");
                Word::Says(SwapReply::Refused(refusal))
            },
            "the maker refuses: other terms",
        ),
        (|_| Word::Says(SwapReply::Ack), "accepted without terms"),
        (Word::Forged, "did not sign its terms"),
        (
            |mut said| {
                said.funder.as_mut().unwrap().refund_height += 1;
                Word::Accepts(said)
            },
            "signed other terms than were agreed",
        ),
    ];
    let refused = answers.map(|(agreed, says)| {
        maker.play(Tricks {
            agreed,
            ..Tricks::NONE
        });
        let why = try_take(&prey).expect_err(says);
        assert!(why.contains(says), "{why}");
        let swap = maker.last();
        payer.own.wait_given_back(pay(&prey, &swap));
        swap
    });

    maker.play(Tricks::NONE);
    let given_up = take(&prey);
    payer.tell_key(&given_up, *given_up.internal.expose().as_ref());
    payer.own.wait_given_back(pay(&prey, &given_up));

    prey.mine(FUND_WINDOW + 1);
    for late in [&unpaid, &unanswered] {
        late.outcome(&prey.taker, "nothing_happened");
        payer.tell_preimage(late, late.preimage32());
        payer.own.wait_given_back(pay(&prey, late));
    }
    for swap in refused.iter().chain([&given_up]) {
        payer.tell_preimage(swap, swap.preimage32());
        swap.outcome(&prey.taker, "nothing_happened");
    }
    assert!(prey.bitcoind.mempool().is_empty());
    assert_over(&prey, &before, 0, 0);
    assert_eq!(maker.agreed(), 7);
}

/// It pays before it answers, and says no when it has seen the funding: the swap goes on, and its taker is not told that nothing
/// began.
#[test]
fn a_maker_that_pays_and_then_refuses_is_held_to_the_swap() {
    let prey = Prey::start_in();
    let (maker, payer) = (&prey.maker, &prey.maker.payer);
    let before = Purse::of(&prey.taker, &prey.bitcoind);
    let (waits, waiting) = mpsc::channel();
    let (goes_on, until) = mpsc::channel::<()>();
    maker.play(Tricks {
        agreed: |_| {
            let refusal = Refusal::new(RefusalCode::Terms, "changed my mind");
            Word::Says(SwapReply::Refused(refusal))
        },
        ..Tricks::NONE
    });
    maker.make_wait(move |swap| {
        waits.send(swap.clone()).unwrap();
        until.recv().unwrap();
    });
    let swap = thread::scope(|scope| {
        let taking = scope.spawn(|| try_take(&prey));
        let swap: Bought = waiting.recv().unwrap();
        pay(&prey, &swap);
        let (script, amount) = (swap.contract.script_pubkey(), swap.quote.amount_sat);
        wait_for("the funding in the mempool", FOUND_AGAIN, || {
            paid_in_mempool(&prey.bitcoind, &script, amount)
        });
        goes_on.send(()).unwrap();
        let taken = taking.join().unwrap();
        let taken = taken.unwrap_or_else(|why| panic!("told that nothing began: {why}"));
        let hash = SwapId(swap.terms.payment_hash).to_string();
        assert_eq!(taken["swap"]["payment_hash"], hash);
        swap
    });
    let funding = payer.wait_funded(&prey.bitcoind, &swap);
    payer.tell_preimage(&swap, swap.preimage32());
    payer.wait_key(&swap);
    prey.mine(1);
    chain::send(&prey.bitcoind, &swap.claim(&prey.bitcoind, &funding, 2));
    prey.mine(BURIED);
    swap.outcome(&prey.taker, "done");
    assert_over(&prey, &before, swap.paid(), -(swap.amount() + funding.fee));
}
