//! The world around the two machines.

use cambista_protocol::swap::{Leg, SpendHow};

use crate::machines::Machines;
use crate::setup::{H0, Setup};

/// A side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    Payer,
    Funder,
}

/// An output that may come to be at the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Out {
    /// Of the funding as it was built.
    First,
    /// Of its bumped version: the same first input.
    Second,
    /// Of the agreed value, from other inputs.
    OtherInputs,
    /// Of another value, from other inputs.
    OtherValue,
}

pub(crate) const OUTS: [Out; 4] = [Out::First, Out::Second, Out::OtherInputs, Out::OtherValue];

/// The spend of the funding's first input that pays the script nothing, among the transactions that were broadcast.
pub(crate) const TAKE_BACK: u8 = 1 << 4;

/// Where a Lightning payment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ln {
    Unpaid,
    /// In flight; with any funder this includes being held by it.
    Flying,
    /// Held by the honest funder's node.
    Held,
    Claimed,
    Back,
    /// Gone back, and the funder's node has forgotten it in a crash.
    Forgotten,
}

/// An output on the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) confirmed: Option<u32>,
    pub(crate) spent: Option<(Who, SpendHow, u32)>,
    /// Each honest side's spend in the mempool.
    pub(crate) offers: [Option<Offer>; 2],
}

/// A spend in the mempool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Offer {
    pub(crate) how: SpendHow,
    /// At a fair fee it is confirmed at this height, at the latest.
    pub(crate) due: u32,
    /// Whether its fee is fair while the market is high.
    pub(crate) high: bool,
}

/// One honest side's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Side {
    /// The stored state.
    pub(crate) machine: u32,
    /// The last block it has taken in.
    pub(crate) view: u32,
    pub(crate) down: bool,
    pub(crate) outbox: u16,
}

/// What has left somebody for good, as bits.
pub(crate) mod out {
    pub(crate) const FUNDED: u8 = 1;
    pub(crate) const PREIMAGE: u8 = 2;
    pub(crate) const PAYER_KEY: u8 = 4;
    pub(crate) const FUNDER_KEY: u8 = 8;
    pub(crate) const WITHDRAW: u8 = 16;
    /// The payer has the funding transaction, so it watches its first input.
    pub(crate) const FUNDED_SEEN: u8 = 32;
    /// The refund leaf was used after the handover.
    pub(crate) const LATE_REFUND: u8 = 64;
    /// An output of the agreed value had its confirmations in time: the payer had its chance, and the prepay is earned.
    pub(crate) const CHANCE: u8 = 128;
}

/// One state of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    /// The height of the tip.
    pub(crate) tip: u32,
    /// The highest tip there ever was.
    pub(crate) highest: u32,
    pub(crate) reorgs: u8,
    pub(crate) crashes: u8,
    /// Whether fees are above everybody's caps; how often that may still change.
    pub(crate) market: bool,
    pub(crate) moves: u8,
    /// Who spent the funding's first input and at which height: the bit of the transaction.
    pub(crate) input: Option<(u8, u32)>,
    /// Something has spent it by this height.
    pub(crate) input_due: Option<u32>,
    /// Whether that pays enough while the market is high.
    pub(crate) input_high: bool,
    /// Transactions that were broadcast: bits by output, and [`TAKE_BACK`].
    pub(crate) known: u8,
    pub(crate) places: [Place; 4],
    pub(crate) swap: Ln,
    pub(crate) prepay: Ln,
    /// Whether Lightning's own state was written since the payment was held.
    pub(crate) durable: bool,
    /// Whether the payment that arrived leaves the funder too little time.
    pub(crate) short: bool,
    pub(crate) left: u8,
    pub(crate) payer: Side,
    pub(crate) funder: Side,
}

impl World {
    pub(crate) const fn side(&self, who: Who) -> &Side {
        match who {
            Who::Payer => &self.payer,
            Who::Funder => &self.funder,
        }
    }

    pub(crate) const fn side_mut(&mut self, who: Who) -> &mut Side {
        match who {
            Who::Payer => &mut self.payer,
            Who::Funder => &mut self.funder,
        }
    }

    pub(crate) const fn ln(&self, leg: Leg) -> Ln {
        match leg {
            Leg::Swap => self.swap,
            Leg::Prepay => self.prepay,
        }
    }

    pub(crate) const fn ln_mut(&mut self, leg: Leg) -> &mut Ln {
        match leg {
            Leg::Swap => &mut self.swap,
            Leg::Prepay => &mut self.prepay,
        }
    }

    pub(crate) const fn place(&self, out: Out) -> &Place {
        &self.places[out as usize]
    }

    pub(crate) const fn place_mut(&mut self, out: Out) -> &mut Place {
        &mut self.places[out as usize]
    }

    pub(crate) const fn has_left(&self, what: u8) -> bool {
        self.left & what != 0
    }
}

/// A setup and the machine states it has met.
pub(crate) struct Model {
    pub(crate) setup: Setup,
    pub(crate) machines: Machines,
    /// The crash that is to happen in the step under way.
    pub(crate) armed: Option<crate::actions::Crash>,
}

impl Model {
    pub(crate) fn new(setup: Setup) -> Self {
        let machines = Machines::new(&setup);
        Self {
            setup,
            machines,
            armed: None,
        }
    }

    /// The world in which the terms were just agreed.
    pub(crate) fn first(&mut self) -> World {
        let side = |who| Side {
            machine: Machines::beginning(who),
            view: H0,
            down: false,
            outbox: 0,
        };
        let mut world = World {
            tip: H0,
            highest: H0,
            reorgs: self.setup.reorg.1,
            crashes: self.setup.crashes.0,
            market: false,
            moves: self.setup.fee_moves,
            input: None,
            input_due: None,
            input_high: false,
            // Any funder may have its funding in two versions, and take it back, whenever it likes.
            known: if self.setup.external {
                0
            } else {
                self.setup.others()
            } | match (self.setup.funder_honest(), self.setup.bump) {
                (true, _) => 0,
                (false, true) => 1 | 2 | TAKE_BACK,
                (false, false) => 1 | TAKE_BACK,
            },
            places: [Place::default(); 4],
            swap: Ln::Unpaid,
            prepay: Ln::Unpaid,
            durable: false,
            short: false,
            left: 0,
            payer: side(Who::Payer),
            funder: side(Who::Funder),
        };
        for who in self.honest() {
            self.event(&mut world, who, crate::machines::Ev::Opened);
        }
        world
    }

    /// The sides that follow the rules.
    pub(crate) fn honest(&self) -> impl Iterator<Item = Who> + use<> {
        let (payer, funder) = (self.setup.payer_honest(), self.setup.funder_honest());
        [(Who::Payer, payer), (Who::Funder, funder)]
            .into_iter()
            .filter_map(|(who, honest)| honest.then_some(who))
    }
}
