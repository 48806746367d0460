//! Who is connected with whom, and over which connections offers are pushed.

use fastrand::Rng;

use crate::node::Node;
use crate::params::{CALLS, MESH};

/// Calls random nodes until there are as many as a node wants to have called.
pub(crate) fn connect(nodes: &mut [Node], node: u32, rng: &mut Rng) {
    let count = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
    for _ in 0..CALLS * 4 {
        if nodes[node as usize].peers.len() >= CALLS {
            break;
        }
        let other = rng.u32(0..count);
        let fits = other != node
            && nodes[other as usize].online
            && !nodes[node as usize].peers.contains(&other)
            && nodes[other as usize].peers.len() < 128;
        if fits {
            nodes[node as usize].peers.push(other);
            nodes[other as usize].peers.push(node);
        }
    }
}

/// Brings a node's mesh to what is wanted, as a heartbeat does.
pub(crate) fn graft(nodes: &mut [Node], node: u32, rng: &mut Rng) {
    let (wanted, least, most) = MESH;
    if nodes[node as usize].mesh.len() >= least {
        return;
    }
    let mut candidates = nodes[node as usize].peers.clone();
    rng.shuffle(&mut candidates);
    for other in candidates {
        if nodes[node as usize].mesh.len() >= wanted {
            break;
        }
        let fits = !nodes[node as usize].mesh.contains(&other)
            && nodes[other as usize].mesh.len() < most
            && !nodes[node as usize].silenced(other)
            && !nodes[other as usize].silenced(node);
        if fits {
            nodes[node as usize].mesh.push(other);
            nodes[other as usize].mesh.push(node);
        }
    }
}

/// Takes a node out of everybody's lists.
pub(crate) fn disconnect(nodes: &mut [Node], node: u32) {
    let peers = std::mem::take(&mut nodes[node as usize].peers);
    nodes[node as usize].mesh.clear();
    for other in peers {
        let other = &mut nodes[other as usize];
        other.peers.retain(|peer| *peer != node);
        other.mesh.retain(|peer| *peer != node);
    }
}

/// A node no longer listens to a peer.
pub(crate) fn silence(nodes: &mut [Node], node: u32, peer: u32) {
    nodes[node as usize].mesh.retain(|other| *other != peer);
    nodes[peer as usize].mesh.retain(|other| *other != node);
}
