//! How a command ends when it does not end well, and what the exit code means.

use std::process::ExitCode;

use crate::api::types::{Code, Funds, Problem};
use crate::client::ClientError;
use crate::datadir::DataDirError;

/// What the exit code tells a script about its money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done.
    Done,
    /// Something else went wrong; nothing was moved.
    Other,
    /// The command cannot be meant.
    Usage,
    /// No node to speak to.
    Unreachable,
    /// Price, limits or the maker stand against it; nothing began.
    Refused,
    /// The swap failed; the funds are safe.
    SwapFailed,
    /// Something must be done or looked at.
    ActionNeeded,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0_u8,
            Exit::Other => 1,
            Exit::Usage => 2,
            Exit::Unreachable => 3,
            Exit::Refused => 4,
            Exit::SwapFailed => 5,
            Exit::ActionNeeded => 6,
        })
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    pub(super) text: String,
    /// A command to type next.
    pub(super) next: String,
    /// The same for programs, when it comes from the API.
    pub(super) problem: Option<Box<Problem>>,
}

impl Failure {
    pub(super) fn new(exit: Exit, text: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            exit,
            text: text.into(),
            next: next.into(),
            problem: None,
        }
    }

    pub(super) fn usage(text: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(Exit::Usage, text, next)
    }

    /// As one JSON object.
    pub(super) fn json(&self, next: &str) -> serde_json::Value {
        let mut object = match &self.problem {
            Some(problem) => serde_json::to_value(problem).unwrap_or_default(),
            None => serde_json::json!({ "title": self.text, "detail": self.text }),
        };
        if let Some(fields) = object.as_object_mut() {
            fields.insert("next".into(), next.into());
        }
        serde_json::json!({ "error": object })
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let exit = match (problem.funds, problem.code) {
            (Funds::ActionNeeded | Funds::Unknown, _) => Exit::ActionNeeded,
            (_, Code::Invalid) => Exit::Usage,
            (_, Code::Refused) => Exit::Refused,
            (_, Code::Stopping) => Exit::Unreachable,
            _ => Exit::Other,
        };
        let fallback = match problem.code {
            Code::Invalid => "cambista --help",
            _ => "cambista status",
        };
        Self {
            exit,
            text: problem.detail.clone(),
            next: problem.next.clone().unwrap_or_else(|| fallback.to_owned()),
            problem: Some(Box::new(problem)),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let text = error.to_string();
        match error {
            ClientError::Problem(problem) => (*problem).into(),
            // Before the first `init` there is nothing to run.
            ClientError::NotRunning(ref root) if !root.join("cambista.toml").exists() => {
                let text = format!("There is no node in {}", root.display());
                Self::new(Exit::Unreachable, text, "cambista init --help")
            }
            ClientError::NotRunning(_) | ClientError::Unreachable { .. } => {
                Self::new(Exit::Unreachable, text, "cambista run")
            }
            ClientError::Lost(_) => Self::new(Exit::ActionNeeded, text, "cambista swaps"),
            ClientError::Malformed(_) => Self::new(Exit::Other, text, "cambista --version"),
            ClientError::DataDir(error) => error.into(),
        }
    }
}

impl From<DataDirError> for Failure {
    fn from(error: DataDirError) -> Self {
        let next = match error {
            DataDirError::NoNode(_) => "cambista init --help",
            DataDirError::Exists(_) => "cambista run",
            DataDirError::Running(_) => "cambista status",
            DataDirError::NoHome | DataDirError::Io { .. } | DataDirError::Open { .. } => {
                "cambista --help"
            }
        };
        Self::new(Exit::Other, error.to_string(), next)
    }
}
