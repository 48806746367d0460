//! A client for a node's HTTP API.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::json_rpc::BUFFER;

/// Longer than any answer takes, a long poll included.
const CALL_TIMEOUT: Duration = Duration::from_secs(180);

/// One node's API, where it was when this was made.
#[derive(Clone, Debug)]
pub struct Api {
    agent: ureq::Agent,
    base: String,
    token: String,
    refusals: Said,
}

/// What a node has said so far; kept to be looked through for secrets.
pub(crate) type Said = Arc<Mutex<String>>;

impl Api {
    /// The API of the node that runs in the folder `dir`.
    pub fn of(dir: &Path) -> Self {
        let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap_or_default();
        let agent = ureq::Agent::config_builder()
            .proxy(None)
            .http_status_as_error(false)
            .timeout_global(Some(CALL_TIMEOUT))
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER)
            .build()
            .new_agent();
        Self {
            agent,
            base: format!("http://{}/api/v1", read("api-address").trim()),
            token: format!("Bearer {}", read("api-token").trim()),
            refusals: Said::default(),
        }
    }

    /// Keeps here what the API refuses with.
    pub(crate) fn keep(mut self, refusals: &Said) -> Self {
        self.refusals = Arc::clone(refusals);
        self
    }

    /// `GET`.
    ///
    /// # Errors
    /// The problem the API names, or why it could not be reached.
    pub fn get(&self, path: &str) -> Result<Value, String> {
        let request = self.agent.get(format!("{}{path}", self.base));
        let answer = request.header("Authorization", &self.token).call();
        self.read(path, answer)
    }

    /// `POST` with a JSON body.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let request = self.agent.post(format!("{}{path}", self.base));
        let answer = request.header("Authorization", &self.token).send_json(body);
        self.read(path, answer)
    }

    fn read(
        &self,
        path: &str,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Value, String> {
        let read = read(path, answer);
        if let Err(why) = &read {
            self.refusals.lock().unwrap().push_str(why);
        }
        read
    }
}

fn read(
    path: &str,
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<Value, String> {
    let mut answer = answer.map_err(|why| format!("{path}: {why}"))?;
    let status = answer.status();
    let body: Value = answer
        .body_mut()
        .read_json()
        .map_err(|why| format!("{path}: HTTP {status}: {why}"))?;
    if status.is_success() {
        Ok(body)
    } else {
        Err(format!("{path}: HTTP {status}: {body}"))
    }
}
