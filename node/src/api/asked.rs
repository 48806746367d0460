//! What a request about swaps says, checked before anything begins.

use std::str::FromStr as _;

use bitcoin::address::NetworkUnchecked;
use bitcoin::hex::FromHex as _;
use bitcoin::secp256k1::PublicKey;
use bitcoin::{Address, Amount, Network, ScriptBuf};
use cambista_protocol::money::MAX_MONEY_SAT;

use super::problem::Problem;
use super::state::State;

/// Hex digits of a Lightning key.
const WHOLE_KEY: usize = 66;
/// So many of them name a maker at least, if no other begins like that.
const LEAST_OF_KEY: usize = 4;
/// The longest label (bytes).
const MAX_LABEL: usize = 128;

/// An amount that can be swapped.
pub(super) fn amount(sat: u64) -> Result<Amount, Problem> {
    if sat == 0 || sat > MAX_MONEY_SAT {
        return Err(Problem::invalid(format!(
            "{sat} sat cannot be swapped; nothing was begun"
        )));
    }
    Ok(Amount::from_sat(sat))
}

/// A maker by its Lightning key, or by as much of it as no other maker has that this node knows: the beginning, or the two ends
/// as in `02af31c4..9e07`.
pub(super) async fn maker(state: &State, text: &str) -> Result<PublicKey, Problem> {
    let named = |text: &str| node(text).map_err(|problem| problem.next("cambista offers"));
    let (head, tail) = text.split_once("..").unwrap_or((text, ""));
    let is_part = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_short = text.len() < WHOLE_KEY && head.len() >= LEAST_OF_KEY;
    if !(is_short && is_part(head) && is_part(tail)) {
        return named(text);
    }
    let found = state.backend.known_maker(text.to_owned()).await;
    let found = found.map_err(|mut problem| {
        problem.detail.push_str("; nothing was begun");
        problem
    })?;
    named(&found.known.maker)
}

/// A node by its Lightning key.
pub(super) fn node(text: &str) -> Result<PublicKey, Problem> {
    PublicKey::from_str(text).map_err(|_| {
        Problem::invalid(
            "a node is named by its Lightning key, 66 hex digits beginning with 02 or 03; nothing was begun",
        )
    })
}

/// Channels by their ids: at least one.
pub(super) fn channels(ids: Vec<String>) -> Result<Vec<[u8; 32]>, Problem> {
    let id = |id: &String| <[u8; 32]>::from_hex(id).ok();
    let ids: Option<Vec<_>> = ids.iter().map(id).collect();
    ids.filter(|ids| !ids.is_empty()).ok_or_else(|| {
        Problem::invalid("channels are named by their ids, 64 hex digits each; nothing was begun")
            .next("cambista channel list")
    })
}

/// The script of an address of this network.
pub(super) fn script(address: &str, network: Network) -> Result<ScriptBuf, Problem> {
    let address = Address::<NetworkUnchecked>::from_str(address.trim()).map_err(|error| {
        Problem::invalid(format!(
            "this is not an address ({error}); nothing was sent"
        ))
    })?;
    let address = address.require_network(network).map_err(|_| {
        Problem::invalid(format!(
            "this address is not of the network {network}; nothing was sent"
        ))
    })?;
    Ok(address.script_pubkey())
}

/// A limit that can be meant.
pub(super) fn fee(sat: Option<u64>) -> Result<Option<u64>, Problem> {
    match sat {
        Some(sat) if sat > MAX_MONEY_SAT => Err(Problem::invalid(
            "a fee limit is above all money there is; nothing was begun",
        )),
        sat => Ok(sat),
    }
}

/// Where the coins are to go, if that is said.
pub(super) fn destination(
    address: Option<&str>,
    network: Network,
) -> Result<Option<ScriptBuf>, Problem> {
    let script = address.map(|text| script(text, network)).transpose();
    script.map_err(|problem| problem.next("cambista out --help"))
}

/// A name, if there is one, that is not too long; confirmations, if they are said, that are some.
pub(super) fn label_and_confirmations(
    label: Option<&str>,
    confirmations: Option<u32>,
) -> Result<(), Problem> {
    if label.is_some_and(|label| label.len() > MAX_LABEL) {
        return Err(Problem::invalid(format!(
            "a label is at most {MAX_LABEL} bytes long; nothing was begun"
        )));
    }
    if confirmations == Some(0) {
        return Err(Problem::invalid(
            "a swap waits for at least 1 confirmation: without one the coins are not there yet; nothing was begun",
        ));
    }
    Ok(())
}
