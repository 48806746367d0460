//! What the API needs of the engine.

use cambista_protocol::words::SwapId;
use futures::future::BoxFuture;
use tokio::sync::watch;

use cambista_engine::view::SwapView;
use cambista_engine::{
    AskFor, EngineError, EngineHandle, MakerContact, MakerPolicy, Quotes, StartSwap,
};

/// Orders and swaps: the engine's handle, or a stand-in for it in tests of the HTTP side.
pub trait Swaps: Send + Sync + 'static {
    /// [`EngineHandle::quotes`]
    fn quotes(
        &self,
        ask: AskFor,
        makers: Vec<MakerContact>,
    ) -> BoxFuture<'_, Result<Quotes, EngineError>>;
    /// [`EngineHandle::start`]
    fn start(&self, request: StartSwap) -> BoxFuture<'_, Result<SwapId, EngineError>>;
    /// [`EngineHandle::swaps`]
    fn swaps(&self) -> BoxFuture<'_, Result<Vec<SwapView>, EngineError>>;
    /// [`EngineHandle::swap`]
    fn swap(&self, id: String) -> BoxFuture<'_, Result<SwapView, EngineError>>;
    /// [`EngineHandle::cancel`]
    fn cancel(&self, id: String) -> BoxFuture<'_, Result<String, EngineError>>;
    /// [`EngineHandle::changes`]
    fn changes(&self) -> watch::Receiver<u64>;
    /// [`EngineHandle::policy`]
    fn policy(&self) -> BoxFuture<'_, Result<MakerPolicy, EngineError>>;
}

impl Swaps for EngineHandle {
    fn quotes(
        &self,
        ask: AskFor,
        makers: Vec<MakerContact>,
    ) -> BoxFuture<'_, Result<Quotes, EngineError>> {
        Box::pin(Self::quotes(self, ask, makers))
    }

    fn start(&self, request: StartSwap) -> BoxFuture<'_, Result<SwapId, EngineError>> {
        Box::pin(Self::start(self, request))
    }

    fn swaps(&self) -> BoxFuture<'_, Result<Vec<SwapView>, EngineError>> {
        Box::pin(Self::swaps(self))
    }

    fn swap(&self, id: String) -> BoxFuture<'_, Result<SwapView, EngineError>> {
        Box::pin(async move { Self::swap(self, &id).await })
    }

    fn cancel(&self, id: String) -> BoxFuture<'_, Result<String, EngineError>> {
        Box::pin(async move { Self::cancel(self, &id).await })
    }

    fn changes(&self) -> watch::Receiver<u64> {
        Self::changes(self)
    }

    fn policy(&self) -> BoxFuture<'_, Result<MakerPolicy, EngineError>> {
        Box::pin(Self::policy(self))
    }
}
