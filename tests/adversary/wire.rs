//! The wire: a libp2p peer that sends any bytes, of any length, in any order, and need not finish a sentence.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bitcoin::hashes::{Hash, sha256};
use cambista_protocol::cbor;
use cambista_protocol::message::{BookReply, BookRequest, MAX_BOOK_MESSAGE};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use libp2p::gossipsub::{self, IdentTopic, MessageAuthenticity, MessageId, ValidationMode};
use libp2p::request_response::{self, Codec, Message, OutboundRequestId, ProtocolSupport};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, identify, identity::Keypair, noise,
    tcp, yamux,
};
use tokio::sync::{mpsc, oneshot};

/// What all nodes of the test network say of themselves.
const VERSION: &str = "cambista/1/regtest";
/// The topic of its offers.
pub(crate) const TOPIC: &str = "cambista/1/regtest/offers";
/// What it has still to do at most.
const COMMANDS: usize = 4096;
/// The longest answer it reads.
const MAX_ANSWER: u64 = 1 << 20;
/// How long it waits for one.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a connection is kept that nobody uses.
const KEPT: Duration = Duration::from_secs(600);

/// A protocol of the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    Quote,
    Swap,
    Book,
}

impl Protocol {
    const fn name(self) -> &'static str {
        match self {
            Self::Quote => "/cambista/quote/1",
            Self::Swap => "/cambista/swap/1",
            Self::Book => "/cambista/book/1",
        }
    }
}

/// What goes onto a stream: a length, whatever bytes follow it, and perhaps nothing more for ever.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    announced: u32,
    body: Vec<u8>,
    hangs: bool,
}

impl Frame {
    /// As everybody sends it.
    pub(crate) fn of(body: Vec<u8>) -> Self {
        Self {
            announced: u32::try_from(body.len()).unwrap(),
            body,
            hangs: false,
        }
    }

    /// Announces more than comes, and then keeps the stream open.
    pub(crate) fn half(announced: u32, body: Vec<u8>) -> Self {
        Self {
            announced,
            body,
            hangs: true,
        }
    }
}

/// Answers what others ask; no answer closes the stream.
pub(crate) type Answer = Arc<dyn Fn(PeerId, Protocol, Vec<u8>) -> Option<Frame> + Send + Sync>;

enum Command {
    Request(PeerId, Vec<Multiaddr>, Protocol, Frame, Reply),
    Publish(Vec<u8>, oneshot::Sender<bool>),
}

type Reply = oneshot::Sender<Result<Vec<u8>, String>>;

/// The peer. It is gone when this is dropped.
pub(crate) struct Wire {
    commands: mpsc::Sender<Command>,
    /// Who it is.
    pub(crate) peer: PeerId,
    /// Where it listens, its peer id at the end.
    pub(crate) address: String,
}

impl Wire {
    /// Starts to listen on this machine.
    pub(crate) async fn start(answer: Answer) -> Self {
        let key = Keypair::generate_ed25519();
        let peer = key.public().to_peer_id();
        let mut swarm = swarm(key);
        swarm
            .listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap())
            .unwrap();
        let address = loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                break format!("{address}/p2p/{peer}");
            }
        };
        let (commands, received) = mpsc::channel(COMMANDS);
        tokio::spawn(run(swarm, received, answer));
        Self {
            commands,
            peer,
            address,
        }
    }

    /// One that answers nothing.
    pub(crate) async fn mute() -> Self {
        Self::start(Arc::new(|_, _, _| None)).await
    }

    /// Asks `peer`, at `addresses` if there is no connection.
    pub(crate) async fn ask(
        &self,
        peer: PeerId,
        addresses: &[Multiaddr],
        protocol: Protocol,
        frame: Frame,
    ) -> Result<Vec<u8>, String> {
        let (reply, answer) = oneshot::channel();
        let request = Command::Request(peer, addresses.to_vec(), protocol, frame, reply);
        self.commands.send(request).await.unwrap();
        answer
            .await
            .unwrap_or_else(|_| Err("the adversary is gone".into()))
    }

    /// Gossips any bytes as an offer. Whether there is anybody to hear them.
    pub(crate) async fn publish(&self, bytes: Vec<u8>) -> bool {
        let (reply, answer) = oneshot::channel();
        let publish = Command::Publish(bytes, reply);
        self.commands.send(publish).await.unwrap();
        answer.await.unwrap_or(false)
    }

    /// The same as soon as somebody hears it, for a minute at most.
    pub(crate) async fn publish_when_heard(&self, bytes: Vec<u8>) {
        for _ in 0..1_200 {
            if self.publish(bytes.clone()).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nobody hears what is gossiped");
    }

    /// The first page of somebody's book.
    pub(crate) async fn offers(&self, peer: PeerId, addresses: &[Multiaddr]) -> Vec<Vec<u8>> {
        let page = self.try_offers(peer, addresses).await;
        page.expect("a page of the book")
    }

    /// The same, if it is let in.
    pub(crate) async fn try_offers(
        &self,
        peer: PeerId,
        addresses: &[Multiaddr],
    ) -> Option<Vec<Vec<u8>>> {
        let request = BookRequest {
            network: bitcoin::Network::Regtest,
            after: None,
        };
        let frame = Frame::of(cbor::to_vec(&request));
        let page = self.ask(peer, addresses, Protocol::Book, frame).await;
        let page: BookReply = cbor::from_slice(&page.ok()?, MAX_BOOK_MESSAGE).ok()?;
        Some(page.offers)
    }
}

/// The peer id at the end of an address.
pub(crate) fn peer_of(address: &str) -> PeerId {
    let (_, peer) = address.rsplit_once("/p2p/").expect("a peer id");
    peer.parse().unwrap()
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    identify: identify::Behaviour,
    gossip: gossipsub::Behaviour,
    quote: request_response::Behaviour<Raw>,
    swap: request_response::Behaviour<Raw>,
    book: request_response::Behaviour<Raw>,
}

impl Behaviour {
    fn exchange(&mut self, protocol: Protocol) -> &mut request_response::Behaviour<Raw> {
        match protocol {
            Protocol::Quote => &mut self.quote,
            Protocol::Swap => &mut self.swap,
            Protocol::Book => &mut self.book,
        }
    }
}

fn swarm(key: Keypair) -> Swarm<Behaviour> {
    let exchange = |protocol: Protocol| {
        let config = request_response::Config::default()
            .with_request_timeout(PATIENCE)
            .with_max_concurrent_streams(10_000);
        let name = StreamProtocol::new(protocol.name());
        request_response::Behaviour::with_codec(Raw, [(name, ProtocolSupport::Full)], config)
    };
    let gossip = gossipsub::ConfigBuilder::default()
        .validation_mode(ValidationMode::Anonymous)
        .message_id_fn(|message| {
            let id = sha256::Hash::hash(&message.data).to_byte_array();
            MessageId::from(id.to_vec())
        })
        .flood_publish(true)
        .build()
        .unwrap();
    let mut gossip = gossipsub::Behaviour::new(MessageAuthenticity::Anonymous, gossip).unwrap();
    gossip.subscribe(&IdentTopic::new(TOPIC)).unwrap();
    let behaviour = Behaviour {
        identify: identify_as(&key),
        gossip,
        quote: exchange(Protocol::Quote),
        swap: exchange(Protocol::Swap),
        book: exchange(Protocol::Book),
    };
    swarm_of(key, behaviour)
}

/// Says of itself what all nodes of the test network say.
pub(super) fn identify_as(key: &Keypair) -> identify::Behaviour {
    identify::Behaviour::new(identify::Config::new(VERSION.to_owned(), key.public()))
}

/// By TCP, with idle connections kept.
pub(super) fn swarm_of<B: NetworkBehaviour>(key: Keypair, behaviour: B) -> Swarm<B> {
    SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(
            tcp::Config::default().nodelay(true),
            noise::Config::new,
            yamux::Config::default,
        )
        .unwrap()
        .with_behaviour(|_| behaviour)
        .unwrap()
        .with_swarm_config(|config| config.with_idle_connection_timeout(KEPT))
        .build()
}

async fn run(mut swarm: Swarm<Behaviour>, mut commands: mpsc::Receiver<Command>, answer: Answer) {
    let mut waiting: HashMap<(Protocol, OutboundRequestId), Reply> = HashMap::new();
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                None => return,
                Some(Command::Publish(bytes, reply)) => {
                    let sent = swarm.behaviour_mut().gossip.publish(IdentTopic::new(TOPIC), bytes);
                    let _ = reply.send(sent.is_ok());
                }
                Some(Command::Request(peer, addresses, protocol, frame, reply)) => {
                    let exchange = swarm.behaviour_mut().exchange(protocol);
                    let id = exchange.send_request_with_addresses(&peer, frame, addresses);
                    waiting.insert((protocol, id), reply);
                }
            },
            event = swarm.select_next_some() => {
                let (protocol, event) = match event {
                    SwarmEvent::Behaviour(BehaviourEvent::Quote(event)) => (Protocol::Quote, event),
                    SwarmEvent::Behaviour(BehaviourEvent::Swap(event)) => (Protocol::Swap, event),
                    SwarmEvent::Behaviour(BehaviourEvent::Book(event)) => (Protocol::Book, event),
                    _ => continue,
                };
                on_exchange(&mut swarm, &mut waiting, &answer, protocol, event);
            }
        }
    }
}

fn on_exchange(
    swarm: &mut Swarm<Behaviour>,
    waiting: &mut HashMap<(Protocol, OutboundRequestId), Reply>,
    answer: &Answer,
    protocol: Protocol,
    event: request_response::Event<Frame, Frame>,
) {
    let (id, result) = match event {
        request_response::Event::Message { peer, message, .. } => match message {
            Message::Request {
                request, channel, ..
            } => {
                if let Some(frame) = answer(peer, protocol, request.body) {
                    let exchange = swarm.behaviour_mut().exchange(protocol);
                    // Whoever asked may have gone.
                    let _ = exchange.send_response(channel, frame);
                }
                return;
            }
            Message::Response {
                request_id,
                response,
            } => (request_id, Ok(response.body)),
        },
        request_response::Event::OutboundFailure {
            request_id, error, ..
        } => (request_id, Err(error.to_string())),
        _ => return,
    };
    if let Some(reply) = waiting.remove(&(protocol, id)) {
        let _ = reply.send(result);
    }
}

/// Frames without a limit on either side.
#[derive(Clone)]
struct Raw;

impl Codec for Raw {
    type Protocol = StreamProtocol;
    type Request = Frame;
    type Response = Frame;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Frame>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Frame>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io).await
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        frame: Frame,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, &frame).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        frame: Frame,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, &frame).await
    }
}

async fn read<T: AsyncRead + Unpin>(io: &mut T) -> io::Result<Frame> {
    let mut length = [0; 4];
    io.read_exact(&mut length).await?;
    let length = u64::from(u32::from_be_bytes(length)).min(MAX_ANSWER);
    let mut body = Vec::new();
    io.take(length).read_to_end(&mut body).await?;
    Ok(Frame::of(body))
}

async fn write<T: AsyncWrite + Unpin>(io: &mut T, frame: &Frame) -> io::Result<()> {
    io.write_all(&frame.announced.to_be_bytes()).await?;
    io.write_all(&frame.body).await?;
    io.flush().await?;
    if frame.hangs {
        futures::future::pending::<()>().await;
    }
    Ok(())
}
