//! An invoice it makes, as it should be or not.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bitcoin::hashes::Hash;
use bitcoin::secp256k1::{Secp256k1, SecretKey};
use cambista_ldk::Node as Lightning;
use lightning::bolt11_invoice::{Currency, InvoiceBuilder, PaymentSecret};

use super::random;

/// How long an invoice can be paid (seconds).
const VALID: u32 = 3_600;
/// LDK writes so many blocks more into an invoice than it is told.
const SLACK: u32 = 3;

/// What an invoice says.
#[derive(Clone, Debug)]
pub(crate) struct Bill {
    pub(crate) hash: [u8; 32],
    pub(crate) sat: u64,
    /// The final delta it is made with (blocks).
    pub(crate) delta: u32,
    pub(crate) written: Written,
}

/// By whom, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// By its own node, as it should be.
    Properly,
    /// Payable to a node that nobody knows.
    ByAStranger,
    /// Two hours ago, for one hour.
    LongAgo,
    /// It names another payee than the one that signed it.
    Unsigned,
    /// For another network.
    ForMainnet,
}

impl Bill {
    /// As text; where a node of its own has to know of it, this one does.
    pub(crate) fn invoice(&self, lightning: &Arc<Lightning>) -> String {
        if self.written != Written::Properly {
            return self.by_hand();
        }
        let delta = u16::try_from(self.delta).unwrap();
        let made = lightning.hold_invoice(self.hash, self.sat * 1000, delta, VALID, "swap");
        made.unwrap().to_string()
    }

    fn by_hand(&self) -> String {
        let secp = Secp256k1::new();
        let [signer, named] = [(); 2].map(|()| SecretKey::from_slice(&random()).unwrap());
        let currency = match self.written {
            Written::ForMainnet => Currency::Bitcoin,
            _ => Currency::Regtest,
        };
        let age = match self.written {
            Written::LongAgo => Duration::from_secs(2 * u64::from(VALID)),
            _ => Duration::ZERO,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let mut invoice = InvoiceBuilder::new(currency)
            .description("swap".into())
            .payment_hash(Hash::from_byte_array(self.hash))
            .payment_secret(PaymentSecret(random()))
            .amount_milli_satoshis(self.sat * 1000)
            .duration_since_epoch(now - age)
            .expiry_time(Duration::from_secs(VALID.into()))
            .basic_mpp()
            .min_final_cltv_expiry_delta(u64::from(self.delta + SLACK));
        if self.written == Written::Unsigned {
            invoice = invoice.payee_pub_key(named.public_key(&secp));
        }
        let signed = invoice.build_signed(|hash| secp.sign_ecdsa_recoverable(hash, &signer));
        signed.unwrap().to_string()
    }
}
