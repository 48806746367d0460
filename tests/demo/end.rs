//! Being told to end in the middle of it: nothing that was started stays behind.

use std::fs;
use std::panic;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{park, sleep, spawn};
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

/// So long nodes and bitcoind may take to stop in good order.
const PATIENCE: Duration = Duration::from_secs(60);
/// Nothing may have been started in between.
const AGAIN: Duration = Duration::from_millis(200);
/// What a shell says of a program that SIGTERM ended.
const TERMINATED: i32 = 143;

static ENDING: AtomicBool = AtomicBool::new(false);

/// From now on SIGTERM, SIGINT and SIGHUP end this program, all it has started, and the folder.
pub(crate) fn on_signal(folder: &Path) {
    let folder = folder.to_owned();
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        // What fails now fails because everything is being ended; there is nothing to say about it.
        while ENDING.load(Ordering::Acquire) {
            park();
        }
        usual(info);
    }));
    spawn(move || {
        wait_for_signal();
        ENDING.store(true, Ordering::Release);
        end_all(folder);
    });
}

fn wait_for_signal() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime for signals");
    runtime.block_on(async {
        let on = |kind| signal(kind).expect("hear signals");
        let mut terminate = on(SignalKind::terminate());
        let mut interrupt = on(SignalKind::interrupt());
        let mut hangup = on(SignalKind::hangup());
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    });
}

fn end_all(folder: PathBuf) {
    let begun = Instant::now();
    let mut none = 0;
    while none < 2 {
        let children = children();
        none = if children.is_empty() { none + 1 } else { 0 };
        let how = if begun.elapsed() < PATIENCE {
            "-TERM"
        } else {
            "-KILL"
        };
        for pid in children {
            // It may have ended meanwhile, and says so.
            let _ = Command::new("kill").args([how, &pid]).output();
        }
        sleep(AGAIN);
    }
    let _ = fs::remove_dir_all(folder);
    exit(TERMINATED);
}

/// The processes this one has started and that have not ended.
fn children() -> Vec<String> {
    let own = std::process::id().to_string();
    let asked = Command::new("ps")
        .args([
            "-A", "-o", "pid=", "-o", "ppid=", "-o", "stat=", "-o", "comm=",
        ])
        .output();
    let Ok(asked) = asked else {
        return Vec::new();
    };
    let list = String::from_utf8_lossy(&asked.stdout);
    let ours = list.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (pid, parent, state) = (words.next()?, words.next()?, words.next()?);
        // `ps` itself is one of them.
        let counts = parent == own && !state.starts_with('Z') && words.next() != Some("ps");
        counts.then(|| pid.to_owned())
    });
    ours.collect()
}
