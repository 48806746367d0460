//! `wallet` and `maker`.

use serde_json::json;

use super::args_node::{MakerCommand, MakerSet, WalletCommand};
use super::context::Context;
use super::failure::{Exit, Failure};
use super::text::{plain, sat};
use super::{show_node, show_pay};
use crate::api::types::{
    Balance, MakerSettings, SendCoins, Sent, SideSettings, WalletAddress, WalletHistory,
};

/// A direction newly offered begins with this where nothing else is said.
const NEW_SIDE: SideSettings = SideSettings {
    base_sat: 500,
    ppm: 1000,
    min_sat: 20_000,
    max_sat: 1_000_000,
};

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

/// The maker's business.
pub(super) fn maker(context: &Context, command: MakerCommand) -> Result<(), Failure> {
    let client = context.client()?;
    let old: MakerSettings = client.get("/maker", &[])?;
    let new = match command {
        MakerCommand::Show => None,
        MakerCommand::On => Some(MakerSettings {
            enabled: true,
            ..old
        }),
        MakerCommand::Off => Some(MakerSettings {
            enabled: false,
            ..old
        }),
        MakerCommand::Set(set) if set.is_empty() => {
            return Err(Failure::new(
                Exit::Usage,
                "say what to set",
                "cambista maker set --help",
            ));
        }
        MakerCommand::Set(set) => Some(set.over(old)),
    };
    let settings = match new {
        Some(new) => client.put("/maker", &new)?,
        None => old,
    };
    context.show(&settings, || {
        let next = match settings.enabled {
            true => "cambista offers",
            false => "cambista maker on",
        };
        format!(
            "{}Next: {}",
            show_node::maker(&settings),
            context.command(next)
        )
    });
    Ok(())
}

impl MakerSet {
    fn is_empty(&self) -> bool {
        let numbers = [
            self.out_base,
            self.out_min,
            self.out_max,
            self.in_base,
            self.in_min,
            self.in_max,
        ];
        let small = [self.refund_delta, self.quote_secs, self.max_open];
        !self.no_out
            && !self.no_in
            && !self.no_external
            && self.external_ppm.is_none()
            && self.out_ppm.is_none()
            && self.in_ppm.is_none()
            && numbers.iter().all(Option::is_none)
            && small.iter().all(Option::is_none)
    }

    /// The old business with what was said changed.
    pub(super) fn over(&self, old: MakerSettings) -> MakerSettings {
        let out = side(
            old.out,
            self.no_out,
            self.out_base,
            self.out_ppm,
            (self.out_min, self.out_max),
        );
        let into = side(
            old.into,
            self.no_in,
            self.in_base,
            self.in_ppm,
            (self.in_min, self.in_max),
        );
        MakerSettings {
            enabled: old.enabled,
            out,
            into,
            refund_delta: self.refund_delta.unwrap_or(old.refund_delta),
            max_open: self.max_open.unwrap_or(old.max_open),
            quote_secs: self.quote_secs.unwrap_or(old.quote_secs),
            external_ppm: self
                .external_ppm
                .or(old.external_ppm)
                .filter(|_| !self.no_external),
        }
    }
}

fn side(
    old: Option<SideSettings>,
    none: bool,
    base: Option<u64>,
    ppm: Option<i32>,
    (min, max): (Option<u64>, Option<u64>),
) -> Option<SideSettings> {
    let said = base.is_some() || ppm.is_some() || min.is_some() || max.is_some();
    if none || (old.is_none() && !said) {
        return None;
    }
    let old = old.unwrap_or(NEW_SIDE);
    Some(SideSettings {
        base_sat: base.unwrap_or(old.base_sat),
        ppm: ppm.unwrap_or(old.ppm),
        min_sat: min.unwrap_or(old.min_sat),
        max_sat: max.unwrap_or(old.max_sat),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_one_thing_leaves_the_others() {
        let old = MakerSettings {
            enabled: true,
            out: Some(NEW_SIDE),
            ..MakerSettings::default()
        };
        let set = MakerSet {
            out_ppm: Some(-7),
            in_max: Some(50_000),
            ..MakerSet::default()
        };
        let new = set.over(old);
        assert_eq!(
            new.out,
            Some(SideSettings {
                ppm: -7,
                ..NEW_SIDE
            })
        );
        assert_eq!(
            new.into,
            Some(SideSettings {
                max_sat: 50_000,
                ..NEW_SIDE
            })
        );
        assert!(new.enabled);
        let none = MakerSet {
            no_out: true,
            ..MakerSet::default()
        }
        .over(new);
        assert_eq!((none.out, none.into), (None, new.into));
        assert!(MakerSet::default().is_empty() && !set.is_empty());
    }
}
