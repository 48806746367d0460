//! The beginning of a swap: quote, agreement, storage, all over the peers' messages.

use cambista_engine::ports::PeerAddress;
use cambista_engine::{AskAmount, AskFor, MakerContact, StartSwap};

use crate::node::{lock, node_id};
use crate::run::Run;
use crate::world::{MAKER, NAMES, TAKER};

impl Run {
    /// Begins the swap. None when it was refused.
    pub(crate) async fn open(&mut self) {
        let Some(taker) = self.handle(TAKER) else {
            return;
        };
        let contact = MakerContact {
            node_id: node_id(&self.world(), MAKER),
            peer: PeerAddress {
                peer_id: NAMES[MAKER].to_owned(),
                addresses: Vec::new(),
            },
        };
        let ask = AskFor {
            direction: self.plan.direction,
            amount: AskAmount::Swap(self.plan.amount),
            destination: None,
            external: self.plan.external,
        };
        let shared = self.shared.clone();
        let confirmations = self.plan.confirmations;
        let opening = tokio::spawn(async move {
            let quotes = taker.quotes(ask, vec![contact]).await;
            let quotes = quotes.map_err(|error| error.to_string())?;
            let quote = quotes.quotes.first();
            let quote = quote.ok_or_else(|| format!("no quote: {:?}", quotes.refused))?;
            lock(&shared).note(format!("quoted {quote:?}"));
            let request = StartSwap {
                quote_id: quote.id.clone(),
                confirmations,
                ..StartSwap::default()
            };
            taker
                .start(request)
                .await
                .map_err(|error| error.to_string())
        });
        for _ in 0..100 {
            self.settle().await;
            self.notice();
            if opening.is_finished() {
                break;
            }
            self.release(true);
        }
        self.began = self.height();
        let text = if opening.is_finished() {
            format!("opened: {:?}", opening.await)
        } else {
            "the opening hangs".to_owned()
        };
        self.world().note(text);
    }
}
