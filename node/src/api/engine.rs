//! What the API needs of the engine.

use cambista_protocol::words::SwapId;
use futures::future::BoxFuture;
use tokio::sync::watch;

use cambista_engine::order::{OrderView, OrderWish, Orders, Planned, Started};
use cambista_engine::view::{SwapView, SwapsView};
use cambista_engine::{AskFor, EngineError, MakerContact, MakerPolicy, Quotes, StartSwap};

/// Orders and swaps: the engine and the orders above it, or a stand-in for them in tests of the HTTP side.
pub trait Swaps: Send + Sync + 'static {
    /// [`cambista_engine::EngineHandle::quotes`]
    fn quotes(
        &self,
        ask: AskFor,
        makers: Vec<MakerContact>,
    ) -> BoxFuture<'_, Result<Quotes, EngineError>>;
    /// [`cambista_engine::EngineHandle::start`]
    fn start(&self, request: StartSwap) -> BoxFuture<'_, Result<SwapId, EngineError>>;
    /// [`cambista_engine::EngineHandle::latest`]
    fn swaps(&self, ended: usize) -> BoxFuture<'_, Result<SwapsView, EngineError>>;
    /// [`cambista_engine::EngineHandle::swap`]
    fn swap(&self, id: String) -> BoxFuture<'_, Result<SwapView, EngineError>>;
    /// [`cambista_engine::EngineHandle::cancel`]
    fn cancel(&self, id: String) -> BoxFuture<'_, Result<String, EngineError>>;
    /// [`cambista_engine::EngineHandle::changes`]
    fn changes(&self) -> watch::Receiver<u64>;
    /// [`cambista_engine::EngineHandle::policy`]
    fn policy(&self) -> BoxFuture<'_, Result<MakerPolicy, EngineError>>;
    /// [`Orders::plan`]
    fn plan(&self, wish: OrderWish) -> BoxFuture<'_, Result<Planned, EngineError>>;
    /// [`Orders::accept`]
    fn accept(&self, plan_id: String) -> BoxFuture<'_, Result<Started, EngineError>>;
    /// [`Orders::orders`]
    fn orders(&self) -> BoxFuture<'_, Result<Vec<OrderView>, EngineError>>;
    /// [`Orders::order`]
    fn order(&self, id: String) -> BoxFuture<'_, Result<OrderView, EngineError>>;
    /// [`Orders::cancel`]
    fn cancel_order(&self, id: String) -> BoxFuture<'_, Result<String, EngineError>>;
}

impl Swaps for Orders {
    fn quotes(
        &self,
        ask: AskFor,
        makers: Vec<MakerContact>,
    ) -> BoxFuture<'_, Result<Quotes, EngineError>> {
        Box::pin(self.engine().quotes(ask, makers))
    }

    fn start(&self, request: StartSwap) -> BoxFuture<'_, Result<SwapId, EngineError>> {
        Box::pin(self.engine().start(request))
    }

    fn swaps(&self, ended: usize) -> BoxFuture<'_, Result<SwapsView, EngineError>> {
        Box::pin(self.engine().latest(ended))
    }

    fn swap(&self, id: String) -> BoxFuture<'_, Result<SwapView, EngineError>> {
        Box::pin(async move { self.engine().swap(&id).await })
    }

    fn cancel(&self, id: String) -> BoxFuture<'_, Result<String, EngineError>> {
        Box::pin(async move { self.engine().cancel(&id).await })
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.engine().changes()
    }

    fn policy(&self) -> BoxFuture<'_, Result<MakerPolicy, EngineError>> {
        Box::pin(self.engine().policy())
    }

    fn plan(&self, wish: OrderWish) -> BoxFuture<'_, Result<Planned, EngineError>> {
        Box::pin(Self::plan(self, wish))
    }

    fn accept(&self, plan_id: String) -> BoxFuture<'_, Result<Started, EngineError>> {
        Box::pin(async move { Self::accept(self, &plan_id).await })
    }

    fn orders(&self) -> BoxFuture<'_, Result<Vec<OrderView>, EngineError>> {
        Box::pin(Self::orders(self))
    }

    fn order(&self, id: String) -> BoxFuture<'_, Result<OrderView, EngineError>> {
        Box::pin(async move { Self::order(self, &id).await })
    }

    fn cancel_order(&self, id: String) -> BoxFuture<'_, Result<String, EngineError>> {
        Box::pin(async move { Self::cancel(self, &id).await })
    }
}
