//! A market on regtest that runs on this machine alone.

use cambista_harness::Bitcoind;

fn main() {
    let bitcoind = Bitcoind::start(&[]);
    bitcoind.mine(101);
    println!(
        "bitcoind {} at height {}",
        bitcoind.rpc_url(),
        bitcoind.height()
    );
}
