//! The demo is told to end in the middle of it: its nodes and its bitcoind are gone, and so is its folder.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use cambista_harness::program;
use cambista_harness::wait::{FOUND_AGAIN, wait_for};

/// What the shell has for a program that SIGTERM ended.
const TERMINATED: i32 = 143;

#[test]
fn nothing_stays_behind() {
    let temp = tempfile::tempdir().unwrap();
    let mut demo = Command::new(program::cambista().with_file_name("cambista-demo"))
        .env("TMPDIR", temp.path())
        .env("CAMBISTA_BIN", program::cambista())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Kept to the end: a demo nobody reads any more would end by itself.
    let mut said = BufReader::new(demo.stdout.take().unwrap()).lines();
    // "  shop     pid 12345   02ab..": three nodes.
    let pids: Vec<String> = said
        .by_ref()
        .filter_map(|line| {
            let line = line.unwrap();
            let (_, after) = line.split_once(" pid ")?;
            after.split_whitespace().next().map(str::to_owned)
        })
        .take(3)
        .collect();
    assert_eq!(pids.len(), 3);
    assert!(pids.iter().all(|pid| runs(pid)), "{pids:?}");
    assert!(temp.path().read_dir().unwrap().next().is_some());

    let sent = Command::new("kill").arg(demo.id().to_string()).status();
    assert!(sent.unwrap().success());
    let ended = wait_for("the end of the demo", FOUND_AGAIN, || {
        let ended = demo.try_wait().map_err(|why| why.to_string())?;
        ended.ok_or_else(|| "it runs".to_owned())
    });
    assert_eq!(ended.code(), Some(TERMINATED), "{ended}");
    for pid in &pids {
        assert!(!runs(pid), "{pid} was left behind");
    }
    let left: Vec<_> = temp.path().read_dir().unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// A process that has ended, and that nobody has asked about yet, does not.
fn runs(pid: &str) -> bool {
    let asked = Command::new("ps").args(["-o", "stat=", "-p", pid]).output();
    let state = String::from_utf8(asked.unwrap().stdout).unwrap();
    let state = state.trim();
    !state.is_empty() && !state.starts_with('Z')
}
