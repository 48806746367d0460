//! `maker`: this node's own business.

use cambista_market::pricing::{AUTO_LEAN_PPM, AUTO_PPM};

use super::args_node::{MakerCommand, MakerSet};
use super::context::Context;
use super::failure::{Exit, Failure};
use super::show_maker;
use crate::api::types::{
    Business, CapSettings, MakerSettings, NodeStatus, PriceSettings, SideSettings,
};

/// A direction newly offered begins with this where nothing else is said.
const NEW_SIDE: SideSettings = SideSettings {
    base_sat: 500,
    ppm: 1000,
    min_sat: 20_000,
    max_sat: 1_000_000,
    lean_ppm: 0,
};

/// A node that was started as a taker has no door yet.
const UNHEARD: &str = "Takers cannot reach this node yet: it has no address to tell them. Stop it and start it again (`cambista run`): \
                       a maker listens, on port 9740 where `listen` under [p2p] says nothing else.\n";

/// The maker's business.
pub(super) fn maker(context: &Context, command: Option<MakerCommand>) -> Result<(), Failure> {
    let client = context.client()?;
    let old: MakerSettings = client.get("/maker", &[])?;
    let Some(command) = command else {
        return business(context, &old);
    };
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
    let unheard = settings.enabled && {
        let status: NodeStatus = client.get("/status", &[])?;
        status.p2p_addresses.is_empty()
    };
    context.show(&settings, || {
        let next = match (settings.enabled, unheard) {
            (true, true) => "cambista stop",
            (true, false) => "cambista maker",
            (false, _) => "cambista maker on",
        };
        let why = if unheard { UNHEARD } else { "" };
        format!(
            "{}{why}Next: {}",
            show_maker::settings(&settings),
            context.command(next)
        )
    });
    Ok(())
}

/// What is offered now and what it has brought.
fn business(context: &Context, settings: &MakerSettings) -> Result<(), Failure> {
    let business: Business = context.client()?.get("/maker/business", &[])?;
    context.show(&business, || {
        let next = if settings.enabled {
            "cambista maker set --help"
        } else {
            "cambista maker on"
        };
        let switched = if settings.enabled { "on" } else { "off" };
        format!(
            "Maker {switched}\n{}Next: {}",
            show_maker::business(&business),
            context.command(next)
        )
    });
    Ok(())
}

/// What is said about one direction.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    none: bool,
    auto: bool,
    base: Option<u64>,
    ppm: Option<i32>,
    lean: Option<u32>,
    min: Option<u64>,
    max: Option<u64>,
}

impl Said {
    const fn is_empty(&self) -> bool {
        !self.none
            && !self.auto
            && self.base.is_none()
            && self.ppm.is_none()
            && self.lean.is_none()
            && self.min.is_none()
            && self.max.is_none()
    }

    fn over(self, old: Option<SideSettings>) -> Option<SideSettings> {
        if self.none || (old.is_none() && self.is_empty()) {
            return None;
        }
        let mut side = old.unwrap_or(NEW_SIDE);
        if self.auto {
            (side.base_sat, side.ppm, side.lean_ppm) = (0, AUTO_PPM, AUTO_LEAN_PPM);
        }
        Some(SideSettings {
            base_sat: self.base.unwrap_or(side.base_sat),
            ppm: self.ppm.unwrap_or(side.ppm),
            lean_ppm: self.lean.unwrap_or(side.lean_ppm),
            min_sat: self.min.unwrap_or(side.min_sat),
            max_sat: self.max.unwrap_or(side.max_sat),
        })
    }
}

impl MakerSet {
    const fn out(&self) -> Said {
        Said {
            none: self.no_out,
            auto: self.out_auto,
            base: self.out_base,
            ppm: self.out_ppm,
            lean: self.out_lean,
            min: self.out_min,
            max: self.out_max,
        }
    }

    const fn of_in(&self) -> Said {
        Said {
            none: self.no_in,
            auto: self.in_auto,
            base: self.in_base,
            ppm: self.in_ppm,
            lean: self.in_lean,
            min: self.in_min,
            max: self.in_max,
        }
    }

    fn is_empty(&self) -> bool {
        let small = [
            self.refund_delta,
            self.quote_secs,
            self.max_open,
            self.external_ppm,
        ];
        let caps = [
            self.cap_taker,
            self.cap_payee,
            self.cap_newcomers,
            self.cap_total,
        ];
        self.out().is_empty()
            && self.of_in().is_empty()
            && !self.no_external
            && !self.no_floor
            && self.floor_base.is_none()
            && self.floor_ppm.is_none()
            && small.iter().all(Option::is_none)
            && caps.iter().all(Option::is_none)
    }

    /// The old business with what was said changed.
    fn over(&self, old: MakerSettings) -> MakerSettings {
        let set = |new: Option<super::args_node::Cap>, old| new.map_or(old, |cap| cap.0);
        MakerSettings {
            enabled: old.enabled,
            out: self.out().over(old.out),
            into: self.of_in().over(old.into),
            refund_delta: self.refund_delta.unwrap_or(old.refund_delta),
            max_open: self.max_open.unwrap_or(old.max_open),
            quote_secs: self.quote_secs.unwrap_or(old.quote_secs),
            external_ppm: self
                .external_ppm
                .or(old.external_ppm)
                .filter(|_| !self.no_external),
            floor: self.floor(old.floor),
            caps: CapSettings {
                per_taker_sat: set(self.cap_taker, old.caps.per_taker_sat),
                per_payee_sat: set(self.cap_payee, old.caps.per_payee_sat),
                unproven_sat: set(self.cap_newcomers, old.caps.unproven_sat),
                total_sat: set(self.cap_total, old.caps.total_sat),
                ..old.caps
            },
        }
    }

    fn floor(&self, old: Option<PriceSettings>) -> Option<PriceSettings> {
        if self.no_floor {
            return None;
        }
        if self.floor_base.is_none() && self.floor_ppm.is_none() {
            return old;
        }
        let old = old.unwrap_or_default();
        Some(PriceSettings {
            base_sat: self.floor_base.unwrap_or(old.base_sat),
            ppm: self.floor_ppm.unwrap_or(old.ppm),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::args_node::Cap;
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
            floor_ppm: Some(-9),
            cap_total: Some(Cap(Some(77))),
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
        assert_eq!(
            new.floor.map(|floor| (floor.base_sat, floor.ppm)),
            Some((0, -9))
        );
        assert_eq!(new.caps.total_sat, Some(77));
        assert_eq!(new.caps.per_taker_sat, old.caps.per_taker_sat);
        let none = MakerSet {
            no_out: true,
            no_floor: true,
            cap_total: Some(Cap(None)),
            ..MakerSet::default()
        }
        .over(new);
        assert_eq!((none.out, none.into), (None, new.into));
        assert_eq!((none.floor, none.caps.total_sat), (None, None));
        assert!(MakerSet::default().is_empty() && !set.is_empty());
    }

    #[test]
    fn the_node_sets_the_price_of_a_side_that_is_told_to_and_the_limits_stay() {
        let set = MakerSet {
            out_auto: true,
            out_max: Some(3_000_000),
            ..MakerSet::default()
        };
        let new = set.over(MakerSettings::default());
        let side = SideSettings {
            base_sat: 0,
            ppm: AUTO_PPM,
            lean_ppm: AUTO_LEAN_PPM,
            max_sat: 3_000_000,
            ..NEW_SIDE
        };
        assert_eq!((new.out, new.into), (Some(side), None));
        let fixed = MakerSet {
            out_ppm: Some(900),
            out_lean: Some(0),
            ..MakerSet::default()
        };
        let new = fixed.over(new);
        assert_eq!(
            new.out.map(|side| (side.ppm, side.lean_ppm)),
            Some((900, 0))
        );
    }
}
