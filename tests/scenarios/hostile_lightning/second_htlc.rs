//! A payer sends a second HTLC on a hash that is held, due so soon that no node can hold it. Lightning says of it what it would
//! say if it let the held payment go.

use bitcoin::Network;
use bitcoin::hashes::Hash;
use cambista::keys::Seed;
use cambista_ldk::Bolt11Invoice;

use crate::adversary::chain;
use crate::adversary::payer::Victims;
use crate::hold_invoices::second_set::too_soon;

const AMOUNT: u64 = 100_000;

#[test]
fn a_second_htlc_that_is_due_too_soon_makes_no_maker_forget_the_first() {
    let victims = Victims::start(1, &[]);
    let (maker, payer, chain) = (&victims.makers[0], &victims.payer, &victims.bitcoind);
    let seed = Seed::from_words(maker.words(), Network::Regtest).unwrap();
    let before = victims.purse();
    let (swap, funded) = victims.funded(AMOUNT);
    victims.mine(1);
    let prepay: Bolt11Invoice = swap
        .funder
        .prepay_invoice
        .as_ref()
        .unwrap()
        .parse()
        .unwrap();
    let prepay = prepay.payment_hash().to_byte_array();
    for (id, hash) in [(1, swap.terms.payment_hash), (2, prepay)] {
        payer
            .own
            .fail_to_pay(&too_soon(seed.node().ldk_seed, hash, [id; 32]));
    }
    // What Lightning said of them is heard meanwhile.
    victims.mine(1);
    chain::mine_alone(chain, &victims.claim(&swap, &funded, 2)).unwrap();
    victims.sync();
    assert_eq!(payer.wait_key(&swap).public_key(), swap.funder.internal_key);
    victims.mine(6);
    victims.outcome(&swap, "done");
    victims.assert_changed(&before, swap.paid(), -(swap.amount() + funded.fee));
}
