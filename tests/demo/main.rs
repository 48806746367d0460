//! A whole market on this machine, from nothing to done: a bitcoind, two makers, and a merchant who takes a swap each
//! way. Every node is a process of its own with a folder of its own. What the swaps cost is checked to the satoshi
//! against the quotes and the chain. `--keep` (or `KEEP=1`) leaves the market running afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod end;
mod keep;
mod say;
mod taking;

use std::process::ExitCode;
use std::time::Instant;

use cambista_harness::{Market, MarketOptions, Price, Way};
use serde_json::json;

use say::{grouped, heading, line};

/// Next door to the merchant, and dear.
const CORNER: Price = Price {
    out_base: 1_500,
    out_ppm: 6_000,
    in_base: 200,
    in_ppm: 1_500,
};
/// Two hops away, and cheap for `out`.
const HARBOUR: Price = Price {
    out_base: 300,
    out_ppm: 1_800,
    in_base: 900,
    in_ppm: 4_000,
};
const FEE_RATE: u32 = 4;

const HELP: &str = "cambista-demo [--keep]\n\n\
    Runs a market on regtest on this machine alone: two makers and a merchant, two swaps, every satoshi checked.\n\n  \
    --keep   leaves the market running and says how to use it (also: KEEP=1)\n";

fn main() -> ExitCode {
    let mut keep = std::env::var("KEEP").is_ok_and(|value| !value.is_empty() && value != "0");
    for arg in std::env::args().skip(1) {
        match arg.as_str() {
            "--keep" => keep = true,
            "--help" | "-h" => {
                print!("{HELP}");
                return ExitCode::SUCCESS;
            }
            other => {
                eprintln!("unknown argument {other}\n\n{HELP}");
                return ExitCode::from(2);
            }
        }
    }
    let started = Instant::now();
    let folder = tempfile::Builder::new()
        .prefix("cambista-demo-")
        .tempdir()
        .expect("a temporary folder");
    end::on_signal(folder.path());
    heading("A market on regtest: bitcoind, two makers and a merchant");
    let market = Market::start(&MarketOptions {
        makers: vec![
            ("corner".to_owned(), CORNER),
            ("harbour".to_owned(), HARBOUR),
        ],
        taker: "shop".to_owned(),
        refund_delta: 144,
        dir: Some(folder.path().to_owned()),
        ..MarketOptions::new(FEE_RATE, &[])
    });
    introduce(&market);
    taking::check_no_inbound(&market);

    let stranger = stranger(&market);
    taking::swap(&market, Way::Out, 500_000, Some(&stranger), "harbour");
    taking::swap(&market, Way::In, 250_000, None, "corner");

    heading("All balances came out to the satoshi.");
    line(&format!("{} seconds in all", started.elapsed().as_secs()));
    if keep {
        keep::run(&market, folder.path());
    }
    // The nodes go before the folder they live in.
    drop(market);
    let path = folder.path().to_owned();
    folder.close().expect("remove the folder");
    line(&format!(
        "everything is stopped, {} is removed",
        path.display()
    ));
    ExitCode::SUCCESS
}

/// An address of somebody else, at a bitcoind wallet that no node here knows.
fn stranger(market: &Market) -> String {
    let params = json!(["", "bech32m"]);
    let answer = market.bitcoind.rpc_wallet("getnewaddress", params);
    answer.unwrap().as_str().unwrap().to_owned()
}

fn introduce(market: &Market) {
    let size = market.makers.len() + 1;
    line(&format!("{size} nodes, each a process of its own:"));
    for node in market.running() {
        let id = node.status()["node_id"].as_str().unwrap().to_owned();
        let pid = node.pid().unwrap();
        line(&format!("  {:8} pid {pid:<7} {}", node.name(), &id[..16]));
    }
    line("channels: shop -> corner -> harbour, all on the side they were opened from");
    line("shop knows the market through corner alone; harbour is two Lightning hops away");
    let rate = grouped(market.fee_rate());
    line(&format!("on-chain fee rate: {rate} sat/vB"));
}
