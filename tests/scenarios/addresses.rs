//! An `out` pays every kind of address: what arrives is the amount less the claim's fee, or exactly what was asked for.

use std::str::FromStr;

use bitcoin::{Address, AddressType};
use cambista_harness::transaction::Path;
use cambista_harness::{Bitcoind, Change, Market, Taken, Way};
use serde_json::json;

use crate::at_once::add;
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
    let before = purses(&market);
    let mut sums = [Change::default(); 2];
    for kind in wanted {
        let [plain, exact] = [(); 2].map(|()| address(&market.bitcoind, kind));
        let first = Taken::take(&market.taker, Way::Out, AMOUNT, &[&plain]);
        let second = Taken::take(&market.taker, Way::Out, AMOUNT, &[&exact, "--receive"]);
        assert!(second.quote.amount_sat > AMOUNT);
        let [one, two] = [&first, &second].map(|taken| taken.wait_funding(&market.bitcoind).0);
        market.mine(first.quote.confirmations.max(second.quote.confirmations));
        // The block of the one claim must not come before the other is told R.
        for (taken, outpoint) in [(&first, one), (&second, two)] {
            taken.wait_spend(&market.bitcoind, outpoint);
        }
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

        for (taken, swap) in [&first, &second].into_iter().zip(&seen) {
            add(&mut sums[0], taken.taker_change(swap, 0, false));
            add(&mut sums[1], taken.maker_change(swap, 0));
        }
    }
    before[0].assert_changed(&market.taker, &market.bitcoind, sums[0]);
    before[1].assert_changed(&market.makers[0], &market.bitcoind, sums[1]);
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
