//! The wallet behind the API.

use std::str::FromStr as _;

use bitcoin::{Address, Amount, FeeRate};
use cambista_ldk::Node;
use cambista_ldk::wallet::{SendAmount, WalletError};

use super::backend::NodeBackend;
use crate::api::types::{Balance, Code, Funds, Problem, SendCoins, SendPlan, Sent};

/// A payment to oneself or to others may wait this many blocks when nothing else was said.
const SEND_TARGET: u16 = 6;

/// The highest fee rate a person may name (sat/vB): more is a slip of the hand.
const MOST_FOR_A_SEND: u64 = 10_000;

impl NodeBackend {
    pub(super) fn money(&self) -> Balance {
        let (lightning, chain) = (self.node.liquidity(), self.node.wallet().balance());
        Balance {
            lightning_outbound_sat: lightning.outbound_msat / 1_000,
            lightning_inbound_sat: lightning.inbound_msat / 1_000,
            onchain_confirmed_sat: chain.confirmed.to_sat(),
            onchain_pending_sat: chain.pending.to_sat(),
            onchain_reserved_sat: chain.reserved.to_sat(),
            onchain_spendable_sat: chain.spendable.to_sat(),
        }
    }

    /// What sending would do and cost now.
    pub(super) fn plan_coins(&self, send: &SendCoins) -> Result<SendPlan, Problem> {
        let (to, amount, rate) = self.asked(send)?;
        let planned = self.node.wallet().plan_send(&to, amount, rate);
        let (paid, fee) = planned.map_err(|error| wallet(&error))?;
        Ok(SendPlan {
            amount_sat: paid.to_sat(),
            fee_sat: fee.to_sat(),
            fee_rate_sat_vb: rate.to_sat_per_vb_ceil(),
        })
    }

    pub(super) async fn send_coins(&self, send: SendCoins) -> Result<Sent, Problem> {
        let (to, amount, rate) = self.asked(&send)?;
        let tx = self
            .node
            .wallet()
            .send(&to, amount, rate)
            .map_err(|error| wallet(&error))?;
        let fee = (self.node.wallet().fee_of(&tx))
            .unwrap_or_else(|| rate.fee_wu(tx.weight()).unwrap_or(Amount::ZERO));
        if let Some(most) = send.max_fee_sat
            && fee.to_sat() > most
        {
            self.node.wallet().release_tx(&tx);
            return Err(Problem::refused(format!(
                "miners would now get {} sat, above the limit of {most} sat; nothing was sent. Ask again to see what it costs",
                fee.to_sat()
            ))
            .next("cambista wallet send --help"));
        }
        let txid = tx.compute_txid();
        if let Err(error) = self
            .node
            .broadcaster()
            .broadcast(std::slice::from_ref(&tx))
            .await
        {
            return Err(not_broadcast(&self.node, &tx, &error));
        }
        let script = to.script_pubkey();
        let paid = tx
            .output
            .iter()
            .find(|output| output.script_pubkey == script)
            .map(|output| output.value);
        Ok(Sent {
            txid: txid.to_string(),
            amount_sat: paid.unwrap_or(Amount::ZERO).to_sat(),
            fee_sat: fee.to_sat(),
        })
    }

    /// Where to, how much and at which rate.
    fn asked(&self, send: &SendCoins) -> Result<(Address, SendAmount, FeeRate), Problem> {
        let to = Address::from_str(&send.address)
            .ok()
            .and_then(|address| address.require_network(self.network).ok())
            .ok_or_else(|| {
                Problem::invalid(format!(
                    "this is no address on {}; nothing was sent",
                    self.network
                ))
            })?;
        let amount = match (send.amount_sat, send.all) {
            (Some(sat), false) => SendAmount::Exact(Amount::from_sat(sat)),
            (None, true) => SendAmount::All,
            _ => {
                return Err(Problem::invalid(
                    "say either an amount or all of it; nothing was sent",
                ));
            }
        };
        let rate = match send.fee_rate_sat_vb {
            Some(rate) if rate > MOST_FOR_A_SEND => {
                return Err(Problem::invalid(format!(
                    "{rate} sat/vB would be thrown away: {MOST_FOR_A_SEND} is the most; nothing was sent"
                )));
            }
            Some(rate) => FeeRate::from_sat_per_vb(rate).ok_or_else(|| {
                Problem::invalid("this fee rate is beyond all money; nothing was sent")
            })?,
            None => self.node.fees().rate(SEND_TARGET),
        };
        Ok((to, amount, rate))
    }
}

/// Refused by bitcoind: nobody has it, its coins are free again. No answer from bitcoind: somebody may have it.
fn not_broadcast(
    node: &Node,
    tx: &bitcoin::Transaction,
    error: &cambista_ldk::rpc::RpcError,
) -> Problem {
    if matches!(error, cambista_ldk::rpc::RpcError::Rpc { .. }) {
        node.wallet().release_tx(tx);
        return Problem::refused(format!(
            "bitcoind refuses the transaction ({error}); nothing was sent"
        ));
    }
    Problem::new(
        Code::Unavailable,
        format!(
            "transaction {} may or may not have been sent: {error}",
            tx.compute_txid()
        ),
    )
    .funds(Funds::Unknown)
    .next("cambista wallet balance")
}

pub(super) fn wallet(error: &WalletError) -> Problem {
    let text = error.to_string();
    match error {
        WalletError::InsufficientFunds { .. } => {
            Problem::refused(text).next("cambista wallet balance")
        }
        WalletError::Dust { .. } => Problem::invalid(text),
        _ => Problem::internal(text).next("cambista status"),
    }
}
