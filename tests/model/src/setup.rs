//! What a search explores: the numbers, who is honest, what may happen, and what is deliberately wrong.

use cambista_protocol::timelock::Timelocks;

use crate::world::Who;

/// The agreed height of every modelled swap.
pub(crate) const H0: u32 = 10;

/// Who follows the rules. The other side may do anything its keys allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Honest {
    /// Both.
    Both,
    /// The payer, against any funder.
    Payer,
    /// The funder, against any payer.
    Funder,
}

impl Honest {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Both, Self::Payer, Self::Funder];
}

/// One thing done wrong around the machines, as an engine might.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Effects run before the event is stored.
    EffectsFirst,
    /// What is in the outbox at a crash is never run.
    OutboxSkipped,
    /// The funder believes the claim deadline it needs instead of the one it has.
    DeadlineUnchecked,
    /// The payer takes an output of another value for the agreed one.
    ValueNotCompared,
    /// A funding that does not confirm is left alone: no replacement, no refund of it unconfirmed.
    StuckFundingLeft,
    /// A bump pays from other inputs.
    BumpFromOtherInputs,
    /// The payment for an outside funding is failed back when the deposit is late.
    ExternalFailedEarly,
    /// Lightning is given the blocks before the swap is.
    LightningFirst,
    /// The funder goes on refunding after it was paid and handed its key over.
    RefundAfterHandover,
    /// The payer sends R for a confirmed funding although it aborted.
    PreimageAfterAbort,
    /// The funder does not read R from the witness of a claim.
    WitnessIgnored,
    /// The funding is published without waiting until the hold survives a crash.
    HoldNotDurable,
    /// The payment is failed back as soon as the payer has handed its key over.
    FailedBackAtHandover,
    /// A spend once broadcast keeps its fee.
    NeverBumped,
    /// The cap on fees holds to the end.
    CapNeverLifted,
    /// A second set of parts on the hash of a held payment is failed back, and the held one with it.
    SecondSetFailed,
    /// After a crash an intent to publish is taken for a funding that never left: the payment goes back.
    IntentForgotten,
    /// The payer reveals R at a tip the chain has left behind.
    StaleTip,
    /// The payer sends its key as soon as its spend is confirmed.
    KeyBeforeBurial,
    /// The prepay is claimed where it should be failed back.
    PrepayAlwaysKept,
    /// The prepay is not claimed when R comes.
    PrepayForgotten,
}

/// A search's parameters. All heights and margins are blocks.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What both machines are given.
    pub locks: Timelocks,
    /// N, given to both machines.
    pub confirmations: u32,
    /// Blocks within which the world confirms a spend at a fair fee.
    pub confirm_bound: u32,
    /// How many blocks of the world are final; what the machines believe is in `locks`.
    pub final_depth: u32,
    /// Who is honest.
    pub honest: Honest,
    /// Whether there is a prepay.
    pub prepay: bool,
    /// Whether the funder pays from outside its node.
    pub external: bool,
    /// The deepest reorganisation; how many there may be.
    pub reorg: (u32, u8),
    /// Reorganisations only once the chain was this high.
    pub reorg_from: u32,
    /// How many crashes there may be, and how many blocks a crashed side may stay away.
    pub crashes: (u8, u32),
    /// Crashes only from this height.
    pub crash_from: u32,
    /// Whether a funding may be bumped.
    pub bump: bool,
    /// How often fees go above everybody's caps, or back.
    pub fee_moves: u8,
    /// Whether any peer sends keys and preimages that are none.
    pub lies: bool,
    /// Whether spends are seen in the mempool, too.
    pub mempool: bool,
    /// Whether somebody may pay the script from other inputs: the agreed value, or another. With an outside funding that
    /// is the user.
    pub others: [bool; 2],
    /// The last height at which these may be confirmed; T at the latest.
    pub others_until: u32,
    /// Whether users cancel.
    pub cancel: bool,
    /// The one thing done wrong.
    pub wrong: Option<Wrong>,
    /// Whether only losses and what never ends count, and not what leaves before its time: then something done wrong must
    /// cost somebody money to be found.
    pub losses_only: bool,
}

impl Setup {
    /// Small timelocks that satisfy the inequalities of spec 03, and a world that keeps to what they assume.
    #[must_use]
    pub const fn small(honest: Honest) -> Self {
        Self {
            locks: Timelocks {
                refund_delta: 14,
                reveal_margin: 6,
                refund_confirm: 2,
                reorg_depth: 2,
                claim_margin: 1,
                fail_back: 1,
                transit: 1,
                pay_window: 1,
                fund_window: 1,
                alone: 8,
                route_room: 1,
            },
            confirmations: 2,
            confirm_bound: 2,
            final_depth: 2,
            honest,
            prepay: false,
            external: false,
            reorg: (1, 0),
            reorg_from: 0,
            crashes: (0, 1),
            crash_from: 0,
            bump: false,
            fee_moves: 0,
            lies: false,
            mempool: false,
            others: [false, false],
            others_until: u32::MAX,
            cancel: false,
            wrong: None,
            losses_only: false,
        }
    }

    /// The smallest timelocks of all: what is broadcast is in the next block.
    #[must_use]
    pub const fn tiny(honest: Honest) -> Self {
        let mut setup = Self::small(honest);
        setup.confirm_bound = 1;
        setup.locks.refund_confirm = 1;
        setup.locks.reveal_margin = 4;
        setup.locks.refund_delta = 11;
        setup
    }

    /// Three confirmations against two blocks taken back.
    pub const fn deeper(&mut self) {
        self.confirmations = 3;
        self.final_depth = 3;
        self.locks.reorg_depth = 3;
        self.locks.reveal_margin = 5;
        self.locks.refund_delta = 14;
        self.reorg = (2, 1);
    }

    /// T.
    #[must_use]
    pub const fn refund_height(&self) -> u32 {
        H0 + self.locks.refund_delta
    }

    /// The claim deadline of a held payment in the world.
    #[must_use]
    pub const fn claim_deadline(&self) -> u32 {
        let needed = self.locks.needed_claim_deadline(self.refund_height());
        match self.wrong {
            Some(Wrong::DeadlineUnchecked) => self.refund_height() - 1,
            _ => needed,
        }
    }

    /// The height at which a payment in flight comes back whatever anybody does.
    #[must_use]
    pub const fn expiry(&self) -> u32 {
        self.claim_deadline() + self.locks.fail_back
    }

    /// No blocks are found after this height: everything must have ended.
    #[must_use]
    pub const fn end(&self) -> u32 {
        let t = self.locks.needed_claim_deadline(self.refund_height()) + self.locks.fail_back;
        t + self.confirm_bound + self.final_depth + self.crashes.1
    }

    pub(crate) fn is(&self, wrong: Wrong) -> bool {
        self.wrong == Some(wrong)
    }

    /// The transactions from other inputs, as bits.
    pub(crate) const fn others(&self) -> u8 {
        (if self.others[0] { 1 << 2 } else { 0 }) | (if self.others[1] { 1 << 3 } else { 0 })
    }

    pub(crate) fn is_honest(&self, who: Who) -> bool {
        match who {
            Who::Payer => self.payer_honest(),
            Who::Funder => self.funder_honest(),
        }
    }

    pub(crate) fn payer_honest(&self) -> bool {
        self.honest != Honest::Funder
    }

    pub(crate) fn funder_honest(&self) -> bool {
        self.honest != Honest::Payer
    }
}
