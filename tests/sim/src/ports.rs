//! Chain, Lightning and peers as one node has them.

use bitcoin::hashes::{Hash, sha256};
use bitcoin::secp256k1::{PublicKey, Secp256k1};
use bitcoin::{Amount, FeeRate, OutPoint, Transaction};
use cambista_engine::ports::{
    Chain, ChainTip, HoldRequest, Lightning, Liquidity, NotAccepted, PayError, PayRequest,
    PaymentStatus, PeerAddress, PeerError, PeerProtocol, Peers, PortError, RouteTarget,
};
use cambista_protocol::money::Msat;
use lightning_invoice::{Bolt11Invoice, Currency, InvoiceBuilder, PaymentSecret};
use std::time::Duration;
use tokio::sync::oneshot;

use crate::guard;
use crate::lightning::{Called, ROUTING, Shape, WrongPayment};
use crate::node::{Node, lock, node_id, sign};
use crate::rogue;
use crate::treason::Treason;
use crate::world::{NAMES, World};

/// What a dead node waits for never comes.
pub(crate) async fn never<T>() -> T {
    std::future::pending().await
}

/// Rates fall with the time there is.
pub(crate) fn rate_for(world: &World, blocks: u32) -> u64 {
    match blocks {
        0..=3 => world.rate,
        4..=8 => (world.rate * 9).div_ceil(10),
        _ => (world.rate * 7).div_ceil(10),
    }
}

impl Chain for Node {
    fn tip(&self) -> ChainTip {
        self.look(|world, who| {
            let first = world.chain.blocks[0].block_hash();
            let (height, hash) = world.sides[who]
                .view
                .last()
                .copied()
                .unwrap_or((crate::chain::BASE, first));
            ChainTip {
                height,
                hash,
                time: world.sides[who].tip_time,
            }
        })
    }

    fn source_height(&self) -> u32 {
        self.look(|world, _| world.chain.height())
    }

    async fn broadcast(&self, package: &[Transaction]) -> Result<(), NotAccepted> {
        if !self.point("a broadcast") {
            return never().await;
        }
        if self.is_honest() {
            guard::leaving_for_the_chain(self, package);
        }
        self.look(|world, who| {
            let (down, most) = (world.faults.broadcast, world.faults.withhold);
            if world.rng.percent(down) {
                return Err(NotAccepted::Unavailable("bitcoind is away".to_owned()));
            }
            let hushed = world.tongue.hushed;
            if world.rogue == Some(who) && world.rng.percent(hushed) {
                return Ok(());
            }
            if let [parent, child] = package {
                let taken = world.chain.accept_package(parent, child);
                if let Err(reason) = &taken {
                    world.note(format!("{} refused a package: {reason}", NAMES[who]));
                }
                return taken.map_err(NotAccepted::Refused);
            }
            for tx in package {
                let stuck = if world.spends_own(who, tx) {
                    world.faults.stuck
                } else {
                    0
                };
                let withhold = world.rng.range(0, most + stuck);
                let taken = world.chain.accept(tx, withhold);
                let txid = tx.compute_txid();
                match taken {
                    Ok(true) => world.note(format!("{} broadcast {txid}", NAMES[who])),
                    Ok(false) => {}
                    Err(reason) => {
                        world.note(format!("{} refused {txid}: {reason}", NAMES[who]));
                        return Err(NotAccepted::Refused(reason));
                    }
                }
            }
            Ok(())
        })
    }

    async fn test_accept(&self, tx: &Transaction) -> Result<(), NotAccepted> {
        if !self.point("a test") {
            return never().await;
        }
        self.look(|world, _| world.chain.test(tx).map_err(NotAccepted::Refused))
    }

    fn fee_rate(&self, blocks: u32) -> FeeRate {
        let rate = self.look(|world, _| rate_for(world, blocks).max(world.chain.floor));
        FeeRate::from_sat_per_vb(rate).unwrap_or(FeeRate::BROADCAST_MIN)
    }

    fn watch_mempool(&self, outpoint: OutPoint) {
        self.look(|world, who| world.sides[who].watched.insert(outpoint));
    }

    fn unwatch_mempool(&self, outpoint: OutPoint) {
        self.look(|world, who| world.sides[who].watched.remove(&outpoint));
    }
}

fn invoice(world: &World, who: usize, request: &HoldRequest) -> Result<Bolt11Invoice, String> {
    let key = world.secret("node", who, &[]);
    InvoiceBuilder::new(Currency::Regtest)
        .description("swap".to_owned())
        .payment_hash(sha256::Hash::from_byte_array(request.payment_hash))
        .payment_secret(PaymentSecret(request.payment_hash))
        .duration_since_epoch(Duration::from_secs(world.now))
        .min_final_cltv_expiry_delta(u64::from(request.final_delta + 3))
        .expiry_time(Duration::from_secs(u64::from(request.expiry_secs)))
        .amount_milli_satoshis(request.amount.to_sat() * 1_000)
        .basic_mpp()
        .build_signed(|digest| Secp256k1::new().sign_ecdsa_recoverable(digest, &key))
        .map_err(|error| format!("{error:?}"))
}

fn shape(world: &mut World, who: usize) -> Shape {
    if world.treason == Some(Treason::DustHidden) {
        let wrong = Some(WrongPayment::Dust);
        return Shape { parts: 1, wrong };
    }
    let wrong = world.crooked(who).then(|| match world.rng.range(0, 4) {
        0 => WrongPayment::Short(world.rng.range(1, 300)),
        1 => WrongPayment::Less(1_000),
        2 => WrongPayment::NoAnchors,
        3 => WrongPayment::Dust,
        _ => WrongPayment::Records,
    });
    let parts = u8::try_from(world.rng.range(1, world.faults.parts.max(1))).unwrap_or(1);
    Shape { parts, wrong }
}

impl Lightning for Node {
    fn node_id(&self) -> PublicKey {
        self.look(|world, who| node_id(world, who))
    }

    fn sign(&self, digest: [u8; 32]) -> [u8; 64] {
        self.look(|world, who| sign(world, who, digest))
    }

    fn hold_invoice(&self, request: &HoldRequest) -> Result<String, PortError> {
        self.look(|world, who| {
            let mut said = *request;
            if world.crooked(who) {
                match world.rng.range(0, 2) {
                    0 => said.amount += Amount::from_sat(1_000),
                    1 => said.final_delta = world.rng.range(1, 600),
                    _ => said.payment_hash = world.rng.bytes32(),
                }
            }
            let made = invoice(world, who, &said).map_err(PortError)?;
            world
                .lightning
                .invoices
                .insert(request.payment_hash, *request);
            Ok(made.to_string())
        })
    }

    fn pay(&self, request: &PayRequest) -> Result<(), PayError> {
        if self.is_alive() {
            guard::paying(self, request);
            if self.puts_off(request) {
                return Ok(());
            }
        }
        let paid = self.act("a payment", |world, who| {
            if world.lightning.status(&request.payment_id) != PaymentStatus::Unknown {
                return Err(PayError::Duplicate);
            }
            if request.max_fee.0 < ROUTING {
                return Err(PayError::Failed("no route below the limit".to_owned()));
            }
            world.note(format!("{} pays", NAMES[who]));
            let shape = shape(world, who);
            let paid = world.lightning.pay(who, request, shape);
            paid.map_err(PayError::Failed)
        });
        paid.unwrap_or(Ok(()))
    }

    fn stop_paying(&self, _: [u8; 32]) {
        self.act("stopping a payment", |_, _| ());
    }

    fn payment(&self, payment_id: [u8; 32]) -> PaymentStatus {
        self.look(|world, _| world.lightning.status(&payment_id))
    }

    fn held(&self, payment_hash: [u8; 32]) -> Msat {
        self.look(|world, _| world.lightning.held(&payment_hash))
    }

    fn claim(&self, preimage: [u8; 32]) {
        let hash = sha256::Hash::hash(&preimage).to_byte_array();
        self.act("a claim", |world, who| {
            world.note(format!("{} claims over Lightning", NAMES[who]));
            let called = if world.treason == Some(Treason::ClaimsFailBack) {
                Called::Fail
            } else {
                Called::Claim
            };
            world.lightning.call(&hash, called);
        });
    }

    fn fail_back(&self, payment_hash: [u8; 32]) {
        self.act("a failing back", |world, who| {
            world.note(format!("{} fails a payment back", NAMES[who]));
            world.lightning.call(&payment_hash, Called::Fail);
        });
    }

    async fn written(&self) {
        let (sender, written) = oneshot::channel();
        let waits = self.act("waiting for a write", |world, who| {
            world.lightning.sides[who].waiting.push(sender);
        });
        if waits.is_none() || written.await.is_err() || !self.is_alive() {
            never::<()>().await;
        }
    }

    fn lock_height(&self, _: [u8; 32]) -> Option<u32> {
        None
    }

    fn liquidity(&self) -> Liquidity {
        let much = Msat(1_000_000_000_000);
        Liquidity {
            outbound: much,
            inbound: much,
        }
    }

    fn route_fee(&self, _: RouteTarget<'_>, _: Amount, _: u32) -> Option<Msat> {
        Some(Msat(ROUTING))
    }
}

impl Node {
    /// Waits until the driver lets a message go on.
    async fn linger(&self) {
        let wait = self.look(|world, _| {
            let delayed = world.faults.delayed;
            world.rng.percent(delayed).then(|| {
                let (sender, receiver) = oneshot::channel();
                world.delayed.push(sender);
                receiver
            })
        });
        if let Some(wait) = wait {
            let _ = wait.await;
        }
        if !self.is_alive() {
            never::<()>().await;
        }
    }
}

impl Peers for Node {
    async fn request(
        &self,
        peer: &PeerAddress,
        protocol: PeerProtocol,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, PeerError> {
        let failed = |text: &str| Err(PeerError(text.to_owned()));
        if !self.point("a message") {
            return never().await;
        }
        if protocol == PeerProtocol::Swap && self.is_honest() {
            guard::leaving_for_the_peer(self, &body);
        }
        let Some(body) = self.look(|world, who| rogue::speaks(world, who, body)) else {
            return failed("silence");
        };
        let lost = |node: &Self| {
            node.look(|world, _| {
                let lost = world.faults.lost;
                world.rng.percent(lost)
            })
        };
        if lost(self) {
            return failed("lost on the way");
        }
        self.linger().await;
        let times = self.look(|world, _| {
            let doubled = world.faults.doubled;
            if world.rng.percent(doubled) { 2 } else { 1 }
        });
        let mut answer = None;
        for _ in 0..times {
            let handle = {
                let world = lock(&self.shared);
                let to = usize::from(peer.peer_id == NAMES[1]);
                world.sides[to].handle.clone()
            };
            let Some(handle) = handle else {
                return failed("nobody there");
            };
            let from = NAMES[self.who].to_owned();
            let said = handle.peer_request(from, protocol, body.clone()).await;
            let said =
                said.and_then(|said| self.look(|world, who| rogue::answers(world, 1 - who, said)));
            answer = answer.or(said);
        }
        self.linger().await;
        match answer {
            Some(answer) if !lost(self) => Ok(answer),
            _ => failed("the answer was lost"),
        }
    }
}
