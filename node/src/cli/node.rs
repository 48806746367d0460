//! `run`, `stop`, `status`, `peer`, `openapi`.

use std::time::{Duration, Instant};

use clap::CommandFactory as _;
use serde_json::json;

use super::args::Cli;
use super::args_node::PeerCommand;
use super::args_pay::CompletionsArgs;
use super::context::Context;
use super::failure::{Exit, Failure};
use super::show_node;
use crate::api::types::{ConnectPeer, Done, PeerList, Status};
use crate::daemon::{self, DaemonError, RunOptions};

/// So long a node may take to stop.
const STOPPING: Duration = Duration::from_secs(90);

/// Runs the node until it is stopped.
pub(super) fn run(context: &Context) -> Result<(), Failure> {
    let failed = |text: String| Failure::new(Exit::Other, text, "cambista --help");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            failed(format!(
                "the system gives no threads ({error}); nothing was begun"
            ))
        })?;
    let options = RunOptions {
        datadir: context.dir.root().to_owned(),
    };
    runtime
        .block_on(daemon::run(options))
        .map_err(|error| match error {
            DaemonError::DataDir(error) => error.into(),
            // Nothing but what it says helps.
            DaemonError::Broken(ref reason) if cambista_ldk::is_old_copy(reason) => {
                failed(error.to_string())
            }
            // It says what to repair; after that it goes on where it was.
            DaemonError::Broken(_) => Failure::new(Exit::Other, error.to_string(), "cambista run"),
            other => failed(other.to_string()),
        })
}

/// Stops the node and waits until it is gone.
pub(super) fn stop(context: &Context) -> Result<(), Failure> {
    let Done {} = context.client()?.post("/stop", &json!({}))?;
    let begun = Instant::now();
    while begun.elapsed() < STOPPING {
        if !context.dir.is_running()? {
            context.show(&json!({ "stopped": true }), || {
                "Stopped. Open swaps go on when it is started again.".to_owned()
            });
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(Failure::new(
        Exit::Other,
        "the node was told to stop and is still busy; it stops as soon as that is done",
        "cambista status",
    ))
}

/// How the node is.
pub(super) fn status(context: &Context) -> Result<(), Failure> {
    let status: Status = context.client()?.get("/status", &[])?;
    let next = context.command(show_node::next_step(&status));
    context.show(&status, || show_node::status(&status, &next));
    Ok(())
}

/// Other nodes.
pub(super) fn peer(context: &Context, command: PeerCommand) -> Result<(), Failure> {
    let client = context.client()?;
    match command {
        PeerCommand::Connect { address } => {
            let done: Done = client.post("/peers", &ConnectPeer { address })?;
            context.show(&done, || "Connected.".to_owned());
        }
        PeerCommand::List => {
            let list: PeerList = client.get("/peers", &[])?;
            context.show(&list, || match list.peers.as_slice() {
                [] => format!(
                    "No peers.\nNext: {}",
                    context.command("cambista peer connect --help")
                ),
                peers => show_node::peers(peers),
            });
        }
    }
    Ok(())
}

/// This program's version.
pub(super) fn version(context: &Context) {
    let version = env!("CARGO_PKG_VERSION");
    context.show(&json!({ "version": version }), || {
        format!("cambista {version}")
    });
}

/// What makes a shell complete commands.
pub(super) fn completions(context: &Context, args: &CompletionsArgs) {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "cambista", &mut script);
    let script = String::from_utf8_lossy(&script);
    // A script is text whatever was asked for.
    let mut text = context.clone();
    text.json = false;
    text.say(&script);
}

/// The description of the API.
pub(super) fn openapi(context: &Context) -> Result<(), Failure> {
    let document = crate::api::openapi().to_pretty_json().map_err(|error| {
        Failure::new(
            Exit::Other,
            format!("the description cannot be written: {error}"),
            "cambista --version",
        )
    })?;
    // The description is JSON whatever was asked for.
    let mut text = context.clone();
    text.json = false;
    text.say(&document);
    Ok(())
}
