//! Where a proxy is: `socks5://[user:password@]address:port`.

use std::{fmt, net::SocketAddr, str::FromStr};

use serde::{Deserialize, Serialize};

/// A SOCKS5 proxy.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Proxy {
    /// A number, not a name: looking a name up would tell the resolver.
    pub(super) address: SocketAddr,
    pub(super) login: Option<(String, String)>,
}

/// Not a proxy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// Another kind, or no kind.
    #[error("a proxy is written socks5://address:port, for example socks5://127.0.0.1:9050")]
    Scheme,
    /// No number and port.
    #[error(
        "{0} is not the address and port of a proxy: write a number, for example 127.0.0.1:9050 (a \
         name would have to be looked up in the open)"
    )]
    Address(String),
    /// User or password are too long, or one is missing.
    #[error("user and password of a proxy are written user:password@ and have 1 to 255 bytes each")]
    Login,
}

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let rest = text
            .strip_prefix("socks5://")
            .or_else(|| text.strip_prefix("socks5h://"))
            .ok_or(ProxyError::Scheme)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, rest),
        };
        let login = match login {
            Some(login) => {
                let (user, password) = login.split_once(':').ok_or(ProxyError::Login)?;
                let fits = |text: &str| (1..=255).contains(&text.len());
                if !fits(user) || !fits(password) {
                    return Err(ProxyError::Login);
                }
                Some((user.to_owned(), password.to_owned()))
            }
            None => None,
        };
        let number = place
            .strip_prefix("localhost:")
            .map_or_else(|| place.to_owned(), |port| format!("127.0.0.1:{port}"));
        let address = number
            .parse()
            .map_err(|_| ProxyError::Address(place.to_owned()))?;
        Ok(Self { address, login })
    }
}

impl TryFrom<String> for Proxy {
    type Error = ProxyError;

    fn try_from(text: String) -> Result<Self, ProxyError> {
        text.parse()
    }
}

/// As it is written in the settings, password and all.
impl From<Proxy> for String {
    fn from(proxy: Proxy) -> Self {
        match proxy.login {
            Some((user, password)) => format!("socks5://{user}:{password}@{}", proxy.address),
            None => format!("socks5://{}", proxy.address),
        }
    }
}

/// Without the login.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "socks5://{}", self.address)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_proxy_is_written_as_it_is_read_and_shows_no_password() {
        for text in [
            "socks5://127.0.0.1:9050",
            "socks5://[::1]:9050",
            "socks5://me:secret@127.0.0.1:1",
        ] {
            let proxy: Proxy = text.parse().unwrap();
            assert_eq!(String::from(proxy.clone()), text);
            assert!(!format!("{proxy:?}").contains("secret"));
        }
        let local: Proxy = "socks5h://localhost:9050/".parse().unwrap();
        assert_eq!(local, "socks5://127.0.0.1:9050".parse().unwrap());
    }

    #[test]
    fn what_is_no_proxy_is_refused() {
        for (text, error) in [
            ("http://127.0.0.1:1", ProxyError::Scheme),
            ("127.0.0.1:9050", ProxyError::Scheme),
            (
                "socks5://proxy.example:1",
                ProxyError::Address("proxy.example:1".into()),
            ),
            (
                "socks5://127.0.0.1",
                ProxyError::Address("127.0.0.1".into()),
            ),
            ("socks5://me@127.0.0.1:1", ProxyError::Login),
            ("socks5://:p@127.0.0.1:1", ProxyError::Login),
        ] {
            assert_eq!(text.parse::<Proxy>(), Err(error), "{text}");
        }
    }
}
