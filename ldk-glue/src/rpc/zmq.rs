//! What bitcoind announces over ZeroMQ: as much of ZMTP 3.0 as it takes to subscribe to one of its publishers.
//!
//! A subscriber greets, says what it is, names a topic, and from then on reads. Nothing may come for hours and all be well,
//! so after a while of silence it asks whether the publisher is still there (`PING`, which every libzmq since 4.2 answers):
//! a connection that a router or a sleeping machine has forgotten says nothing for ever.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The longest part of a message that is read (bytes): a transaction that fills a block, and then some.
const LONGEST: u64 = 8 * 1024 * 1024;
/// The most parts a message has: topic, body, counter.
const PARTS: usize = 3;
/// The length of a greeting.
const GREETING: usize = 64;

/// How long the publisher may take for anything: to be connected to, to greet, to send a part it has begun, to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// After so long a silence it is asked whether it is there.
const QUIET: Duration = Duration::from_secs(30);
/// The command, with no limit for the publisher's own patience.
const PING: &[u8] = b"\x04PING\0\0";

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;

/// A subscription that stands.
#[derive(Debug)]
pub(crate) struct Subscription {
    stream: BufReader<TcpStream>,
    quiet: Duration,
    patience: Duration,
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

impl Subscription {
    /// Connects to a publisher at `address` (`host:port`) and subscribes to `topic`.
    ///
    /// # Errors
    /// When nobody listens there, or nobody who speaks ZMTP without encryption, or it takes more than half a minute.
    pub(crate) async fn open(address: &str, topic: &str) -> io::Result<Self> {
        Self::with_patience(address, topic, PATIENCE).await
    }

    async fn with_patience(address: &str, topic: &str, patience: Duration) -> io::Result<Self> {
        timeout(patience, Self::greet(address, topic, patience)).await?
    }

    async fn greet(address: &str, topic: &str, patience: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        let mut this = Self {
            stream: BufReader::new(stream),
            quiet: QUIET,
            patience,
        };
        this.stream.get_mut().write_all(&greeting()).await?;
        let mut theirs = [0; GREETING];
        this.stream.read_exact(&mut theirs).await?;
        let speaks = theirs.first() == Some(&0xff) && theirs.get(10) >= Some(&3);
        if !speaks || theirs.get(12..17) != Some(b"NULL\0") {
            return Err(broken("this is no open ZeroMQ publisher"));
        }
        this.send(COMMAND, b"\x05READY\x0bSocket-Type\0\0\0\x03SUB")
            .await?;
        let first = this.stream.read_u8().await?;
        let (flags, ready) = this.frame(first).await?;
        if flags & COMMAND == 0 || !ready.starts_with(b"\x05READY") {
            return Err(broken("the publisher is not ready"));
        }
        this.send(0, &[&[1], topic.as_bytes()].concat()).await?;
        Ok(this)
    }

    /// The body of the next message of the topic. Not safe to be cancelled: the subscription is of no use then.
    ///
    /// # Errors
    /// When the connection has ended, says what is no message, or nobody is at its other end any more.
    pub(crate) async fn next(&mut self) -> io::Result<Vec<u8>> {
        loop {
            let mut parts = Vec::with_capacity(PARTS);
            loop {
                let first = self.first_byte().await?;
                let (flags, part) = timeout(self.patience, self.frame(first)).await??;
                if flags & COMMAND != 0 {
                    continue;
                }
                if parts.len() == PARTS {
                    return Err(broken("a message of too many parts"));
                }
                parts.push(part);
                if flags & MORE == 0 {
                    break;
                }
            }
            // The first is the topic.
            if parts.len() > 1 {
                return Ok(parts.swap_remove(1));
            }
        }
    }

    async fn send(&mut self, flags: u8, body: &[u8]) -> io::Result<()> {
        let size = u8::try_from(body.len()).map_err(|_| broken("too long to be sent"))?;
        let frame = [&[flags, size], body].concat();
        timeout(self.patience, self.stream.get_mut().write_all(&frame)).await?
    }

    /// Waits for the beginning of a frame, for ever as long as the publisher answers now and then.
    async fn first_byte(&mut self) -> io::Result<u8> {
        // One byte is either read or not: to give up waiting for it loses none.
        if let Ok(first) = timeout(self.quiet, self.stream.read_u8()).await {
            return first;
        }
        self.send(COMMAND, PING).await?;
        timeout(self.patience, self.stream.read_u8()).await?
    }

    /// The rest of a frame that begins with these flags.
    async fn frame(&mut self, flags: u8) -> io::Result<(u8, Vec<u8>)> {
        let size = if flags & LONG == 0 {
            u64::from(self.stream.read_u8().await?)
        } else {
            self.stream.read_u64().await?
        };
        if size > LONGEST {
            return Err(broken("a part that is too long"));
        }
        let mut body = vec![0; usize::try_from(size).map_err(|_| broken("too long"))?];
        self.stream.read_exact(&mut body).await?;
        Ok((flags, body))
    }
}

/// Signature, version 3.0, no security, not a server.
fn greeting() -> [u8; GREETING] {
    let mut greeting = [0; GREETING];
    let known: [(usize, &[u8]); 4] = [(0, &[0xff]), (8, &[1, 0x7f]), (10, &[3, 0]), (12, b"NULL")];
    for (at, bytes) in known {
        for (place, byte) in greeting.iter_mut().skip(at).zip(bytes) {
            *place = *byte;
        }
    }
    greeting
}

/// Where to connect for a publisher that bitcoind says it has: `tcp://host:port` as it is bound there. Bound to every
/// address or to bitcoind's own machine, it is where the RPC server is (`host`).
pub(super) fn reachable(bound: &str, host: &str) -> Option<String> {
    let (bound_host, port) = bound.strip_prefix("tcp://")?.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    let anywhere = ["*", "0.0.0.0", "[::]", "127.0.0.1", "[::1]", "localhost"];
    if anywhere.contains(&bound_host) {
        return Some(format!("{host}:{port}"));
    }
    Some(format!("{bound_host}:{port}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::net::TcpListener;

    use super::*;

    /// What nobody keeps to who is not there, and nobody has to who is.
    const SHORT: Duration = Duration::from_millis(300);

    #[test]
    fn a_publisher_is_looked_for_where_bitcoind_is() {
        let found = |bound| reachable(bound, "node.lan");
        assert_eq!(found("tcp://0.0.0.0:28332").unwrap(), "node.lan:28332");
        assert_eq!(found("tcp://127.0.0.1:28332").unwrap(), "node.lan:28332");
        assert_eq!(found("tcp://10.0.0.7:28332").unwrap(), "10.0.0.7:28332");
        assert_eq!(found("ipc:///run/bitcoind.sock"), None);
        assert_eq!(found("tcp://10.0.0.7:none"), None);
    }

    #[tokio::test]
    async fn bodies_are_read_whatever_the_length_of_their_parts() {
        let long = vec![7; 300];
        let frames = [
            b"\x01\x05rawtx\x01\x02ab\0\x04\0\0\0\0".as_slice(),
            b"\x04\x05\x04PING".as_slice(),
            b"\x01\x05rawtx\x03\0\0\0\0\0\0\x01\x2c".as_slice(),
            &long,
            b"\0\x04\x01\0\0\0".as_slice(),
        ];
        let frames = frames.concat();
        let address = publisher_that(async move |mut s| s.write_all(&frames).await.unwrap()).await;
        let mut heard = Subscription::open(&address, "rawtx").await.unwrap();
        assert_eq!(heard.next().await.unwrap(), b"ab");
        assert_eq!(heard.next().await.unwrap(), long);
        assert!(heard.next().await.is_err(), "the connection has ended");
    }

    /// Answers as libzmq does, then leaves the connection to `then`.
    async fn publisher_that<F>(
        then: impl FnOnce(tokio::net::TcpStream) -> F + Send + 'static,
    ) -> String
    where
        F: Future<Output = ()> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(&greeting()).await.unwrap();
            let mut heard = [0; GREETING];
            stream.read_exact(&mut heard).await.unwrap();
            assert_eq!(heard, greeting());
            let ready = b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03PUB";
            stream.write_all(ready).await.unwrap();
            let mut heard = vec![0; ready.len() + 2 + 6];
            stream.read_exact(&mut heard).await.unwrap();
            assert!(heard.ends_with(b"\0\x06\x01rawtx"));
            then(stream).await;
        });
        address
    }

    #[tokio::test]
    async fn a_publisher_with_nothing_to_say_is_kept_as_long_as_it_answers() {
        let address = publisher_that(async |mut stream| {
            for _ in 0..3 {
                let mut heard = [0; 9];
                stream.read_exact(&mut heard).await.unwrap();
                assert_eq!(heard, *b"\x04\x07\x04PING\0\0");
                stream.write_all(b"\x04\x05\x04PONG").await.unwrap();
            }
            let message = b"\x01\x05rawtx\x01\x02ab\0\x04\0\0\0\0";
            stream.write_all(message).await.unwrap();
        })
        .await;
        let mut heard = Subscription::open(&address, "rawtx").await.unwrap();
        heard.quiet = SHORT;
        assert_eq!(heard.next().await.unwrap(), b"ab");
    }

    #[tokio::test]
    async fn a_publisher_that_is_gone_without_a_word_is_noticed() {
        let silent = publisher_that(async |_stream| std::future::pending().await).await;
        let mut heard = Subscription::open(&silent, "rawtx").await.unwrap();
        (heard.quiet, heard.patience) = (SHORT, SHORT);
        let error = heard.next().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);

        // Half a message and no more.
        let half = publisher_that(async |mut stream| {
            stream.write_all(b"\x01\x05raw").await.unwrap();
            std::future::pending().await
        })
        .await;
        let mut heard = Subscription::open(&half, "rawtx").await.unwrap();
        (heard.quiet, heard.patience) = (SHORT, SHORT);
        let error = heard.next().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);

        // Somebody who takes connections and says nothing at all.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let error = Subscription::with_patience(&address, "rawtx", SHORT).await;
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_part_beyond_all_measure_is_not_read() {
        let frames = b"\x01\x05rawtx\x03\x7f\0\0\0\0\0\0\0".to_vec();
        let address = publisher_that(async move |mut s| s.write_all(&frames).await.unwrap()).await;
        let mut heard = Subscription::open(&address, "rawtx").await.unwrap();
        let error = heard.next().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
