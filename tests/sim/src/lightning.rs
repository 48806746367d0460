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

/// One payment.
#[derive(Clone, Debug)]
pub(crate) struct Payment {
    pub(crate) from: usize,
    pub(crate) amount: u64,
    pub(crate) expiry: u32,
    pub(crate) at: At,
    /// The payer's node has said how it ended.
    pub(crate) told: bool,
    sets: u8,
}

impl Payment {
    /// Lightning gives it up at this height.
    pub(crate) const fn deadline(&self) -> u32 {
        self.expiry - FAIL_BACK
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
}

impl Network {
    pub(crate) fn pay(&mut self, from: usize, request: &PayRequest) -> Result<(), String> {
        let hash = request.payment_id;
        let invoice = self.invoices.get(&hash).ok_or("no such invoice")?;
        let expiry = self.sides[from].height + invoice.final_delta + 3;
        let payment = Payment {
            from,
            amount: invoice.amount.to_sat() * 1_000,
            expiry,
            at: At::Unwritten,
            told: false,
            sets: 0,
        };
        self.payments.insert(hash, payment);
        Ok(())
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
    pub(crate) fn travel(&mut self, up: [bool; 2], fails: impl Fn() -> bool) {
        for (hash, payment) in &mut self.payments {
            let (from, to) = (payment.from, 1 - payment.from);
            let payment_hash = *hash;
            if payment.at == At::Flying && up[to] {
                let delta = self.invoices.get(hash).map_or(0, |i| i.final_delta);
                if payment.expiry < self.sides[to].height + delta || fails() {
                    payment.at = At::Failed;
                } else {
                    payment.at = At::Held {
                        written: false,
                        called: Called::Nothing,
                    };
                    payment.sets += 1;
                    let news = LightningNews::Held {
                        payment_hash,
                        payment_id: [payment.sets; 32],
                        amount: Msat(payment.amount),
                        claim_deadline: payment.deadline(),
                        parts: vec![(Msat(payment.amount), true)],
                        custom_records: false,
                    };
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
