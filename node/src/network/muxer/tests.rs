#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{AsyncReadExt, StreamExt, future::Either};
use libp2p::{
    Transport,
    core::transport::{DialOpts, ListenerId, MemoryTransport, PortUse, TransportEvent},
    core::{Endpoint, transport::memory::Channel},
};
use tokio::time::sleep;

use super::*;

type Line = Channel<Vec<u8>>;

/// How long the peer takes for an answer.
const FAR: Duration = Duration::from_millis(20);
/// So often could a window double.
const ROUNDS: usize = 12;
/// So many rounds are waited for what a busy machine is slow to do.
const LONG: usize = 3000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_far_away_that_says_much_cannot_be_far_ahead_of_what_is_read() {
    let (near, far) = line().await;
    let read = Arc::new(AtomicUsize::new(0));
    let reading = Arc::new(AtomicBool::new(true));
    let node = tokio::spawn(node(near, read.clone(), reading.clone()));

    let mut peer = Connection::new(far, yamux::Config::default(), Mode::Client);
    let mut stream = poll_fn(|cx| peer.poll_new_outbound(cx)).await.unwrap();
    let mut written = 0;
    let most = STREAM_BYTES + MORE_BYTES;
    for round in 0.. {
        written += speak(&mut peer, &mut stream).await;
        if round >= ROUNDS && read.load(Ordering::Relaxed) > most {
            break;
        }
        assert!(round < LONG, "it is read meanwhile");
        sleep(FAR).await;
    }
    reading.store(false, Ordering::Relaxed);
    // New room is given once half of it is used, so at least the other half is there when the reader stops. What was given
    // before that is under way for as long as the machine likes.
    let mut ahead = 0;
    let mut rounds = 0;
    while rounds < ROUNDS || ahead < STREAM_BYTES / 2 {
        written += speak(&mut peer, &mut stream).await;
        ahead = written - read.load(Ordering::Relaxed);
        assert!(ahead <= most, "{ahead} bytes wait to be read");
        rounds += 1;
        assert!(rounds < LONG, "{ahead}: it speaks all the time");
        sleep(FAR).await;
    }
    node.abort();
}

/// Takes what there is of the stream as long as it is wanted.
async fn node(line: Line, read: Arc<AtomicUsize>, reading: Arc<AtomicBool>) {
    let upgrade = Streams::new().upgrade_inbound(line, "");
    let mut muxer = pin!(upgrade.await.unwrap());
    let mut stream = poll_fn(|cx| muxer.as_mut().poll_inbound(cx)).await.unwrap();
    let carry = poll_fn(|cx| muxer.as_mut().poll(cx));
    let take = async {
        let mut piece = vec![0; 64 * 1024];
        while reading.load(Ordering::Relaxed) {
            let more = stream.read(&mut piece).await.unwrap();
            read.fetch_add(more, Ordering::Relaxed);
        }
        std::future::pending::<()>().await;
    };
    match futures::future::select(carry, pin!(take)).await {
        Either::Left(_) | Either::Right(_) => {}
    }
}

/// Says as much at once as the other side has room for.
async fn speak(peer: &mut Connection<Line>, stream: &mut Stream) -> usize {
    let piece = [7; 16 * 1024];
    let mut written = 0;
    poll_fn(|cx| {
        loop {
            assert!(peer.poll_next_inbound(cx).is_pending());
            match Pin::new(&mut *stream).poll_write(cx, &piece) {
                Poll::Ready(more) => written += more.unwrap(),
                Poll::Pending => break,
            }
        }
        // Once more for what was written last.
        assert!(peer.poll_next_inbound(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    written
}

/// Two ends of a line.
async fn line() -> (Line, Line) {
    let mut near = MemoryTransport::new();
    let address = "/memory/0".parse().unwrap();
    near.listen_on(ListenerId::next(), address).unwrap();
    let mut near = near.boxed();
    let Some(TransportEvent::NewAddress { listen_addr, .. }) = near.next().await else {
        panic!("not listening");
    };
    let options = DialOpts {
        role: Endpoint::Dialer,
        port_use: PortUse::New,
    };
    let far = MemoryTransport::new().dial(listen_addr, options).unwrap();
    let accept = async {
        loop {
            if let Some(TransportEvent::Incoming { upgrade, .. }) = near.next().await {
                break upgrade.await.unwrap();
            }
        }
    };
    let (near, far) = futures::join!(accept, far);
    (near, far.unwrap())
}
