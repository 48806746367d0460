//! A swap to try things on.

#![allow(clippy::unwrap_used)]

use bitcoin::hashes::{Hash as _, sha256};
use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, Network, ScriptBuf};
use cambista_protocol::contract::{Keys as ContractKeys, Secret};
use cambista_protocol::swap::Event;
use cambista_protocol::terms::Deal;
use cambista_protocol::timelock::Timelocks;
use cambista_protocol::words::{Direction, Role, Secret32, Side, SwapId};

use crate::live::Live;
use crate::ports::{Keys, PeerAddress, StoredEvent, StoredSwap, SwapSecrets};
use crate::record::{Limits, SwapRecord};

/// Where the chain is.
pub(crate) const HEIGHT: u32 = 101;

fn secret(which: u8) -> Secret {
    Secret::from_bytes(&[which; 32]).unwrap()
}

fn public(which: u8) -> PublicKey {
    secret(which).public_key()
}

struct OwnKeys;

impl Keys for OwnKeys {
    fn network(&self) -> Network {
        Network::Regtest
    }

    fn swap_secrets(&self, _: SwapId, _: Role) -> SwapSecrets {
        SwapSecrets {
            preimage: Secret32([9; 32]),
            script_key: secret(3),
            internal_key: secret(4),
        }
    }
}

/// A maker's `out` that has lived through these events.
pub(crate) fn after(events: &[Event]) -> Live {
    let events: Vec<_> = events.iter().map(|event| (event.clone(), HEIGHT)).collect();
    after_at(&events)
}

/// The same with the height of each.
pub(crate) fn after_at(events: &[(Event, u32)]) -> Live {
    let mut deal = Deal {
        network: Network::Regtest,
        direction: Direction::Out,
        amount: Amount::from_sat(250_000),
        swap_amount: Amount::from_sat(251_000),
        prepay_amount: Amount::ZERO,
        payment_hash: sha256::Hash::hash(&[8; 32]).to_byte_array(),
        prepay_hash: None,
        keys: ContractKeys {
            payer_claim: public(1),
            payer_internal: public(2),
            funder_refund: public(3),
            funder_internal: public(4),
        },
        refund_height: 244,
        agreed_height: 100,
        confirmations: 1,
        external: false,
        locks: Timelocks::new(Direction::Out, 144),
        payee: public(5),
        script_pubkey: ScriptBuf::new(),
    };
    deal.script_pubkey = deal.contract().unwrap().script_pubkey();
    let id = SwapId([1; 32]);
    let record = SwapRecord {
        id,
        key_id: id,
        order: id,
        side: Side::Maker,
        role: Role::Funder,
        deal,
        maker: public(5),
        peer: PeerAddress {
            peer_id: "peer".to_owned(),
            addresses: Vec::new(),
        },
        swap_invoice: String::new(),
        prepay_invoice: None,
        first_hops: None,
        exact_receive_sat: None,
        last_hop: None,
        destination: ScriptBuf::new(),
        foreign_destination: false,
        limits: Limits {
            max_miner_fee_sat: 5_000,
            max_routing_fee_sat: 0,
        },
        maker_fee_sat: 1_000,
        quote: Vec::new(),
        acceptance: Vec::new(),
        label: None,
        created_at: 0,
    };
    let events = events.iter().map(|(event, height)| StoredEvent {
        event: event.clone(),
        height: *height,
        at: 0,
    });
    let stored = StoredSwap {
        place: 1,
        record,
        events: events.collect(),
        outbox: Vec::new(),
        fundings: Vec::new(),
        sweeps: Vec::new(),
    };
    Live::load(stored, &OwnKeys).unwrap()
}
