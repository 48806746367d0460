//! Ending a swap because the user wants it, as far as it still can be.

use cambista_protocol::swap::{Decision, Event, FunderSwap, Funding, PayerSwap, Swap};
use cambista_protocol::words::SwapId;

use crate::engine::Core;
use crate::handle::{EngineError, Reply};
use crate::ports::{PortError, Ports};
use crate::words::Sats;

impl<P: Ports> Core<P> {
    /// Cancels a swap, or says why it is too late.
    pub(crate) async fn cancel(
        &mut self,
        wanted: &str,
        reply: Reply<Result<String, EngineError>>,
    ) -> Result<(), PortError> {
        let answer = match self.cancellable(wanted) {
            Err(error) => Err(error),
            Ok((id, words)) => {
                self.happened(id, Event::Cancelled).await?;
                Ok(words)
            }
        };
        let _ = reply.send(answer);
        Ok(())
    }

    fn cancellable(&self, wanted: &str) -> Result<(SwapId, String), EngineError> {
        let id = self.find(wanted)?;
        // What is not in memory has ended long ago.
        let Some(live) = self.swaps.get(&id).filter(|live| !live.ended()) else {
            return Err(EngineError::Refused(
                "this swap has ended; there is nothing to cancel".into(),
            ));
        };
        let words = match &live.swap {
            Swap::Payer(payer) => payer_words(payer),
            Swap::Funder(funder) => funder_words(funder),
        };
        words
            .map(|words| (id, words))
            .map_err(|why| EngineError::Refused(why.into()))
    }
}

fn payer_words(payer: &PayerSwap) -> Result<String, &'static str> {
    match payer.decision() {
        Decision::Open => Ok(format!(
            "cancelled: the secret stays here, so the payment of {} cannot be taken. It returns as soon as the \
             other side lets it go, at the latest when its time lock ends{}",
            Sats(payer.deal().swap_amount + payer.deal().prepay_amount),
            if payer.deal().prepay_hash.is_some() && payer.funding().is_some() {
                "; the maker has funded the swap already and may keep the prepay"
            } else {
                ""
            }
        )),
        Decision::Revealed(_) => Err(
            "too late to cancel: the secret is out, and the coins on the chain are being claimed for you",
        ),
        Decision::Aborted(_) => Err("this swap is being undone already"),
    }
}

fn funder_words(funder: &FunderSwap) -> Result<String, &'static str> {
    if funder.preimage().is_some() {
        return Err(
            "too late to cancel: the other side has claimed, and the Lightning payment is yours",
        );
    }
    Ok(match funder.funding() {
        Funding::None | Funding::Built(_) | Funding::Abandoned => {
            "cancelled: nothing was funded, the payment goes back".to_owned()
        }
        Funding::Published(_) => format!(
            "the other side is asked to give up: if it does, your coins come back at once, else from block {}",
            funder.deal().refund_height
        ),
        Funding::External => format!(
            "the other side is asked to give up. Send nothing to the address any more; what arrived comes back at once \
             if it does, else from block {}",
            funder.deal().refund_height
        ),
    })
}
