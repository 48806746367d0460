//! A maker of `out` funds a contract that is not the agreed one: a key, T or the whole script is another. The value is right, the
//! transaction is told and confirmed, and R stays where it is.

use bitcoin::{ScriptBuf, Transaction};
use cambista_harness::wait::{secs, wait_for};
use cambista_harness::{Change, Purse};
use cambista_protocol::contract::{Contract, Keys, Method, Secret};
use cambista_protocol::message::{RefusalCode, SwapReply};

use crate::REVEAL_MARGIN;
use crate::adversary::maker::{Agreed, PREPAY, Prey};
use crate::adversary::{chain, key};

const AMOUNT: u64 = 100_000;

/// The contract with other keys or another T.
type Other = fn(Keys, u32, &Secret) -> (Keys, u32);

#[test]
fn r_is_not_told_for_a_contract_with_another_key() {
    let prey = Prey::start(&[]);
    let (maker, chain) = (&prey.maker, &prey.bitcoind);
    let before = Purse::of(&prey.taker, chain);
    let others: [(&str, Option<Other>); 5] = [
        (
            "another internal key of the maker",
            Some(|keys, refund_height, other| {
                let funder_internal = other.public_key();
                let keys = Keys {
                    funder_internal,
                    ..keys
                };
                (keys, refund_height)
            }),
        ),
        (
            "another internal key of the taker",
            Some(|keys, refund_height, other| {
                let payer_internal = other.public_key();
                let keys = Keys {
                    payer_internal,
                    ..keys
                };
                (keys, refund_height)
            }),
        ),
        (
            "another key to take back with",
            Some(|keys, refund_height, other| {
                let funder_refund = other.public_key();
                let keys = Keys {
                    funder_refund,
                    ..keys
                };
                (keys, refund_height)
            }),
        ),
        (
            "a block less until T",
            Some(|keys, refund_height, _| (keys, refund_height - 1)),
        ),
        ("no contract at all", None),
    ];
    let swaps = others.map(|(what, other)| {
        let swap = take(&prey);
        maker.wait_held(&swap);
        let secret = key();
        let contract = other.map(|other| {
            let (keys, refund_height) = other(*swap.contract.keys(), swap.refund_height, &secret);
            Contract::new(keys, swap.payer.payment_hash, refund_height).unwrap()
        });
        let script = contract
            .as_ref()
            .map_or_else(|| chain::own_script(chain), Contract::script_pubkey);
        assert_ne!(script, swap.contract.script_pubkey(), "{what}");
        let tx = pay(&prey, script);
        let said = maker.tell_funded(&swap, &tx);
        assert!(
            matches!(&said, SwapReply::Refused(no) if no.code == RefusalCode::Terms),
            "{what}: {said:?}"
        );
        (what, swap, contract, secret, tx)
    });
    let refund_heights = swaps.iter().map(|(_, swap, ..)| swap.refund_height);
    let first = refund_heights.clone().min().unwrap();
    let last = refund_heights.max().unwrap();
    prey.mine_to_height(first - REVEAL_MARGIN);
    for (what, swap, ..) in &swaps {
        assert_eq!(maker.knows_preimage(swap.id), None, "{what}");
        assert!(
            maker.has_key(swap.id).is_none(),
            "{what}: gave up too early"
        );
    }
    prey.mine_to_height(last - REVEAL_MARGIN + 1);
    for (what, swap, contract, secret, tx) in &swaps {
        let taker = maker.wait_key(swap);
        // What it paid is no business of the taker's; with the keys of that contract it comes back.
        if let Some(contract) = contract {
            let output = chain::output(tx, 0);
            let method = by_key(contract, swap, &taker, secret);
            chain::send(chain, &chain::spend(chain, contract, output, method, 2));
        }
        assert_eq!(maker.knows_preimage(swap.id), None, "{what}");
        maker.settle(swap, true);
    }
    prey.mine(6);
    let lost = Change {
        lightning: -i64::try_from(5 * PREPAY).unwrap(),
        chain: 0,
    };
    before.assert_settled(&prey.taker, chain, lost);
    wait_for("every swap to be over", secs(30), || {
        let open = prey.taker.status()["open_swaps"].clone();
        (open == 0).then_some(()).ok_or_else(|| open.to_string())
    });
    for (what, swap, ..) in &swaps {
        assert_eq!(maker.knows_preimage(swap.id), None, "{what}");
    }
}

/// The right funding is told, and a transaction from the same coin, to a contract with another key, is what a block has.
#[test]
fn r_is_not_told_when_another_contract_is_funded_than_the_one_told_of() {
    let prey = Prey::start(&[]);
    let (maker, chain) = (&prey.maker, &prey.bitcoind);
    let before = Purse::of(&prey.taker, chain);
    let swap = take(&prey);
    maker.wait_held(&swap);
    let coins = chain::coins(chain, 1);
    let right = chain::fund_from(chain, &swap.contract, &coins, &[AMOUNT]);
    assert_eq!(maker.tell_funded(&swap, &right), SwapReply::Ack);
    let secret = key();
    let keys = Keys {
        funder_internal: secret.public_key(),
        ..*swap.contract.keys()
    };
    let other = Contract::new(keys, swap.payer.payment_hash, swap.refund_height).unwrap();
    let outputs = [(other.script_pubkey(), AMOUNT)];
    let wrong = chain::pay(chain, &coins, &outputs, 10_000);
    let said = maker.tell_funded(&swap, &wrong);
    assert!(matches!(said, SwapReply::Refused(_)), "{said:?}");
    chain::send(chain, &wrong);
    prey.mine(5);
    assert!(maker.has_key(swap.id).is_none(), "it gave up too early");
    prey.mine(1);
    let taker = maker.wait_key(&swap);
    assert_eq!(maker.knows_preimage(swap.id), None);
    let method = by_key(&other, &swap, &taker, &secret);
    let output = chain::output(&wrong, 0);
    chain::send(chain, &chain::spend(chain, &other, output, method, 2));
    maker.settle(&swap, false);
    prey.mine(1);
    before.assert_settled(&prey.taker, chain, Change::default());
    assert_eq!(maker.knows_preimage(swap.id), None);
}

fn take(prey: &Prey) -> Agreed {
    let amount = AMOUNT.to_string();
    prey.taker.cli(&["out", &amount, "--yes", "--detach"]);
    prey.maker.last()
}

fn pay(prey: &Prey, script: ScriptBuf) -> Transaction {
    let coins = chain::coins(&prey.bitcoind, 1);
    let tx = chain::pay(&prey.bitcoind, &coins, &[(script, AMOUNT)], 1_000);
    chain::send(&prey.bitcoind, &tx);
    tx
}

/// The way to the coins of such a contract with the taker's key, where it is its key.
fn by_key(contract: &Contract, swap: &Agreed, taker: &Secret, other: &Secret) -> Method {
    let is_other = |of: &bitcoin::secp256k1::PublicKey| *of == other.public_key();
    let keys = contract.keys();
    let payer = if is_other(&keys.payer_internal) {
        other
    } else {
        taker
    };
    let funder = if is_other(&keys.funder_internal) {
        other
    } else {
        &swap.internal
    };
    Method::KeyPath(contract.key_path_secret(payer, funder).unwrap())
}
