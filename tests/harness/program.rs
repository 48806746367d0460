//! Where the programs under test are.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};

/// The `cambista` to run: `$CAMBISTA_BIN`, else the one beside this program in the target folder.
///
/// # Panics
/// When there is none: says how to build it.
pub fn cambista() -> PathBuf {
    if let Some(chosen) = std::env::var_os("CAMBISTA_BIN") {
        return PathBuf::from(chosen);
    }
    beside("cambista", "cargo build -p cambista")
}

/// The `cambista` with failpoints.
///
/// # Panics
/// When there is none: says how to build it.
pub fn with_failpoints() -> PathBuf {
    if let Some(chosen) = std::env::var_os("CAMBISTA_FAILPOINTS_BIN") {
        return PathBuf::from(chosen);
    }
    let name = "cambista-failpoints";
    beside(
        name,
        "cargo build --workspace --features cambista/failpoints --bin cambista-failpoints",
    )
}

fn beside(name: &str, how: &str) -> PathBuf {
    let own = std::env::current_exe().expect("the path of this program");
    // Tests run from target/debug/deps, programs from target/debug.
    let found = own
        .ancestors()
        .skip(1)
        .take(2)
        .map(|dir| dir.join(name))
        .find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("no `{name}` beside {}: build it (`{how}`)", own.display()))
}

/// Below the range the system hands out by itself, so that nobody takes a port between two starts of a node or a bitcoind, not
/// even a connection to the very port that has nobody behind it for a while.
const FIRST_PORT: u16 = 12_000;
const PORTS: u16 = 18_000;

/// A port on 127.0.0.1 that is free now, and not given out again by this process.
///
/// # Panics
/// When hundreds in a row are taken.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Another process starts elsewhere in the range.
    let offset = u16::try_from(std::process::id().wrapping_mul(97) % u32::from(PORTS)).unwrap();
    for _ in 0..500 {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % PORTS;
        let port = FIRST_PORT + (offset + step) % PORTS;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port found");
}
