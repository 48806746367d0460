//! What a rogue does besides talking: it spends by every leaf and key it has, whenever it likes, and handles its Lightning
//! payments as it pleases.

use std::sync::Arc;

use bitcoin::consensus::encode::serialize;
use bitcoin::{Amount, FeeRate, OutPoint, Transaction};
use cambista_engine::ports::{Keys, PeerProtocol, Wallet};
use cambista_protocol::cbor;
use cambista_protocol::contract::{Method, Secret, Spend, SpendInput};
use cambista_protocol::message::SwapRequest;
use cambista_protocol::swap::Swap;

use crate::lightning::{At, Called};
use crate::mirror::Mirrored;
use crate::node::Node;
use crate::rogue::again;
use crate::run::Run;
use crate::world::NAMES;

impl Run {
    /// One thing a rogue does.
    pub(crate) async fn mischief(&mut self) {
        let Some(who) = self.world().rogue else {
            return;
        };
        let Some(node) = self.nodes[who].clone().filter(|node| node.is_alive()) else {
            return;
        };
        let kept = node.mirror().swaps().first().cloned();
        let Some(kept) = kept else { return };
        let message = match self.range(0, 13) {
            0..=3 => {
                self.spend(&node, &kept);
                None
            }
            4 => self.payments(&kept),
            5 if matches!(kept.swap, Swap::Funder(_)) => self.other_fundings(&node, &kept),
            6 | 7 => self.words(&node, &kept),
            8 => again(&mut self.world()),
            _ => None,
        };
        let victim = self.handle(1 - who);
        if let (Some(message), Some(victim)) = (message, victim) {
            let from = NAMES[who].to_owned();
            let _ = victim.peer_request(from, PeerProtocol::Swap, message).await;
        }
    }

    /// Secrets before their time, and no secrets at all.
    fn words(&self, node: &Node, kept: &Mirrored) -> Option<Vec<u8>> {
        let swap_id = kept.record.id;
        let secrets = node.swap_secrets(kept.record.key_id, kept.record.role);
        let what = self.range(0, 5);
        self.world().note(format!("rogue says {what}"));
        Some(cbor::to_vec(&match what {
            0 => SwapRequest::Key {
                swap_id,
                secret: secrets.internal_key.expose().secret_bytes(),
            },
            1 => SwapRequest::Key {
                swap_id,
                secret: self.world().rng.bytes32(),
            },
            2 => SwapRequest::Preimage {
                swap_id,
                preimage: secrets.preimage.0,
            },
            3 => SwapRequest::Preimage {
                swap_id,
                preimage: self.world().rng.bytes32(),
            },
            4 => SwapRequest::Withdraw { swap_id },
            _ => SwapRequest::Resume { swap_id },
        }))
    }

    /// Over Lightning: a second set of parts, or a payment ended as it likes.
    fn payments(&self, kept: &Mirrored) -> Option<Vec<u8>> {
        let deal = &kept.record.deal;
        let mut world = self.world();
        let choice = world.rng.range(0, 3);
        match (&kept.swap, choice) {
            (Swap::Payer(_), _) => world.lightning.pay_again(&deal.payment_hash),
            (Swap::Funder(_), 0) => world.lightning.call(&deal.payment_hash, Called::Fail),
            (Swap::Funder(_), _) => {
                if let Some(hash) = &deal.prepay_hash {
                    let what = if choice == 1 {
                        Called::Fail
                    } else {
                        Called::Claim
                    };
                    world.lightning.call(hash, what);
                }
            }
        }
        None
    }

    /// A funder pays the script once more or another value, spends its first input elsewhere, or names a funding that is
    /// none.
    fn other_fundings(&self, node: &Arc<Node>, kept: &Mirrored) -> Option<Vec<u8>> {
        let deal = &kept.record.deal;
        let rate = FeeRate::from_sat_per_vb(self.world().rate * 2)?;
        let sat = u64::from(self.range(5_000, 400_000));
        let tx = match self.range(0, 3) {
            0 => {
                let funding = kept.fundings.last()?;
                let back = node.take_back(funding, &deal.script_pubkey, rate);
                back.ok()?.tx
            }
            1 => {
                let value = Amount::from_sat(sat);
                node.fund(deal.script_pubkey.clone(), value, rate).ok()?.tx
            }
            2 => {
                node.fund(deal.script_pubkey.clone(), deal.amount, rate)
                    .ok()?
                    .tx
            }
            _ => {
                let mut tx = kept.fundings.last()?.clone();
                tx.input.first_mut()?.previous_output = OutPoint::null();
                return Some(cbor::to_vec(&SwapRequest::Funded {
                    swap_id: kept.record.id,
                    tx: serialize(&tx),
                }));
            }
        };
        self.send(&tx);
        None
    }

    fn send(&self, tx: &Transaction) {
        let mut world = self.world();
        let withhold = world.rng.range(0, 6);
        let taken = world.chain.accept(tx, withhold);
        world.note(format!("rogue sends {}: {taken:?}", tx.compute_txid()));
    }

    /// Spends an output of the contract by a leaf or by both keys.
    fn spend(&self, node: &Node, kept: &Mirrored) {
        let Some(tx) = self.spend_of(node, kept) else {
            return;
        };
        self.send(&tx);
    }

    fn spend_of(&self, node: &Node, kept: &Mirrored) -> Option<Transaction> {
        let deal = &kept.record.deal;
        let secrets = node.swap_secrets(kept.record.key_id, kept.record.role);
        let paid = {
            let world = self.world();
            let coins = world
                .chain
                .coins_at(std::slice::from_ref(&deal.script_pubkey));
            let payment = world.lightning.payments.get(&deal.payment_hash);
            // It is not after its own loss: a funder that was paid lets the payer have the coins half of the time.
            if payment.is_some_and(|p| p.at == At::Unwritten) {
                return None;
            }
            coins
        };
        let (outpoint, out) = paid.first()?;
        let (peer, own_first) = match &kept.swap {
            Swap::Payer(payer) => (payer.peer_key(), true),
            Swap::Funder(funder) => (funder.peer_key(), false),
        };
        let by_key = peer.filter(|_| self.range(0, 1) == 0).and_then(|peer| {
            let peer = Secret::from_bytes(&peer.0).ok()?;
            let own = &secrets.internal_key;
            let (payer, funder) = if own_first {
                (own, &peer)
            } else {
                (&peer, own)
            };
            kept.contract.key_path_secret(payer, funder).ok()
        });
        let method = match by_key {
            Some(secret) => Method::KeyPath(secret),
            None if own_first => Method::Claim {
                key: secrets.script_key,
                preimage: secrets.preimage.0,
            },
            None => Method::Refund {
                key: secrets.script_key,
            },
        };
        let mut world = self.world();
        let rate = match world.rng.range(0, 2) {
            0 => world.chain.floor,
            1 => world.rate,
            _ => world.rate * 3,
        };
        let destination = world.sides[node.who].scripts.first()?.clone();
        drop(world);
        let spend = Spend {
            inputs: vec![SpendInput {
                outpoint: *outpoint,
                value: out.value,
                contract: kept.contract.clone(),
                method,
            }],
            destination,
            truc: false,
        };
        Some(spend.sign(FeeRate::from_sat_per_vb(rate)?).ok()?.tx)
    }
}
