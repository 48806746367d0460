//! What may leave a node only once the decision for it is in its store.

use bitcoin::Transaction;
use cambista_engine::ports::PayRequest;
use cambista_protocol::cbor;
use cambista_protocol::contract::{SpentBy, spent_by};
use cambista_protocol::message::{MAX_SWAP_MESSAGE, SwapRequest};
use cambista_protocol::swap::{Decision, Funding, Swap};

use crate::lightning::At;
use crate::node::Node;
use crate::world::NAMES;

fn revealed(swap: &Swap) -> bool {
    matches!(swap, Swap::Payer(payer) if matches!(payer.decision(), Decision::Revealed(_)))
}

/// A message to the other side.
pub(crate) fn leaving_for_the_peer(node: &Node, body: &[u8]) {
    let Ok(message) = cbor::from_slice::<SwapRequest>(body, MAX_SWAP_MESSAGE) else {
        return node.look(|world, _| world.wrong("a malformed message leaves"));
    };
    let id = message.swap_id();
    let name = NAMES[node.who];
    match message {
        SwapRequest::Preimage { .. } => {
            let kept = node.mirror();
            let mut kept = kept.swaps().iter();
            let decided = kept.any(|kept| kept.record.id == id && revealed(&kept.swap));
            node.look(|world, who| {
                world.sides[who].sent_preimage = true;
                world.note(format!("{name} sends R"));
                if !decided {
                    world.wrong(format!("{name} sends R before the decision is stored"));
                }
            });
        }
        SwapRequest::Key { .. } => {
            let kept = node.mirror();
            let mut kept = kept.swaps().iter();
            let of = kept.find(|kept| kept.record.id == id);
            // A taker that declines what was accepted keeps nothing of it, so nothing will ever be locked for it.
            if of.is_none() && node.who == crate::world::TAKER {
                return node.look(|world, _| world.note(format!("{name} declines")));
            }
            let decided = of.is_some_and(|kept| kept.swap.handed_over());
            node.look(|world, who| {
                world.sides[who].sent_key = true;
                world.note(format!("{name} sends its key"));
                if !decided {
                    world.wrong(format!(
                        "{name} sends its key before the decision is stored"
                    ));
                }
            });
        }
        _ => {}
    }
}

/// A payment.
pub(crate) fn paying(node: &Node, request: &PayRequest) {
    if !node.is_honest() {
        return;
    }
    let kept = node.mirror();
    let mut kept = kept.swaps().iter();
    let of = kept.find(|kept| kept.record.deal.hashes().any(|h| h == request.payment_id));
    let until = of.map(|kept| {
        let deal = &kept.record.deal;
        deal.locks.pay_until(deal.agreed_height)
    });
    node.look(|world, who| {
        let name = NAMES[who];
        match until {
            None => world.wrong(format!("{name} pays for a swap it has not stored")),
            Some(until) if world.seen(who) > until => {
                world.wrong(format!("{name} pays after its window"));
            }
            Some(_) => {}
        }
    });
}

/// Transactions.
pub(crate) fn leaving_for_the_chain(node: &Node, package: &[Transaction]) {
    let name = NAMES[node.who];
    for kept in node.mirror().swaps() {
        let (swap, contract) = (&kept.swap, &kept.contract);
        for tx in package {
            let pays = contract.outputs_in(tx).next().is_some();
            if let Swap::Funder(funder) = swap
                && pays
            {
                let stored = kept.fundings.contains(tx);
                let intent = matches!(funder.funding(), Funding::Published(_));
                let unwritten = node.look(|world, _| {
                    let new = !world.chain.knows(&tx.compute_txid());
                    let hash = kept.record.deal.payment_hash;
                    let payment = world.lightning.payments.get(&hash);
                    new && kept.fundings.len() == 1
                        && payment.is_none_or(|p| {
                            matches!(
                                p.at,
                                At::Unwritten | At::Flying | At::Held { written: false, .. }
                            )
                        })
                });
                if !stored || !intent {
                    node.look(|w, _| {
                        w.wrong(format!("{name} broadcasts a funding it has not stored"))
                    });
                }
                let unsound = node.look(|world, _| {
                    let deal = &kept.record.deal;
                    deal.hashes().any(|hash| {
                        let payment = world.lightning.payments.get(&hash);
                        payment.is_some_and(|p| p.is_unsound(hash != deal.payment_hash))
                    })
                });
                if unsound {
                    node.look(|w, _| w.wrong(format!("{name} funds an unsound payment")));
                }
                if unwritten && funder.preimage().is_none() {
                    node.look(|w, _| w.wrong(format!("{name} funds a hold that is not durable")));
                }
            }
            for output in swap.outputs().iter() {
                match spent_by(contract, tx, &output.outpoint) {
                    Some(SpentBy::Claim { .. }) if !revealed(swap) => {
                        node.look(|w, _| w.wrong(format!("{name} claims before the decision")));
                    }
                    Some(SpentBy::Refund) if swap.handed_over() => {
                        node.look(|w, _| w.wrong(format!("{name} refunds after it gave its key")));
                    }
                    _ => {}
                }
            }
        }
    }
}
