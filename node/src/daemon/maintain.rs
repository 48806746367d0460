//! What has to be done every now and then.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::offers::Market;

/// Between two looks at what stands no longer.
const EVERY: Duration = Duration::from_secs(60);

/// Forgets expired offers until told to stop.
pub(super) async fn run(market: Arc<Market>, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(EVERY) => market.expire(),
        }
    }
}
