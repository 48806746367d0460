//! A swap as the disk has it, and the keys it is made of.

use bitcoin::hashes::{Hash as _, sha256};
use bitcoin::secp256k1::{PublicKey, Secp256k1, SecretKey};
use bitcoin::{Amount, Network, OutPoint, ScriptBuf, Txid, WPubkeyHash};
use cambista_engine::ports::{PeerAddress, StoredEvent, StoredSwap};
use cambista_engine::record::{Limits, SwapRecord};
use cambista_protocol::contract::Keys as ContractKeys;
use cambista_protocol::swap::Event;
use cambista_protocol::terms::Deal;
use cambista_protocol::timelock::Timelocks;
use cambista_protocol::words::{Direction, Role, Secret32, Side, SwapId};

use super::fake::{HEIGHT, LIMIT};

pub(crate) fn outpoint(swap: u8) -> OutPoint {
    OutPoint::new(Txid::from_byte_array([swap; 32]), 0)
}

pub(super) fn secret(swap: u8, which: u8) -> [u8; 32] {
    let mut bytes = [which; 32];
    bytes[0] = swap;
    bytes
}

pub(super) fn public(swap: u8, which: u8) -> PublicKey {
    let key = SecretKey::from_slice(&secret(swap, which)).unwrap();
    key.public_key(&Secp256k1::new())
}

/// An `out` whose taker has revealed and has the maker's key: all that is left is to sweep.
pub(crate) fn to_be_swept(swap: u8) -> StoredSwap {
    let mut deal = Deal {
        network: Network::Regtest,
        direction: Direction::Out,
        amount: Amount::from_sat(250_000),
        swap_amount: Amount::from_sat(251_000),
        prepay_amount: Amount::ZERO,
        payment_hash: sha256::Hash::hash(&secret(swap, 9)).to_byte_array(),
        prepay_hash: None,
        keys: ContractKeys {
            payer_claim: public(swap, 1),
            payer_internal: public(swap, 2),
            funder_refund: public(swap, 3),
            funder_internal: public(swap, 4),
        },
        refund_height: 244,
        agreed_height: 100,
        confirmations: 1,
        external: false,
        locks: Timelocks::new(Direction::Out, 144),
        payee: public(99, 5),
        script_pubkey: ScriptBuf::new(),
    };
    deal.script_pubkey = deal.contract().unwrap().script_pubkey();
    let (outpoint, value) = (outpoint(swap), deal.amount);
    let events = [
        Event::Opened,
        Event::OutputSeen {
            outpoint,
            value,
            confirmed: Some(HEIGHT),
        },
        Event::ClaimReady { outpoint },
        Event::PeerKey {
            secret: Secret32(secret(swap, 4)),
        },
    ];
    let id = SwapId([swap; 32]);
    StoredSwap {
        place: u64::from(swap),
        record: SwapRecord {
            id,
            key_id: id,
            order: id,
            side: Side::Taker,
            role: Role::Payer,
            deal,
            maker: public(99, 5),
            peer: PeerAddress {
                peer_id: "peer".to_owned(),
                addresses: Vec::new(),
            },
            swap_invoice: String::new(),
            prepay_invoice: None,
            first_hops: None,
            exact_receive_sat: None,
            last_hop: None,
            destination: ScriptBuf::new_p2wpkh(&WPubkeyHash::from_byte_array([swap; 20])),
            foreign_destination: false,
            limits: Limits {
                max_miner_fee_sat: LIMIT,
                max_routing_fee_sat: 0,
            },
            maker_fee_sat: 1_000,
            quote: Vec::new(),
            acceptance: Vec::new(),
            label: None,
            created_at: 0,
        },
        events: events
            .map(|event| StoredEvent {
                event,
                height: HEIGHT,
                at: 0,
            })
            .to_vec(),
        outbox: Vec::new(),
        fundings: Vec::new(),
        sweeps: Vec::new(),
    }
}
