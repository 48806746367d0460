//! A quote and terms that fit it, to be spoilt one thing at a time.

use std::time::Duration;

use bitcoin::Network;
use bitcoin::hashes::{Hash, sha256};
use bitcoin::secp256k1::{Message, PublicKey, Secp256k1, SecretKey};
use cambista_protocol::market::quote::Quote;
use cambista_protocol::terms::{Deal, DealError, FunderTerms, Own, PayerTerms};
use cambista_protocol::timelock::Timelocks;
use cambista_protocol::words::{Direction, Role};
use lightning_invoice::{Currency, InvoiceBuilder, PaymentSecret};

/// When the deal is made (Unix seconds).
pub(crate) const NOW: u64 = 1_800_000_000;
/// The height of both sides' tips.
pub(crate) const HEIGHT: u32 = 900_000;
/// The payer's preimage and the prepay's.
pub(crate) const PREIMAGE: [u8; 32] = [0x51; 32];
pub(crate) const PREPAY_PREIMAGE: [u8; 32] = [0x52; 32];

/// Whose secret is whose.
pub(crate) const MAKER: u8 = 1;
pub(crate) const TAKER: u8 = 2;
pub(crate) const CLAIM: u8 = 3;
pub(crate) const PAYER_INTERNAL: u8 = 4;
pub(crate) const REFUND: u8 = 5;
pub(crate) const FUNDER_INTERNAL: u8 = 6;

pub(crate) fn secret(n: u8) -> SecretKey {
    SecretKey::from_slice(&[n; 32]).unwrap()
}

pub(crate) fn key(n: u8) -> PublicKey {
    secret(n).public_key(&Secp256k1::new())
}

pub(crate) fn hash(preimage: [u8; 32]) -> [u8; 32] {
    sha256::Hash::hash(&preimage).to_byte_array()
}

/// What an invoice says, whatever that is.
#[derive(Clone)]
pub(crate) struct Bill {
    pub(crate) currency: Currency,
    pub(crate) hash: [u8; 32],
    pub(crate) msat: Option<u64>,
    pub(crate) delta: u64,
    pub(crate) made: u64,
    pub(crate) expiry: u64,
    pub(crate) payee: u8,
}

impl Bill {
    /// The BOLT11 text, signed by the payee.
    pub(crate) fn text(&self) -> String {
        let mut builder = InvoiceBuilder::new(self.currency.clone())
            .description(String::new())
            .payment_hash(sha256::Hash::from_byte_array(self.hash))
            .payment_secret(PaymentSecret([7; 32]))
            .duration_since_epoch(Duration::from_secs(self.made))
            .expiry_time(Duration::from_secs(self.expiry))
            .min_final_cltv_expiry_delta(self.delta)
            .basic_mpp();
        if let Some(msat) = self.msat {
            builder = builder.amount_milli_satoshis(msat);
        }
        let payee = secret(self.payee);
        let sign = |digest: &Message| Secp256k1::new().sign_ecdsa_recoverable(digest, &payee);
        builder.build_signed(sign).unwrap().to_string()
    }
}

/// One attempt to agree.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) quote: Quote,
    pub(crate) payer: PayerTerms,
    pub(crate) funder: FunderTerms,
    pub(crate) swap: Bill,
    pub(crate) prepay: Option<Bill>,
    pub(crate) role: Role,
    pub(crate) network: Network,
    pub(crate) height: u32,
    pub(crate) now: u64,
    pub(crate) own_keys: (PublicKey, PublicKey),
    pub(crate) known_payee: Option<PublicKey>,
}

impl Case {
    /// One million satoshis at a fee of 3000, as the taker of it looks at it. Out with a prepay of 1200.
    pub(crate) fn new(direction: Direction) -> Self {
        let out = direction == Direction::Out;
        let delta = Timelocks::new(direction, 144).stated_delta();
        let payee = if out { MAKER } else { TAKER };
        let bill = |sat: u64, preimage| Bill {
            currency: Currency::Regtest,
            hash: hash(preimage),
            msat: Some(sat * 1000),
            delta: delta.into(),
            made: NOW - 10,
            expiry: 3600,
            payee,
        };
        let swap_sat = if out { 1_003_000 - 1200 } else { 997_000 };
        Self {
            quote: Quote {
                network: Network::Regtest,
                maker: key(MAKER),
                direction,
                amount_sat: 1_000_000,
                maker_fee_sat: 3000,
                prepay_sat: if out { 1200 } else { 0 },
                refund_delta: 144,
                confirmations: if out { 0 } else { 2 },
                valid_until: NOW,
                nonce: [9; 16],
                external: false,
            },
            payer: PayerTerms {
                payment_hash: hash(PREIMAGE),
                claim_key: key(CLAIM),
                internal_key: key(PAYER_INTERNAL),
                confirmations: 2,
            },
            funder: FunderTerms {
                refund_key: key(REFUND),
                internal_key: key(FUNDER_INTERNAL),
                refund_height: HEIGHT + 144,
                swap_invoice: String::new(),
                prepay_invoice: None,
                last_hop: None,
            },
            swap: bill(swap_sat, PREIMAGE),
            prepay: out.then(|| bill(1200, PREPAY_PREIMAGE)),
            role: Role::Payer,
            network: Network::Regtest,
            height: HEIGHT,
            now: NOW,
            own_keys: (key(CLAIM), key(PAYER_INTERNAL)),
            known_payee: out.then(|| key(MAKER)),
        }
        .seen_by(direction.taker_role())
    }

    /// The same, as that role looks at it.
    pub(crate) fn seen_by(mut self, role: Role) -> Self {
        self.role = role;
        self.own_keys = match role {
            Role::Payer => (key(CLAIM), key(PAYER_INTERNAL)),
            Role::Funder => (key(REFUND), key(FUNDER_INTERNAL)),
        };
        self
    }

    /// The terms with their invoices written out, agreed on.
    pub(crate) fn agree(mut self) -> Result<Deal, DealError> {
        self.funder.swap_invoice = self.swap.text();
        self.funder.prepay_invoice = self.prepay.as_ref().map(Bill::text);
        self.agree_as_is()
    }

    /// The same, with the invoices as they stand in the terms.
    pub(crate) fn agree_as_is(&self) -> Result<Deal, DealError> {
        let own = Own {
            role: self.role,
            network: self.network,
            height: self.height,
            now: self.now,
            script_key: &self.own_keys.0,
            internal_key: &self.own_keys.1,
            payee: self.known_payee.as_ref(),
        };
        Deal::agree(&self.quote, &self.payer, &self.funder, &own)
    }
}

/// The error of an `out` spoilt like this.
pub(crate) fn refused(spoil: impl FnOnce(&mut Case)) -> DealError {
    refused_in(Direction::Out, spoil)
}

/// The error of a case spoilt like this.
pub(crate) fn refused_in(direction: Direction, spoil: impl FnOnce(&mut Case)) -> DealError {
    let mut case = Case::new(direction);
    spoil(&mut case);
    case.agree().unwrap_err()
}
