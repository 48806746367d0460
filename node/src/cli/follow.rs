//! Following a swap live, and `swaps`.

use std::io::Write as _;
use std::time::{Duration, Instant};

use cambista_engine::order::OrderView;
use cambista_engine::view::SwapView;
use serde_json::json;

use super::args_swap::{CancelArgs, SwapsArgs};
use super::context::Context;
use super::failure::{Exit, Failure};
use super::follow_order;
use super::paths;
use super::show_quote::arrow_of;
use super::show_swap;
use super::text::{plain, sat, sentence, short};
use crate::api::types::{Cancelled, Code, SwapList};
use crate::client::{Client, ClientError};

/// So long the API may wait for something to happen (seconds).
pub(super) const WAIT: u64 = 25;
/// So long a node that stopped is waited for.
const AWAY: Duration = Duration::from_secs(600);
/// So long the other side may take to pay over Lightning before a deposit is asked for.
const DEPOSIT: Duration = Duration::from_secs(90);
/// Ended swaps listed when not all are asked for.
const RECENT: usize = 20;

/// Lists swaps, or shows or follows one.
pub(super) fn swaps(context: &Context, args: &SwapsArgs) -> Result<Exit, Failure> {
    let client = context.client()?;
    let Some(id) = &args.id else {
        return list(context, &client, args.all);
    };
    let mut swap: SwapView = client.get(&paths::swap(id)?, &[])?;
    if !args.follow {
        context.show(&swap, || show_swap::full(&swap));
        return Ok(Exit::Done);
    }
    context.say(&show_swap::full(&swap));
    if !swap.ended {
        swap = follow(context, client, swap, true)?;
    }
    context.object(&swap);
    context.say(&show_swap::ending(&swap));
    Ok(show_swap::exit(&swap))
}

fn list(context: &Context, client: &Client, all: bool) -> Result<Exit, Failure> {
    let ended = if all { usize::MAX } else { RECENT };
    let list: SwapList = client.get("/swaps", &[("ended", ended.to_string())])?;
    context.show(&list, || {
        if list.swaps.is_empty() {
            return format!(
                "No swaps yet.\nNext: {}",
                context.command("cambista offers")
            );
        }
        let mut text = show_swap::list(&list.swaps.iter().collect::<Vec<_>>());
        match list.older {
            0 => {}
            older if all => text.push_str(&format!(
                "{older} older ones are not listed; each is there by its id: {}",
                context.command("cambista swaps ID")
            )),
            older => text.push_str(&format!(
                "{older} older ones: {}",
                context.command("cambista swaps --all")
            )),
        }
        text
    });
    Ok(Exit::Done)
}

/// Calls a swap off, as far as it still can be.
pub(super) fn cancel(context: &Context, args: &CancelArgs) -> Result<(), Failure> {
    let client = context.client()?;
    let swap: SwapView = match client.get(&paths::swap(&args.id)?, &[]) {
        Ok(swap) => swap,
        Err(ClientError::Problem(problem)) if problem.code == Code::NotFound => {
            // It may name an order.
            let order: Result<OrderView, _> = client.get(&paths::order(&args.id)?, &[]);
            return match order {
                Ok(order) => follow_order::cancel(context, &client, &order, args),
                Err(_) => Err(Failure::from(*problem)),
            };
        }
        Err(error) => return Err(error.into()),
    };
    context.say(&format!(
        "Swap {}: {}, {}\n{}",
        short(&swap.id),
        arrow_of(&swap.direction),
        sat(swap.amount_sat),
        plain(&sentence(&swap.money))
    ));
    context.confirm("Call it off?", args.yes)?;
    let cancelled: Cancelled =
        client.post(&format!("{}/cancel", paths::swap(&swap.id)?), &json!({}))?;
    context.show(&cancelled, || {
        let look = context.command(&format!("cambista swaps {}", short(&swap.id)));
        format!(
            "{}\nLook at it with: {look}",
            plain(&sentence(&cancelled.text))
        )
    });
    Ok(())
}

/// Prints every new line of the story until the swap ends. Ctrl-C leaves it to the node.
pub(super) fn follow(
    context: &Context,
    mut client: Client,
    mut swap: SwapView,
    no_qr: bool,
) -> Result<SwapView, Failure> {
    let look = context.command(&format!("cambista swaps {}", short(&swap.id)));
    on_interrupt(format!("\nIt goes on without you: {look}"), 130);
    let path = paths::swap(&swap.id)?;
    let mut absence = Absence::default();
    while !swap.ended {
        let query = [
            ("since", swap.version.to_string()),
            ("wait", WAIT.to_string()),
        ];
        match client.get::<SwapView>(&path, &query) {
            Ok(newer) => {
                absence.over(context);
                story(context, &newer, swap.timeline.len(), &swap.next, "");
                if let (None, Some(deposit)) = (&swap.deposit, &newer.deposit) {
                    context.say(&format!("\n{}\n", show_swap::deposit(deposit)));
                    context.qr(&deposit.uri, no_qr);
                }
                swap = newer;
            }
            Err(error) => {
                let what = format!("swap {}", short(&swap.id));
                client = absence.wait(context, client, error, &what)?;
            }
        }
    }
    Ok(swap)
}

/// Waits, for a while, until a swap funded from outside says what to send where.
pub(super) fn until_deposit(client: &Client, mut swap: SwapView) -> Result<SwapView, Failure> {
    let begun = Instant::now();
    while swap.deposit.is_none() && !swap.ended && begun.elapsed() < DEPOSIT {
        let query = [
            ("since", swap.version.to_string()),
            ("wait", "5".to_owned()),
        ];
        swap = client.get(&paths::swap(&swap.id)?, &query)?;
    }
    Ok(swap)
}

/// The lines of a swap's story after the first `seen`, and what comes next unless it was `expected` before.
/// `prefix` stands before each line.
pub(super) fn story(context: &Context, swap: &SwapView, seen: usize, expected: &str, prefix: &str) {
    for line in swap.timeline.iter().skip(seen) {
        context.say(&format!("{prefix}{}", show_swap::line(line)));
    }
    if swap.timeline.len() > seen && !swap.ended && swap.next != expected {
        context.say(&format!("{prefix}            -> {}", plain(&swap.next)));
    }
}

/// A node that stops is waited for: it may only be restarted, with a new address and token.
#[derive(Debug, Default)]
pub(super) struct Absence {
    since: Option<Instant>,
}

impl Absence {
    /// The node answers.
    pub(super) fn over(&mut self, context: &Context) {
        if self.since.take().is_some() {
            context.say("  The node is back.");
        }
    }

    /// Waits a moment for the node to come back; fails when this is no absence, or it takes too long.
    pub(super) fn wait(
        &mut self,
        context: &Context,
        client: Client,
        error: ClientError,
        what: &str,
    ) -> Result<Client, Failure> {
        let failure = Failure::from(error);
        let old_token = failure.problem.as_ref().is_some_and(|p| p.status == 401);
        if failure.exit != Exit::Unreachable && !old_token {
            return Err(failure);
        }
        let since = *self.since.get_or_insert_with(|| {
            context.say(&format!(
                "  The node has stopped. Swaps go on when it runs again: {}",
                context.command("cambista run")
            ));
            Instant::now()
        });
        if since.elapsed() > AWAY {
            return Err(Failure::new(
                Exit::Unreachable,
                format!(
                    "the node is still not running; start it before the time of {what} runs out"
                ),
                "cambista run",
            ));
        }
        std::thread::sleep(Duration::from_millis(500));
        Ok(context.client().unwrap_or(client))
    }
}

/// Says where to look and ends this program with `code`, not the swap, when the user presses Ctrl-C.
pub(super) fn on_interrupt(text: String, code: i32) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        if runtime.is_ok_and(|runtime| runtime.block_on(tokio::signal::ctrl_c()).is_ok()) {
            let _ = writeln!(std::io::stderr().lock(), "{text}");
            std::process::exit(code);
        }
    });
}
