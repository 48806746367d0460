//! The wallet on blocks made up here; the real chain is the scenarios' business.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod reserve;
mod scripts;
mod waiting;

use bitcoin::absolute::LockTime;
use bitcoin::bip32::Xpriv;
use bitcoin::block::{Header, Version as BlockVersion};
use bitcoin::constants::genesis_block;
use bitcoin::hashes::Hash as _;
use bitcoin::transaction::Version;
use bitcoin::{Block, BlockHash, CompactTarget, ScriptBuf, TxIn, TxMerkleNode, TxOut, Txid};
use bitcoin::{FeeRate, Psbt, Sequence};
use lightning::chain::Listen as _;
use lightning::events::bump_transaction::sync::WalletSourceSync;

use super::*;
use crate::chain::OnBroadcast as _;

#[derive(Default)]
struct Memory {
    rows: Mutex<Vec<Vec<u8>>>,
    full: Mutex<bool>,
}

impl WalletSink for Memory {
    fn load(&self) -> Result<Vec<Vec<u8>>, SinkError> {
        Ok(self.rows.lock().unwrap().clone())
    }

    fn append(&self, change: &[u8]) -> Result<(), SinkError> {
        if *self.full.lock().unwrap() {
            return Err("disk full".into());
        }
        self.rows.lock().unwrap().push(change.to_vec());
        Ok(())
    }
}

/// A wallet on a chain of its own.
struct Bench {
    sink: Arc<Memory>,
    wallet: Arc<Wallet>,
    tip: (u32, BlockHash),
    next: u8,
}

fn account(seed: u8) -> Xpriv {
    Xpriv::new_master(Network::Regtest, &[seed; 32]).unwrap()
}

fn rate(sat_per_vb: u64) -> FeeRate {
    FeeRate::from_sat_per_vb(sat_per_vb).unwrap()
}

fn sats(value: u64) -> Amount {
    Amount::from_sat(value)
}

/// A script that is not the wallet's, as long as a contract's.
fn contract() -> ScriptBuf {
    ScriptBuf::from_bytes([&[0x51, 0x20][..], &[9; 32]].concat())
}

impl Bench {
    fn new() -> Self {
        let sink = Arc::new(Memory::default());
        let wallet = Wallet::open(account(1), Network::Regtest, sink.clone(), None).unwrap();
        let genesis = genesis_block(Network::Regtest).block_hash();
        Self {
            sink,
            wallet,
            tip: (0, genesis),
            next: 0,
        }
    }

    /// A bench whose wallet has confirmed coins of these values.
    fn with(values: &[u64]) -> Self {
        let mut bench = Self::new();
        for value in values {
            let tx = bench.deposit(*value);
            bench.mine(vec![tx]);
        }
        bench
    }

    fn reopen(&self) -> Arc<Wallet> {
        Wallet::open(account(1), Network::Regtest, self.sink.clone(), None).unwrap()
    }

    /// A transaction from elsewhere that pays the wallet.
    fn deposit(&mut self, value: u64) -> Transaction {
        self.next += 1;
        let from = OutPoint::new(Txid::from_byte_array([self.next; 32]), 0);
        let address = self.wallet.new_address().unwrap();
        Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: from,
                sequence: Sequence::MAX,
                ..TxIn::default()
            }],
            output: vec![TxOut {
                value: sats(value),
                script_pubkey: address.script_pubkey(),
            }],
        }
    }

    fn mine(&mut self, txdata: Vec<Transaction>) {
        let header = Header {
            version: BlockVersion::TWO,
            prev_blockhash: self.tip.1,
            merkle_root: TxMerkleNode::all_zeros(),
            time: 1_700_000_000 + self.tip.0,
            bits: CompactTarget::from_consensus(0x207f_ffff),
            nonce: u32::from(self.next),
        };
        let block = Block { header, txdata };
        self.tip = (self.tip.0 + 1, block.block_hash());
        self.wallet.block_connected(&block, self.tip.0);
    }
}

/// Value spent by the wallet's transaction, from the deposits it spends.
fn fee_of(wallet: &Wallet, tx: &Transaction) -> Amount {
    wallet.state().bdk.calculate_fee(tx).unwrap()
}

#[test]
fn a_funding_of_one_coin_with_change_weighs_154_vbytes_when_signed() {
    let bench = Bench::with(&[1_000_000]);
    let funding = bench
        .wallet
        .fund(contract(), sats(400_000), rate(3))
        .unwrap();
    assert_eq!(funding.tx.vsize(), 154);
    assert_eq!(funding.fee, sats(462));
    assert_eq!(fee_of(&bench.wallet, &funding.tx), funding.fee);
    assert_eq!(funding.tx.version, Version::TWO);
    assert!(funding.tx.is_explicitly_rbf());
    let output = &funding.tx.output[usize::try_from(funding.vout).unwrap()];
    assert_eq!(
        (output.value, &output.script_pubkey),
        (sats(400_000), &contract())
    );
}

#[test]
fn the_estimate_is_what_the_funding_then_pays() {
    let bench = Bench::with(&[300_000, 250_000, 1_000]);
    let estimate = bench
        .wallet
        .estimate_funding_fee(sats(500_000), rate(7))
        .unwrap();
    assert!(bench.wallet.locked().is_empty());
    let funding = bench
        .wallet
        .fund(contract(), sats(500_000), rate(7))
        .unwrap();
    assert_eq!((funding.fee, funding.tx.input.len()), (estimate, 2));
}

#[test]
fn a_bump_keeps_the_first_input_and_the_contract_and_obeys_bip125() {
    let bench = Bench::with(&[500_000, 100_000]);
    let first = bench
        .wallet
        .fund(contract(), sats(499_000), rate(2))
        .unwrap();
    assert_eq!(first.tx.input.len(), 1);
    bench.wallet.sent(&first.tx);
    // The change cannot pay 50 sat/vB: the second coin joins.
    let second = bench.wallet.refund_fund(&first, rate(50)).unwrap();
    assert_eq!(second.tx.input.len(), 2);
    assert_eq!(second.tx.input[0].previous_output, first.first_input);
    assert_eq!(second.first_input, first.first_input);
    let vout = usize::try_from(second.vout).unwrap();
    assert_eq!(second.tx.output[vout].value, sats(499_000));
    assert_eq!(second.tx.output[vout].script_pubkey, contract());
    assert_eq!(fee_of(&bench.wallet, &second.tx), second.fee);
    // A bump to a lower rate is still a valid replacement: more in total by its own relay fee, and more per vbyte.
    bench.wallet.sent(&second.tx);
    let third = bench.wallet.refund_fund(&second, rate(1)).unwrap();
    let size = |funding: &Funding| u64::try_from(funding.tx.vsize()).unwrap();
    assert!(third.fee >= second.fee + sats(size(&third)));
    assert!(third.fee.to_sat() * size(&second) > second.fee.to_sat() * size(&third));
    assert_eq!(third.tx.input.len(), 2);
}

#[test]
fn a_cancelled_funding_returns_its_first_input_for_more_than_it_paid() {
    let bench = Bench::with(&[500_000, 400_000]);
    let funding = bench
        .wallet
        .fund(contract(), sats(800_000), rate(5))
        .unwrap();
    let (cancel, _) = bench.wallet.cancel_funding(&funding, rate(1)).unwrap();
    assert_eq!(cancel.input.len(), 1);
    assert_eq!(cancel.input[0].previous_output, funding.first_input);
    assert_eq!(cancel.output.len(), 1);
    assert!(
        bench
            .wallet
            .state()
            .bdk
            .is_mine(cancel.output[0].script_pubkey.clone())
    );
    assert!(fee_of(&bench.wallet, &cancel) >= funding.fee + sats(111));
    assert_eq!(cancel.vsize(), 111);
}

#[test]
fn coins_set_aside_are_not_used_twice_until_released() {
    let bench = Bench::with(&[300_000, 200_000]);
    let funding = bench
        .wallet
        .fund(contract(), sats(150_000), rate(1))
        .unwrap();
    let other = bench
        .wallet
        .fund(contract(), sats(250_000), rate(1))
        .unwrap();
    assert_ne!(funding.first_input, other.first_input);
    assert!(matches!(
        bench.wallet.fund(contract(), sats(10_000), rate(1)),
        Err(WalletError::InsufficientFunds { .. })
    ));
    assert!(
        WalletSourceSync::list_confirmed_utxos(bench.wallet.as_ref())
            .unwrap()
            .is_empty()
    );
    bench.wallet.release_tx(&other.tx);
    let again = bench
        .wallet
        .fund(contract(), sats(250_000), rate(1))
        .unwrap();
    assert_eq!(again.first_input, other.first_input);
}

#[test]
fn nothing_spends_below_the_reserve_and_all_leaves_exactly_it() {
    let bench = Bench::with(&[500_000]);
    bench.wallet.set_reserve(sats(100_000));
    let refused = bench.wallet.fund(contract(), sats(399_900), rate(1));
    assert!(
        matches!(refused, Err(WalletError::InsufficientFunds { available, .. }) if available == sats(400_000))
    );
    assert_eq!(bench.wallet.fundable(), sats(400_000));
    assert_eq!(bench.wallet.balance().spendable, sats(400_000));
    let to = Address::from_script(&contract(), Network::Regtest).unwrap();
    let planned = bench
        .wallet
        .plan_send(&to, SendAmount::All, rate(2))
        .unwrap();
    assert!(bench.wallet.locked().is_empty());
    let tx = bench.wallet.send(&to, SendAmount::All, rate(2)).unwrap();
    assert_eq!(planned, (sats(399_692), sats(308)));
    let kept: Vec<_> = tx
        .output
        .iter()
        .filter(|output| output.script_pubkey != contract())
        .collect();
    assert_eq!((kept.len(), kept[0].value), (1, sats(100_000)));
    assert_eq!(fee_of(&bench.wallet, &tx), sats(308));
}

#[test]
fn the_wallet_spends_its_own_change_but_not_a_fundings_nor_what_others_have_not_confirmed() {
    let mut bench = Bench::with(&[500_000]);
    let to = Address::from_script(&contract(), Network::Regtest).unwrap();
    let pending = bench.deposit(900_000);
    bench.wallet.sent(&pending);
    let amount = SendAmount::Exact(sats(100_000));
    let planned = bench.wallet.plan_send(&to, amount, rate(1)).unwrap();
    let paid = bench.wallet.send(&to, amount, rate(1)).unwrap();
    assert_eq!(planned, (sats(100_000), fee_of(&bench.wallet, &paid)));
    assert_eq!(bench.wallet.fee_of(&paid), Some(planned.1));
    bench.wallet.sent(&paid);
    assert!(
        bench
            .wallet
            .fund(contract(), sats(100_000), rate(1))
            .is_err()
    );
    let from_change = bench
        .wallet
        .send(&to, SendAmount::Exact(sats(100_000)), rate(1))
        .unwrap();
    assert_eq!(
        from_change.input[0].previous_output.txid,
        paid.compute_txid()
    );
    assert!(
        bench
            .wallet
            .send(&to, SendAmount::Exact(sats(100_000)), rate(1))
            .is_err()
    );
    bench.wallet.release_tx(&from_change);
    bench.mine(vec![paid]);
    let funding = bench
        .wallet
        .fund(contract(), sats(100_000), rate(1))
        .unwrap();
    bench.wallet.sent(&funding.tx);
    assert!(
        bench
            .wallet
            .send(&to, SendAmount::Exact(sats(50_000)), rate(1))
            .is_err()
    );
    bench.mine(vec![funding.tx, pending]);
    assert!(
        bench
            .wallet
            .send(&to, SendAmount::Exact(sats(1_000_000)), rate(1))
            .is_ok()
    );
}

#[test]
fn a_coinbase_waits_for_its_hundred_blocks() {
    let mut bench = Bench::new();
    let mut reward = bench.deposit(5_000_000);
    reward.input[0].previous_output = OutPoint::null();
    bench.mine(vec![reward]);
    for _ in 0..98 {
        bench.mine(Vec::new());
    }
    assert_eq!(bench.wallet.fundable(), Amount::ZERO);
    assert_eq!(bench.wallet.balance().pending, sats(5_000_000));
    bench.mine(Vec::new());
    assert_eq!(bench.wallet.fundable(), sats(5_000_000));
}

#[test]
fn a_reopened_wallet_knows_its_coins_and_stands_where_it_stood() {
    let bench = Bench::with(&[300_000, 200_000]);
    let funding = bench
        .wallet
        .fund(contract(), sats(100_000), rate(2))
        .unwrap();
    bench.wallet.sent(&funding.tx);
    let given = bench.wallet.new_address().unwrap();
    let again = bench.reopen();
    assert_eq!(again.best_block(), bench.wallet.best_block());
    assert_eq!(again.best_block().height, 2);
    again.lock(&[funding.first_input]);
    assert_eq!(again.balance(), bench.wallet.balance());
    let restored = again
        .funding_from_tx(funding.tx.clone(), &contract())
        .unwrap();
    assert_eq!(restored, funding);
    assert_ne!(again.new_address().unwrap(), given);
}

#[test]
fn another_seeds_data_is_refused() {
    let bench = Bench::with(&[1_000]);
    let opened = Wallet::open(account(2), Network::Regtest, bench.sink.clone(), None);
    assert!(matches!(opened, Err(WalletError::WrongWallet(_))));
}

#[test]
fn a_change_that_cannot_be_stored_stops_the_wallet() {
    let bench = Bench::with(&[100_000]);
    let failure = bench.wallet.failure();
    *bench.sink.full.lock().unwrap() = true;
    assert!(matches!(
        bench.wallet.new_address(),
        Err(WalletError::Store(_))
    ));
    assert!(failure.borrow().as_ref().unwrap().contains("disk full"));
}

#[test]
fn a_block_that_left_the_chain_takes_its_deposit_along() {
    let mut bench = Bench::with(&[100_000]);
    let fork = bench.tip;
    let tx = bench.deposit(70_000);
    bench.mine(vec![tx]);
    assert_eq!(bench.wallet.fundable(), sats(170_000));
    bench
        .wallet
        .blocks_disconnected(BestBlock::new(fork.1, fork.0));
    assert_eq!(bench.wallet.best_block(), BestBlock::new(fork.1, fork.0));
    assert_eq!(bench.wallet.fundable(), sats(100_000));
    assert_eq!(bench.reopen().balance(), bench.wallet.balance());
    bench.tip = fork;
    bench.next += 1;
    bench.mine(Vec::new());
    assert_eq!(bench.wallet.fundable(), sats(100_000));
    assert_eq!(
        bench.wallet.best_block(),
        BestBlock::new(bench.tip.1, bench.tip.0)
    );
    assert!(bench.wallet.failure().borrow().is_none());
}

#[test]
fn a_bump_for_ldk_is_signed_and_its_coin_stays_usable_for_the_next_bump() {
    let mut bench = Bench::with(&[100_000]);
    let wallet = bench.wallet.clone();
    let coins = WalletSourceSync::list_confirmed_utxos(wallet.as_ref()).unwrap();
    assert_eq!(coins.len(), 1);
    let anchor = TxOut {
        value: sats(330),
        script_pubkey: contract(),
    };
    let foreign = OutPoint::new(Txid::from_byte_array([77; 32]), 0);
    let change = WalletSourceSync::get_change_script(wallet.as_ref()).unwrap();
    let unsigned = Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: [foreign, coins[0].outpoint]
            .map(|previous_output| TxIn {
                previous_output,
                ..TxIn::default()
            })
            .to_vec(),
        output: vec![TxOut {
            value: sats(90_000),
            script_pubkey: change,
        }],
    };
    let mut psbt = Psbt::from_unsigned_tx(unsigned).unwrap();
    psbt.inputs[0].witness_utxo = Some(anchor);
    psbt.inputs[1].witness_utxo = Some(coins[0].output.clone());
    let signed = WalletSourceSync::sign_psbt(wallet.as_ref(), psbt).unwrap();
    assert!(signed.input[0].witness.is_empty());
    assert_eq!(signed.input[1].witness.size(), 66);
    assert_eq!(coins[0].satisfaction_weight, 70);

    wallet.sent(&signed);
    assert_eq!(wallet.fundable(), Amount::ZERO);
    assert_eq!(wallet.unconfirmed(), std::slice::from_ref(&signed));
    let again = WalletSourceSync::list_confirmed_utxos(wallet.as_ref()).unwrap();
    assert_eq!(again, coins);
    // The commitment it bumped lost: the coin is free.
    wallet.lost(&signed.compute_txid());
    assert_eq!(wallet.fundable(), sats(100_000));
    bench.mine(vec![signed]);
    assert_eq!(wallet.fundable(), sats(90_000));
}

#[test]
fn a_reorganisation_deeper_than_a_new_wallets_first_block_is_followed() {
    for depth in [0, 1, 3] {
        let sink = Arc::new(Memory::default());
        let start = BlockId {
            height: 10,
            hash: BlockHash::from_byte_array([10; 32]),
            time: 0,
        };
        let wallet = Wallet::open(account(1), Network::Regtest, sink.clone(), Some(start)).unwrap();
        assert_eq!(wallet.best_block(), start.best());
        let fork = (10 - depth, BlockHash::from_byte_array([90; 32]));
        let mut bench = Bench {
            sink,
            wallet,
            tip: fork,
            next: 1,
        };
        if depth == 0 {
            bench.tip = (10, start.hash);
        } else {
            let fork = BestBlock::new(fork.1, fork.0);
            bench.wallet.blocks_disconnected(fork);
            assert_eq!(bench.wallet.best_block(), fork);
        }
        for _ in 0..5 {
            let tx = bench.deposit(10_000);
            bench.mine(vec![tx]);
        }
        assert_eq!(bench.wallet.failure().borrow().clone(), None, "{depth}");
        let tip = BestBlock::new(bench.tip.1, bench.tip.0);
        assert_eq!(bench.wallet.best_block(), tip, "{depth}");
        assert_eq!(bench.wallet.fundable(), sats(50_000), "{depth}");
    }
}
