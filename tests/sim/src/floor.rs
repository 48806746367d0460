//! What a side has at every moment, wherever it is, is never less than what it agreed to end with.

use bitcoin::{Amount, ScriptBuf};
use cambista_protocol::terms::Deal;
use cambista_protocol::words::Role;

use crate::check::changes;
use crate::lightning::At;
use crate::mirror::Mirrored;
use crate::world::{NAMES, World};

/// Where a swap's money is beside the purses.
struct Elsewhere {
    /// Standing at the script, of the agreed value or all of it (sat).
    exact: i128,
    all: i128,
    /// Whether a block holds an output of the agreed value, spent or not.
    funded: bool,
}

/// Counts an honest side's money: its own coins and what it paid to miners, what stands at the script for it, and what
/// Lightning holds for it.
pub(crate) fn keeps_its_own(world: &mut World, who: usize, swaps: &[Mirrored]) {
    let mut has = changes(world)[who].kept;
    let mut floor = 0;
    for kept in swaps {
        let deal = &kept.record.deal;
        let at = |hash: &[u8; 32]| world.lightning.payments.get(hash).map(|p| p.at);
        let payment = at(&deal.payment_hash);
        let elsewhere = elsewhere(world, deal);
        let earned = sat(deal.swap_amount) - sat(deal.amount);
        match kept.record.role {
            Role::Payer => {
                let paid = payment == Some(At::Claimed);
                if paid && !elsewhere.funded {
                    // A reorganisation took the funding; both sides send it again.
                    return;
                }
                has += if paid {
                    elsewhere.exact.min(sat(deal.amount))
                } else {
                    0
                };
                floor += (-earned).min(0) - sat(deal.prepay_amount);
            }
            Role::Funder => {
                let open = !matches!(payment, None | Some(At::Claimed | At::Failed));
                has += elsewhere.all + if open { sat(deal.swap_amount) } else { 0 };
                floor += earned.min(0);
            }
        }
    }
    if has < floor {
        let text = format!("{} has {has} sat of {floor} for a while", NAMES[who]);
        world.wrong_once(text);
    }
}

fn sat(amount: Amount) -> i128 {
    i128::from(amount.to_sat())
}

fn elsewhere(world: &World, deal: &Deal) -> Elsewhere {
    let script: &ScriptBuf = &deal.script_pubkey;
    let standing = world.chain.coins_at(std::slice::from_ref(script));
    let exact = standing.iter().filter(|(_, out)| out.value == deal.amount);
    Elsewhere {
        exact: exact.map(|(_, out)| sat(out.value)).sum(),
        all: standing.iter().map(|(_, out)| sat(out.value)).sum(),
        funded: {
            let mut paid = world.chain.paid_to(script).into_iter();
            paid.any(|(_, value, _)| value == deal.amount)
        },
    }
}
