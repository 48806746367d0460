//! Lightning between two nodes: hold payments, claim deadlines, and a state that is written later than it changes.

use std::collections::BTreeMap;

use cambista_engine::LightningNews;
use cambista_engine::ports::{HoldRequest, PayRequest, PaymentStatus};
use cambista_protocol::money::Msat;
use tokio::sync::oneshot;

/// LDK gives a held payment up so many blocks before it expires.
const FAIL_BACK: u32 = 39;
/// Routing of every payment (msat).
pub(crate) const ROUTING: u64 = 1_000;

/// What the receiver called for and did not write yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Called {
    Nothing,
    Claim,
    Fail,
}

/// Where a payment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// Called for; a crash of the payer loses it.
    Unwritten,
    Flying,
    Held {
        written: bool,
        called: Called,
    },
    Claimed,
    Failed,
}

/// What a payer sends: in how many parts, and in which way it is not what was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) parts: u8,
    pub(crate) wrong: Option<WrongPayment>,
}

/// How a payment may be of no use to its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WrongPayment {
    /// It expires so many blocks early.
    Short(u32),
    /// So many msat are missing.
    Less(u64),
    /// A part came over a channel without anchors.
    NoAnchors,
    /// A part is too small to be worth claiming on the chain.
    Dust,
    /// It carries records nobody understands.
    Records,
}

/// One part of a payment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    amount: u64,
    expiry: u32,
    here: bool,
}

/// A receiver waits so many blocks for the rest of a payment.
const PATIENCE: u32 = 3;

/// One payment.
#[derive(Clone, Debug)]
pub(crate) struct Payment {
    pub(crate) from: usize,
    pub(crate) amount: u64,
    parts: Vec<Part>,
    wrong: Option<WrongPayment>,
    /// The height at which its first part arrived.
    since: Option<u32>,
    pub(crate) at: At,
    /// The payer's node has said how it ended.
    pub(crate) told: bool,
    sets: u8,
}

impl Payment {
    /// Lightning gives it up at this height.
    pub(crate) fn deadline(&self) -> u32 {
        let expiry = self.parts.iter().map(|part| part.expiry).min();
        expiry.unwrap_or(FAIL_BACK).saturating_sub(FAIL_BACK)
    }

    /// Lightning's other side takes it back on the chain at this height.
    fn expiry(&self) -> u32 {
        self.deadline() + FAIL_BACK
    }

    /// Whether it is one no funder may fund for; a prepay may be small.
    pub(crate) const fn is_unsound(&self, prepay: bool) -> bool {
        match self.wrong {
            Some(WrongPayment::NoAnchors | WrongPayment::Records) => true,
            Some(WrongPayment::Dust) => !prepay,
            Some(WrongPayment::Short(_) | WrongPayment::Less(_)) | None => false,
        }
    }

    /// What the receiver's node says of it.
    fn held(&self, payment_hash: [u8; 32], hides: bool) -> LightningNews {
        let anchors = |at| self.wrong != Some(WrongPayment::NoAnchors) || at > 0;
        if hides {
            return LightningNews::Held {
                payment_hash,
                payment_id: [self.sets; 32],
                amount: Msat(self.amount),
                claim_deadline: self.deadline(),
                parts: vec![(Msat(self.amount), true)],
                custom_records: false,
            };
        }
        let parts = self.parts.iter().enumerate();
        LightningNews::Held {
            payment_hash,
            payment_id: [self.sets; 32],
            amount: Msat(self.amount),
            claim_deadline: self.deadline(),
            parts: parts.map(|(at, p)| (Msat(p.amount), anchors(at))).collect(),
            custom_records: self.wrong == Some(WrongPayment::Records),
        }
    }
}

/// One node's side.
#[derive(Debug, Default)]
pub(crate) struct Side {
    pub(crate) height: u32,
    /// Events, and whether the engine took them; forgotten once that is written.
    pub(crate) events: Vec<(LightningNews, bool)>,
    pub(crate) waiting: Vec<oneshot::Sender<()>>,
}

/// Both nodes and what is between them.
#[derive(Debug, Default)]
pub(crate) struct Network {
    pub(crate) sides: [Side; 2],
    pub(crate) invoices: BTreeMap<[u8; 32], HoldRequest>,
    pub(crate) payments: BTreeMap<[u8; 32], Payment>,
    /// What is wrong with a payment is not said.
    pub(crate) hides: bool,
}

impl Network {
    pub(crate) fn pay(
        &mut self,
        from: usize,
        request: &PayRequest,
        shape: Shape,
    ) -> Result<(), String> {
        let hash = request.payment_id;
        let invoice = self.invoices.get(&hash).ok_or("no such invoice")?;
        let mut expiry = self.sides[from].height + invoice.final_delta + 3;
        let mut amount = invoice.amount.to_sat() * 1_000;
        match shape.wrong {
            Some(WrongPayment::Short(blocks)) => expiry = expiry.saturating_sub(blocks),
            Some(WrongPayment::Less(msat)) => amount = amount.saturating_sub(msat),
            _ => {}
        }
        let count = u64::from(shape.parts.clamp(1, request.max_parts));
        let mut parts: Vec<Part> = (0..count)
            .map(|at| Part {
                amount: amount / count + if at == 0 { amount % count } else { 0 },
                // Routes add blocks of their own, so that nobody on the way knows how far it goes.
                expiry: expiry + u32::try_from(at).unwrap_or(0) * 3,
                here: false,
            })
            .collect();
        if shape.wrong == Some(WrongPayment::Dust) {
            let (dust, first) = (1_000_000, parts[0]);
            parts[0].amount = first.amount.saturating_sub(dust);
            parts.push(Part {
                amount: dust,
                ..first
            });
        }
        let payment = Payment {
            from,
            amount,
            parts,
            wrong: shape.wrong,
            since: None,
            at: At::Unwritten,
            told: false,
            sets: 0,
        };
        self.payments.insert(hash, payment);
        Ok(())
    }

    /// A second set of parts arrives on a hash that is held.
    pub(crate) fn pay_again(&mut self, hash: &[u8; 32]) {
        if let Some(payment) = self.payments.get_mut(hash)
            && matches!(payment.at, At::Held { .. })
        {
            payment.sets += 1;
            let news = payment.held(*hash, self.hides);
            self.sides[1 - payment.from].events.push((news, false));
        }
    }

    pub(crate) fn status(&self, hash: &[u8; 32]) -> PaymentStatus {
        match self.payments.get(hash) {
            None => PaymentStatus::Unknown,
            Some(p) if !p.told => PaymentStatus::Pending,
            Some(p) if p.at == At::Claimed => PaymentStatus::Settled,
            Some(_) => PaymentStatus::Unknown,
        }
    }

    pub(crate) fn held(&self, hash: &[u8; 32]) -> Msat {
        let held = self.payments.get(hash);
        let held = held.filter(|p| matches!(p.at, At::Held { .. }));
        Msat(held.map_or(0, |p| p.amount))
    }

    pub(crate) fn call(&mut self, hash: &[u8; 32], what: Called) {
        if let Some(payment) = self.payments.get_mut(hash)
            && let At::Held { called, .. } = &mut payment.at
            && *called == Called::Nothing
        {
            *called = what;
        }
    }

    /// A node writes its state: what it called for happens.
    pub(crate) fn write(&mut self, who: usize) {
        let side = &mut self.sides[who];
        side.events.retain(|(_, taken)| !taken);
        for waiter in side.waiting.drain(..) {
            let _ = waiter.send(());
        }
        for (hash, payment) in &mut self.payments {
            let payment_hash = *hash;
            if payment.from == who {
                if payment.at == At::Unwritten {
                    payment.at = At::Flying;
                }
                continue;
            }
            payment.at = match payment.at {
                At::Held { called, .. } => match called {
                    Called::Nothing => At::Held {
                        written: true,
                        called,
                    },
                    Called::Claim => {
                        let news = LightningNews::Claimed { payment_hash };
                        side.events.push((news, false));
                        At::Claimed
                    }
                    Called::Fail => At::Failed,
                },
                other => other,
            };
        }
    }

    /// A crash: what was not written never was.
    pub(crate) fn crash(&mut self, who: usize) {
        self.sides[who].waiting.clear();
        self.payments
            .retain(|_, p| p.from != who || p.at != At::Unwritten);
        let mut lost = Vec::new();
        for (hash, payment) in &mut self.payments {
            if payment.from == who {
                continue;
            }
            if let At::Held { written, called } = &mut payment.at {
                *called = Called::Nothing;
                if !*written {
                    payment.at = At::Flying;
                    lost.push(*hash);
                }
            }
        }
        let side = &mut self.sides[who];
        side.events.retain(|(news, _)| match news {
            LightningNews::Held { payment_hash, .. } => !lost.contains(payment_hash),
            _ => true,
        });
        side.events.iter_mut().for_each(|(_, taken)| *taken = false);
    }

    /// What is under way arrives at a node; what was ended there is told to its payer.
    pub(crate) fn travel(
        &mut self,
        up: [bool; 2],
        mut fails: impl FnMut() -> bool,
        mut late: impl FnMut() -> bool,
    ) {
        for (hash, payment) in &mut self.payments {
            let (from, to) = (payment.from, 1 - payment.from);
            let payment_hash = *hash;
            if payment.at == At::Flying && up[to] {
                let delta = self.invoices.get(hash).map_or(0, |i| i.final_delta);
                let height = self.sides[to].height;
                for part in &mut payment.parts {
                    part.here |= !late();
                }
                if payment.parts.iter().any(|part| part.here) {
                    payment.since.get_or_insert(height);
                }
                let early = payment.deadline() + FAIL_BACK < height + delta;
                let tired = payment.since.is_some_and(|at| height > at + PATIENCE);
                let whole = payment.parts.iter().all(|part| part.here);
                // What is wrong on purpose passes: the engine has to see it too.
                let early = early && payment.wrong.is_none();
                if early || fails() || (tired && !whole) {
                    payment.at = At::Failed;
                } else if whole {
                    payment.at = At::Held {
                        written: false,
                        called: Called::Nothing,
                    };
                    payment.sets += 1;
                    let news = payment.held(payment_hash, self.hides);
                    self.sides[to].events.push((news, false));
                }
            }
            if matches!(payment.at, At::Claimed | At::Failed) && !payment.told && up[from] {
                payment.told = true;
                let news = if payment.at == At::Claimed {
                    LightningNews::Sent {
                        payment_hash,
                        fee: Msat(ROUTING),
                    }
                } else {
                    LightningNews::Failed {
                        payment_hash,
                        reason: "it came back".to_owned(),
                    }
                };
                self.sides[from].events.push((news, false));
            }
        }
    }

    /// A node's Lightning is given a block: what is held past its deadline is given up.
    pub(crate) fn block(&mut self, who: usize, height: u32) {
        self.sides[who].height = height;
        for (hash, payment) in &mut self.payments {
            let held = matches!(
                payment.at,
                At::Held {
                    called: Called::Nothing,
                    ..
                }
            );
            if payment.from != who && held && height >= payment.deadline() {
                payment.at = At::Failed;
                let news = LightningNews::Dropped {
                    payment_hash: *hash,
                };
                self.sides[who].events.push((news, false));
            }
        }
    }
}

impl Network {
    /// Blocks were found: what nobody's node gave up by its expiry the channel's other side takes back on the chain.
    pub(crate) fn expire(&mut self, height: u32) {
        for (hash, payment) in &mut self.payments {
            let under_way = matches!(payment.at, At::Flying | At::Held { .. });
            if under_way && height >= payment.expiry() {
                payment.at = At::Failed;
                let news = LightningNews::Dropped {
                    payment_hash: *hash,
                };
                self.sides[1 - payment.from].events.push((news, false));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bitcoin::Amount;

    use super::*;

    const HASH: [u8; 32] = [7; 32];

    /// A payment from one side to the other, held there and written.
    fn held() -> Network {
        let mut network = Network::default();
        let invoice = HoldRequest {
            payment_hash: HASH,
            amount: Amount::from_sat(100_000),
            final_delta: 225,
            expiry_secs: 600,
        };
        network.invoices.insert(HASH, invoice);
        let request = PayRequest {
            invoice: String::new(),
            payment_id: HASH,
            max_fee: Msat(ROUTING),
            max_total_delta: 500,
            max_parts: 1,
            retry_secs: 60,
            first_hops: None,
            last_hop: None,
        };
        let shape = Shape {
            parts: 1,
            wrong: None,
        };
        network.pay(0, &request, shape).unwrap();
        network.write(0);
        network.travel([true, true], || false, || false);
        network.write(1);
        network
    }

    #[test]
    fn a_payment_expires_whoever_is_there_and_only_then() {
        let mut network = held();
        let expiry = network.payments[&HASH].expiry();
        network.crash(1);
        network.expire(expiry - 1);
        assert!(matches!(network.payments[&HASH].at, At::Held { .. }));
        network.expire(expiry);
        assert_eq!(network.payments[&HASH].at, At::Failed);
        // Its receiver hears of it when it is back.
        let (news, taken) = network.sides[1].events.last().unwrap();
        assert!(matches!(news, LightningNews::Dropped { .. }) && !taken);
    }

    #[test]
    fn a_node_that_is_there_gives_a_payment_up_before_it_expires() {
        let mut network = held();
        let deadline = network.payments[&HASH].deadline();
        assert_eq!(deadline + FAIL_BACK, network.payments[&HASH].expiry());
        network.block(1, deadline - 1);
        assert!(matches!(network.payments[&HASH].at, At::Held { .. }));
        network.block(1, deadline);
        assert_eq!(network.payments[&HASH].at, At::Failed);
    }

    #[test]
    fn a_payment_that_was_claimed_does_not_expire() {
        let mut network = held();
        network.call(&HASH, Called::Claim);
        network.write(1);
        network.expire(u32::MAX);
        assert_eq!(network.payments[&HASH].at, At::Claimed);
    }
}
