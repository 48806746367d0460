//! What may leave a node only once the decision for it is in its store.

use bitcoin::Transaction;
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
            let stored = node.stored();
            let decided = stored.iter().any(|(s, r)| r.record.id == id && revealed(s));
            node.look(|world, who| {
                world.sides[who].sent_preimage = true;
                world.note(format!("{name} sends R"));
                if !decided {
                    world.wrong(format!("{name} sends R before the decision is stored"));
                }
            });
        }
        SwapRequest::Key { .. } => {
            let stored = node.stored();
            let found = stored.iter().find(|(_, r)| r.record.id == id);
            let decided = found.is_some_and(|(s, _)| s.handed_over());
            let buried = found.is_some_and(|(s, _)| !revealed(s) || s.outcome().is_some());
            node.look(|world, who| {
                if !buried && !world.sides[who].sent_preimage {
                    world.note(format!("{name} sends its key while R is out by settlement"));
                }
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

/// Transactions.
pub(crate) fn leaving_for_the_chain(node: &Node, package: &[Transaction]) {
    let name = NAMES[node.who];
    for (swap, stored) in node.stored() {
        let Ok(contract) = stored.record.deal.contract() else {
            continue;
        };
        for tx in package {
            let pays = contract.outputs_in(tx).next().is_some();
            if let Swap::Funder(funder) = &swap
                && pays
            {
                let kept = stored.fundings.iter().any(|(kept, _)| kept == tx);
                let intent = matches!(funder.funding(), Funding::Published(_));
                let unwritten = node.look(|world, _| {
                    let new = !world.chain.knows(&tx.compute_txid());
                    let hash = stored.record.deal.payment_hash;
                    let payment = world.lightning.payments.get(&hash);
                    new && stored.fundings.len() == 1
                        && payment.is_none_or(|p| {
                            matches!(
                                p.at,
                                At::Unwritten | At::Flying | At::Held { written: false, .. }
                            )
                        })
                });
                if !kept || !intent {
                    node.look(|w, _| {
                        w.wrong(format!("{name} broadcasts a funding it has not stored"))
                    });
                }
                if unwritten && funder.preimage().is_none() {
                    node.look(|w, _| w.wrong(format!("{name} funds a hold that is not durable")));
                }
            }
            for output in swap.outputs().iter() {
                match spent_by(&contract, tx, &output.outpoint) {
                    Some(SpentBy::Claim { .. }) if !revealed(&swap) => {
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
