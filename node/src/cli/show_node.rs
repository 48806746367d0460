//! The node, its money, channels and peers as people read them.

use super::text::{count, ends, plain, sat, short, table};
use crate::api::types::{Balance, Channel, Peer, PeerKind, Returning, Status, Wait};

/// How the node is. `next` is what to do, as a command.
pub(super) fn status(status: &Status, next: &str) -> String {
    let node = &status.node;
    let chain = match (&node.chain_error, node.synced) {
        (Some(error), _) => format!(
            "block {}, NOT in touch with the chain: {}",
            node.height,
            plain(error)
        ),
        (None, true) => format!("block {}, synced", node.height),
        (None, false) => format!("block {}, catching up", node.height),
    };
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let mut text = format!(
        "Cambista {} on {}\n",
        plain(&node.version),
        plain(&node.network)
    );
    let mut row = |name: &str, value: String| text.push_str(&format!("  {name:<10} {value}\n"));
    row("Chain", chain);
    row(
        "Lightning",
        lightning(
            &node.balance,
            number(node.channels),
            number(node.lightning_peers),
        ),
    );
    row("On-chain", onchain(&node.balance));
    row("Swaps", format!("{} open", status.open_swaps));
    row(
        "Market",
        format!(
            "{}; maker {}",
            count(number(node.p2p_peers), "peer"),
            if status.maker_enabled { "on" } else { "off" }
        ),
    );
    row("Node", plain(&node.node_id));
    for address in &node.lightning_addresses {
        row("", format!("listens at {}", plain(address)));
    }
    row("Peer id", plain(&node.peer_id));
    for address in &node.p2p_addresses {
        row("", format!("listens at {}", plain(address)));
    }
    text.push_str(&format!("Next: {next}\n"));
    text
}

/// What most likely helps now, as a command.
pub(super) fn next_step(status: &Status) -> &'static str {
    let node = &status.node;
    let empty = node.balance.onchain_confirmed_sat == 0 && node.balance.onchain_pending_sat == 0;
    if node.chain_error.is_some() || !node.synced {
        "cambista status"
    } else if status.open_swaps > 0 {
        "cambista swaps"
    } else if node.channels == 0 && empty {
        "cambista wallet address"
    } else if node.channels == 0 {
        "cambista channel open NODE@HOST:PORT SAT"
    } else if node.p2p_peers == 0 {
        "cambista peer connect /ip4/ADDRESS/tcp/PORT/p2p/PEER"
    } else {
        "cambista offers"
    }
}

fn lightning(balance: &Balance, channels: u64, peers: u64) -> String {
    format!(
        "can send {}, can receive {}; {}, {}",
        sat(balance.lightning_outbound_sat),
        sat(balance.lightning_inbound_sat),
        count(channels, "channel"),
        count(peers, "peer"),
    )
}

fn onchain(balance: &Balance) -> String {
    let mut text = format!("{} to spend", sat(balance.onchain_spendable_sat));
    if balance.onchain_reserved_sat > 0 {
        text.push_str(&format!(
            ", {} held back",
            sat(balance.onchain_reserved_sat)
        ));
    }
    if balance.onchain_pending_sat > 0 {
        text.push_str(&format!(
            ", {} on the way in",
            sat(balance.onchain_pending_sat)
        ));
    }
    text
}

/// The money.
pub(super) fn balance(balance: &Balance) -> String {
    format!(
        "On-chain   {}\n           {} confirmed in all\nLightning  can send {}, can receive {}\n",
        onchain(balance),
        sat(balance.onchain_confirmed_sat),
        sat(balance.lightning_outbound_sat),
        sat(balance.lightning_inbound_sat),
    )
}

/// The channels.
pub(super) fn channels(channels: &[Channel]) -> String {
    let rows: Vec<Vec<String>> = channels
        .iter()
        .map(|channel| {
            vec![
                short(&channel.id),
                ends(&channel.peer),
                channel.alias.as_deref().map(plain).unwrap_or_default(),
                sat(channel.capacity_sat),
                sat(channel.outbound_sat),
                sat(channel.inbound_sat),
                channel_state(channel),
                channel
                    .force_close_delay_blocks
                    .map(|delay| count(delay.into(), "block"))
                    .unwrap_or_default(),
            ]
        })
        .collect();
    table(
        &[
            "channel",
            "with",
            "name",
            ">size",
            ">can send",
            ">can receive",
            "state",
            ">locked after --force",
        ],
        &rows,
    )
}

fn channel_state(channel: &Channel) -> String {
    match (channel.closing, channel.ready, channel.usable) {
        (true, ..) => "closing".to_owned(),
        (_, true, true) => "open".to_owned(),
        (_, true, false) => "open, peer away".to_owned(),
        _ => match channel.confirmations_required {
            Some(needed) => format!(
                "opening, {} of {} confirmed",
                channel.confirmations,
                count(needed.into(), "block")
            ),
            None => "opening".to_owned(),
        },
    }
}

/// What is on its way back from closed channels, and when it is free.
pub(super) fn returning(parts: &[Returning]) -> String {
    if parts.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = parts
        .iter()
        .map(|part| {
            vec![
                part.channel.as_deref().map(short).unwrap_or_default(),
                sat(part.amount_sat),
                free(part),
            ]
        })
        .collect();
    let table = table(&["channel", ">amount", "free"], &rows);
    format!("Coming back from closed channels, less miner fees:\n{table}")
}

fn free(part: &Returning) -> String {
    let block = part
        .free_at_height
        .map(|height| format!("block {height}"))
        .unwrap_or_default();
    match part.wait {
        Wait::Close => "once the closing transaction has confirmed".to_owned(),
        Wait::Locked => format!("from {block}"),
        Wait::Payment => format!("when a payment under way has ended; it runs out at {block}"),
        Wait::Sweep => "now: the transaction into the wallet is out or about to go out".to_owned(),
    }
}

/// What is asked before a channel is closed without its other side.
pub(super) fn force_question(channel: &Channel) -> String {
    let name = match channel.alias.as_deref() {
        None | Some("") => String::new(),
        Some(alias) => format!(" (\"{}\")", plain(alias)),
    };
    let locked = match channel.force_close_delay_blocks {
        Some(delay) => format!(
            "for {} (~{} h)",
            count(delay.into(), "block"),
            delay.div_ceil(6)
        ),
        None => "for some blocks".to_owned(),
    };
    format!(
        "Channel {} with {}{name}, {} of it yours to send, will be closed without the other side: miners get more than if both \
         close it, and the coins stay locked {locked} after the closing transaction.\nClose it?",
        short(&channel.id),
        ends(&channel.peer),
        sat(channel.outbound_sat),
    )
}

/// What closing a channel means for its coins.
pub(super) fn closing(channel: &Channel, force: bool) -> String {
    let under_way = u64::try_from(channel.payments_under_way).unwrap_or(u64::MAX);
    let payments = count(under_way, "payment");
    if !force {
        let first = match under_way {
            0 => String::new(),
            _ => format!(" It waits for {payments} under way in it to end."),
        };
        return format!(
            "Channel {} is being closed together with the other side.{first} Its coins are in the wallet as soon as the \
             closing transaction has confirmed.",
            short(&channel.id)
        );
    }
    let delay = match channel.force_close_delay_blocks {
        Some(delay) => format!(
            "{} (~{} h) after it",
            count(delay.into(), "block"),
            delay.div_ceil(6)
        ),
        None => "some blocks after it, as was agreed,".to_owned(),
    };
    let later = match under_way {
        0 => String::new(),
        _ => {
            format!(" What is in {payments} under way comes later, when each has ended or run out.")
        }
    };
    format!(
        "Channel {} is being closed by this side alone. The closing transaction must confirm; {delay} the coins are free and \
         come to the wallet by themselves.{later} Keep the node running until then.",
        short(&channel.id)
    )
}

/// The peers.
pub(super) fn peers(peers: &[Peer]) -> String {
    let rows: Vec<Vec<String>> = peers
        .iter()
        .map(|peer| {
            let kind = match peer.kind {
                PeerKind::Lightning => "Lightning",
                PeerKind::Market => "market",
            };
            vec![
                kind.to_owned(),
                if peer.connected { "connected" } else { "away" }.to_owned(),
                plain(&peer.id),
                peer.address.as_deref().map(plain).unwrap_or_default(),
            ]
        })
        .collect();
    table(&["kind", "", "node", "address"], &rows)
}
