//! The market's run.

use fastrand::Rng;

use crate::event::{Event, Queue};
use crate::graph;
use crate::message::{Kind, Message};
use crate::node::Node;
use crate::params::{
    AGAIN, ASK_BYTES, GONE, ID_BYTES, JUDGE, LATENCY, LAZY, OFFER_BYTES, PAGE, PATIENCE, Params,
    STAYS, Spam, WORK,
};

const SECOND: u64 = 1_000_000;
/// So many times, a minute apart, a new maker looks whether it was heard.
const LOOKS: u8 = 15;
/// One node in so many that is no maker comes late.
const LATE: u32 = 20;
/// Who has a message is known for so long (microseconds).
const REMEMBERED: u64 = 60 * SECOND;

/// All of it.
pub(crate) struct World {
    params: Params,
    rng: Rng,
    queue: Queue,
    nodes: Vec<Node>,
    messages: Vec<Message>,
    /// The first message not looked through for what can be forgotten.
    remembered: usize,
}

/// How long a core searches for the work of a grade.
const fn work(grade: u8) -> u64 {
    WORK << (4 * grade as u32)
}

/// What a run showed.
pub(crate) struct Outcome {
    pub(crate) params: Params,
    pub(crate) nodes: Vec<Node>,
    pub(crate) messages: Vec<Message>,
}

impl World {
    pub(crate) fn new(params: Params) -> Self {
        let mut world = Self {
            params,
            rng: Rng::with_seed(params.seed),
            queue: Queue::default(),
            nodes: (0..params.nodes).map(|_| Node::new()).collect(),
            messages: Vec::new(),
            remembered: 0,
        };
        for node in params.makers..params.nodes {
            if node % LATE == 0 && !params.is_spammer(node) {
                world.nodes[node as usize].online = false;
                let at = world.rng.u64(0..params.seconds * SECOND * 9 / 10);
                world.queue.push(at, Event::Join { node });
            }
        }
        for node in 0..params.nodes {
            if world.nodes[node as usize].online {
                graph::connect(&mut world.nodes, node, &mut world.rng);
            }
        }
        for node in 0..params.nodes {
            if !world.nodes[node as usize].online {
                continue;
            }
            graph::graft(&mut world.nodes, node, &mut world.rng);
            let at = world.rng.u64(0..SECOND);
            world.queue.push(at, Event::Heartbeat { node });
            if params.is_spammer(node) {
                let at = world.rng.u64(0..SECOND * 10);
                world.queue.push(at, Event::Spam { node });
            } else {
                let stays = world.rng.u64(0..2 * STAYS * SECOND);
                world.queue.push(stays, Event::Leave { node });
            }
        }
        for maker in 0..params.makers {
            let at = world.rng.u64(0..AGAIN.1 * SECOND);
            world.queue.push(at, Event::Announce { maker });
        }
        world
    }

    pub(crate) fn run(mut self) -> Outcome {
        let end = self.params.seconds * SECOND;
        while let Some((now, event)) = self.queue.pop() {
            if now > end {
                break;
            }
            self.happen(now, event);
        }
        Outcome {
            params: self.params,
            nodes: self.nodes,
            messages: self.messages,
        }
    }

    fn happen(&mut self, now: u64, event: Event) {
        match event {
            Event::Arrives { to, from, message } => self.arrives(now, to, from, message),
            Event::Announce { maker } => {
                let again = now + self.rng.u64(AGAIN.0..AGAIN.1) * SECOND;
                self.queue.push(again, Event::Announce { maker });
                if self.nodes[maker as usize].online {
                    let first = self.rng.u32(0..self.params.renewals) == 0;
                    let kind = if first { Kind::First } else { Kind::Renewal };
                    self.publish(now, maker, kind, 0);
                    if first {
                        self.look(now, maker, LOOKS);
                    }
                }
            }
            Event::Look { maker, times } => self.look(now, maker, times),
            Event::Strong { maker, grade } => {
                if self.nodes[maker as usize].online {
                    self.publish(now, maker, Kind::Strong, grade);
                }
            }
            Event::Spam { node } => self.spam(now, node),
            Event::Heartbeat { node } => self.heartbeat(now, node),
            Event::Leave { node } => {
                graph::disconnect(&mut self.nodes, node);
                self.nodes[node as usize].online = false;
                let gone = self.rng.u64(1..2 * GONE) * SECOND;
                self.queue.push(now + gone, Event::Join { node });
            }
            Event::Join { node } => {
                self.nodes[node as usize].online = true;
                self.nodes[node as usize].since = now;
                graph::connect(&mut self.nodes, node, &mut self.rng);
                let stays = self.rng.u64(1..2 * STAYS) * SECOND;
                self.queue.push(now + stays, Event::Leave { node });
                self.queue.push(now + SECOND, Event::Heartbeat { node });
                self.ask(now, node, 0);
            }
            Event::Asked { peer, by, page } => self.asked(now, peer, by, page),
            Event::Page { to, next } => self.ask(now, to, next),
        }
    }

    /// Asks for the next page of the book, unless that was the last.
    fn ask(&mut self, now: u64, node: u32, page: u64) {
        let pages = self.params.pages();
        let asks = &mut self.nodes[node as usize];
        if !asks.online {
            return;
        }
        if page == pages {
            asks.caught_up.push(now - asks.since);
            return;
        }
        let Some(peer) = self.rng.choice(&asks.peers).copied() else {
            let next = page;
            self.queue
                .push(now + SECOND, Event::Page { to: node, next });
            return;
        };
        let left = asks.send(now, ASK_BYTES);
        let at = left + self.rng.u64(LATENCY.0..LATENCY.1);
        let by = node;
        self.queue.push(at, Event::Asked { peer, by, page });
    }

    /// Sends a page, behind all else that waits for the line. Spammers, and who has gone, send none.
    fn asked(&mut self, now: u64, peer: u32, by: u32, page: u64) {
        if !self.nodes[peer as usize].online || self.params.is_spammer(peer) {
            let next = page;
            self.queue
                .push(now + PATIENCE, Event::Page { to: by, next });
            return;
        }
        let left = self.nodes[peer as usize].send(now, PAGE);
        let judged = PAGE / OFFER_BYTES * JUDGE;
        let at = left + self.rng.u64(LATENCY.0..LATENCY.1) + judged;
        self.nodes[by as usize].received += PAGE;
        let next = page + 1;
        self.queue.push(at, Event::Page { to: by, next });
    }

    fn spam(&mut self, now: u64, node: u32) {
        match self.params.spam {
            Spam::None => {}
            // No faster: after the fourth nobody listens to it any more.
            Spam::Garbage => {
                self.publish(now, node, Kind::Garbage, 0);
                self.queue.push(now + SECOND, Event::Spam { node });
            }
            Spam::Work(grade) => {
                self.publish(now, node, Kind::Worked, grade);
                self.queue.push(now + work(grade), Event::Spam { node });
            }
        }
    }

    /// A maker nobody knows looks for a while with what work it would be heard, and searches for that at half the pace of a core.
    fn look(&mut self, now: u64, maker: u32, times: u8) {
        let grade = self.nodes[maker as usize].gate.room(now / SECOND);
        if grade > 0 {
            let found = now + 2 * work(grade);
            self.queue.push(found, Event::Strong { maker, grade });
        } else if let Some(times) = times.checked_sub(1) {
            let later = now + 60 * SECOND;
            self.queue.push(later, Event::Look { maker, times });
        }
    }

    /// Who has a piece of spam is of no interest once it has stopped travelling, and there is very much of it.
    fn forget_spam(&mut self, now: u64) {
        while let Some(message) = self.messages.get_mut(self.remembered) {
            if message.sent + REMEMBERED > now {
                break;
            }
            if matches!(message.kind, Kind::Worked | Kind::Garbage) {
                message.forget();
            }
            self.remembered += 1;
        }
    }

    /// To every peer, as who publishes does.
    fn publish(&mut self, now: u64, node: u32, kind: Kind, grade: u8) {
        self.forget_spam(now);
        let number = u32::try_from(self.messages.len()).unwrap_or(u32::MAX);
        let mut message = Message::new(kind, grade, now, self.params.nodes);
        message.see(node);
        message.take(node, now);
        self.messages.push(message);
        for peer in self.nodes[node as usize].peers.clone() {
            self.send(now, node, peer, number);
        }
        self.nodes[node as usize].fresh.push(number);
    }

    fn send(&mut self, now: u64, from: u32, to: u32, message: u32) {
        let left = self.nodes[from as usize].send(now, OFFER_BYTES);
        let at = left + self.rng.u64(LATENCY.0..LATENCY.1);
        self.queue.push(at, Event::Arrives { to, from, message });
    }

    fn arrives(&mut self, now: u64, to: u32, from: u32, number: u32) {
        let node = &mut self.nodes[to as usize];
        if !node.online || node.silenced(from) {
            return;
        }
        node.received += OFFER_BYTES;
        let message = &mut self.messages[number as usize];
        if message.see(to) || !node.gate.message(&from, now / SECOND) {
            return;
        }
        node.judged += 1;
        let taken = match message.kind {
            Kind::Garbage => {
                if node.blame(from) {
                    graph::silence(&mut self.nodes, to, from);
                }
                return;
            }
            Kind::Renewal => true,
            Kind::First | Kind::Strong | Kind::Worked => {
                let grade = message.grade;
                node.gate.newcomer(&from, grade, now / SECOND)
            }
        };
        if !taken || self.params.is_spammer(to) {
            return;
        }
        node.spam_taken += u64::from(message.kind == Kind::Worked);
        message.take(to, now + JUDGE);
        node.fresh.push(number);
        for peer in node.mesh.clone() {
            if peer != from {
                self.send(now + JUDGE, to, peer, number);
            }
        }
    }

    /// Repairs the mesh and tells some peers outside it what is new; who lacks it asks for it.
    fn heartbeat(&mut self, now: u64, node: u32) {
        if !self.nodes[node as usize].online {
            return;
        }
        graph::connect(&mut self.nodes, node, &mut self.rng);
        graph::graft(&mut self.nodes, node, &mut self.rng);
        let fresh = std::mem::take(&mut self.nodes[node as usize].fresh);
        if !fresh.is_empty() {
            let mine = &self.nodes[node as usize];
            let mut others: Vec<u32> = mine.peers.clone();
            others.retain(|peer| !mine.mesh.contains(peer));
            self.rng.shuffle(&mut others);
            others.truncate(LAZY);
            for peer in others {
                self.tell(now, node, peer, &fresh);
            }
        }
        self.queue.push(now + SECOND, Event::Heartbeat { node });
    }

    fn tell(&mut self, now: u64, node: u32, peer: u32, fresh: &[u32]) {
        let ids = u64::try_from(fresh.len()).unwrap_or(0) * ID_BYTES;
        self.nodes[node as usize].send(now, ids);
        self.nodes[peer as usize].received += ids;
        let spammer = self.params.is_spammer(peer);
        for message in fresh {
            // The answer travels there and back before the offer does.
            if !spammer && !self.messages[*message as usize].seen(peer) {
                self.nodes[peer as usize].sent += ID_BYTES;
                let asked = now + 2 * self.rng.u64(LATENCY.0..LATENCY.1);
                self.send(asked, node, peer, *message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::reach;

    #[test]
    fn spam_with_work_does_not_keep_known_makers_from_being_heard() {
        let params = Params::new(400, 3).with(50, Spam::Work(0));
        let outcome = World::new(params).run();
        assert!(outcome.messages.iter().any(|m| m.kind == Kind::Worked));
        assert!(reach(&outcome, Kind::Renewal) >= 9_990, "of ten thousand");
        let limit = 1_000 + 120 * params.seconds / 60;
        assert!(outcome.nodes.iter().all(|node| node.spam_taken <= limit));
    }

    #[test]
    fn a_new_maker_is_heard_when_it_does_more_work_than_those_that_make_up_many() {
        let params = Params {
            renewals: 5,
            ..Params::new(400, 12).with(50, Spam::Work(0))
        };
        let outcome = World::new(params).run();
        let strong = outcome.messages.iter().filter(|m| m.kind == Kind::Strong);
        assert!(strong.count() > 1);
        assert!(reach(&outcome, Kind::First) < 5_000, "of ten thousand");
        assert!(reach(&outcome, Kind::Strong) >= 9_900, "of ten thousand");
    }

    #[test]
    fn garbage_goes_no_further_than_the_peers_of_who_sends_it() {
        let params = Params::new(400, 3).with(50, Spam::Garbage);
        let outcome = World::new(params).run();
        let judged: u64 = outcome.nodes.iter().map(|node| node.judged).sum();
        let quiet = World::new(Params::new(400, 3)).run();
        let honest: u64 = quiet.nodes.iter().map(|node| node.judged).sum();
        // Every spammer is heard four times by each of its peers, of whom there are some sixteen.
        assert!(judged <= honest + 20 * 16 * 4 * 2, "{judged} {honest}");
    }

    #[test]
    fn who_comes_late_has_the_whole_book_within_seconds_while_others_spam() {
        for (permille, spam) in [(0, Spam::None), (50, Spam::Garbage)] {
            let outcome = World::new(Params::new(400, 10).with(permille, spam)).run();
            let all = || outcome.nodes.iter().flat_map(|node| &node.caught_up);
            assert!(all().count() > 10, "{}", all().count());
            let quick = all().filter(|time| **time < 10 * SECOND).count();
            assert!(quick * 10 > all().count() * 9, "{:?}", all().max());
        }
    }
}
