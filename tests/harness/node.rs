//! One Cambista node: a process of its own with a data folder of its own.

mod asking;
mod options;
mod process;
mod telling;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;

use tempfile::TempDir;

pub use asking::CliError;
pub use options::NodeOptions;

use crate::api::Said;
use crate::bitcoind::Bitcoind;
use crate::failpoints::Failpoints;
use crate::program;

/// So much of a node's log is shown when a test fails (lines).
const LOG_TAIL: usize = 60;

/// A node. Killed when dropped; its log's end is printed when a test is failing. A test fails when the node has printed any
/// of its secrets, or left a file with secrets open to others.
#[derive(Debug)]
pub struct Node {
    name: String,
    program: PathBuf,
    dir: PathBuf,
    namespace: Option<String>,
    child: Option<Child>,
    frozen: bool,
    words: String,
    cookie: PathBuf,
    /// The tokens of its API, one for each start.
    tokens: Vec<String>,
    said: Said,
    /// What it prints, as `RUST_LOG` has it; the tests' own setting when not said.
    log: Option<String>,
    failpoints: Option<Failpoints>,
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
        let failpoints = options
            .failpoints
            .then(|| Failpoints::at(dir.with_extension("failpoints")));
        let mut node = Self {
            name: name.to_owned(),
            program: match &options.program {
                Some(chosen) => chosen.clone(),
                None if options.failpoints => program::with_failpoints(),
                None => program::cambista(),
            },
            dir,
            failpoints,
            namespace: options.namespace.clone(),
            child: None,
            frozen: false,
            words: String::new(),
            cookie: bitcoind.cookie_path(),
            tokens: Vec::new(),
            said: Said::default(),
            log: None,
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
        let (ip, bitcoind_ip) = (&options.ip, &options.bitcoind_ip);
        flag(
            "--bitcoind",
            format!("{bitcoind_ip}:{}", bitcoind.rpc_port()),
        );
        let cookie = bitcoind.cookie_path();
        flag("--bitcoind-cookie", cookie.display().to_string());
        flag(
            "--lightning-listen",
            format!("{ip}:{}", program::free_port()),
        );
        flag(
            "--p2p-listen",
            match options.quic {
                true => format!("/ip4/{ip}/udp/{}/quic-v1", program::free_port()),
                false => format!("/ip4/{ip}/tcp/{}", program::free_port()),
            },
        );
        flag("--api-listen", "127.0.0.1:0".to_owned());
        if options.fee_rate > 0 {
            flag("--fee-rate", options.fee_rate.to_string());
        }
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
        if !options.p2p.is_empty() {
            let path = self.dir.join("cambista.toml");
            let text = fs::read_to_string(&path).unwrap();
            let more = format!("[p2p]\n{}\n", options.p2p.join("\n"));
            assert!(text.contains("[p2p]\n"), "{text}");
            fs::write(&path, text.replacen("[p2p]\n", &more, 1)).unwrap();
        }
    }

    /// From its next start on it is this program.
    pub fn set_program(&mut self, program: PathBuf) {
        self.program = program;
    }

    /// From its next start on it prints this (as `RUST_LOG` has it).
    pub fn set_log(&mut self, filter: &str) {
        self.log = Some(filter.to_owned());
    }

    /// Its failpoints.
    ///
    /// # Panics
    /// When it was started without.
    #[track_caller]
    pub fn failpoints(&self) -> &Failpoints {
        let failpoints = self.failpoints.as_ref();
        failpoints.unwrap_or_else(|| panic!("{} has no failpoints", self.name))
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
            return;
        }
        let told = self.told_secrets();
        assert!(
            told.is_empty(),
            "{} gave secrets away: {}",
            self.name,
            told.join(", ")
        );
    }
}
