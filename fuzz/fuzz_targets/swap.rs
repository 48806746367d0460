//! Both roles under any order of events, blocks, reorganisations and restarts: one byte, one event. A secret never leaves
//! against a decision made before, and replaying the log always gives the state.
#![no_main]

use std::convert::Infallible;
use std::sync::LazyLock;

use bitcoin::hashes::{Hash, sha256};
use bitcoin::secp256k1::{Secp256k1, SecretKey};
use bitcoin::{Amount, Network, OutPoint, Txid};
use cambista_protocol::contract::{Contract, Keys};
use cambista_protocol::money::Msat;
use cambista_protocol::swap::{Effect, Event, HeldHtlc, Leg, Say, SpendHow, SpendKind, Swap, Wish};
use cambista_protocol::terms::Deal;
use cambista_protocol::timelock::Timelocks;
use cambista_protocol::words::{Direction, Role, Secret32};
use libfuzzer_sys::fuzz_target;

const H0: u32 = 1000;
const R: [u8; 32] = [7; 32];
const AMOUNT: Amount = Amount::from_sat(500_000);

fn deal(external: bool, prepay: bool, confirmations: u32) -> Option<Deal> {
    let secp = Secp256k1::new();
    let key = |n: u8| {
        SecretKey::from_slice(&[n; 32])
            .ok()
            .map(|k| k.public_key(&secp))
    };
    let keys = Keys {
        payer_claim: key(1)?,
        payer_internal: key(2)?,
        funder_refund: key(3)?,
        funder_internal: key(4)?,
    };
    let payment_hash = sha256::Hash::hash(&R).to_byte_array();
    let (direction, locks) = if external {
        let locks = Timelocks::new(Direction::In, 144).funded_from_outside();
        (Direction::In, locks)
    } else {
        (Direction::Out, Timelocks::new(Direction::Out, 144))
    };
    let prepay = prepay && !external;
    Some(Deal {
        network: Network::Regtest,
        direction,
        amount: AMOUNT,
        swap_amount: Amount::from_sat(500_500),
        prepay_amount: if prepay {
            Amount::from_sat(900)
        } else {
            Amount::ZERO
        },
        payment_hash,
        prepay_hash: prepay.then(|| sha256::Hash::hash(&[8; 32]).to_byte_array()),
        keys,
        refund_height: H0 + 144,
        agreed_height: H0,
        confirmations,
        external,
        locks,
        payee: key(5)?,
        script_pubkey: Contract::new(keys, payment_hash, H0 + 144)
            .ok()?
            .script_pubkey(),
    })
}

/// Every deal there is here, built once.
static DEALS: LazyLock<Vec<Option<Deal>>> = LazyLock::new(|| {
    let all = 0..16_u8;
    all.map(|n| deal(n & 1 != 0, n & 2 != 0, u32::from(n >> 2) + 1))
        .collect()
});

fn outpoint(n: u8) -> OutPoint {
    OutPoint {
        txid: txid(n),
        vout: u32::from(n % 3),
    }
}

fn txid(n: u8) -> Txid {
    Txid::from_byte_array([n; 32])
}

/// What one byte means; none for a block.
fn event(byte: u8, height: u32, deal: &Deal) -> Option<Event> {
    let (what, detail) = (byte % 24, byte / 24);
    let leg = if detail % 2 == 0 {
        Leg::Swap
    } else {
        Leg::Prepay
    };
    let confirmed = (detail % 3 != 0).then_some(height);
    let kinds = [SpendKind::KeyPath, SpendKind::Claim, SpendKind::Refund];
    let kind = kinds[usize::from(detail) % kinds.len()];
    Some(match what {
        0..=4 => return None,
        5 => Event::Reorg {
            fork: height.saturating_sub(u32::from(detail)),
        },
        6 | 7 => Event::OutputSeen {
            outpoint: outpoint(detail % 3),
            value: if detail < 8 {
                AMOUNT
            } else {
                Amount::from_sat(400_000)
            },
            confirmed,
        },
        8 | 9 => Event::OutputSpent {
            outpoint: outpoint(detail % 3),
            txid: txid(100 + detail),
            kind,
            preimage: (kind == SpendKind::Claim).then_some(Secret32(R)),
            confirmed,
        },
        10 => Event::FundingConflict {
            txid: txid(50 + detail),
            confirmed: height,
        },
        11 => Event::PaymentSettled {
            leg,
            fee: Msat(1000),
        },
        12 => Event::PaymentFailed { leg },
        13 => Event::ClaimReady {
            outpoint: outpoint(detail % 3),
        },
        14 => Event::Held {
            leg,
            htlc: HeldHtlc {
                payment_id: Secret32([detail / 2; 32]),
                amount: Msat(
                    match leg {
                        Leg::Swap => deal.swap_amount,
                        Leg::Prepay => deal.prepay_amount,
                    }
                    .to_sat()
                        * 1000,
                ),
                claim_deadline: deal.locks.needed_claim_deadline(deal.refund_height),
                sound: detail < 8,
            },
        },
        15 => Event::Claimed { leg },
        16 => Event::Dropped { leg },
        17 => Event::FundingBuilt {
            txid: txid(0),
            first_input: outpoint(77),
        },
        18 => Event::HoldDurable,
        19 => Event::FundingBumped {
            txid: txid(detail % 3),
        },
        20 => Event::PeerKey {
            secret: Secret32(if detail < 8 { [4; 32] } else { [2; 32] }),
        },
        21 => Event::PeerPreimage {
            preimage: Secret32(if detail < 8 { R } else { [9; 32] }),
        },
        22 => Event::PeerWithdrew,
        _ if detail == 0 => Event::FundingImpossible,
        _ => Event::Cancelled,
    })
}

fn step(
    swap: &Swap,
    event: Event,
    height: u32,
    log: &mut Vec<(Event, u32)>,
) -> (Swap, Vec<Effect>) {
    let mut effects = Vec::new();
    let saved: Result<Swap, Infallible> = swap.step(event, height).save(|event, height, made| {
        log.push((event.clone(), height));
        effects = made.to_vec();
        Ok(())
    });
    match saved {
        Ok(next) => (next, effects),
        Err(never) => match never {},
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((first, bytes)) = data.split_first() else {
        return;
    };
    let role = if first & 1 == 0 {
        Role::Payer
    } else {
        Role::Funder
    };
    let Some(deal) = DEALS.get(usize::from(first >> 1 & 15)).cloned().flatten() else {
        return;
    };
    let fresh = Swap::new(role, deal.clone());
    let mut log = Vec::new();
    let mut height = H0;
    let (mut swap, _) = step(&fresh, Event::Opened, height, &mut log);
    let (mut told, mut handed_first, mut failed_back, mut claimed) = (false, false, false, false);
    for byte in bytes.iter().take(512) {
        let happened = match event(*byte, height, &deal) {
            Some(Event::Reorg { fork }) => {
                let event = Event::Reorg { fork };
                let (next, _) = step(&swap, event, height, &mut log);
                swap = next;
                height = fork.max(H0);
                continue;
            }
            Some(event) => event,
            None => {
                height += 1;
                Event::Block
            }
        };
        // Who settles the payment has R already: from then on claiming gives nothing away.
        let settled = matches!(happened, Event::PaymentSettled { leg: Leg::Swap, .. });
        handed_first &= !settled;
        // What Lightning gave up is gone; another set on the same hash is another matter.
        if matches!(happened, Event::Dropped { leg: Leg::Swap }) {
            (claimed, failed_back) = (false, false);
        }
        told |= settled;
        let (next, effects) = step(&swap, happened, height, &mut log);
        swap = next;
        for effect in effects {
            match effect {
                Effect::Say(Say::Preimage) => {
                    assert!(!handed_first, "R left after the key was given away");
                    told = true;
                }
                Effect::Say(Say::Key) if role == Role::Payer && !told => handed_first = true,
                Effect::FailBack(Leg::Swap) => {
                    assert!(!claimed, "failed back what is being claimed");
                    failed_back = true;
                }
                Effect::Claim(Leg::Swap) => {
                    assert!(!failed_back, "claims what was failed back");
                    claimed = true;
                }
                _ => {}
            }
        }
        for wish in swap.wishes(height) {
            if let Wish::Spend(spend) = wish {
                let refund_by_funder = role == Role::Funder && spend.how == SpendHow::Refund;
                assert!(
                    !(refund_by_funder && swap.handed_over()),
                    "refund leaf after the handover"
                );
                let claim_by_payer = role == Role::Payer && spend.how == SpendHow::Claim;
                assert!(!(claim_by_payer && handed_first), "claims after an abort");
            }
        }
    }
    // A restart is a replay.
    let mut again = Swap::new(role, deal);
    let mut second = Vec::new();
    for (event, height) in &log {
        again = step(&again, event.clone(), *height, &mut second).0;
    }
    assert_eq!(again, swap);
});
