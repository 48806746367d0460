//! A small JSON-RPC client for `bitcoind` with cookie authentication.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

/// Mining some thousand blocks in one call takes a while; anything slower than this is a hang.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);

/// Room for a request, or for a part of an answer (bytes).
pub(crate) const BUFFER: usize = 16 << 10;

/// A client for one `bitcoind`; cheap to clone, usable from any thread.
#[derive(Clone, Debug)]
pub struct JsonRpc {
    agent: ureq::Agent,
    url: String,
    cookie: PathBuf,
}

impl JsonRpc {
    /// A client for the server on 127.0.0.1:`port` whose cookie file is `cookie`. Nothing is sent yet.
    pub fn new(port: u16, cookie: PathBuf) -> Self {
        let agent = ureq::Agent::config_builder()
            // The server is local: a proxy set for this machine is not for it.
            .proxy(None)
            // Errors come as HTTP 500 with a JSON body, which is what we want to read.
            .http_status_as_error(false)
            // The server closes idle connections; a fresh one per call never meets a closed one.
            .max_idle_connections(0)
            .timeout_global(Some(CALL_TIMEOUT))
            // Every connection clears its buffers byte by byte, unoptimised: with the usual ones that is most of a call.
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER)
            .build()
            .new_agent();
        let url = format!("http://127.0.0.1:{port}");
        Self { agent, url, cookie }
    }

    /// Calls `method` with `params` (an array, an object of named parameters, or null for none).
    ///
    /// # Errors
    /// The server's own message with its code, or why it could not be reached.
    pub fn call(&self, method: &str, params: Value) -> Result<Value, String> {
        self.call_at("", method, params)
    }

    /// The same for a method of the wallet named `wallet`.
    ///
    /// # Errors
    /// As [`JsonRpc::call`].
    pub fn call_wallet(&self, wallet: &str, method: &str, params: Value) -> Result<Value, String> {
        self.call_at(&format!("/wallet/{wallet}"), method, params)
    }

    fn call_at(&self, path: &str, method: &str, params: Value) -> Result<Value, String> {
        // Read every time: a restarted server writes a new cookie.
        let cookie = std::fs::read_to_string(&self.cookie)
            .map_err(|e| format!("{method}: no cookie at {}: {e}", self.cookie.display()))?;
        let params = if params.is_null() { json!([]) } else { params };
        let body = json!({ "jsonrpc": "1.0", "id": 0, "method": method, "params": params });
        let mut response = self
            .agent
            .post(format!("{}{path}", self.url))
            .header(
                "Authorization",
                format!("Basic {}", BASE64.encode(cookie.trim())),
            )
            .send_json(body)
            .map_err(|e| format!("{method}: {e}"))?;
        let status = response.status();
        let mut answer: Value = response
            .body_mut()
            .with_config()
            .limit(256 << 20)
            .read_json()
            .map_err(|e| format!("{method}: HTTP {status}: {e}"))?;
        match answer.get("error") {
            None | Some(Value::Null) => Ok(answer["result"].take()),
            Some(error) => Err(format!(
                "{method}: {} (code {})",
                error["message"].as_str().unwrap_or("no message"),
                error["code"]
            )),
        }
    }
}
