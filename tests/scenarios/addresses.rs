//! An `out` pays every kind of address: what arrives is the amount less the claim's fee, or exactly what was asked for.

use std::str::FromStr;

use bitcoin::{Address, AddressType};
use cambista_harness::transaction::Path;
use cambista_harness::{Bitcoind, Change, Market, Purse, Taken, Way};
use serde_json::json;

use crate::taker_killed::purses;

at_two_fee_rates!(of_every_kind);

const AMOUNT: u64 = 120_000;

fn of_every_kind(fee_rate: u32) {
    let market = Market::direct(fee_rate);
    let wanted = [
        AddressType::P2pkh,
        AddressType::P2sh,
        AddressType::P2wpkh,
        AddressType::P2wsh,
        AddressType::P2tr,
    ];
    for kind in wanted {
        let [plain, exact] = [(); 2].map(|()| address(&market.bitcoind, kind));
        let before = purses(&market);
        let first = Taken::take(&market.taker, Way::Out, AMOUNT, &[&plain]);
        let second = Taken::take(&market.taker, Way::Out, AMOUNT, &[&exact, "--receive"]);
        assert!(second.quote.amount_sat > AMOUNT);
        let [one, two] = [&first, &second].map(|taken| taken.wait_funding(&market.bitcoind).0);
        let seen = [(&first, one), (&second, two)]
            .map(|(taken, outpoint)| market.mine_until_claimed(taken, outpoint));

        for (swap, to) in seen.iter().zip([&plain, &exact]) {
            assert_eq!(swap.spend.path(swap.outpoint), Path::Key, "{kind}");
            let script = parsed(to).script_pubkey();
            assert_eq!(swap.spend.tx.output[0].script_pubkey, script, "{kind}");
        }
        let [plain, exact] = seen.each_ref().map(|swap| swap.spend.only_output());
        assert_eq!(plain + seen[0].spend.fee_sat, AMOUNT, "{kind}");
        seen[0].spend.assert_rate(u64::from(fee_rate));
        assert_eq!(exact, AMOUNT, "{kind}");

        let change = |index: usize, taken: &Taken| {
            let taker = taken.taker_change(&seen[index], 0, false);
            (taker, taken.maker_change(&seen[index], 0))
        };
        let ((a, b), (c, d)) = (change(0, &first), change(1, &second));
        assert_sum(&before[0], &market, 0, [a, c]);
        assert_sum(&before[1], &market, 1, [b, d]);
    }
}

/// Checks what the taker (0) or the maker (1) gained in two swaps.
fn assert_sum(before: &Purse, market: &Market, side: usize, [one, two]: [Change; 2]) {
    let node = [&market.taker, &market.makers[0]][side];
    let sum = Change {
        lightning: one.lightning + two.lightning,
        chain: one.chain + two.chain,
    };
    before.assert_changed(node, &market.bitcoind, sum);
}

/// A new address of this kind that nobody of the market owns.
fn address(bitcoind: &Bitcoind, kind: AddressType) -> String {
    let new = |name: &str| {
        let made = bitcoind.rpc_wallet("getnewaddress", json!(["", name]));
        made.unwrap().as_str().unwrap().to_owned()
    };
    let made = match kind {
        AddressType::P2pkh => new("legacy"),
        AddressType::P2sh => new("p2sh-segwit"),
        AddressType::P2wpkh => new("bech32"),
        AddressType::P2tr => new("bech32m"),
        _ => {
            let of = bitcoind.rpc_wallet("getaddressinfo", json!([new("bech32")]));
            let key = of.unwrap()["pubkey"].clone();
            let made = bitcoind.rpc("createmultisig", json!([1, [key], "bech32"]));
            made.unwrap()["address"].as_str().unwrap().to_owned()
        }
    };
    assert_eq!(parsed(&made).address_type(), Some(kind));
    made
}

fn parsed(address: &str) -> Address {
    Address::from_str(address).unwrap().assume_checked()
}
