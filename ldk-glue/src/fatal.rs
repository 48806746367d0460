//! The one signal that says "this node must be shut down now".

use futures::future::BoxFuture;
use tokio::sync::watch;

/// A latch that keeps the first reason it was given. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Fatal(watch::Sender<Option<String>>);

impl Default for Fatal {
    fn default() -> Self {
        Self::new()
    }
}

impl Fatal {
    /// Nothing is wrong yet.
    #[must_use]
    pub fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// Latches `reason`. Later reasons are logged and otherwise ignored: the first is the cause.
    pub fn fail(&self, reason: String) {
        tracing::error!(%reason, "the node cannot go on");
        self.0.send_if_modified(|slot| {
            let first = slot.is_none();
            if first {
                *slot = Some(reason);
            }
            first
        });
    }

    /// The reason, when there is one.
    #[cfg(test)]
    pub(crate) fn reason(&self) -> Option<String> {
        self.0.borrow().clone()
    }

    /// Resolves with the reason; never, as long as all is well.
    pub fn wait(&self) -> BoxFuture<'static, String> {
        let mut seen = self.0.subscribe();
        // The sender is kept alive by this clone, so `wait_for` cannot end early.
        let keep = self.0.clone();
        Box::pin(async move {
            let _keep = keep;
            let reason = seen.wait_for(Option::is_some).await;
            reason
                .ok()
                .and_then(|reason| reason.clone())
                .unwrap_or_default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn first_reason_wins_and_late_waiters_see_it() {
        let fatal = Fatal::new();
        let early = fatal.wait();
        fatal.fail("disk".into());
        fatal.fail("consequence".into());
        assert_eq!(early.await, "disk");
        assert_eq!(fatal.wait().await, "disk");
        assert_eq!(fatal.reason().as_deref(), Some("disk"));
    }
}
