//! What every command needs: where the node is, how to print, whom to ask.

use std::io::{self, IsTerminal as _, Write as _};

use bitcoin::Network;
use serde::Serialize;

use super::args::Cli;
use super::failure::{Exit, Failure};
use crate::client::Client;
use crate::datadir::DataDir;

/// What every command needs.
#[derive(Clone, Debug)]
pub(super) struct Context {
    pub(super) dir: DataDir,
    pub(super) network: Network,
    pub(super) json: bool,
    /// Whether someone is there to answer questions.
    pub(super) interactive: bool,
    /// Whether standard output is a screen.
    screen: bool,
    /// How this program was called: `cambista --network regtest`.
    called: String,
}

impl Context {
    pub(super) fn new(cli: &Cli) -> Result<Self, Failure> {
        let dir = match &cli.datadir {
            Some(path) => DataDir::at(path.clone()),
            None => DataDir::default_for(cli.network)?,
        };
        Ok(Self {
            dir,
            network: cli.network,
            json: cli.json,
            interactive: io::stdin().is_terminal(),
            screen: io::stdout().is_terminal(),
            called: called(cli),
        })
    }

    /// A command to type, with the folder and network of this one.
    pub(super) fn command(&self, rest: &str) -> String {
        with_globals(&self.called, rest)
    }

    pub(super) fn client(&self) -> Result<Client, Failure> {
        Ok(Client::open(&self.dir)?)
    }

    /// Prints text for people: on standard output, or beside it when that is for a program.
    pub(super) fn say(&self, text: &str) {
        // A closed pipe is the reader's choice, not an error.
        let _ = if self.json {
            writeln!(io::stderr().lock(), "{}", text.trim_end())
        } else {
            writeln!(io::stdout().lock(), "{}", text.trim_end())
        };
    }

    /// Ends a command: the object for programs, or the text for people.
    pub(super) fn show(&self, object: &impl Serialize, text: impl FnOnce() -> String) {
        if self.json {
            self.object(object)
        } else {
            self.say(&text())
        }
    }

    /// Prints the one JSON object, when JSON is asked for.
    pub(super) fn object(&self, object: &impl Serialize) {
        if self.json {
            let line = serde_json::to_string(object).unwrap_or_default();
            let _ = writeln!(io::stdout().lock(), "{line}");
        }
    }

    /// Draws a QR code for a phone that looks at the screen, when there is one and no program reads.
    pub(super) fn qr(&self, text: &str, unwanted: bool) {
        if self.screen && !self.json && !unwanted {
            self.say(&super::qr::qr(text).unwrap_or_default());
        }
    }

    /// Whether somebody has to be asked; not where they agreed beforehand (`yes`).
    ///
    /// # Errors
    /// When nobody is there to be asked.
    pub(super) fn asks(&self, yes: bool) -> Result<bool, Failure> {
        if !yes && !self.interactive {
            return Err(Failure::usage(
                "nobody is there to agree to this: add --yes to agree beforehand. Nothing was begun",
                "the same command with --yes",
            ));
        }
        Ok(!yes)
    }

    /// Asks before money moves.
    pub(super) fn confirm(&self, question: &str, yes: bool) -> Result<(), Failure> {
        if !self.asks(yes)? {
            return Ok(());
        }
        let mut screen = io::stderr().lock();
        let _ = write!(screen, "{question} [y/N] ").and_then(|()| screen.flush());
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer);
        if read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
            return Ok(());
        }
        Err(Failure::new(
            Exit::Other,
            "Nothing was begun.",
            "cambista status",
        ))
    }
}

/// How the program was called, as far as it matters for the next command.
pub(super) fn called(cli: &Cli) -> String {
    let mut called = String::from("cambista");
    // A folder knows its network; only a new node must be told.
    if cli.network != Network::Bitcoin && cli.datadir.is_none() {
        called.push_str(&format!(" --network {}", cli.network));
    }
    if let Some(dir) = &cli.datadir {
        let dir = dir.display().to_string();
        let safe = dir
            .chars()
            .all(|c| c.is_alphanumeric() || "/._-~".contains(c));
        let quoted = if safe {
            dir
        } else {
            format!("'{}'", dir.replace('\'', "'\\''"))
        };
        called.push_str(&format!(" --datadir {quoted}"));
    }
    called
}

/// `cambista swaps` as it must be typed here.
pub(super) fn with_globals(called: &str, command: &str) -> String {
    match command.strip_prefix("cambista") {
        Some(rest) => format!("{called}{rest}"),
        None => command.to_owned(),
    }
}
