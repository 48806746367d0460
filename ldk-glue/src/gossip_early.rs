//! Updates of channels that arrive before the channel itself.
//!
//! Both ends of a channel announce it in the same moment, and each sends the other its `channel_update` but not the
//! announcement, for the other makes that itself. An update that is faster than our own announcement, or that comes
//! between our look at the chain and the entry into the graph, LDK drops, and hears it again an hour later at best.
//! Until then no route leads through the channel in that direction, neither ours nor those of nodes that learn from us.
//! So such updates are kept here and handed to LDK once it knows the channel.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bitcoin::secp256k1::PublicKey;
use lightning::ln::msgs::{
    BaseMessageHandler, ChannelAnnouncement, ChannelUpdate, Init, LightningError, MessageSendEvent,
    NodeAnnouncement, QueryChannelRange, QueryShortChannelIds, ReplyChannelRange,
    ReplyShortChannelIdsEnd, RoutingMessageHandler,
};
use lightning::routing::gossip::NodeId;
use lightning::types::features::{InitFeatures, NodeFeatures};

use crate::gossip_check::ChainLookup;
use crate::types::{Gossip, Graph};

/// Updates kept at most.
const LIMIT: usize = 512;
/// How long an update is kept. An hour after the first one LDK's peers say it again.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Whether the channel of this short id is one that is to be announced, between us and this peer.
pub(crate) type Ours = Box<dyn Fn(&PublicKey, u64) -> bool + Send + Sync>;

struct Kept {
    update: ChannelUpdate,
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

    /// Keeps the update if its channel is on its way into the graph.
    fn keep(&self, from: &PublicKey, update: &ChannelUpdate) {
        let scid = update.contents.short_channel_id;
        // Only what is expected: anybody can send updates of channels that are not there.
        if !self.lookup.is_under_way(scid) && !(self.ours)(from, scid) {
            return;
        }
        let mut kept = self.kept();
        let key = (scid, update.contents.channel_flags & 1);
        match kept.get(&key) {
            Some(old) if old.update.contents.timestamp >= update.contents.timestamp => return,
            None if kept.len() >= LIMIT => return,
            _ => {}
        }
        let since = Instant::now();
        let update = update.clone();
        kept.insert(key, Kept { update, since });
    }

    /// Takes out what LDK would accept now.
    fn take_ready(&self) -> Vec<ChannelUpdate> {
        let mut kept = self.kept();
        if kept.is_empty() {
            return Vec::new();
        }
        let mut ready = Vec::new();
        kept.retain(|_, early| {
            if self.known(early.update.contents.short_channel_id) {
                ready.push(early.update.clone());
                return false;
            }
            early.since.elapsed() < PATIENCE
        });
        drop(kept);
        // Peers are sent only what is signed by the right node, and news.
        ready.retain(|update| self.graph.verify_channel_update(update).is_ok());
        ready
    }
}

impl BaseMessageHandler for EarlyUpdates {
    fn get_and_clear_pending_msg_events(&self) -> Vec<MessageSendEvent> {
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
        let unknown = from.filter(|_| !self.known(msg.contents.short_channel_id));
        if let Some(from) = unknown {
            // Before LDK sees it: if the channel gets known meanwhile, LDK has the update twice, which does no harm.
            self.keep(&from, msg);
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
