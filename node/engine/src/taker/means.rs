//! Whether this node can carry what it is about to begin.

use bitcoin::Amount;
use cambista_protocol::money::Msat;
use cambista_protocol::words::Direction;

use crate::engine::Core;
use crate::handle::{EngineError, Means};
use crate::internal::HeldQuote;
use crate::ports::{Lightning, Ports, Wallet};

impl<P: Ports> Core<P> {
    /// A swap this node cannot carry is not begun.
    pub(super) fn check_means(&self, held: &HeldQuote) -> Result<(), EngineError> {
        let quote = &held.quote;
        let invoices = quote.swap_invoice().unwrap_or(Amount::ZERO);
        let lightning = match quote.direction {
            Direction::Out => invoices + quote.prepay(),
            Direction::In => invoices,
        };
        self.means(&Means {
            direction: quote.direction,
            lightning,
            chain: match quote.direction {
                Direction::In if !quote.external => quote.amount(),
                _ => Amount::ZERO,
            },
        })
    }

    /// Whether channels and wallet can carry this now.
    pub(crate) fn means(&self, means: &Means) -> Result<(), EngineError> {
        let liquidity = self.ports.lightning().liquidity();
        let needed = Msat::from_sat(means.lightning.to_sat()).unwrap_or(Msat(u64::MAX));
        let (verb, there) = match means.direction {
            Direction::Out => ("send", liquidity.outbound),
            Direction::In => ("receive", liquidity.inbound),
        };
        if there < needed {
            return Err(EngineError::Refused(format!(
                "your channels can {verb} {} sat now, this swap needs {} sat; nothing began",
                there.0 / 1000,
                means.lightning.to_sat()
            )));
        }
        if means.chain > Amount::ZERO {
            let rate = self.fee_rate(crate::funding::FUNDING_TARGET);
            let fee = self.ports.wallet().funding_fee(means.chain, rate);
            fee.map_err(|e| {
                EngineError::Refused(format!("the swap cannot be funded: {e}; nothing began"))
            })?;
        }
        Ok(())
    }
}
