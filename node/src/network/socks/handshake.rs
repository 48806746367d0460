//! What is said to a SOCKS5 proxy (RFC 1928, and RFC 1929 for the login).

use std::{io, net::IpAddr};

use libp2p::{Multiaddr, multiaddr::Protocol};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Proxy;

const VERSION: u8 = 5;
const LOGIN_VERSION: u8 = 1;
const NO_LOGIN: u8 = 0;
const LOGIN: u8 = 2;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Whom the proxy is asked to call. Names are the proxy's to look up, never this node's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    host: Host,
    port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Number(IpAddr),
    Name(String),
}

impl Target {
    /// The target of a TCP address, with or without a peer at its end; none for anything else.
    pub(super) fn of(address: &Multiaddr) -> Option<Self> {
        let mut parts = address.iter();
        let host = match parts.next()? {
            Protocol::Ip4(ip) => Host::Number(ip.into()),
            Protocol::Ip6(ip) => Host::Number(ip.into()),
            Protocol::Dns(name) | Protocol::Dns4(name) | Protocol::Dns6(name) => {
                Host::Name(name.into_owned())
            }
            Protocol::Onion3(onion) => {
                ends(parts)?;
                return Some(Self {
                    host: Host::Name(format!("{}.onion", base32(onion.hash()))),
                    port: onion.port(),
                });
            }
            _ => return None,
        };
        let Protocol::Tcp(port) = parts.next()? else {
            return None;
        };
        ends(parts)?;
        Some(Self { host, port })
    }

    fn request(&self) -> io::Result<Vec<u8>> {
        let mut request = vec![VERSION, CONNECT, 0];
        match &self.host {
            Host::Number(IpAddr::V4(ip)) => {
                request.push(IPV4);
                request.extend(ip.octets());
            }
            Host::Number(IpAddr::V6(ip)) => {
                request.push(IPV6);
                request.extend(ip.octets());
            }
            Host::Name(name) => {
                let length = u8::try_from(name.len())
                    .map_err(|_| refused("the name to call is longer than 255 bytes"))?;
                request.extend([NAME, length]);
                request.extend(name.as_bytes());
            }
        }
        request.extend(self.port.to_be_bytes());
        Ok(request)
    }
}

/// Nothing may follow but the peer.
fn ends<'a>(mut parts: impl Iterator<Item = Protocol<'a>>) -> Option<()> {
    match parts.next() {
        None | Some(Protocol::P2p(_)) => parts.next().is_none().then_some(()),
        Some(_) => None,
    }
}

/// RFC 4648 in small letters; the bytes of an onion address need no padding.
fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let bit = |at: usize| {
        let byte = bytes.get(at / 8).copied().unwrap_or(0);
        byte >> (7 - at % 8) & 1
    };
    (0..(bytes.len() * 8).div_ceil(5))
        .map(|letter| (0..5).fold(0, |value, at| value << 1 | bit(letter * 5 + at)))
        .filter_map(|value: u8| LETTERS.get(usize::from(value)))
        .map(|letter| char::from(*letter))
        .collect()
}

/// Has the proxy call `target`. Afterwards the stream leads there.
pub(super) async fn connect<S>(stream: &mut S, proxy: &Proxy, target: &Target) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let method = if proxy.login.is_some() {
        LOGIN
    } else {
        NO_LOGIN
    };
    stream.write_all(&[VERSION, 1, method]).await?;
    let mut chosen = [0; 2];
    stream.read_exact(&mut chosen).await?;
    if chosen != [VERSION, method] {
        return Err(refused(match (chosen, method) {
            ([VERSION, _], LOGIN) => "the proxy does not take a login",
            ([VERSION, _], _) => "the proxy wants a login",
            _ => "what answers there is no SOCKS5 proxy",
        }));
    }
    if let Some((user, password)) = &proxy.login {
        log_in(stream, user, password).await?;
    }
    stream.write_all(&target.request()?).await?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await?;
    let [version, code, _, kind] = answer;
    if version != VERSION {
        return Err(refused("what answers there is no SOCKS5 proxy"));
    }
    if code != 0 {
        return Err(refused(reason(code)));
    }
    // The address the proxy calls from is nobody's business here, but it stands before the peer's bytes.
    let length = match kind {
        IPV4 => 4,
        IPV6 => 16,
        NAME => usize::from(stream.read_u8().await?),
        _ => return Err(refused("the proxy's answer is malformed")),
    };
    let mut bound = [0; 255 + 2];
    let bound = bound.get_mut(..length + 2);
    stream.read_exact(bound.unwrap_or_default()).await?;
    Ok(())
}

async fn log_in<S>(stream: &mut S, user: &str, password: &str) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut login = vec![LOGIN_VERSION];
    for part in [user, password] {
        login.push(u8::try_from(part.len()).map_err(|_| refused("the login is too long"))?);
        login.extend(part.as_bytes());
    }
    stream.write_all(&login).await?;
    let mut answer = [0; 2];
    stream.read_exact(&mut answer).await?;
    match answer {
        [_, 0] => Ok(()),
        _ => Err(refused("the proxy refuses the login")),
    }
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionRefused, why)
}

const fn reason(code: u8) -> &'static str {
    match code {
        1 => "the proxy could not call there",
        2 => "the proxy does not allow calls there",
        3 => "the proxy does not reach that network",
        4 => "the proxy does not reach that host",
        5 => "the host refused the proxy's call",
        6 => "the proxy's call took too long",
        7 => "the proxy makes no calls",
        8 => "the proxy does not know this kind of address",
        _ => "the proxy refused",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const ONION: &str = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd";

    fn target(text: &str) -> Option<Target> {
        Target::of(&text.parse().unwrap())
    }

    #[test]
    fn an_onion_address_is_called_by_its_name() {
        let found = target(&format!("/onion3/{ONION}:9740")).unwrap();
        assert_eq!(found.host, Host::Name(format!("{ONION}.onion")));
        assert_eq!(found.port, 9740);
    }

    #[test]
    fn only_tcp_is_called() {
        let peer = libp2p::PeerId::random();
        assert!(target(&format!("/ip6/::1/tcp/1/p2p/{peer}")).is_some());
        for other in [
            "/ip4/127.0.0.1/udp/1/quic-v1".to_owned(),
            "/dnsaddr/a.example".to_owned(),
            "/memory/1".to_owned(),
            "/ip4/127.0.0.1/tcp/1/ws".to_owned(),
            format!("/ip4/127.0.0.1/tcp/1/p2p/{peer}/p2p-circuit"),
        ] {
            assert_eq!(target(&other), None, "{other}");
        }
    }

    /// What a client says to a proxy that answers like this, and what comes of it.
    async fn said(proxy: &str, to: &str, answers: &[u8]) -> (Vec<u8>, io::Result<()>) {
        let (mut near, mut far) = tokio::io::duplex(1024);
        far.write_all(answers).await.unwrap();
        let result = connect(&mut near, &proxy.parse().unwrap(), &target(to).unwrap()).await;
        drop(near);
        let mut said = Vec::new();
        far.read_to_end(&mut said).await.unwrap();
        (said, result)
    }

    #[tokio::test]
    async fn a_name_goes_to_the_proxy_as_it_is() {
        let answers = [&[5, 0][..], &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]].concat();
        let (said, result) = said("socks5://127.0.0.1:1", "/dns4/a.b/tcp/258", &answers).await;
        result.unwrap();
        let name = [5, 1, 0, 3, 3, b'a', b'.', b'b', 1, 2];
        assert_eq!(said, [&[5, 1, 0][..], &name].concat());
    }

    #[tokio::test]
    async fn a_login_is_given_when_there_is_one() {
        let answers = [&[5, 2][..], &[1, 0], &[5, 0, 0, 3, 1, b'x', 0, 0]].concat();
        let (said, result) =
            said("socks5://u:pw@127.0.0.1:1", "/ip4/1.2.3.4/tcp/1", &answers).await;
        result.unwrap();
        let login = [1, 1, b'u', 2, b'p', b'w'];
        let request = [5, 1, 0, 1, 1, 2, 3, 4, 0, 1];
        assert_eq!(said, [&[5, 1, 2][..], &login, &request].concat());
    }

    #[tokio::test]
    async fn a_refusal_says_why() {
        for (answers, why) in [
            (vec![5, 255], "wants a login"),
            (vec![b'H', b'T'], "no SOCKS5"),
            (vec![5, 0, 5, 5, 0, 1], "host refused"),
        ] {
            let (_, result) = said("socks5://127.0.0.1:1", "/ip4/1.2.3.4/tcp/1", &answers).await;
            let error = result.unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
