//! Receiving: hold invoices, whose claim is the owner's decision, and ordinary ones.

use bitcoin::secp256k1::PublicKey;
use lightning::ln::channelmanager::Bolt11InvoiceParameters;
use lightning::types::payment::{PaymentHash, PaymentPreimage};
use lightning_invoice::{Bolt11Invoice, Bolt11InvoiceDescription, Description};

use crate::errors::InvoiceError;
use crate::events::HeldPart;
use crate::node::Node;

/// An inbound HTLC in an open channel, held or about to be forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldHtlc {
    /// Its payment hash.
    pub hash: [u8; 32],
    /// Its value in millisatoshi.
    pub amount_msat: u64,
    /// Absolute height at which the other side may take it back.
    pub cltv_expiry: u32,
    /// Too small to have an output of its own: lost to miner fees if the channel closes.
    pub is_dust: bool,
    /// The channel it is in.
    pub channel_id: [u8; 32],
    /// The peer of that channel.
    pub peer: PublicKey,
    /// Whether that channel has anchors.
    pub anchors: bool,
}

impl Node {
    /// An invoice on `hash` whose payment is held until [`Node::claim`] or [`Node::fail`].
    ///
    /// `final_delta` is the number of blocks the payment's last HTLC must still have when it arrives; LDK writes three
    /// more into the invoice and refuses payments with less. At least 42.
    ///
    /// Nothing is stored: whoever asks for it must have written down what the hash belongs to.
    ///
    /// # Errors
    /// [`InvoiceError`] when the values cannot make an invoice.
    pub fn hold_invoice(
        &self,
        hash: [u8; 32],
        amount_msat: u64,
        final_delta: u16,
        expiry_secs: u32,
        description: &str,
    ) -> Result<Bolt11Invoice, InvoiceError> {
        self.create(Bolt11InvoiceParameters {
            amount_msats: Some(amount_msat),
            description: described(description)?,
            invoice_expiry_delta_secs: Some(expiry_secs),
            min_final_cltv_expiry_delta: Some(final_delta),
            payment_hash: Some(PaymentHash(hash)),
        })
    }

    /// An ordinary invoice: its payment is claimed at once, by itself. Without an amount the payer chooses.
    ///
    /// # Errors
    /// [`InvoiceError`] when the values cannot make an invoice.
    pub fn invoice(
        &self,
        amount_msat: Option<u64>,
        description: &str,
        expiry_secs: u32,
    ) -> Result<Bolt11Invoice, InvoiceError> {
        self.create(Bolt11InvoiceParameters {
            amount_msats: amount_msat,
            description: described(description)?,
            invoice_expiry_delta_secs: Some(expiry_secs),
            min_final_cltv_expiry_delta: None,
            payment_hash: None,
        })
    }

    fn create(&self, parameters: Bolt11InvoiceParameters) -> Result<Bolt11Invoice, InvoiceError> {
        self.manager
            .create_bolt11_invoice(parameters)
            .map_err(|error| InvoiceError::Refused(format!("{error:?}")))
    }

    /// Claims the held payment of this preimage. The preimage must be in the caller's own store before this call.
    ///
    /// Does nothing when no such payment is held. Proof of success is [`crate::LightningEvent::Claimed`] alone: call
    /// again at every start until it came. Call only below the payment's `claim_deadline`: of a payment in parts LDK may
    /// otherwise have dropped one already, and then gives up the others too.
    pub fn claim(&self, preimage: [u8; 32]) {
        // The variant without "known_custom_tlvs" would fail payments that carry unknown records. Whoever claims has
        // decided already; the records were shown in the `Held` event.
        self.change(|| {
            self.manager
                .claim_funds_with_known_custom_tlvs(PaymentPreimage(preimage));
        });
    }

    /// Fails back every held payment of this hash. It cannot be claimed afterwards. Not durable: repeat after a
    /// restart if the payment is held again.
    pub fn fail(&self, hash: [u8; 32]) {
        self.change(|| self.manager.fail_htlc_backwards(&PaymentHash(hash)));
    }

    /// Every inbound HTLC in open channels.
    pub fn held_htlcs(&self) -> Vec<HeldHtlc> {
        let mut htlcs = Vec::new();
        for channel in self.manager.list_channels() {
            let kind = channel.channel_type.as_ref();
            let anchors = kind.is_some_and(|kind| kind.supports_anchors_zero_fee_htlc_tx());
            for htlc in channel.pending_inbound_htlcs {
                htlcs.push(HeldHtlc {
                    hash: htlc.payment_hash.0,
                    amount_msat: htlc.amount_msat,
                    cltv_expiry: htlc.cltv_expiry,
                    is_dust: htlc.is_dust,
                    channel_id: channel.channel_id.0,
                    peer: channel.counterparty.node_id,
                    anchors,
                });
            }
        }
        htlcs
    }

    /// The HTLCs on one hash, for an event.
    pub(crate) fn held_parts(&self, hash: [u8; 32]) -> Vec<HeldPart> {
        let htlcs = self.held_htlcs().into_iter();
        htlcs
            .filter(|htlc| htlc.hash == hash)
            .map(|htlc| HeldPart {
                amount_msat: htlc.amount_msat,
                channel_id: htlc.channel_id,
                peer: htlc.peer,
                anchors: htlc.anchors,
                cltv_expiry: htlc.cltv_expiry,
            })
            .collect()
    }
}

fn described(description: &str) -> Result<Bolt11InvoiceDescription, InvoiceError> {
    let description = Description::new(description.to_owned());
    let description = description.map_err(|_| InvoiceError::Description)?;
    Ok(Bolt11InvoiceDescription::Direct(description))
}
