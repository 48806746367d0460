//! The disk of a node is full in the middle of swaps: it stops at once and says why, loses nothing, and goes on where it
//! was when there is room again.
//!
//! The disk is a small file system in memory, which only root may mount. Anybody may forbid a process to write beyond a
//! size, which is the same to the node but for what the system calls it.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use cambista_harness::market::USUAL;
use cambista_harness::wait::secs;
use cambista_harness::{Market, MarketOptions, Node, Way};

use crate::load::Load;
use crate::taker_killed::make_room;

/// What a node is given (MiB): some times of what it needs here.
const SIZE: u32 = 64;
/// A node that cannot write is gone after this, however slow the machine.
const AT_ONCE: Duration = secs(60);
/// Exit code: something is wrong, no money was moved.
const OTHER: i32 = 1;

/// Who is out of space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Taker,
    Maker,
}

/// When.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// Payments are on their way.
    Begun,
    /// Their last confirmation is being dealt with.
    Confirmed,
}

#[test]
fn a_node_on_a_full_disk_stops_and_goes_on_later() {
    let root = folder();
    let disks = ["taker", "maker1"].map(|name| Disk::mount(&root.path().join(name)));
    let [Some(taker), Some(maker)] = &disks else {
        println!("skipped: this user may mount no file system");
        return;
    };
    // What the taker says goes elsewhere, what the maker says onto its own disk.
    let log = root.path().join("taker.log");
    std::os::unix::fs::symlink(&log, root.path().join("taker").join("node.log")).unwrap();
    let mut market = start(root.path());
    for moment in [Moment::Begun, Moment::Confirmed] {
        for (victim, disk) in [(Victim::Taker, taker), (Victim::Maker, maker)] {
            let load = begin(&mut market, victim, moment);
            disk.fill();
            stops(&mut market, victim);
            refuses_to_start(node(&mut market, victim));
            disk.free();
            goes_on(&mut market, victim, &load, moment);
        }
    }
    let said = fs::read_to_string(&log).unwrap();
    assert!(said.contains("database or disk is full"), "{said}");
    assert!(said.contains("check the disk"), "{said}");
    assert!(said.contains("/taker run"), "no next step: {said}");
}

#[test]
fn a_node_whose_files_may_not_grow_stops_and_goes_on_later() {
    if Command::new("prlimit").arg("--version").output().is_err() {
        println!("skipped: this system cannot limit a process that runs");
        return;
    }
    let root = folder();
    let mut market = start(root.path());
    for (victim, moment) in [
        (Victim::Taker, Moment::Confirmed),
        (Victim::Maker, Moment::Begun),
    ] {
        let load = begin(&mut market, victim, moment);
        forbid_writing(node(&mut market, victim));
        stops(&mut market, victim);
        goes_on(&mut market, victim, &load, moment);
    }
}

fn folder() -> tempfile::TempDir {
    let prefix = "cambista-disk-";
    tempfile::Builder::new().prefix(prefix).tempdir().unwrap()
}

fn start(root: &Path) -> Market {
    let market = Market::start(&MarketOptions {
        dir: Some(root.to_owned()),
        ..MarketOptions::new(3, &[USUAL])
    });
    make_room(&market);
    market
}

/// A swap each way, brought to this moment.
fn begin(market: &mut Market, victim: Victim, moment: Moment) -> Load {
    println!("{victim:?}, {moment:?}");
    // A database that was closed has no room of its own left over: it needs space with the next thing it writes.
    node(market, victim).stop();
    node(market, victim).restart();
    market.sync();
    market.wait_quotes();
    let mut load = Load::new(market);
    load.take(market, Way::Out, 100_000, 0);
    load.take(market, Way::In, 60_000, 0);
    assert_eq!(load.swaps().count(), 2);
    if moment == Moment::Confirmed {
        for taken in load.swaps() {
            taken.wait_funding(&market.bitcoind);
        }
        // The next block is the last one for both.
        let most = load.swaps().map(|taken| taken.quote.confirmations).max();
        market.mine(most.unwrap() - 1);
    }
    load
}

/// With the next block at the latest it has something to write.
fn stops(market: &mut Market, victim: Victim) {
    market.bitcoind.mine(1);
    let ended = node(market, victim).wait_end(AT_ONCE);
    let ended = ended.unwrap_or_else(|| panic!("it goes on without writing after {AT_ONCE:?}"));
    assert_eq!(ended.code(), Some(OTHER), "{ended}");
}

fn refuses_to_start(node: &Node) {
    let begun = Instant::now();
    let again = node.output(&["run"]);
    assert_eq!(again.status.code(), Some(OTHER), "{again:?}");
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(said.contains("No space left on device"), "{said}");
}

fn goes_on(market: &mut Market, victim: Victim, load: &Load, moment: Moment) {
    node(market, victim).restart();
    let done = load.settle(market);
    assert!(
        moment == Moment::Begun || done == 2,
        "{done} of 2 went through"
    );
}

/// Until it ends, every write of this process to a file fails.
fn forbid_writing(node: &Node) {
    let pid = node.pid().unwrap().to_string();
    let limited = Command::new("prlimit")
        .args(["--pid", &pid, "--fsize=1"])
        .status();
    assert!(limited.unwrap().success());
}

fn node(market: &mut Market, victim: Victim) -> &mut Node {
    match victim {
        Victim::Taker => &mut market.taker,
        Victim::Maker => &mut market.makers[0],
    }
}

/// A small file system of its own; unmounted on drop.
struct Disk {
    path: PathBuf,
}

impl Disk {
    /// None where this user may not.
    fn mount(path: &Path) -> Option<Self> {
        fs::create_dir(path).unwrap();
        let options = format!("size={SIZE}m,mode=0700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(path)
            .output();
        let done = mounted.is_ok_and(|output| output.status.success());
        done.then(|| Self {
            path: path.to_owned(),
        })
    }

    fn filler(&self) -> PathBuf {
        self.path.join("filler")
    }

    /// Not a byte more.
    fn fill(&self) {
        let mut filler = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.filler())
            .unwrap();
        let block = vec![0; 64 << 10];
        let mut size = block.len();
        while size > 0 {
            if filler.write(&block[..size]).is_err() {
                size /= 2;
            }
        }
    }

    fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: while a test is failing its nodes may be there still.
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}
