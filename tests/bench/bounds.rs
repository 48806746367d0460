//! What many swaps cost a maker: memory, files, disk, its start and every block, with few and with many of them.
//!
//! A few real swaps are made, two of them left open with a confirmation missing, and copied in the maker's database under
//! ids of their own, as many as are to be measured.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use cambista_harness::{Market, Taken, Way};

use crate::multiply::multiply;
use crate::process;

/// More than is taken with one confirmation (sat).
const LARGE: u64 = 1_200_000;
const IDLE: Duration = Duration::from_secs(10);
/// Finished and open swaps, and the blocks read with them.
const SIZES: [(u32, u32, u32); 7] = [
    (0, 0, 50),
    (100, 0, 50),
    (1_000, 0, 50),
    (5_000, 0, 50),
    (10_000, 0, 50),
    (0, 100, 50),
    (0, 1_000, 50),
];
/// So many blocks after its end a swap leaves memory.
const ARCHIVED_AFTER: u32 = 150;
/// Everything at once, for a week.
const WEEK: (u32, u32, u32) = (10_000, 1_000, 1_008);

/// Prints one line for each size; `blocks` in place of the week's.
pub(crate) fn print(blocks: Option<u32>) {
    println!("{}", process::machine());
    let mut market = Market::direct(3);
    for (way, amount) in [(Way::Out, 2 * LARGE), (Way::In, 60_000), (Way::Out, 50_000)] {
        let taken = Taken::take(&market.taker, way, amount, &[]);
        market.confirm_and_claim(&taken);
        market.mine(5);
        market.running().for_each(|node| {
            taken.assert_outcome(node, "done");
        });
    }
    let open = [Way::Out, Way::In].map(|way| {
        let taken = Taken::take(&market.taker, way, LARGE, &[]);
        taken.wait_funding(&market.bitcoind);
        taken
    });
    market.mine(1);
    let is_open = |maker_id: &str| open.iter().any(|taken| taken.id == maker_id);
    market.taker.kill9();
    market.makers[0].kill9();
    let database = market.makers[0].dir().join("cambista.db");
    let kept = tempfile::tempdir().unwrap();
    for end in ["db", "db-wal"] {
        let file = database.with_extension(end);
        if file.exists() {
            fs::copy(&file, kept.path().join(format!("cambista.{end}"))).unwrap();
        }
    }
    for _ in 0..ARCHIVED_AFTER {
        market.bitcoind.mine_only(&[]);
    }
    println!(
        "{:>8} {:>6} {:>6} {:>9} {:>9} {:>9} {:>6} {:>9} {:>9} {:>11} {:>9}",
        "finished",
        "open",
        "blocks",
        "start ms",
        "MiB",
        "MiB end",
        "files",
        "disk KiB",
        "ms/block",
        "B/block",
        "list ms"
    );
    let week = (WEEK.0, WEEK.1, blocks.unwrap_or(WEEK.2));
    for (finished, open, blocks) in SIZES.into_iter().chain([week]) {
        restore(kept.path(), &database);
        multiply(&database, finished, open, is_open);
        measure(&mut market, finished, open, blocks);
    }
    // Copies have hashes nobody knows the secrets to, which are looked for at the end.
    restore(kept.path(), &database);
}

/// Puts the database with the real swaps alone in its place.
fn restore(kept: &Path, database: &Path) {
    for end in ["db", "db-wal", "db-shm"] {
        let _ = fs::remove_file(database.with_extension(end));
        let saved = kept.join(format!("cambista.{end}"));
        if saved.exists() {
            fs::copy(saved, database.with_extension(end)).unwrap();
        }
    }
}

fn measure(market: &mut Market, finished: u32, open: u32, blocks: u32) {
    // What was copied is read once, as swaps that a node has are before they end, and archived.
    market.makers[0].restart();
    market.sync();
    market.makers[0].kill9();
    let started = Instant::now();
    market.makers[0].restart();
    let start = started.elapsed();
    let maker = &market.makers[0];
    let pid = maker.pid().expect("a running node");
    // What the start leaves to do is done, and the blocks mined for the size before are read.
    market.sync();
    std::thread::sleep(Duration::from_secs(2));
    let (first, size) = (process::resident_kib(pid), disk(market));
    let began = Instant::now();
    for _ in 0..blocks {
        market.bitcoind.mine_only(&[]);
        market.sync();
    }
    let millis = u64::try_from(began.elapsed().as_millis()).unwrap();
    let tenths = millis * 10 / u64::from(blocks.max(1));
    let grown = disk(market).saturating_sub(size) / u64::from(blocks.max(1));
    let asked = Instant::now();
    let _ = maker.api_get("/swaps");
    let list = asked.elapsed();
    let last = process::resident_kib(pid);
    let mib = |kib: u64| format!("{}.{}", kib / 1024, kib % 1024 * 10 / 1024);
    println!(
        "{finished:>8} {open:>6} {blocks:>6} {:>9} {:>9} {:>9} {:>6} {:>9} {:>9} {grown:>11} {:>9}",
        start.as_millis(),
        mib(first),
        mib(last),
        process::files(pid),
        size / 1024,
        format!("{}.{}", tenths / 10, tenths % 10),
        list.as_millis(),
    );
    println!("         idle: {}", process::idle(maker, IDLE));
    market.makers[0].kill9();
}

/// The database with its log (bytes).
fn disk(market: &Market) -> u64 {
    let database = market.makers[0].dir().join("cambista.db");
    ["db", "db-wal"]
        .iter()
        .filter_map(|end| fs::metadata(database.with_extension(end)).ok())
        .map(|file| file.len())
        .sum()
}
