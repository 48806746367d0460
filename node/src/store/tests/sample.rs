//! Values to store.

use bitcoin::hashes::Hash as _;
use bitcoin::secp256k1::{PublicKey, Secp256k1, SecretKey};
use bitcoin::{
    Amount, Network, OutPoint, ScriptBuf, Transaction, TxIn, TxOut, Txid, absolute, transaction,
};
use cambista_engine::order::{Agreed, Failed, OrderTask, OrderWish};
use cambista_engine::ports::{NewSwap, PeerAddress};
use cambista_engine::record::{Limits, OrderRecord, SwapRecord};
use cambista_protocol::contract::Keys;
use cambista_protocol::terms::Deal;
use cambista_protocol::timelock::Timelocks;
use cambista_protocol::words::{Direction, Role, Side, SwapId};

pub(super) const fn id(seed: u8) -> SwapId {
    SwapId([seed; 32])
}

pub(super) fn key(seed: u8) -> PublicKey {
    SecretKey::from_slice(&[seed; 32])
        .unwrap()
        .public_key(&Secp256k1::new())
}

pub(super) fn outpoint(seed: u8) -> OutPoint {
    OutPoint::new(Txid::from_byte_array([seed; 32]), u32::from(seed))
}

pub(super) fn tx(seed: u8) -> Transaction {
    Transaction {
        version: transaction::Version::TWO,
        lock_time: absolute::LockTime::ZERO,
        input: vec![TxIn {
            previous_output: outpoint(seed),
            ..TxIn::default()
        }],
        output: vec![TxOut {
            value: Amount::from_sat(1_000),
            script_pubkey: ScriptBuf::from_bytes(vec![0x51]),
        }],
    }
}

fn deal() -> Deal {
    Deal {
        network: Network::Regtest,
        direction: Direction::Out,
        amount: Amount::from_sat(250_000),
        swap_amount: Amount::from_sat(249_500),
        prepay_amount: Amount::from_sat(1_500),
        payment_hash: [3; 32],
        prepay_hash: Some([4; 32]),
        keys: Keys {
            payer_claim: key(1),
            payer_internal: key(2),
            funder_refund: key(3),
            funder_internal: key(4),
        },
        refund_height: 244,
        agreed_height: 100,
        confirmations: 1,
        external: false,
        locks: Timelocks::new(Direction::Out, 144),
        payee: key(5),
        script_pubkey: ScriptBuf::from_bytes(vec![0x51, 0x20]),
    }
}

pub(super) fn new_swap(seed: u8) -> NewSwap {
    let order = OrderRecord {
        id: id(seed.wrapping_add(100)),
        direction: Direction::Out,
        amount_sat: 250_000,
        side: Side::Taker,
        created_at: 1_000,
        task: None,
    };
    let record = SwapRecord {
        id: id(seed),
        key_id: id(seed.wrapping_add(50)),
        order: order.id,
        side: Side::Taker,
        role: Role::Payer,
        deal: deal(),
        maker: key(5),
        peer: PeerAddress {
            peer_id: "12D3Koo".into(),
            addresses: vec!["/ip4/127.0.0.1/tcp/1".into()],
        },
        swap_invoice: "lnbcrt1".into(),
        prepay_invoice: Some("lnbcrt2".into()),
        first_hops: None,
        exact_receive_sat: None,
        last_hop: None,
        destination: ScriptBuf::from_bytes(vec![0x51, 0x20, 1]),
        foreign_destination: false,
        limits: Limits {
            max_miner_fee_sat: 5_000,
            max_routing_fee_sat: 2_000,
        },
        maker_fee_sat: 1_000,
        quote: vec![1, 2],
        acceptance: vec![3],
        label: Some("rent".into()),
        created_at: 1_000,
    };
    NewSwap { order, record }
}

/// Of an order over several swaps, one of which a maker refused.
pub(super) fn task() -> OrderTask {
    let wish = OrderWish {
        direction: Direction::Out,
        amount_sat: 250_000,
        receive: false,
        external: false,
        makers: vec![key(5), key(6)],
        max_parts: 4,
        destination: Some(ScriptBuf::from_bytes(vec![0x51, 0x20, 1])),
        confirmations: Some(2),
        first_hops: Some(vec![[8; 32]]),
        last_hop: Some(key(7)),
        max_fee_sat: Some(2_000),
        max_miner_fee_sat: Some(900),
        max_routing_fee_sat: Some(300),
        label: Some("rent".into()),
    };
    let agreed = Agreed {
        max_cost_sat: 2_000,
        max_loss_sat: 600,
        max_locked_blocks: 228,
    };
    OrderTask {
        failed: vec![Failed {
            maker: key(6),
            reason: "the maker refuses".into(),
            at: 1_001,
        }],
        rounds: 2,
        cancelled: false,
        stuck: Some("nobody takes it on".into()),
        ended: true,
        revision: 7,
        ..OrderTask::new(wish, agreed)
    }
}
