//! The HTTP side: one pooled client, basic auth, limits in time and size.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use bitcoin::Network;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::RpcError;
use super::{Auth, BitcoindConfig};

/// A block of 4 MB comes as 8 MB of hex; a full mempool's list of ids stays well below this.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// How long one call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// bitcoind closes idle connections after 30 s; we let go of them earlier, so that a request never meets a closing one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);
/// Pause between two tries of [`Rpc::ready`].
const READY_PAUSE: Duration = Duration::from_millis(250);

/// A client of one bitcoind.
pub struct Rpc {
    config: BitcoindConfig,
    uri: String,
    http: Client<HttpConnector, Full<Bytes>>,
    /// The `Authorization` header in use; `None` until first needed and after a refusal.
    login: Mutex<Option<HeaderValue>>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    result: Value,
    #[serde(default)]
    error: Option<AnswerError>,
}

#[derive(Deserialize)]
struct AnswerError {
    code: i64,
    message: String,
}

impl Rpc {
    /// A client for this bitcoind. No connection is made yet.
    pub fn new(config: BitcoindConfig) -> Arc<Self> {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(Duration::from_secs(5)));
        connector.set_nodelay(true);
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(8)
            .build(connector);
        let uri = format!("http://{}/", config.endpoint());
        Arc::new(Self {
            config,
            uri,
            http,
            login: Mutex::new(None),
        })
    }

    /// The network this client insists on.
    pub fn network(&self) -> Network {
        self.config.network
    }

    /// The host bitcoind is on, without a scheme.
    pub(super) fn host(&self) -> &str {
        &self.config.host
    }

    /// Waits until bitcoind answers, at most `wait`, and checks that it is on our network.
    ///
    /// # Errors
    /// The last failure when the time is over; at once when waiting cannot help (login, network).
    pub async fn ready(&self, wait: Duration) -> Result<(), RpcError> {
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            match self.chain_info().await {
                Ok(info) if info.network() == Some(self.config.network) => return Ok(()),
                Ok(info) => {
                    return Err(RpcError::WrongNetwork {
                        expected: self.config.network,
                        found: info.chain,
                    });
                }
                // bitcoind writes a new cookie early in its start: a refused one may be an old file.
                Err(
                    err @ (RpcError::Unreachable { .. }
                    | RpcError::Unauthorized { .. }
                    | RpcError::Rpc { .. }),
                ) if tokio::time::Instant::now() < deadline => {
                    let wait_helps = err.is_transient()
                        || (matches!(err, RpcError::Unauthorized { .. })
                            && matches!(self.config.auth, Auth::Cookie(_)));
                    if !wait_helps {
                        return Err(err);
                    }
                    tokio::time::sleep(READY_PAUSE).await;
                }
                Err(err) => return Err(err),
            }
        }
    }

    /// Calls `method` and decodes its result. `params` is a JSON array.
    ///
    /// # Errors
    /// See [`RpcError`]; an error bitcoind itself answers is [`RpcError::Rpc`].
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
    ) -> Result<T, RpcError> {
        let body =
            serde_json::json!({ "jsonrpc": "1.0", "id": 0, "method": method, "params": params })
                .to_string();
        let body = Bytes::from(body);
        let (status, answer) =
            match tokio::time::timeout(CALL_TIMEOUT, self.exchange(method, body)).await {
                Ok(done) => done?,
                Err(_) => {
                    return Err(self.unreachable(format!(
                        "{method} took longer than {} s",
                        CALL_TIMEOUT.as_secs()
                    )));
                }
            };
        let malformed = |reason: String| RpcError::Malformed {
            method: method.to_owned(),
            reason,
        };
        let answer: Answer = match serde_json::from_slice(&answer) {
            Ok(answer) => answer,
            Err(_) if status == StatusCode::SERVICE_UNAVAILABLE => {
                return Err(self.unreachable("its work queue is full".to_owned()));
            }
            Err(err) => return Err(malformed(format!("HTTP status {status}, {err}"))),
        };
        match answer.error {
            Some(AnswerError { code, message }) => Err(RpcError::refused(code, message)),
            None => serde_json::from_value(answer.result).map_err(|err| malformed(err.to_string())),
        }
    }

    /// One request and its answer. A refused login is tried once more with the credentials read afresh, a connection that
    /// broke once more on a new one: every method called here may safely be called twice.
    async fn exchange(&self, method: &str, body: Bytes) -> Result<(StatusCode, Bytes), RpcError> {
        let mut broken = false;
        let mut refused = false;
        loop {
            let login = self.login()?;
            let request = Request::builder()
                .method(Method::POST)
                .uri(&self.uri)
                .header(CONTENT_TYPE, "application/json")
                .header(AUTHORIZATION, login)
                .body(Full::new(body.clone()))
                .map_err(|err| self.unreachable(format!("the address is not valid: {err}")))?;
            let response = match self.http.request(request).await {
                Ok(response) => response,
                Err(err) if err.is_connect() || broken => {
                    return Err(self.unreachable(describe(&err)));
                }
                Err(_) => {
                    broken = true;
                    continue;
                }
            };
            let status = response.status();
            if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN {
                self.set_login(None);
                if refused || status == StatusCode::FORBIDDEN {
                    let reason = match status {
                        StatusCode::FORBIDDEN => {
                            "this address is not in its `rpcallowip`".to_owned()
                        }
                        _ => self.credential(),
                    };
                    return Err(RpcError::Unauthorized {
                        endpoint: self.config.endpoint(),
                        reason,
                    });
                }
                refused = true;
                continue;
            }
            return match Limited::new(response.into_body(), MAX_ANSWER_BYTES)
                .collect()
                .await
            {
                Ok(collected) => Ok((status, collected.to_bytes())),
                Err(err) if err.is::<http_body_util::LengthLimitError>() => {
                    Err(RpcError::Malformed {
                        method: method.to_owned(),
                        reason: format!("longer than {MAX_ANSWER_BYTES} bytes"),
                    })
                }
                Err(err) => Err(self.unreachable(err.to_string())),
            };
        }
    }

    pub(super) fn unreachable(&self, reason: String) -> RpcError {
        RpcError::Unreachable {
            endpoint: self.config.endpoint(),
            reason,
        }
    }

    /// Which credential is in use, without the secret.
    fn credential(&self) -> String {
        match &self.config.auth {
            Auth::Cookie(path) => format!("cookie {}", path.display()),
            Auth::UserPass { user, .. } => format!("user {user}"),
        }
    }

    fn set_login(&self, login: Option<HeaderValue>) {
        *self.login.lock().unwrap_or_else(PoisonError::into_inner) = login;
    }

    fn login(&self) -> Result<HeaderValue, RpcError> {
        if let Some(login) = self
            .login
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
        {
            return Ok(login);
        }
        let refused = |reason: String| RpcError::Unauthorized {
            endpoint: self.config.endpoint(),
            reason,
        };
        let plain = match &self.config.auth {
            Auth::Cookie(path) => std::fs::read_to_string(path)
                .map_err(|err| refused(format!("cookie {} cannot be read: {err}", path.display())))?
                .trim()
                .to_owned(),
            Auth::UserPass { user, password } => format!("{user}:{password}"),
        };
        let encoded = base64::engine::general_purpose::STANDARD.encode(plain);
        let mut login = HeaderValue::from_str(&format!("Basic {encoded}"))
            .map_err(|err| refused(err.to_string()))?;
        login.set_sensitive(true);
        self.set_login(Some(login.clone()));
        Ok(login)
    }
}

/// An error with its causes, which is where hyper keeps the useful words.
fn describe(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut source = err.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
