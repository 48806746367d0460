//! What the rest of the node asks of the desk.

use super::business::{Business, MakerReport};
use super::policy::MakerPolicy;
use crate::engine::Core;
use crate::handle::{EngineError, EngineHandle, Input, Reply};
use crate::ports::Ports;

/// Questions about the maker's business.
pub(crate) enum MarketInput {
    Business { reply: Reply<Business> },
    Report { reply: Reply<MakerReport> },
}

impl<P: Ports> Core<P> {
    pub(crate) fn market_input(&self, input: MarketInput) {
        match input {
            MarketInput::Business { reply } => {
                let _ = reply.send(self.business());
            }
            MarketInput::Report { reply } => {
                let _ = reply.send(self.maker_report());
            }
        }
    }

    pub(crate) fn set_policy(&mut self, policy: MakerPolicy) {
        self.desk.policy = policy;
    }
}

impl EngineHandle {
    /// What this maker offers at the moment.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub async fn business(&self) -> Result<Business, EngineError> {
        self.send(|reply| Input::Market(MarketInput::Business { reply }))
            .await
    }

    /// What this maker's business has brought.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub async fn maker_report(&self) -> Result<MakerReport, EngineError> {
        self.send(|reply| Input::Market(MarketInput::Report { reply }))
            .await
    }
}
