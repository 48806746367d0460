//! The command line: what people type and read. It speaks to the node over its API only.

mod args;
mod args_node;
mod args_pay;
mod args_swap;
mod channel;
mod context;
mod contract;
mod failure;
mod follow;
mod follow_order;
mod init;
mod maker;
mod makers;
mod market;
mod money;
mod node;
mod paths;
mod pay;
mod qr;
mod show_maker;
mod show_node;
mod show_offers;
mod show_order;
mod show_pay;
mod show_quote;
mod show_swap;
mod take;
mod text;
mod watch;

#[cfg(test)]
mod tests;

use std::io::Write as _;
use std::process::ExitCode;

use args::{Cli, Command};
use clap::Parser as _;
use context::Context;
use failure::{Exit, Failure};
use take::Wish;

/// Does what was typed.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let (json, called) = (cli.json, context::called(&cli));
    match run(cli) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            complain(&failure, json, &called);
            failure.exit.into()
        }
    }
}

/// Says what went wrong and what to type next. Standard output stays clean for what went right.
fn complain(failure: &Failure, json: bool, called: &str) {
    let next = context::with_globals(called, &failure.next);
    let said = match json {
        true => failure.json(&next).to_string(),
        false => format!(
            "{}\nNext: {next}",
            text::plain(&text::sentence(&failure.text))
        ),
    };
    // Where nobody can be told, the exit code says it all.
    let _ = writeln!(std::io::stderr().lock(), "{said}");
}

fn run(cli: Cli) -> Result<Exit, Failure> {
    let context = Context::new(&cli)?;
    dispatch(&context, cli.command)
}

fn dispatch(context: &Context, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Init(args) => init::init(context, *args)?,
        Command::Run => node::run(context)?,
        Command::Stop => node::stop(context)?,
        Command::Status => node::status(context)?,
        Command::Offers(args) => market::offers(context, &args)?,
        Command::Quote(args) => market::quote(context, &args)?,
        Command::Out(args) => return take::take(context, Wish::out(args)),
        Command::In(args) => return take::take(context, Wish::into_lightning(args)),
        Command::Cancel(args) => follow::cancel(context, &args)?,
        Command::Swaps(args) => return follow::swaps(context, &args),
        Command::Orders(args) => return follow_order::orders(context, &args),
        Command::Watch => watch::watch(context)?,
        Command::Invoice(args) => pay::invoice(context, &args)?,
        Command::Pay(args) => return pay::pay(context, &args),
        Command::Payments(args) => pay::payments(context, &args)?,
        Command::Maker { command } => maker::maker(context, command)?,
        Command::Makers(args) => makers::makers(context, &args)?,
        Command::Channel(command) => channel::channel(context, command)?,
        Command::Peer(command) => node::peer(context, command)?,
        Command::Wallet(command) => money::wallet(context, command)?,
        Command::Contract(command) => contract::contract(context, command)?,
        Command::Version => node::version(context),
        Command::Completions(args) => node::completions(context, &args),
        Command::Openapi => node::openapi(context)?,
    }
    Ok(Exit::Done)
}
