//! `wallet`.

use serde_json::json;

use super::args_node::WalletCommand;
use super::context::Context;
use super::failure::Failure;
use super::text::{plain, sat};
use super::{show_node, show_pay};
use crate::api::types::{Balance, SendCoins, SendPlan, Sent, WalletAddress, WalletHistory};

/// The on-chain wallet.
pub(super) fn wallet(context: &Context, command: WalletCommand) -> Result<(), Failure> {
    let client = context.client()?;
    match command {
        WalletCommand::Address { no_qr } => {
            let fresh: WalletAddress = client.post("/wallet/address", &json!({}))?;
            context.qr(&format!("bitcoin:{}", fresh.address), no_qr);
            context.show(&fresh, || plain(&fresh.address));
        }
        WalletCommand::Balance => {
            let balance: Balance = client.get("/wallet/balance", &[])?;
            context.show(&balance, || show_node::balance(&balance));
        }
        WalletCommand::History => {
            let history: WalletHistory = client.get("/wallet/history", &[])?;
            context.show(&history, || match history.transactions.as_slice() {
                [] => format!(
                    "No transactions yet.\nNext: {}",
                    context.command("cambista wallet address")
                ),
                transactions => show_pay::history(transactions),
            });
        }
        WalletCommand::Send {
            address,
            amount,
            all,
            fee_rate,
            yes,
        } => {
            let mut send = SendCoins {
                address,
                amount_sat: amount,
                all,
                fee_rate_sat_vb: fee_rate,
                max_fee_sat: None,
            };
            if context.asks(yes)? {
                let plan: SendPlan = client.post("/wallet/plan", &send)?;
                context.confirm(&question(&send, &plan), false)?;
                // What was agreed to is the most there is to pay.
                send.max_fee_sat = Some(plan.fee_sat);
            }
            let sent: Sent = client.post("/wallet/send", &send)?;
            context.show(&sent, || {
                format!(
                    "Sent {} to {} for a miner fee of {}.\nTransaction {}",
                    sat(sent.amount_sat),
                    plain(&send.address),
                    sat(sent.fee_sat),
                    plain(&sent.txid)
                )
            });
        }
    }
    Ok(())
}

/// What is asked before coins are sent.
fn question(send: &SendCoins, plan: &SendPlan) -> String {
    let all = if send.all {
        "everything spendable, "
    } else {
        ""
    };
    format!(
        "Send {all}{} to {}, and {} to miners ({} sat/vB)?",
        sat(plan.amount_sat),
        plain(&send.address),
        sat(plan.fee_sat),
        plan.fee_rate_sat_vb
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_sends_coins_is_shown_what_miners_get() {
        let mut send = SendCoins {
            address: "bcrt1q".into(),
            ..SendCoins::default()
        };
        let plan = SendPlan {
            amount_sat: 100_000,
            fee_sat: 462,
            fee_rate_sat_vb: 3,
        };
        assert_eq!(
            question(&send, &plan),
            "Send 100 000 sat to bcrt1q, and 462 sat to miners (3 sat/vB)?"
        );
        send.all = true;
        assert!(question(&send, &plan).starts_with("Send everything spendable, 100 000 sat to"));
    }
}
