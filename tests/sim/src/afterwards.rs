//! Long after the end: both sides have let go of their swap, and then its peer says something, the node starts again, blocks
//! are replaced, and somebody pays to the old address.

use cambista_engine::ports::{PeerProtocol, Sought, Store as _};
use cambista_protocol::cbor;
use cambista_protocol::message::SwapRequest;
use cambista_protocol::swap::Outcome;
use cambista_protocol::words::Direction;

use crate::node::Node;
use crate::run::Run;
use crate::world::{MAKER, NAMES, TAKER};

/// More than the day after which a swap leaves memory.
const DAY: u32 = 160;
/// Of so many runs (percent) that ended well, this is looked at.
const LOOKED_AT: u32 = 20;
/// Paid to the address of a swap that is over (sat).
const LATE: u64 = 60_123;

impl Run {
    /// Goes on after the end. Says what is wrong to the world.
    pub(crate) async fn afterwards(&mut self) -> Result<(), String> {
        let fair = self.world().rogue.is_none();
        if !fair || !self.world().rng.percent(LOOKED_AT) {
            return Ok(());
        }
        self.rounds(DAY).await?;
        self.are_away("a day after the end");
        self.late_words().await;
        self.are_away("after late words");
        for node in self.nodes.iter().flatten() {
            node.crash();
        }
        self.notice();
        self.down_until = [0, 0];
        self.rounds(2).await?;
        self.are_away("after a start");
        {
            let mut world = self.world();
            let world = &mut *world;
            world.note("reorganisation of 5, a day after the end");
            world.chain.disconnect(5, &mut world.rng);
        }
        self.rounds(8).await?;
        self.are_away("after a reorganisation of what is above");
        if self.pays_late() {
            self.rounds(3).await?;
            self.rounds(DAY).await?;
            self.are_away("a day after the late deposit went home");
        }
        Ok(())
    }

    async fn rounds(&mut self, count: u32) -> Result<(), String> {
        for _ in 0..count {
            self.healed_round().await?;
        }
        Ok(())
    }

    /// Every swap must have left memory, and still be all there.
    fn are_away(&self, when: &str) {
        for node in self.nodes.iter().flatten().filter(|node| node.is_alive()) {
            let kept = node.find(Sought::Kept).map(|kept| kept.len());
            let all = node.mirror().swaps().len();
            let archived = node.find(Sought::Latest(usize::MAX)).map(|all| all.len());
            if kept != Ok(0) || archived != Ok(all) {
                let text = format!(
                    "{}: {kept:?} swaps are kept and {archived:?} of {all} archived {when}",
                    NAMES[node.who]
                );
                self.world().wrong(text);
            }
        }
    }

    async fn late_words(&self) {
        for who in [TAKER, MAKER] {
            let Some((handle, node)) = self.handle(who).zip(self.nodes[who].as_ref()) else {
                continue;
            };
            for swap_id in ids(node) {
                let words = [
                    SwapRequest::Resume { swap_id },
                    SwapRequest::Withdraw { swap_id },
                    SwapRequest::Key {
                        swap_id,
                        secret: [7; 32],
                    },
                    SwapRequest::Preimage {
                        swap_id,
                        preimage: [7; 32],
                    },
                ];
                for word in words {
                    let body = cbor::to_vec(&word);
                    let from = NAMES[1 - who].to_owned();
                    let _ = handle.peer_request(from, PeerProtocol::Swap, body).await;
                }
            }
        }
        self.settle().await;
    }

    /// The taker pays to the address of a swap `in` that is over. Its node must bring that home, if it has all it takes.
    fn pays_late(&self) -> bool {
        let Some(node) = self.nodes[TAKER].clone() else {
            return false;
        };
        let kept = node.mirror().swaps().first().cloned();
        let Some(kept) = kept else { return false };
        let done = kept.swap.outcome() == Some(Outcome::Done);
        let has_key = matches!(
            &kept.swap,
            cambista_protocol::swap::Swap::Funder(funder) if funder.peer_key().is_some()
        );
        if self.plan.direction != Direction::In || !done || !has_key {
            return false;
        }
        self.pay_from_outside(&kept.record.deal.script_pubkey, LATE);
        true
    }
}

fn ids(node: &Node) -> Vec<cambista_protocol::words::SwapId> {
    let kept = node.mirror();
    kept.swaps().iter().map(|kept| kept.record.id).collect()
}
