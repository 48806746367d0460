//! Updates of channels that arrive before the channel itself.
//!
//! LDK drops the update of a channel it does not know, and hears it again an hour later at best. Until then no route
//! leads through the channel in that direction, neither ours nor those of nodes that learn from us. It happens to every
//! few channels in a network whose nodes hear of a new channel in the same moment:
//!
//! - Both ends announce it at once, and each sends the other its update but not the announcement, for the other makes
//!   that itself. The update may be faster.
//! - Once a channel was looked up in the chain, LDK enters it into the graph, then tells peers. An update that comes in
//!   between is passed on before the channel, and dropped by everybody who gets it.
//!
//! So such updates are kept here, and handed to LDK once it knows the channel and has told peers of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bitcoin::secp256k1::PublicKey;
use lightning::ln::msgs::{
    BaseMessageHandler, ChannelAnnouncement, ChannelUpdate, ErrorAction, Init, LightningError,
    MessageSendEvent, NodeAnnouncement, QueryChannelRange, QueryShortChannelIds, ReplyChannelRange,
    ReplyShortChannelIdsEnd, RoutingMessageHandler,
};
use lightning::routing::gossip::NodeId;
use lightning::types::features::{InitFeatures, NodeFeatures};
use lightning::util::logger::Level;

use crate::gossip_check::ChainLookup;
use crate::types::{Gossip, Graph};

/// Updates kept at most.
const LIMIT: usize = 512;
/// How long an update of an own channel is kept. Peers with LDK say it again an hour after the first time.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Whether the channel of this short id is one that is to be announced, between us and this peer.
pub(crate) type Ours = Box<dyn Fn(&PublicKey, u64) -> bool + Send + Sync>;

struct Kept {
    update: ChannelUpdate,
    ours: bool,
    since: Instant,
}

/// LDK's handler of gossip, which also keeps the updates that come too early.
pub(crate) struct EarlyUpdates {
    gossip: Arc<Gossip>,
    graph: Arc<Graph>,
    lookup: Arc<ChainLookup>,
    ours: Ours,
    /// The latest update of each channel and direction.
    kept: Mutex<HashMap<(u64, u8), Kept>>,
}

impl EarlyUpdates {
    pub(crate) fn new(
        gossip: Arc<Gossip>,
        graph: Arc<Graph>,
        lookup: Arc<ChainLookup>,
        ours: Ours,
    ) -> Self {
        Self {
            gossip,
            graph,
            lookup,
            ours,
            kept: Mutex::new(HashMap::new()),
        }
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<(u64, u8), Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, scid: u64) -> bool {
        self.graph.read_only().channel(scid).is_some()
    }

    /// Keeps the update if its channel is on its way into the graph. Tells whether it is.
    fn keep(&self, from: &PublicKey, update: &ChannelUpdate) -> bool {
        let scid = update.contents.short_channel_id;
        // Only what is expected: anybody can send updates of channels that are not there.
        let ours = !self.known(scid) && (self.ours)(from, scid);
        if !ours && !self.lookup.is_under_way(scid) {
            return false;
        }
        let mut kept = self.kept();
        let key = (scid, update.contents.channel_flags & 1);
        match kept.get(&key) {
            Some(old) if old.update.contents.timestamp >= update.contents.timestamp => return true,
            None if kept.len() >= LIMIT => return false,
            _ => {}
        }
        let since = Instant::now();
        let update = update.clone();
        let early = Kept {
            update,
            ours,
            since,
        };
        kept.insert(key, early);
        true
    }

    /// Takes out what LDK would accept now.
    fn take_ready(&self) -> Vec<ChannelUpdate> {
        let mut kept = self.kept();
        if kept.is_empty() {
            return Vec::new();
        }
        let mut ready = Vec::new();
        kept.retain(|_, early| {
            let scid = early.update.contents.short_channel_id;
            if self.lookup.is_under_way(scid) {
                return true;
            }
            if self.known(scid) {
                ready.push(early.update.clone());
                return false;
            }
            early.ours && early.since.elapsed() < PATIENCE
        });
        drop(kept);
        // Peers are sent only what is signed by the right node, and news.
        ready.retain(|update| self.graph.verify_channel_update(update).is_ok());
        ready
    }
}

impl BaseMessageHandler for EarlyUpdates {
    fn get_and_clear_pending_msg_events(&self) -> Vec<MessageSendEvent> {
        // Of what is found from here on, peers are told the next time; this time's updates come after their channels.
        self.lookup.telling();
        let mut events = self.gossip.get_and_clear_pending_msg_events();
        let ready = self.take_ready().into_iter();
        // What LDK is to broadcast it takes in first.
        events.extend(ready.map(|msg| MessageSendEvent::BroadcastChannelUpdate { msg }));
        events
    }

    fn peer_disconnected(&self, peer: PublicKey) {
        self.gossip.peer_disconnected(peer);
    }

    fn provided_node_features(&self) -> NodeFeatures {
        self.gossip.provided_node_features()
    }

    fn provided_init_features(&self, peer: PublicKey) -> InitFeatures {
        self.gossip.provided_init_features(peer)
    }

    fn peer_connected(&self, peer: PublicKey, init: &Init, inbound: bool) -> Result<(), ()> {
        self.gossip.peer_connected(peer, init, inbound)
    }
}

impl RoutingMessageHandler for EarlyUpdates {
    fn handle_node_announcement(
        &self,
        from: Option<PublicKey>,
        msg: &NodeAnnouncement,
    ) -> Result<bool, LightningError> {
        self.gossip.handle_node_announcement(from, msg)
    }

    fn handle_channel_announcement(
        &self,
        from: Option<PublicKey>,
        msg: &ChannelAnnouncement,
    ) -> Result<bool, LightningError> {
        self.gossip.handle_channel_announcement(from, msg)
    }

    fn handle_channel_update(
        &self,
        from: Option<PublicKey>,
        msg: &ChannelUpdate,
    ) -> Result<bool, LightningError> {
        // What comes from nobody is what this node itself has to say, in the right order.
        if from.is_some_and(|from| self.keep(&from, msg)) {
            return Err(LightningError {
                err: "Kept until peers have been told of the channel".to_owned(),
                action: ErrorAction::IgnoreAndLog(Level::Gossip),
            });
        }
        self.gossip.handle_channel_update(from, msg)
    }

    fn get_next_channel_announcement(
        &self,
        from: u64,
    ) -> Option<(
        ChannelAnnouncement,
        Option<ChannelUpdate>,
        Option<ChannelUpdate>,
    )> {
        self.gossip.get_next_channel_announcement(from)
    }

    fn get_next_node_announcement(&self, after: Option<&NodeId>) -> Option<NodeAnnouncement> {
        self.gossip.get_next_node_announcement(after)
    }

    fn handle_reply_channel_range(
        &self,
        from: PublicKey,
        msg: ReplyChannelRange,
    ) -> Result<(), LightningError> {
        self.gossip.handle_reply_channel_range(from, msg)
    }

    fn handle_reply_short_channel_ids_end(
        &self,
        from: PublicKey,
        msg: ReplyShortChannelIdsEnd,
    ) -> Result<(), LightningError> {
        self.gossip.handle_reply_short_channel_ids_end(from, msg)
    }

    fn handle_query_channel_range(
        &self,
        from: PublicKey,
        msg: QueryChannelRange,
    ) -> Result<(), LightningError> {
        self.gossip.handle_query_channel_range(from, msg)
    }

    fn handle_query_short_channel_ids(
        &self,
        from: PublicKey,
        msg: QueryShortChannelIds,
    ) -> Result<(), LightningError> {
        self.gossip.handle_query_short_channel_ids(from, msg)
    }

    fn processing_queue_high(&self) -> bool {
        self.gossip.processing_queue_high()
    }
}

#[cfg(test)]
#[path = "gossip_early/tests.rs"]
mod tests;
