//! `wallet`.

use serde_json::json;

use super::args_node::WalletCommand;
use super::context::Context;
use super::failure::Failure;
use super::text::{plain, sat};
use super::{show_node, show_pay};
use crate::api::types::{Balance, SendCoins, Sent, WalletAddress, WalletHistory};

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
            let what = amount.map_or_else(|| "everything spendable".to_owned(), sat);
            context.confirm(&format!("Send {what} to {}?", plain(&address)), yes)?;
            let send = SendCoins {
                address,
                amount_sat: amount,
                all,
                fee_rate_sat_vb: fee_rate,
            };
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
