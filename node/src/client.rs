//! A client of the API of a node on this machine, as the command line uses it. It blocks.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::Response;
use ureq::typestate::WithBody;
use ureq::{Agent, Body, RequestBuilder, Timeout};

use crate::api::types::Problem;
use crate::datadir::{ApiAccess, DataDir, DataDirError};

/// Longer than anything the API does before it answers.
const ANSWER: Duration = Duration::from_secs(120);
/// Room for a request, or for a part of an answer (bytes); every command makes its own.
const BUFFER: usize = 16 << 10;
/// A node on the same machine takes a connection at once or not at all.
const CONNECT: Duration = Duration::from_secs(5);
/// The largest answer read (bytes).
const MAX_ANSWER: u64 = 64 * 1024 * 1024;

/// Why there is no answer to work with.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No node runs in this folder.
    #[error("no node is running in {0}")]
    NotRunning(PathBuf),
    /// It should run but takes no connection. Nothing was asked.
    #[error("the node does not answer at {address}: {reason}")]
    Unreachable {
        /// Where it should be.
        address: String,
        /// What the system said.
        reason: String,
    },
    /// The request may have been carried out.
    #[error("the node was asked but no answer came: {0}. What was asked may have been done")]
    Lost(String),
    /// The node says no.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// Not the answer of this version's node.
    #[error(
        "the answer of the node cannot be read ({0}): node and command line should be of the same version"
    )]
    Malformed(String),
    /// The folder cannot be read.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
}

/// A connection to the API of one node.
#[derive(Clone)]
pub struct Client {
    access: ApiAccess,
    agent: Agent,
}

impl Client {
    /// A client of the node that runs in this folder. An address that a node left behind when it was killed is not
    /// believed: any program may answer there by now.
    ///
    /// # Errors
    /// When none runs there, or its token cannot be read.
    pub fn open(dir: &DataDir) -> Result<Self, ClientError> {
        let access = match dir.api_access()? {
            Some(access) if dir.is_running()? => access,
            _ => return Err(ClientError::NotRunning(dir.root().to_owned())),
        };
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(ANSWER))
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER)
            .build()
            .new_agent();
        Ok(Self { access, agent })
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/api/v1{path}", self.access.address)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.access.token)
    }

    /// Reads. `query` is what follows the question mark, pair by pair.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, ClientError> {
        let pairs = query.iter().map(|(key, value)| (*key, value.as_str()));
        let request = self.agent.get(self.url(path)).query_pairs(pairs);
        self.read(request.header("Authorization", self.bearer()).call())
            .map_err(|error| match error {
                // Nothing was asked to be done: an answer that did not come is no answer.
                ClientError::Lost(reason) => ClientError::Unreachable {
                    address: self.access.address.clone(),
                    reason,
                },
                other => other,
            })
    }

    /// Asks for something to be done.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.give(self.agent.post(self.url(path)), body)
    }

    /// Replaces.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.give(self.agent.put(self.url(path)), body)
    }

    /// Takes away.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn delete<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, ClientError> {
        let pairs = query.iter().map(|(key, value)| (*key, value.as_str()));
        let request = self.agent.delete(self.url(path)).query_pairs(pairs);
        self.read(request.header("Authorization", self.bearer()).call())
    }

    fn give<T: DeserializeOwned>(
        &self,
        request: RequestBuilder<WithBody>,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let request = request.header("Authorization", self.bearer());
        self.read(request.send_json(body))
    }

    fn read<T: DeserializeOwned>(
        &self,
        answer: Result<Response<Body>, ureq::Error>,
    ) -> Result<T, ClientError> {
        let mut answer = answer.map_err(|error| self.failed(&error))?;
        let good = answer.status().is_success();
        let body = answer
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER)
            .read_to_vec()
            .map_err(|error| ClientError::Lost(error.to_string()))?;
        let malformed = |error: serde_json::Error| ClientError::Malformed(error.to_string());
        if good {
            serde_json::from_slice(&body).map_err(malformed)
        } else {
            let problem = serde_json::from_slice(&body).map_err(malformed)?;
            Err(ClientError::Problem(Box::new(problem)))
        }
    }

    fn failed(&self, error: &ureq::Error) -> ClientError {
        let never_asked = match error {
            ureq::Error::Io(error) => error.kind() == io::ErrorKind::ConnectionRefused,
            ureq::Error::Timeout(timeout) => {
                matches!(timeout, Timeout::Connect | Timeout::Resolve)
            }
            ureq::Error::ConnectionFailed | ureq::Error::HostNotFound | ureq::Error::BadUri(_) => {
                true
            }
            _ => false,
        };
        let reason = error.to_string();
        if never_asked {
            ClientError::Unreachable {
                address: self.access.address.clone(),
                reason,
            }
        } else {
            ClientError::Lost(reason)
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}
