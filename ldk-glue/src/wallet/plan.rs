//! Which coins a transaction spends and what it pays: arithmetic only.

use bdk_wallet::KeychainKind;
use bitcoin::{Amount, FeeRate, OutPoint, TxOut, Weight};

use crate::chain::fee_for;

/// Version, lock time, the two counts (below 253) and the segwit marker.
const BASE: Weight = Weight::from_wu(42);
/// A P2TR input spent by key path.
const INPUT: Weight = Weight::from_wu(230);
/// A P2TR output.
const CHANGE: Weight = Weight::from_wu(172);
/// Below this a P2TR output is not relayed.
pub(super) const DUST: Amount = Amount::from_sat(330);
/// What a replacement adds on its own size: Core's default incremental relay fee, 1 sat/vB.
const INCREMENTAL: FeeRate = FeeRate::from_sat_per_kwu(250);

/// A coin of the wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Coin {
    pub(super) outpoint: OutPoint,
    pub(super) txout: TxOut,
    pub(super) keychain: KeychainKind,
    pub(super) index: u32,
}

impl Coin {
    pub(super) fn value(&self) -> Amount {
        self.txout.value
    }
}

/// The sum of some coins.
pub(super) fn total(coins: &[Coin]) -> Amount {
    coins.iter().map(Coin::value).sum()
}

/// A transaction to be replaced.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replaced {
    pub(super) fee: Amount,
    pub(super) weight: Weight,
}

/// The rules for the fee.
#[derive(Clone, Copy, Debug)]
pub(super) struct FeeRule {
    pub(super) rate: FeeRate,
    pub(super) replaces: Option<Replaced>,
}

impl FeeRule {
    /// The fee for this weight: the rate asked for, and for a replacement at least what BIP125 demands, which is more in
    /// total by its own relay cost and more per vbyte.
    fn fee(&self, weight: Weight) -> Amount {
        let asked = fee_for(self.rate, weight);
        let Some(replaced) = self.replaces else {
            return asked;
        };
        let own_relay = replaced
            .fee
            .checked_add(fee_for(INCREMENTAL, weight))
            .unwrap_or(Amount::MAX_MONEY);
        let scaled = u128::from(replaced.fee.to_sat()) * u128::from(weight.to_vbytes_ceil());
        let same_rate = scaled.div_ceil(u128::from(replaced.weight.to_vbytes_ceil().max(1)));
        let higher_rate = Amount::from_sat(u64::try_from(same_rate + 1).unwrap_or(u64::MAX))
            .min(Amount::MAX_MONEY);
        asked.max(own_relay).max(higher_rate)
    }
}

/// What a transaction will spend and pay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// In order; the coins that had to be spent come first.
    pub(super) inputs: Vec<Coin>,
    /// Value of the change output, if there is one.
    pub(super) change: Option<Amount>,
    /// Inputs less outputs and change.
    pub(super) fee: Amount,
}

fn outputs_weight(outputs: &[TxOut]) -> Weight {
    outputs.iter().map(TxOut::weight).sum()
}

/// The plan for exactly these inputs; `Err` is what inputs would have to be worth.
fn settle(inputs: Vec<Coin>, outputs: &[TxOut], rule: FeeRule) -> Result<Plan, Amount> {
    let value = total(&inputs);
    let paid: Amount = outputs.iter().map(|output| output.value).sum();
    let count = u64::try_from(inputs.len()).unwrap_or(u64::MAX);
    let weight = BASE + INPUT * count + outputs_weight(outputs);
    let with_change = paid
        .checked_add(rule.fee(weight + CHANGE))
        .unwrap_or(Amount::MAX_MONEY);
    if let Some(change) = value
        .checked_sub(with_change)
        .filter(|change| *change >= DUST)
    {
        return Ok(Plan {
            inputs,
            change: Some(change),
            fee: with_change - paid,
        });
    }
    let bare = paid
        .checked_add(rule.fee(weight))
        .unwrap_or(Amount::MAX_MONEY);
    match value.checked_sub(paid) {
        Some(fee) if value >= bare && !outputs.is_empty() => Ok(Plan {
            inputs,
            change: None,
            fee,
        }),
        _ => Err(if outputs.is_empty() {
            with_change + DUST
        } else {
            bare
        }),
    }
}

/// Chooses coins: all of `must`, in order, and of `may` as few as possible: the smallest that does alone, else from the
/// largest on. Without outputs everything goes to change.
///
/// `Err` is what would be needed, fee included.
pub(super) fn choose(
    must: &[Coin],
    may: &[Coin],
    outputs: &[TxOut],
    rule: FeeRule,
) -> Result<Plan, Amount> {
    let mut needed = match must {
        [] => Err(Amount::ZERO),
        must => settle(must.to_vec(), outputs, rule),
    };
    let mut may = may.to_vec();
    may.sort_by_key(|coin| (coin.value(), coin.outpoint));
    let with = |extra: &[Coin]| settle([must, extra].concat(), outputs, rule);
    if needed.is_err() {
        for coin in &may {
            needed = with(std::slice::from_ref(coin));
            if needed.is_ok() {
                return needed;
            }
        }
    }
    may.reverse();
    let mut count = 2;
    while needed.is_err() && count <= may.len() {
        needed = with(&may[..count]);
        count += 1;
    }
    match needed {
        Err(Amount::ZERO) => Err(settle(Vec::new(), outputs, rule)
            .err()
            .unwrap_or(Amount::ZERO)),
        done => done,
    }
}

/// The coins best left alone for `reserve` to be there in coins that can be spent at once: the smallest that does alone, else
/// from the largest on. None when all together do not.
pub(super) fn keep(coins: &[Coin], reserve: Amount) -> Vec<Coin> {
    let mut coins = coins.to_vec();
    coins.sort_by_key(|coin| (coin.value(), coin.outpoint));
    if reserve == Amount::ZERO || total(&coins) < reserve {
        return Vec::new();
    }
    if let Some(coin) = coins.iter().find(|coin| coin.value() >= reserve) {
        return vec![coin.clone()];
    }
    let mut kept = Vec::new();
    while total(&kept) < reserve {
        kept.extend(coins.pop());
    }
    kept
}

/// The coins that can stay where all but `reserve` is spent: the smallest, where they are worth it and hardly more, so that
/// leaving them costs no more than a change output and its spending would. None when there are none such.
pub(super) fn stay(coins: &[Coin], reserve: Amount, rate: FeeRate) -> Vec<Coin> {
    let mut coins = coins.to_vec();
    coins.sort_by_key(|coin| (coin.value(), coin.outpoint));
    let mut left = Vec::new();
    for coin in coins {
        if total(&left) >= reserve {
            break;
        }
        left.push(coin);
    }
    let limit = reserve.checked_add(fee_for(rate, CHANGE + INPUT));
    let worth = total(&left);
    if worth >= reserve && limit.is_some_and(|limit| worth <= limit) {
        left
    } else {
        Vec::new()
    }
}

impl Plan {
    /// Divides the change so that `part` of it is a coin of its own, which it gives back as that output's value. The fee of
    /// the output comes out of the change, of which as much again must be left; otherwise all stays as it was.
    pub(super) fn split(&mut self, part: Amount, rate: FeeRate) -> Option<Amount> {
        let part = part.max(DUST);
        let fee = fee_for(rate, CHANGE);
        let rest = self.change?.checked_sub(part.checked_add(fee)?)?;
        if rest < part {
            return None;
        }
        self.change = Some(rest);
        self.fee += fee;
        Some(part)
    }
}

/// Spends all of `coins` to one output of this weight, leaving `keep` as change; gives the plan and the output's value.
/// `Err` is the fee when nothing would be left.
pub(super) fn sweep(
    coins: &[Coin],
    output: Weight,
    keep: Amount,
    rule: FeeRule,
) -> Result<(Plan, Amount), Amount> {
    let keep = (keep > Amount::ZERO).then(|| keep.max(DUST));
    let count = u64::try_from(coins.len()).unwrap_or(u64::MAX);
    let change_weight = if keep.is_some() { CHANGE } else { Weight::ZERO };
    let fee = rule.fee(BASE + INPUT * count + output + change_weight);
    let spent = fee
        .checked_add(keep.unwrap_or(Amount::ZERO))
        .unwrap_or(Amount::MAX_MONEY);
    match total(coins).checked_sub(spent) {
        Some(value) if value > Amount::ZERO => Ok((
            Plan {
                inputs: coins.to_vec(),
                change: keep,
                fee,
            },
            value,
        )),
        _ => Err(spent),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use bitcoin::ScriptBuf;
    use bitcoin::hashes::Hash as _;
    use bitcoin::{Txid, WitnessProgram, WitnessVersion};

    use super::*;

    fn p2tr() -> ScriptBuf {
        ScriptBuf::new_witness_program(&WitnessProgram::new(WitnessVersion::V1, &[7; 32]).unwrap())
    }

    fn coin(sats: u64) -> Coin {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&sats.to_le_bytes());
        Coin {
            outpoint: OutPoint::new(Txid::from_byte_array(id), 0),
            txout: TxOut {
                value: Amount::from_sat(sats),
                script_pubkey: p2tr(),
            },
            keychain: KeychainKind::External,
            index: 0,
        }
    }

    fn pay(sats: u64) -> Vec<TxOut> {
        vec![TxOut {
            value: Amount::from_sat(sats),
            script_pubkey: p2tr(),
        }]
    }

    fn at(sat_per_vb: u64) -> FeeRule {
        FeeRule {
            rate: FeeRate::from_sat_per_vb(sat_per_vb).unwrap(),
            replaces: None,
        }
    }

    #[test]
    fn one_input_an_htlc_and_change_are_154_vbytes() {
        let plan = choose(&[], &[coin(1_000_000)], &pay(500_000), at(1)).unwrap();
        assert_eq!(plan.fee, Amount::from_sat(154));
        assert_eq!(plan.change, Some(Amount::from_sat(499_846)));
    }

    #[test]
    fn the_smallest_coin_that_does_alone_is_taken() {
        let coins = [coin(900_000), coin(50_000), coin(300_000), coin(100_000)];
        let plan = choose(&[], &coins, &pay(99_900), at(1)).unwrap();
        assert_eq!(plan.inputs, [coin(300_000)]);
        let plan = choose(&[], &coins, &pay(1_000_000), at(1)).unwrap();
        assert_eq!(plan.inputs, [coin(900_000), coin(300_000)]);
    }

    #[test]
    fn change_below_dust_goes_to_the_fee_and_value_is_conserved() {
        // 111 vB without change; 154 with it would leave 329.
        let plan = choose(&[], &[coin(10_483)], &pay(10_000), at(1)).unwrap();
        assert_eq!(plan.change, None);
        assert_eq!(plan.fee, Amount::from_sat(483));
        let plan = choose(&[], &[coin(10_484)], &pay(10_000), at(1)).unwrap();
        assert_eq!(plan.change, Some(DUST));
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(
            choose(&[], &[coin(10_000)], &pay(10_000), at(1)),
            Err(Amount::from_sat(10_111))
        );
        assert!(choose(&[], &[], &pay(10_000), at(1)).unwrap_err() > Amount::from_sat(10_000));
    }

    #[test]
    fn a_replacement_pays_more_in_total_and_per_vbyte() {
        let weight = Weight::from_vb(154).unwrap();
        let replaced = Replaced {
            fee: Amount::from_sat(1540),
            weight,
        };
        let rule = FeeRule {
            rate: FeeRate::from_sat_per_vb(1).unwrap(),
            replaces: Some(replaced),
        };
        assert_eq!(rule.fee(weight), Amount::from_sat(1694));
        let larger = Weight::from_vb(211).unwrap();
        // 10 sat/vB on 211 vB is 2110; one more is a higher rate.
        assert_eq!(rule.fee(larger), Amount::from_sat(2111));
        let smaller = Weight::from_vb(111).unwrap();
        assert_eq!(rule.fee(smaller), Amount::from_sat(1651));
    }

    #[test]
    fn sweeping_all_keeps_the_reserve_and_nothing_else() {
        let coins = [coin(100_000), coin(50_000)];
        let (plan, value) = sweep(&coins, CHANGE, Amount::from_sat(25_000), at(2)).unwrap();
        assert_eq!(plan.change, Some(Amount::from_sat(25_000)));
        assert_eq!(
            value + plan.fee + Amount::from_sat(25_000),
            Amount::from_sat(150_000)
        );
        let (plan, value) = sweep(&coins, CHANGE, Amount::ZERO, at(2)).unwrap();
        assert_eq!(
            (plan.change, value + plan.fee),
            (None, Amount::from_sat(150_000))
        );
        assert!(sweep(&[coin(200)], CHANGE, Amount::ZERO, at(2)).is_err());
    }

    #[test]
    fn the_smallest_coin_that_makes_the_reserve_is_left_alone() {
        let coins = [coin(30_000), coin(900_000), coin(10_000), coin(60_000)];
        let of = |sats| keep(&coins, Amount::from_sat(sats));
        assert_eq!(of(25_000), [coin(30_000)]);
        assert_eq!(of(50_000), [coin(60_000)]);
        assert_eq!(of(950_000), [coin(900_000), coin(60_000)]);
        assert_eq!(of(0), []);
        assert_eq!(of(1_000_001), []);
    }

    #[test]
    fn coins_worth_the_reserve_stay_when_all_else_goes() {
        let rate = at(2).rate;
        let of = |coins: &[Coin], sats| stay(coins, Amount::from_sat(sats), rate);
        let coins = [coin(900_000), coin(25_000), coin(25_000)];
        assert_eq!(of(&coins, 25_000), [coin(25_000)]);
        assert_eq!(of(&coins, 50_000), [coin(25_000), coin(25_000)]);
        // 101 vB at 2 sat/vB.
        assert_eq!(of(&[coin(25_202)], 25_000), [coin(25_202)]);
        assert_eq!(of(&[coin(25_203)], 25_000), []);
        assert_eq!(of(&coins, 60_000), []);
        assert_eq!(of(&coins, 0), []);
    }

    #[test]
    fn change_is_divided_only_where_as_much_again_is_left() {
        let plan = choose(&[], &[coin(1_000_000)], &pay(500_000), at(1)).unwrap();
        let mut divided = plan.clone();
        let part = divided.split(Amount::from_sat(25_000), at(1).rate);
        assert_eq!(part, Some(Amount::from_sat(25_000)));
        assert_eq!(divided.fee, plan.fee + Amount::from_sat(43));
        let change = Amount::from_sat(499_846 - 25_043);
        assert_eq!(divided.change, Some(change));
        let mut whole = plan.clone();
        assert_eq!(whole.split(Amount::from_sat(250_000), at(1).rate), None);
        assert_eq!(whole, plan);
    }
}
