//! Leaving the market running for whoever wants to play with it.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::spawn;
use std::time::Duration;

use cambista_harness::Market;

use crate::say::{heading, line};

/// One block in so many seconds.
const BLOCK_SECS: u64 = 5;

/// Mines now and then until Enter is pressed.
pub(crate) fn run(market: &Market, folder: &Path) {
    heading("The market goes on. In another terminal:");
    line("offers, a swap each way, and what became of them, as the shop:");
    for args in ["offers", "out 100000", "in 60000", "swaps", "status"] {
        line(&format!("  {}", market.taker.command_line(args)));
    }
    line("as a maker:");
    for args in ["maker show", "maker set --out-base 100 --out-ppm 500"] {
        line(&format!("  {}", market.makers[0].command_line(args)));
    }
    let cookie = market.bitcoind.cookie_path();
    line(&format!(
        "bitcoind answers at {}, cookie {}; the folders are in {}",
        market.bitcoind.rpc_url(),
        cookie.display(),
        folder.display()
    ));
    line(&format!(
        "a block is mined every {BLOCK_SECS} seconds; Enter ends it all"
    ));
    let enter = wait_for_enter();
    while let Err(RecvTimeoutError::Timeout) = enter.recv_timeout(Duration::from_secs(BLOCK_SECS)) {
        // A node that its user has stopped or killed must not end the market: nobody is waited for.
        market.bitcoind.mine(1);
    }
}

/// Says when a line was entered. Without a terminal nobody can, and it goes on until it is killed.
fn wait_for_enter() -> Receiver<()> {
    let (entered, enter) = channel();
    spawn(move || {
        let mut text = String::new();
        match std::io::stdin().read_line(&mut text) {
            Ok(1..) => drop(entered.send(())),
            // Kept, so that the other side does not take its end for an answer.
            Ok(0) | Err(_) => loop {
                std::thread::park();
            },
        }
    });
    enter
}
