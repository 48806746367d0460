//! Peers that do nothing but send gossip, as fast as it is taken from them, each under a new identity when it was shown out.
//!
//! They write the frames of gossip onto their stream themselves: no library holds them back, and a frame counts when the other
//! side's window has taken it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bitcoin::Network;
use bitcoin::secp256k1::{Secp256k1, SecretKey};
use cambista_protocol::cbor;
use cambista_protocol::market::offer::{Offer, Rate};
use cambista_protocol::signed::Signed;
use futures::{AsyncRead, AsyncWrite, AsyncWriteExt, StreamExt};
use libp2p::request_response::{self, Codec, OutboundFailure, ProtocolSupport};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{StreamProtocol, Swarm, identify, identity::Keypair};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::payer::contact;
use super::random;
use super::wire::{TOPIC, identify_as, swarm_of};

/// The gossip protocol on the wire.
const GOSSIP: &str = "/meshsub/1.1.0";
/// Messages in one frame.
const TOGETHER: u64 = 20;

/// What the flooders have done so far.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Messages that were taken from them.
    pub(crate) sent: AtomicU64,
    /// How often one of them was disconnected.
    pub(crate) shown_out: AtomicU64,
    /// How often one of them was not let in.
    pub(crate) refused: AtomicU64,
    stop: AtomicBool,
}

/// Flooders that run.
pub(crate) struct Flood {
    pub(crate) done: Arc<Done>,
    runtime: Option<Runtime>,
    all: Vec<JoinHandle<()>>,
}

impl Flood {
    /// Starts so many at each of these addresses.
    pub(crate) fn start(targets: &[String], each: usize) -> Self {
        let runtime = Runtime::new().unwrap();
        let done = Arc::new(Done::default());
        let targets = targets.iter().flat_map(|to| (0..each).map(move |_| to));
        let all = targets
            .map(|target| runtime.spawn(flood(target.clone(), done.clone())))
            .collect();
        Self {
            done,
            runtime: Some(runtime),
            all,
        }
    }

    /// Messages taken so far.
    pub(crate) fn sent(&self) -> u64 {
        self.done.sent.load(Ordering::Relaxed)
    }

    /// Ends them all.
    pub(crate) fn stop(&self) {
        self.done.stop.store(true, Ordering::Relaxed);
    }

    /// Whether all still run: none of them has failed.
    pub(crate) fn is_alive(&self) -> bool {
        self.all.iter().all(|one| !one.is_finished())
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn flood(target: String, done: Arc<Done>) {
    let (peer, addresses) = contact(&target);
    while !done.stop.load(Ordering::Relaxed) {
        let mut swarm = swarm(done.clone());
        let spew = &mut swarm.behaviour_mut().spew;
        spew.send_request_with_addresses(&peer, (), addresses.clone());
        loop {
            match swarm.select_next_some().await {
                // Whichever comes first: the end of the connection, or of what was being written to it.
                SwarmEvent::ConnectionClosed { .. }
                | SwarmEvent::Behaviour(BehaviourEvent::Spew(
                    request_response::Event::OutboundFailure {
                        error: OutboundFailure::Io(_) | OutboundFailure::ConnectionClosed,
                        ..
                    },
                )) => {
                    done.shown_out.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                SwarmEvent::OutgoingConnectionError { .. } => {
                    done.refused.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                _ => {}
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    identify: identify::Behaviour,
    spew: request_response::Behaviour<Spew>,
}

fn swarm(done: Arc<Done>) -> Swarm<Behaviour> {
    let key = Keypair::generate_ed25519();
    let config = request_response::Config::default().with_request_timeout(Duration::from_secs(600));
    let protocol = (StreamProtocol::new(GOSSIP), ProtocolSupport::Outbound);
    let behaviour = Behaviour {
        identify: identify_as(&key),
        spew: request_response::Behaviour::with_codec(Spew(done), [protocol], config),
    };
    swarm_of(key, behaviour)
}

/// Writes gossip until it cannot.
#[derive(Clone)]
struct Spew(Arc<Done>);

impl Codec for Spew {
    type Protocol = StreamProtocol;
    type Request = ();
    type Response = ();

    async fn read_request<T>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<()>
    where
        T: AsyncRead + Unpin + Send,
    {
        Ok(())
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<()>
    where
        T: AsyncRead + Unpin + Send,
    {
        Ok(())
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, (): ()) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let mut offer = expired();
        while !self.0.stop.load(Ordering::Relaxed) {
            let mut unit = Vec::new();
            for _ in 0..TOGETHER {
                offer.nonce += 1;
                let offer = Signed {
                    payload: cbor::to_vec(&offer),
                    signature: [7; 64],
                };
                let message = [field(2, &offer.to_bytes()), field(4, TOPIC.as_bytes())].concat();
                unit.extend(field(2, &message));
            }
            let mut frame = Vec::new();
            varint(unit.len(), &mut frame);
            frame.extend(unit);
            io.write_all(&frame).await?;
            io.flush().await?;
            self.0.sent.fetch_add(TOGETHER, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, _: &mut T, (): ()) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        Ok(())
    }
}

/// An offer that was good an hour ago. No honest peer is blamed for passing it on, so nobody is shut up for its sake alone.
fn expired() -> Offer {
    let key = SecretKey::from_slice(&random()).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let issued = now.unwrap().as_secs() - 7_200;
    Offer {
        network: Network::Regtest,
        maker: key.public_key(&Secp256k1::new()),
        peer_id: libp2p::PeerId::random().to_string(),
        addresses: vec!["/ip4/127.0.0.1/tcp/1".to_owned()],
        sequence: issued,
        issued,
        expires: issued + 3_600,
        out: Some(Rate {
            base_sat: 1,
            ppm: 1,
            min_sat: 20_000,
            max_sat: 1_000_000,
        }),
        into: None,
        refund_delta_min: 96,
        refund_delta_max: 96,
        features: 0,
        nonce: 0,
    }
}

/// A field of bytes as protocol buffers have it.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    varint(bytes.len(), &mut field);
    field.extend(bytes);
    field
}

fn varint(mut value: usize, to: &mut Vec<u8>) {
    while value >= 128 {
        to.push(u8::try_from(value & 127 | 128).unwrap());
        value >>= 7;
    }
    to.push(u8::try_from(value).unwrap());
}
