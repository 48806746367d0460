//! A node's process: begun, stopped, frozen and killed.

use std::fs::{self, File, OpenOptions};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use super::Node;
use crate::failpoints;
use crate::wait::{secs, wait_for};

/// How long a node may take to answer after its start, and to end after a stop.
const PATIENCE: Duration = secs(180);

impl Node {
    #[track_caller]
    pub(super) fn run(&mut self) {
        self.launch();
        let started = Instant::now();
        loop {
            if self.dir.join("api-address").exists() && self.ask_status().is_ok() {
                self.remember_token();
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

    /// Starts it and does not wait for it.
    ///
    /// # Panics
    /// When it runs already.
    #[track_caller]
    pub fn launch(&mut self) {
        assert!(self.child.is_none(), "{} runs already", self.name);
        let _ = fs::remove_file(self.dir.join("api-address"));
        let log = self.log_file();
        let mut command = self.command(&["run"]);
        if let Some(failpoints) = &self.failpoints {
            command.env(failpoints::FOLDER, failpoints.folder());
        }
        let usual = || std::env::var("RUST_LOG").unwrap_or_else(|_| "info".to_owned());
        let child = command
            .env("RUST_LOG", self.log.clone().unwrap_or_else(usual))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|why| panic!("cannot run {}: {why}", self.program.display()));
        self.child = Some(child);
    }

    fn log_file(&self) -> File {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.dir.join("node.log"))
            .expect("open the log")
    }

    fn exited(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().ok().flatten()
    }

    /// Whether it died of SIGKILL since it was started last; it can be started again then.
    ///
    /// # Panics
    /// When it ended in any other way.
    #[track_caller]
    pub fn fell(&mut self) -> bool {
        let Some(status) = self.exited() else {
            return false;
        };
        assert_eq!(status.signal(), Some(9), "{} ended: {status}", self.name);
        self.child = None;
        true
    }

    /// Waits until the process has ended by itself, and says how; nothing when it still runs after `patience`.
    pub fn wait_end(&mut self, patience: Duration) -> Option<ExitStatus> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.exited() {
                self.child = None;
                return Some(status);
            }
            if started.elapsed() > patience {
                return None;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
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
}
