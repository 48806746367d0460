//! `channel`.

use super::args_node::ChannelCommand;
use super::context::Context;
use super::failure::Failure;
use super::show_node;
use super::text::{ends, plain, sat, short};
use crate::api::types::{Channel, ChannelList, ChannelOpened, Done, OpenChannel};
use crate::client::Client;

/// Lightning channels.
pub(super) fn channel(context: &Context, command: ChannelCommand) -> Result<(), Failure> {
    let client = context.client()?;
    match command {
        ChannelCommand::Open {
            node,
            amount,
            announced,
            push,
            yes,
        } => {
            if push > 0 {
                let question = format!(
                    "Open a channel of {} to {} and give it {} of them? What is given does not come back.",
                    sat(amount),
                    ends(&node),
                    sat(push)
                );
                context.confirm(&question, yes)?;
            }
            let open = OpenChannel {
                node,
                amount_sat: amount,
                announced,
                push_sat: push,
            };
            let opened: ChannelOpened = client.post("/channels", &open)?;
            context.show(&opened, || {
                format!(
                    "Channel {} of {} is being opened; it is ready once its funding has confirmed.\nNext: {}",
                    short(&opened.id),
                    sat(amount),
                    context.command("cambista channel list")
                )
            });
        }
        ChannelCommand::Close { id, force, yes } => {
            let list: ChannelList = client.get("/channels", &[])?;
            let channel = one(&list, &id)?;
            if force {
                context.confirm(&show_node::force_question(channel), yes)?;
            }
            let path = format!("/channels/{}", channel.id);
            let done: Done = client.delete(&path, &[("force", force.to_string())])?;
            context.show(&done, || {
                let next = context.command("cambista channel list");
                format!("{}\nNext: {next}", show_node::closing(channel, force))
            });
        }
        ChannelCommand::List => {
            let list: ChannelList = client.get("/channels", &[])?;
            context.show(&list, || {
                let open = match list.channels.as_slice() {
                    [] => format!(
                        "No channels.\nNext: {}\n",
                        context.command("cambista channel open NODE@HOST:PORT SAT")
                    ),
                    channels => show_node::channels(channels),
                };
                open + &show_node::returning(&list.returning)
            });
        }
    }
    Ok(())
}

/// The full ids of channels named by the beginning of them.
pub(super) fn full_ids(client: &Client, named: &[String]) -> Result<Vec<String>, Failure> {
    let list: ChannelList = client.get("/channels", &[])?;
    named
        .iter()
        .map(|name| Ok(one(&list, name)?.id.clone()))
        .collect()
}

/// The node on the other side of a channel named by the beginning of its id.
pub(super) fn peer_of(client: &Client, name: &str) -> Result<String, Failure> {
    let list: ChannelList = client.get("/channels", &[])?;
    Ok(one(&list, name)?.peer.clone())
}

/// The only channel whose id begins so.
fn one<'a>(list: &'a ChannelList, name: &str) -> Result<&'a Channel, Failure> {
    let wanted = name.to_lowercase();
    let mut found = list
        .channels
        .iter()
        .filter(|channel| channel.id.starts_with(&wanted));
    let text = match (found.next(), found.next()) {
        _ if wanted.is_empty() => "a channel is named by its id or the beginning of it".to_owned(),
        (Some(channel), None) => return Ok(channel),
        (None, _) => format!("there is no channel \"{}\"", plain(name)),
        _ => format!("more than one channel begins with \"{}\"", plain(name)),
    };
    Err(Failure::usage(
        format!("{text}; nothing was begun"),
        "cambista channel list",
    ))
}
