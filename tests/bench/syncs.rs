//! How often a node makes the disk finish a write during one swap, as `strace` sees it.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use cambista_harness::{Market, Node, Way};

use crate::timing;

/// Until the tracer has attached to every thread.
const ATTACH: Duration = Duration::from_millis(800);

/// The fsyncs of taker and maker in one swap each way; a sentence instead where they cannot be counted.
pub(crate) fn per_swap(market: &Market, amount: u64) -> String {
    if Command::new("strace")
        .arg("-V")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        return "fsyncs a swap: not counted, there is no strace on this machine".to_owned();
    }
    let counts = [Way::Out, Way::In].map(|way| {
        let dir = tempfile::tempdir().expect("a folder");
        let nodes = [&market.taker, &market.makers[0]];
        let files = [dir.path().join("taker"), dir.path().join("maker")];
        let tracers = [trace(nodes[0], &files[0]), trace(nodes[1], &files[1])];
        sleep(ATTACH);
        timing::swap(market, way, amount);
        tracers.into_iter().for_each(end);
        let [taker, maker] =
            files.map(|file| fs::read_to_string(file).unwrap_or_default().lines().count());
        format!("{} taker {taker}, maker {maker}", way.word())
    });
    format!("fsyncs a swap: {}", counts.join("; "))
}

fn trace(node: &Node, file: &std::path::Path) -> Child {
    let pid = node.pid().expect("a running node").to_string();
    Command::new("strace")
        .args([
            "-f",
            "-qq",
            "-e",
            "trace=fsync,fdatasync",
            "-e",
            "signal=none",
            "-p",
            &pid,
            "-o",
        ])
        .arg(file)
        .stderr(Stdio::null())
        .spawn()
        .expect("start strace")
}

/// Ends it in good order, so that everything it saw is in its file.
fn end(mut tracer: Child) {
    let _ = Command::new("kill")
        .args(["-INT", &tracer.id().to_string()])
        .status();
    let _ = tracer.wait();
}
