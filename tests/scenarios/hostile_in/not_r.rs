//! A maker pays, and tells, shows and hands over what it should not.

use cambista_harness::Purse;
use cambista_harness::transaction::spend_in_mempool;
use cambista_protocol::cbor;
use cambista_protocol::message::{RefusalCode, SwapReply, SwapRequest};
use cambista_protocol::words::SwapId;

use super::{BURIED, InPrey, assert_over, funded, refunded};
use crate::adversary::payer::Bought;
use crate::adversary::prey::Prey;
use crate::adversary::{chain, not_r, random};

/// Nothing that is told instead of R, no key that is not the agreed one, and no message that is not its to say makes the taker do
/// anything but take its coins back at T.
#[test]
fn what_is_not_r_and_not_the_key_takes_nothing_from_a_taker() {
    let prey = Prey::start_in();
    let (payer, chain) = (&prey.maker.payer, &prey.bitcoind);
    let before = Purse::of(&prey.taker, chain);
    let mut swaps = Vec::new();
    for preimage in not_r::preimages() {
        prey.maker.choose(preimage);
        swaps.push(funded(&prey));
    }
    prey.mine(2);
    not_r::tell_all(payer, chain, &swaps);
    talk_nonsense(&prey, &swaps[4].0);
    for (_, funding) in &swaps {
        assert_eq!(spend_in_mempool(chain, funding.outpoint), None);
    }
    let last = swaps.iter().map(|(swap, _)| swap.contract.refund_height());
    prey.mine_to_height(last.max().unwrap());
    let cost = refunded(&prey, swaps.iter().map(|(_, funding)| funding));
    prey.mine(BURIED);
    for (swap, _) in &swaps {
        swap.outcome(&prey.taker, "taken_back");
    }
    assert_over(&prey, &before, 0, -cost);
}

/// The words of a funder, of a taker, and of nobody.
fn talk_nonsense(prey: &InPrey, swap: &Bought) {
    let (payer, swap_id) = (&prey.maker.payer, swap.id);
    let said = payer.tell(swap, &SwapRequest::Withdraw { swap_id });
    assert_eq!(said, SwapReply::Ack);
    let said = payer.tell(swap, &SwapRequest::Resume { swap_id });
    assert_eq!(said, SwapReply::Ack);
    // A payer has no funding to tell of, not even the one there is.
    let paid = chain::pay(
        &prey.bitcoind,
        &chain::coins(&prey.bitcoind, 1),
        &[(swap.contract.script_pubkey(), swap.quote.amount_sat)],
        1_000,
    );
    let tx = bitcoin::consensus::serialize(&paid);
    let refused = |said: &SwapRequest, code: RefusalCode| {
        let answer = payer.tell(swap, said);
        assert!(
            matches!(&answer, SwapReply::Refused(no) if no.code == code),
            "{said:?}: {answer:?}"
        );
    };
    refused(&SwapRequest::Funded { swap_id, tx }, RefusalCode::Terms);
    let tx = vec![1; 100];
    refused(&SwapRequest::Funded { swap_id, tx }, RefusalCode::Malformed);
    let funder = swap.funder.clone();
    refused(&SwapRequest::Terms { swap_id, funder }, RefusalCode::Swap);
    let stranger = SwapId(random());
    for said in [
        SwapRequest::Preimage {
            swap_id: stranger,
            preimage: swap.preimage32(),
        },
        SwapRequest::Key {
            swap_id: stranger,
            secret: *swap.internal.expose().as_ref(),
        },
    ] {
        refused(&said, RefusalCode::Swap);
    }
    let cut = cbor::to_vec(&SwapRequest::Withdraw { swap_id });
    let answer = payer.tell_bytes(swap, cut[..cut.len() - 1].to_vec());
    assert!(
        matches!(&answer, SwapReply::Refused(no) if no.code == RefusalCode::Malformed),
        "{answer:?}"
    );
}
