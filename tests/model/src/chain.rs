//! What the next block may hold. Miners and fees are nobody's: every choice that keeps the confirmation bound.

use cambista_protocol::swap::SpendHow;

use crate::world::{Model, OUTS, Offer, Out, Place, TAKE_BACK, Who, World, out};

/// A funding may still be confirmed from here on only if somebody honest asked for it.
const INPUTS: [u8; 3] = [1 << Out::First as u8, 1 << Out::Second as u8, TAKE_BACK];

impl Model {
    /// Every world one block further, as far as the chain goes: no side has seen it yet.
    pub(crate) fn blocks(&self, world: &World) -> Vec<World> {
        let height = world.tip + 1;
        let mut blocks = vec![*world];
        for block in &mut blocks {
            block.tip = height;
            block.highest = block.highest.max(height);
        }
        blocks = spread(blocks, |w| self.input_spends(w));
        for at in [Out::OtherInputs, Out::OtherValue] {
            blocks = spread(blocks, |w| self.other_outputs(w, at));
        }
        for at in OUTS {
            blocks = spread(blocks, |w| self.spends(w, at));
        }
        blocks
    }

    fn input_spends(&self, world: &World) -> Vec<World> {
        if world.input.is_some() {
            return vec![*world];
        }
        let height = world.tip;
        let mut next: Vec<World> = INPUTS
            .into_iter()
            .filter(|tx| world.known & tx != 0)
            .map(|tx| {
                let mut w = *world;
                w.input = Some((tx, height));
                w.input_due = None;
                w.input_high = false;
                for at in [Out::First, Out::Second] {
                    if tx == 1 << at as u8 {
                        w.place_mut(at).confirmed = Some(height);
                    }
                }
                w
            })
            .collect();
        let fair = !world.market || world.input_high;
        let forced = world.input_due.is_some_and(|due| height >= due) && fair;
        if next.is_empty() || !forced {
            next.push(*world);
        }
        next
    }

    /// Outputs from other inputs are nobody's duty to confirm; after T nobody starts one.
    fn other_outputs(&self, world: &World, at: Out) -> Vec<World> {
        let mut next = vec![*world];
        let possible = world.known & (1 << at as u8) != 0 && world.place(at).confirmed.is_none();
        let last = self.setup.others_until.min(self.setup.refund_height());
        if possible && world.tip <= last {
            let mut w = *world;
            w.place_mut(at).confirmed = Some(world.tip);
            next.push(w);
        }
        next
    }

    fn spends(&self, world: &World, at: Out) -> Vec<World> {
        let height = world.tip;
        let place = world.place(at);
        let (Some(confirmed), None) = (place.confirmed, place.spent) else {
            return vec![*world];
        };
        let mut next = Vec::new();
        let mut forced = false;
        for who in [Who::Payer, Who::Funder] {
            // An output of another value is nothing to anybody but an honest funder, who wants it home; that a hostile side
            // may spend what it should not is seen with the others.
            let idle = at == Out::OtherValue && !self.setup.external && !self.setup.is_honest(who);
            if idle {
                continue;
            }
            for how in self.ways(world, place, who) {
                let valid = match how {
                    // One block after the output, as the leaf's CSV says.
                    SpendHow::Claim => height > confirmed,
                    SpendHow::Refund => height > self.setup.refund_height(),
                    SpendHow::KeyPath => true,
                };
                if !valid {
                    continue;
                }
                let mut w = *world;
                w.place_mut(at).spent = Some((who, how, height));
                w.place_mut(at).offers = [None; 2];
                next.push(w);
                forced |= place.offers[who as usize].is_some_and(|offer| {
                    let due = match how {
                        SpendHow::Claim => offer.due.max(confirmed + self.setup.confirm_bound),
                        _ => offer.due,
                    };
                    height >= due && (offer.high || !world.market)
                });
            }
        }
        if !forced {
            next.push(*world);
        }
        next
    }

    /// The paths by which a side may spend an output: an honest one by what it broadcast, another by every key it has.
    pub(crate) fn ways(&self, world: &World, place: &Place, who: Who) -> Vec<SpendHow> {
        if self.setup.is_honest(who) {
            return place.offers[who as usize]
                .map(|offer| offer.how)
                .into_iter()
                .collect();
        }
        let (own, peer_key) = match who {
            Who::Payer => (SpendHow::Claim, out::FUNDER_KEY),
            Who::Funder => (SpendHow::Refund, out::PAYER_KEY),
        };
        let mut ways = vec![own];
        if world.has_left(peer_key) {
            ways.push(SpendHow::KeyPath);
        }
        ways
    }

    /// Takes the blocks above `fork` off; what was in them is in the mempool again.
    pub(crate) fn disconnect(&self, world: &mut World, fork: u32) {
        let due = fork + self.setup.confirm_bound;
        world.tip = fork;
        world.reorgs -= 1;
        if world.input.is_some_and(|(_, at)| at > fork) {
            world.input = None;
            // It was good enough for a block once, and both sides keep it known.
            world.input_due = self.setup.funder_honest().then_some(due);
            world.input_high = true;
        }
        for at in OUTS {
            let place = world.place_mut(at);
            place.confirmed = place.confirmed.filter(|at| *at <= fork);
            if let Some((who, how, spent)) = place.spent
                && spent > fork
            {
                place.spent = None;
                if self.setup.is_honest(who) {
                    place.offers[who as usize] = Some(Offer {
                        how,
                        due,
                        high: true,
                    });
                }
            }
        }
    }
}

fn spread(worlds: Vec<World>, choices: impl Fn(&World) -> Vec<World>) -> Vec<World> {
    worlds.iter().flat_map(choices).collect()
}
