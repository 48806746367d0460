//! A node's commands and API.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::Node;
use crate::api::Api;
use crate::secrets;
use crate::wait::{secs, wait_for};

/// What a command that failed said.
#[derive(Clone, Debug)]
pub struct CliError {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it said.
    pub output: String,
}

impl Node {
    /// A command line for people, as they would type it.
    pub fn command_line(&self, args: &str) -> String {
        format!(
            "{} --network regtest --datadir {} {args}",
            self.program.display(),
            self.dir.display()
        )
    }

    /// A command on this node, not started yet, without `--json`. Where its output is read it is to be given to
    /// [`crate::hear`].
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = match &self.namespace {
            Some(namespace) => {
                let mut inside = Command::new("ip");
                inside.args(["netns", "exec", namespace]).arg(&self.program);
                inside
            }
            None => Command::new(&self.program),
        };
        command
            .args(["--network", "regtest", "--datadir"])
            .arg(&self.dir)
            .args(args)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command without `--json` to its end. What it says is looked through for secrets.
    ///
    /// # Panics
    /// When it cannot be run.
    pub fn output(&self, args: &[&str]) -> Output {
        let output = self.command(args).output().expect("run cambista");
        secrets::hear(&output);
        output
    }

    /// Runs a command with `--json` and returns the object it printed.
    ///
    /// # Errors
    /// When it did not exit with 0, or printed no JSON.
    pub fn try_cli(&self, args: &[&str]) -> Result<Value, CliError> {
        let output = self
            .command(args)
            .arg("--json")
            .output()
            .expect("run cambista");
        let stdout = String::from_utf8_lossy(&output.stdout);
        // Making a node is the one command that shows its words.
        if args.first() != Some(&"init") {
            let mut said = self.said.lock().unwrap();
            said.push_str(&stdout);
            said.push_str(&String::from_utf8_lossy(&output.stderr));
        }
        let failed = |why: String| CliError {
            code: output.status.code(),
            output: format!(
                "`cambista {}`: {why}\n{stdout}\n{}",
                args.join(" "),
                String::from_utf8_lossy(&output.stderr)
            ),
        };
        if !output.status.success() {
            return Err(failed(output.status.to_string()));
        }
        serde_json::from_str(&stdout).map_err(|why| failed(format!("printed no JSON: {why}")))
    }

    /// As [`Node::try_cli`], for what must work.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn cli(&self, args: &[&str]) -> Value {
        self.try_cli(args)
            .unwrap_or_else(|error| panic!("{}: {}", self.name, error.output))
    }

    /// The HTTP API as it is reached now.
    pub fn api(&self) -> Api {
        Api::of(&self.dir).keep(&self.said)
    }

    /// `GET` of the API.
    ///
    /// # Panics
    /// When it refuses.
    #[track_caller]
    pub fn api_get(&self, path: &str) -> Value {
        let answer = self.api().get(path);
        answer.unwrap_or_else(|why| panic!("{}: {why}", self.name))
    }

    /// `POST` to the API.
    ///
    /// # Panics
    /// When it refuses.
    #[track_caller]
    pub fn api_post(&self, path: &str, body: &Value) -> Value {
        let answer = self.api().post(path, body);
        answer.unwrap_or_else(|why| panic!("{}: {why}", self.name))
    }

    /// The whole `status`.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn status(&self) -> Value {
        let answer = self.ask_status();
        answer.unwrap_or_else(|why| panic!("{}: {why}", self.name))
    }

    /// Its Lightning key.
    ///
    /// # Panics
    /// When it does not answer.
    #[track_caller]
    pub fn id(&self) -> String {
        let id = &self.status()["node_id"];
        id.as_str().expect("a node id").to_owned()
    }

    /// The API listens inside the node's namespace, so from outside only a command in there reaches it.
    pub(super) fn ask_status(&self) -> Result<Value, String> {
        match self.namespace {
            Some(_) => self.try_cli(&["status"]).map_err(|error| error.output),
            None => self.api().get("/status"),
        }
    }

    /// Waits until the node has taken in the block at `height`; one that was away has some hundred to read.
    #[track_caller]
    pub fn wait_height(&self, height: u32) {
        wait_for(
            &format!("{} at height {height}", self.name),
            secs(180),
            || {
                let status = self.ask_status()?;
                let seen = status["height"].as_u64() >= Some(u64::from(height));
                seen.then_some(())
                    .ok_or_else(|| format!("{}", status["height"]))
            },
        );
    }
}
