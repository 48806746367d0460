//! Replacement cycling: a funder throws the payer's claim out of the mempool by a refund that pays more, and takes the refund back
//! at once by spending elsewhere what else it spends. The contract's output is free then, and nobody's mempool holds the claim: a
//! payer that waits for the next block to send it again can be kept out for as long as the funder likes to pay.

use bitcoin::absolute::LockTime;
use bitcoin::secp256k1::{Message, Secp256k1};
use bitcoin::sighash::{Prevouts, SighashCache, TapSighashType};
use bitcoin::transaction::Version;
use bitcoin::{Amount, Sequence, Transaction, TxIn, TxOut, Witness};
use cambista_harness::filler::OpenCoin;
use cambista_harness::transaction::{Path, Seen, spend_in_blocks, wait_spend};
use cambista_harness::{Change, Filler, Purse};
use cambista_protocol::contract::SpendInput;

use crate::adversary::chain;
use crate::adversary::maker::{FEE, Prey};
use crate::hostile_sweep::{AMOUNT, Sold, assert_outcome, hand_over, mine_empty, sell};

/// What else the funder's refund spends (sat): as much as it is worth to it.
const COIN: u64 = 1_000_000;
/// A key path spend of one output (vB), at least.
const ALONE: u64 = 111;
/// The refund has fewer (vB).
const REFUND: u64 = 400;

/// At the refund height, twice, with the claim in no block: it is back before the next one each time, and in it.
#[test]
fn a_claim_that_is_cycled_out_at_t_is_back_before_the_next_block() {
    let prey = Prey::start(&[]);
    let chain = &prey.bitcoind;
    let mut filler = Filler::new(chain, 2, COIN);
    prey.sync();
    let before = Purse::of(&prey.taker, chain);
    let sold = sell(&prey, 1, &["--max-miner-fee", "60000"]).remove(0);
    prey.mine(2);
    hand_over(&prey, std::slice::from_ref(&sold));
    wait_spend(chain, sold.outpoint);
    mine_empty(&prey, sold.swap.refund_height - chain.height());

    let height = chain.height();
    let mut bid = wait_spend(chain, sold.outpoint);
    for turn in 0..2 {
        let coin = filler.coin();
        let refund = refund(&prey, &sold, &coin, &bid);
        chain::send(chain, &refund);
        assert!(!chain.mempool().contains(&bid.txid), "it was thrown out");
        chain::send(chain, &away(&prey, &coin, &refund));
        assert!(!chain.mempool().contains(&refund.compute_txid()));
        bid = wait_spend(chain, sold.outpoint);
        assert_eq!(bid.path(sold.outpoint), Path::Key, "turn {turn}");
        assert_eq!(chain.height(), height, "without a block");
    }
    prey.mine(1);
    let paid = spend_in_blocks(chain, sold.outpoint, 1).expect("the claim in the next block");
    assert_eq!(paid.path(sold.outpoint), Path::Key);
    let change = Change {
        lightning: -i64::try_from(AMOUNT + FEE).unwrap(),
        chain: i64::try_from(paid.only_output()).unwrap(),
    };
    before.assert_changed(&prey.taker, chain, change);
    prey.mine(6);
    assert_outcome(&prey, &sold.swap, "done");
}

/// The funder's refund, which spends this coin as well and pays more than the bid it is to replace.
fn refund(prey: &Prey, sold: &Sold, coin: &OpenCoin, bid: &Seen) -> Transaction {
    let (swap, value) = (&sold.swap, Amount::from_sat(AMOUNT));
    let contract = &swap.contract;
    let fee = (bid.fee_sat / ALONE + 10) * REFUND;
    let mut tx = Transaction {
        version: Version::TWO,
        lock_time: LockTime::from_height(swap.refund_height).unwrap(),
        input: vec![
            TxIn {
                previous_output: sold.outpoint,
                sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
                ..TxIn::default()
            },
            coin.input(),
        ],
        output: vec![TxOut {
            value: Amount::from_sat(AMOUNT + coin.value - fee),
            script_pubkey: chain::own_script(&prey.bitcoind),
        }],
    };
    let spent = SpendInput {
        outpoint: sold.outpoint,
        value,
        contract: contract.clone(),
        method: swap.by_refund(),
    };
    let prevouts = [spent.prevout(), coin.output()];
    let secp = Secp256k1::new();
    let digest = SighashCache::new(&tx)
        .taproot_script_spend_signature_hash(
            0,
            &Prevouts::All(&prevouts),
            contract.refund_leaf_hash(),
            TapSighashType::Default,
        )
        .unwrap();
    let key = swap.refund.expose().keypair(&secp);
    let signature = secp.sign_schnorr_no_aux_rand(&Message::from(digest), &key);
    tx.input[0].witness = Witness::from_slice(&[
        signature.as_ref().as_slice(),
        contract.refund_script().as_bytes(),
        &contract.refund_control_block().serialize(),
    ]);
    tx
}

/// Spends the coin alone, and pays more than the refund whose place it takes.
fn away(prey: &Prey, coin: &OpenCoin, refund: &Transaction) -> Transaction {
    let paid = AMOUNT + coin.value - refund.output[0].value.to_sat();
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![coin.input()],
        output: vec![TxOut {
            value: Amount::from_sat(coin.value - paid - 1_000),
            script_pubkey: chain::own_script(&prey.bitcoind),
        }],
    }
}
