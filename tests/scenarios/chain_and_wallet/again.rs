//! What waits for a block is offered again when bitcoind has forgotten it, and given up only when it cannot confirm.

use bitcoin::{Address, Amount, Network, ScriptBuf, Transaction};
use cambista_harness::Bitcoind;
use cambista_ldk::chain::OnBroadcast as _;
use cambista_ldk::wallet::SendAmount;
use lightning::chain::chaininterface::BroadcasterInterface as _;

use super::wallet::{Purse, purse, rate, sats};
use super::{wait_for_tip, wait_until};

/// An address bitcoind's own wallet knows nothing of: what pays that one it offers again by itself.
fn elsewhere() -> Address {
    let script = ScriptBuf::from_bytes([&[0x51, 0x20][..], &[9; 32]].concat());
    Address::from_script(&script, Network::Regtest).unwrap()
}

impl Purse {
    async fn pay(&self, to: &Address, sat: u64) -> Transaction {
        let amount = SendAmount::Exact(sats(sat));
        let tx = self.wallet.send(to, amount, rate(2)).unwrap();
        self.send(&tx).await;
        tx
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_and_one_from_its_change_survive_a_bitcoind_that_forgot_both() {
    let mut bitcoind = Bitcoind::start(&[]);
    bitcoind.mine(101);
    let purse = Purse::with(&bitcoind, 11, 1_000_000).await;
    let to = elsewhere();
    let parent = purse.pay(&to, 300_000).await;
    let child = purse.pay(&to, 200_000).await;
    assert_eq!(child.input[0].previous_output.txid, parent.compute_txid());
    let spendable = purse.wallet.balance().spendable;
    bitcoind.restart_forgetful();
    purse.broadcaster.repeat().await.unwrap();
    let mempool = bitcoind.mempool();
    for tx in [&parent, &child] {
        assert!(mempool.contains(&tx.compute_txid()), "{mempool:?}");
    }
    assert_eq!(purse.wallet.balance().spendable, spendable);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_given_up_while_bitcoind_lacks_blocks_the_wallet_knows() {
    let bitcoind = Bitcoind::start(&[]);
    bitcoind.mine(1);
    let mut purse = purse(&bitcoind, 12).await;
    bitcoind.mine_to(purse.wallet.new_address().unwrap(), 1);
    let reward = bitcoind.height();
    bitcoind.mine(100);
    wait_for_tip(&purse.chain, &bitcoind).await;
    let tx = purse.pay(&elsewhere(), 1_000_000).await;
    let spendable = purse.wallet.balance().spendable;
    assert!(spendable > Amount::ZERO);
    // Another branch, as high, in which the coin is not there: lower down the payment would not be final.
    purse.stand_still().await;
    let tip = bitcoind
        .rpc("getbestblockhash", serde_json::json!([]))
        .unwrap();
    let hash = bitcoind
        .rpc("getblockhash", serde_json::json!([reward]))
        .unwrap();
    bitcoind
        .rpc("invalidateblock", serde_json::json!([hash]))
        .unwrap();
    let branch = bitcoind.mine(101)[0];
    purse.broadcaster.repeat().await.unwrap();
    assert_eq!(purse.wallet.unconfirmed(), std::slice::from_ref(&tx));
    assert_eq!(purse.wallet.balance().spendable, spendable);
    bitcoind
        .rpc("invalidateblock", serde_json::json!([branch]))
        .unwrap();
    bitcoind
        .rpc("reconsiderblock", serde_json::json!([hash]))
        .unwrap();
    let back = || {
        bitcoind
            .rpc("getbestblockhash", serde_json::json!([]))
            .unwrap()
            == tip
    };
    wait_until("bitcoind has its chain again", back).await;
    purse.broadcaster.repeat().await.unwrap();
    assert!(bitcoind.mempool().contains(&tx.compute_txid()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channels_funding_is_offered_until_bitcoind_takes_it() {
    let mut bitcoind = Bitcoind::start(&[]);
    bitcoind.mine(101);
    let purse = Purse::with(&bitcoind, 13, 1_000_000).await;
    let script = elsewhere().script_pubkey();
    let funding = purse
        .wallet
        .channel_funding(&script, sats(400_000), rate(2))
        .unwrap();
    bitcoind.away();
    purse.broadcaster.broadcast_transactions(&[&funding]);
    wait_until("the wallet has it", || {
        !purse.wallet.unconfirmed().is_empty()
    })
    .await;
    bitcoind.back();
    purse.broadcaster.repeat().await.unwrap();
    assert_eq!(bitcoind.mempool(), [funding.compute_txid()]);
}
