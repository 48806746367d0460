//! One Cambista node: a process of its own with a data folder of its own.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::api::Api;
use crate::bitcoind::Bitcoind;
use crate::program;
use crate::wait::{secs, wait_for};

/// How long a node may take to answer after its start, and to end after a stop.
const PATIENCE: Duration = secs(60);
/// So much of a node's log is shown when a test fails (lines).
const LOG_TAIL: usize = 60;

/// What is chosen about a node before it first runs.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// The fixed fee rate (sat/vB) of everything it sends.
    pub fee_rate: u32,
    /// Marketplace peers it knows from the start (multiaddresses).
    pub bootstrap: Vec<String>,
    /// Confirmations of a channel's funding before it is used.
    pub channel_confirmations: u32,
    /// Where its folder goes; a temporary one when not said.
    pub dir: Option<PathBuf>,
}

impl Default for NodeOptions {
    fn default() -> Self {
        Self {
            fee_rate: 3,
            bootstrap: Vec::new(),
            channel_confirmations: 1,
            dir: None,
        }
    }
}

/// What a command that failed said.
#[derive(Clone, Debug)]
pub struct CliError {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it said.
    pub output: String,
}

/// A node. Killed when dropped; its log's end is printed when a test is failing.
#[derive(Debug)]
pub struct Node {
    name: String,
    program: PathBuf,
    dir: PathBuf,
    child: Option<Child>,
    frozen: bool,
    words: String,
    _temp: Option<TempDir>,
}

impl Node {
    /// `cambista init`, then `cambista run`, and waits until the API answers.
    ///
    /// # Panics
    /// With the end of its log when it does not.
    #[track_caller]
    pub fn start(name: &str, bitcoind: &Bitcoind, options: &NodeOptions) -> Self {
        let temp = options.dir.is_none().then(|| {
            let prefix = format!("cambista-{name}-");
            let mut made = tempfile::Builder::new().prefix(&prefix).tempdir().unwrap();
            made.disable_cleanup(std::env::var_os("CAMBISTA_TEST_KEEP").is_some());
            made
        });
        let dir = match (&options.dir, &temp) {
            (Some(dir), _) => dir.clone(),
            (None, Some(temp)) => temp.path().join("node"),
            (None, None) => unreachable!(),
        };
        let mut node = Self {
            name: name.to_owned(),
            program: program::cambista(),
            dir,
            child: None,
            frozen: false,
            words: String::new(),
            _temp: temp,
        };
        node.init(bitcoind, options);
        node.run();
        node
    }

    fn init(&mut self, bitcoind: &Bitcoind, options: &NodeOptions) {
        let mut args = vec!["init".to_owned(), "--alias".to_owned(), self.name.clone()];
        // Fixed ports: after a restart the node must be found where it was.
        let mut flag = |name: &str, value: String| args.extend([name.to_owned(), value]);
        flag("--bitcoind", format!("127.0.0.1:{}", bitcoind.rpc_port()));
        let cookie = bitcoind.cookie_path();
        flag("--bitcoind-cookie", cookie.display().to_string());
        flag(
            "--lightning-listen",
            format!("127.0.0.1:{}", program::free_port()),
        );
        flag(
            "--p2p-listen",
            format!("/ip4/127.0.0.1/tcp/{}", program::free_port()),
        );
        flag("--api-listen", "127.0.0.1:0".to_owned());
        flag("--fee-rate", options.fee_rate.to_string());
        flag(
            "--channel-confirmations",
            options.channel_confirmations.to_string(),
        );
        for peer in &options.bootstrap {
            flag("--bootstrap", peer.clone());
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let answer = self.cli(&args);
        self.words = answer["words"].as_str().unwrap_or_default().to_owned();
    }

    #[track_caller]
    fn run(&mut self) {
        assert!(self.child.is_none(), "{} runs already", self.name);
        let _ = fs::remove_file(self.dir.join("api-address"));
        let log = self.log_file();
        let child = self
            .command(&["run"])
            .env(
                "RUST_LOG",
                std::env::var("RUST_LOG").unwrap_or_else(|_| "info".to_owned()),
            )
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|why| panic!("cannot run {}: {why}", self.program.display()));
        self.child = Some(child);
        let started = Instant::now();
        loop {
            if self.dir.join("api-address").exists() && self.api().get("/status").is_ok() {
                return;
            }
            if let Some(status) = self.exited() {
                panic!("{} ended while starting: {status}", self.name);
            }
            assert!(
                started.elapsed() < PATIENCE,
                "{} does not answer after {PATIENCE:?}",
                self.name
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn log_file(&self) -> File {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.dir.join("node.log"))
            .expect("open the log")
    }

    fn exited(&mut self) -> Option<std::process::ExitStatus> {
        self.child.as_mut()?.try_wait().ok().flatten()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its data folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The words its keys come from, as `init` printed them.
    pub fn words(&self) -> &str {
        &self.words
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Whether it has been started and neither been ended nor frozen by us.
    pub const fn is_running(&self) -> bool {
        self.child.is_some() && !self.frozen
    }

    /// Stops the process where it is, as a machine that is put to sleep: its connections stay open.
    #[track_caller]
    pub fn freeze(&mut self) {
        self.signal("-STOP");
        self.frozen = true;
    }

    /// Lets it go on after [`Node::freeze`].
    #[track_caller]
    pub fn thaw(&mut self) {
        self.signal("-CONT");
        self.frozen = false;
    }

    #[track_caller]
    fn signal(&self, signal: &str) {
        let pid = self.pid().expect("a running node").to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        assert!(sent.expect("run kill").success(), "kill {signal} {pid}");
    }

    /// From its next start on everything it sends pays this fixed rate (sat/vB).
    ///
    /// # Panics
    /// When its settings name no fixed rate.
    #[track_caller]
    pub fn set_fee_rate(&self, sat_per_vb: u32) {
        let path = self.dir.join("cambista.toml");
        let text = fs::read_to_string(&path).unwrap();
        let name = "fixed_sat_per_vb = ";
        let from = text.find(name).expect("a fixed rate") + name.len();
        let to = text[from..].find('\n').map_or(text.len(), |end| from + end);
        fs::write(
            &path,
            format!("{}{sat_per_vb}{}", &text[..from], &text[to..]),
        )
        .unwrap();
    }

    /// A command line for people, as they would type it.
    pub fn command_line(&self, args: &str) -> String {
        format!(
            "{} --network regtest --datadir {} {args}",
            self.program.display(),
            self.dir.display()
        )
    }

    /// A command on this node, not started yet, without `--json`.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(["--network", "regtest", "--datadir"])
            .arg(&self.dir)
            .args(args)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        command
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
        Api::of(&self.dir)
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
    #[track_caller]
    pub fn status(&self) -> Value {
        self.api_get("/status")
    }

    /// Waits until the node has taken in the block at `height`.
    #[track_caller]
    pub fn wait_height(&self, height: u32) {
        wait_for(
            &format!("{} at height {height}", self.name),
            secs(30),
            || {
                let status = self.api().get("/status")?;
                let seen = status["height"].as_u64() >= Some(u64::from(height));
                seen.then_some(())
                    .ok_or_else(|| format!("{}", status["height"]))
            },
        );
    }

    /// Ends the process at once, as a power cut would.
    #[track_caller]
    pub fn kill9(&mut self) {
        let mut child = self.child.take().expect("a running node");
        child.kill().expect("kill");
        child.wait().expect("the end of the process");
    }

    /// Starts it again after [`Node::kill9`] or [`Node::stop`].
    #[track_caller]
    pub fn restart(&mut self) {
        self.run();
    }

    /// `cambista stop`, and waits for the process to end in good order.
    #[track_caller]
    pub fn stop(&mut self) {
        self.cli(&["stop"]);
        let mut child = self.child.take().expect("a running node");
        let status = wait_for(&format!("the end of {}", self.name), PATIENCE, || {
            let ended = child.try_wait().map_err(|why| why.to_string())?;
            ended.ok_or_else(|| "still running".to_owned())
        });
        assert!(status.success(), "{} ended with {status}", self.name);
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        let log = fs::read_to_string(self.dir.join("node.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL)..].join("\n")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!(
                "--- end of the log of {} ---\n{}",
                self.name,
                self.log_tail()
            );
        }
    }
}
