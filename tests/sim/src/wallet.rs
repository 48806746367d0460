//! The wallet of one node: coins of its own scripts, reserved in memory only.

use bitcoin::transaction::Version;
use bitcoin::{
    Amount, FeeRate, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness,
    absolute::LockTime,
};
use cambista_engine::ports::{BuiltFunding, PortError, TakenBack, Wallet};

use crate::node::Node;
use crate::treason::{Treason, hide_a_fee};
use crate::world::{World, script};

/// What every input's signature weighs.
const SIGNATURE: usize = 64;

fn assemble(inputs: &[(OutPoint, u64)], outputs: Vec<TxOut>) -> Transaction {
    let input = inputs.iter().map(|(outpoint, _)| TxIn {
        previous_output: *outpoint,
        script_sig: ScriptBuf::new(),
        sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
        witness: Witness::from_slice(&[[7; SIGNATURE]]),
    });
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: input.collect(),
        output: outputs,
    }
}

fn short() -> PortError {
    PortError("the coins do not suffice".to_owned())
}

fn free(world: &World, who: usize) -> Vec<(OutPoint, u64)> {
    let spent_waiting = |outpoint: &OutPoint| {
        let mut inputs = world.chain.mempool.iter().flat_map(|w| &w.tx.input);
        inputs.any(|input| input.previous_output == *outpoint)
    };
    let coins = world.chain.coins_at(&world.sides[who].scripts);
    coins
        .into_iter()
        .filter(|(at, _)| !world.sides[who].reserved.contains(at) && !spent_waiting(at))
        .map(|(at, out)| (at, out.value.to_sat()))
        .collect()
}

fn fresh(world: &mut World, who: usize) -> ScriptBuf {
    let script = script(world.rng.bytes32());
    world.sides[who].scripts.push(script.clone());
    script
}

/// A transaction with these first inputs, more coins as needed, what is to be paid, and the rest as change.
fn build(
    world: &mut World,
    who: usize,
    first: Vec<(OutPoint, u64)>,
    paid: Vec<TxOut>,
    change: ScriptBuf,
    rule: (u64, u64),
) -> Result<(Transaction, u64), PortError> {
    let (rate, least) = rule;
    let amount: u64 = paid.iter().map(|out| out.value.to_sat()).sum();
    let mut inputs = first;
    let mut more = free(world, who).into_iter();
    loop {
        let total: u64 = inputs.iter().map(|(_, value)| value).sum();
        let mut outputs = paid.clone();
        outputs.push(TxOut {
            value: Amount::ZERO,
            script_pubkey: change.clone(),
        });
        let mut tx = assemble(&inputs, outputs);
        let vsize = u64::try_from(tx.vsize()).unwrap_or(u64::MAX);
        let fee = (vsize * rate).max(least + if least > 0 { vsize } else { 0 });
        if let Some(rest) = total
            .checked_sub(amount + fee)
            .filter(|rest| *rest >= 1_000)
            && let Some(last) = tx.output.last_mut()
        {
            last.value = Amount::from_sat(rest);
            return Ok((tx, fee));
        }
        inputs.push(more.next().ok_or_else(short)?);
    }
}

fn inputs_of(world: &World, tx: &Transaction) -> Result<Vec<(OutPoint, u64)>, PortError> {
    tx.input
        .iter()
        .map(|input| {
            let at = input.previous_output;
            let coin = world.chain.utxos.get(&at);
            coin.map(|out| (at, out.value.to_sat()))
                .ok_or_else(|| PortError("a coin of the funding is spent".to_owned()))
        })
        .collect()
}

fn fee_of(inputs: &[(OutPoint, u64)], tx: &Transaction) -> u64 {
    let total: u64 = inputs.iter().map(|(_, value)| value).sum();
    let out: u64 = tx.output.iter().map(|out| out.value.to_sat()).sum();
    total.saturating_sub(out)
}

fn reserve(world: &mut World, who: usize, tx: &Transaction) {
    let inputs = tx.input.iter().map(|input| input.previous_output);
    world.sides[who].reserved.extend(inputs);
}

fn sat_vb(rate: FeeRate) -> u64 {
    rate.to_sat_per_vb_ceil()
}

fn built(tx: Transaction, fee: u64) -> Result<BuiltFunding, PortError> {
    let first_input = tx.input.first().ok_or_else(short)?.previous_output;
    Ok(BuiltFunding {
        tx,
        fee: Amount::from_sat(fee),
        first_input,
    })
}

impl Wallet for Node {
    fn fresh_script(&self) -> Result<ScriptBuf, PortError> {
        if self.is_traitor(Treason::NobodysAddress) {
            return Ok(self.look(|world, _| script(world.rng.bytes32())));
        }
        Ok(self.look(fresh))
    }

    fn fundable(&self) -> Amount {
        let total = self.look(|w, who| free(w, who).iter().map(|(_, value)| value).sum());
        Amount::from_sat(total)
    }

    fn funding_fee(&self, amount: Amount, rate: FeeRate) -> Result<Amount, PortError> {
        self.look(|world, who| {
            let paid = TxOut {
                value: amount,
                script_pubkey: script([1; 32]),
            };
            let change = script([2; 32]);
            let built = build(
                world,
                who,
                Vec::new(),
                vec![paid],
                change,
                (sat_vb(rate), 0),
            );
            built.map(|(_, fee)| Amount::from_sat(fee))
        })
    }

    fn fund(
        &self,
        script: ScriptBuf,
        amount: Amount,
        rate: FeeRate,
    ) -> Result<BuiltFunding, PortError> {
        let made = self.act("building a funding", |world, who| {
            let paid = TxOut {
                value: amount,
                script_pubkey: script,
            };
            let change = fresh(world, who);
            let (mut tx, fee) = build(
                world,
                who,
                Vec::new(),
                vec![paid],
                change,
                (sat_vb(rate), 0),
            )?;
            if world.treason == Some(Treason::FeesHidden) {
                hide_a_fee(&mut tx);
            }
            reserve(world, who, &tx);
            built(tx, fee)
        });
        made.unwrap_or_else(|| Err(short()))
    }

    fn bump(
        &self,
        funding: &Transaction,
        script: &ScriptBuf,
        rate: FeeRate,
    ) -> Result<BuiltFunding, PortError> {
        let made = self.act("bumping a funding", |world, who| {
            let inputs = inputs_of(world, funding)?;
            let fee = fee_of(&inputs, funding);
            let paid = funding.output.iter().filter(|o| o.script_pubkey == *script);
            let paid = paid.cloned().collect();
            let change = fresh(world, who);
            let (tx, fee) = build(world, who, inputs, paid, change, (sat_vb(rate), fee))?;
            reserve(world, who, &tx);
            built(tx, fee)
        });
        made.unwrap_or_else(|| Err(short()))
    }

    fn take_back(
        &self,
        funding: &Transaction,
        _: &ScriptBuf,
        rate: FeeRate,
    ) -> Result<TakenBack, PortError> {
        let made = self.act("taking a funding back", |world, who| {
            let mut inputs = inputs_of(world, funding)?;
            let fee = fee_of(&inputs, funding);
            inputs.truncate(1);
            let change = fresh(world, who);
            let built = build(world, who, inputs, Vec::new(), change, (sat_vb(rate), fee))?;
            let (tx, fee) = (built.0, Amount::from_sat(built.1));
            Ok(TakenBack { tx, fee })
        });
        made.unwrap_or_else(|| Err(short()))
    }

    fn reserve(&self, funding: &Transaction) {
        self.look(|world, who| reserve(world, who, funding));
    }

    fn release(&self, funding: &Transaction) {
        if self.is_alive() {
            self.look(|world, who| {
                for input in &funding.input {
                    world.sides[who].reserved.remove(&input.previous_output);
                }
            });
        }
    }
}
