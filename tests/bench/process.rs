//! What a node costs its machine, as `/proc` tells it.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use cambista_harness::Node;

/// Clock ticks a second in `/proc`: the same on every Linux.
const TICKS: u64 = 100;

/// The machine and the build the figures are of.
pub(crate) fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split_once(": ")).map(|m| m.1);
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let build = if cfg!(debug_assertions) {
        "a debug build"
    } else {
        "a release build"
    };
    format!("{cores} cores of {}, {build}", model.unwrap_or("?"))
}

/// Memory and processor time of a node that has nothing to do.
pub(crate) fn idle(node: &Node, how_long: Duration) -> String {
    let pid = node.pid().expect("a running node");
    let (before, started) = (ticks(pid), Instant::now());
    sleep(how_long);
    let millis = u64::try_from(started.elapsed().as_millis()).unwrap();
    // Hundredths of a percent of one core.
    let share = (ticks(pid) - before) * 1000 * 10_000 / TICKS / millis;
    let kib = resident_kib(pid);
    format!(
        "{}.{} MiB resident, {}.{:02} % of a core over {} s",
        kib / 1024,
        kib % 1024 * 10 / 1024,
        share / 100,
        share % 100,
        how_long.as_secs()
    )
}

/// From starting the process until its API answers.
pub(crate) fn start(node: &mut Node) -> Duration {
    node.stop();
    let started = Instant::now();
    node.restart();
    started.elapsed()
}

/// Processor time used so far, in user and system mode.
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("read /proc");
    // The program's name is in parentheses and may hold anything.
    let (_, fields) = stat.rsplit_once(')').expect("the end of the name");
    let fields: Vec<&str> = fields.split_whitespace().collect();
    fields[11..=12]
        .iter()
        .map(|field| field.parse::<u64>().unwrap())
        .sum()
}

/// Memory in use (KiB).
pub(crate) fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("read /proc");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.expect("VmRSS").parse().unwrap()
}

/// Files, sockets and pipes that are open.
pub(crate) fn files(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("read /proc")
        .count()
}
