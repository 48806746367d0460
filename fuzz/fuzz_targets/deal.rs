//! Terms from a peer that wants to cheat: agreeing to them never panics, and what is agreed holds what was quoted.
#![no_main]

use bitcoin::Network;
use bitcoin::secp256k1::{PublicKey, Secp256k1, SecretKey};
use cambista_protocol::cbor;
use cambista_protocol::market::quote::Quote;
use cambista_protocol::terms::{Deal, FunderTerms, Own, PayerTerms};
use cambista_protocol::words::Role;
use libfuzzer_sys::fuzz_target;

fn key(n: u8) -> Option<PublicKey> {
    let secret = SecretKey::from_slice(&[n; 32]).ok()?;
    Some(secret.public_key(&Secp256k1::new()))
}

fn part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
    let (part, following) = after.split_at(length);
    *rest = following;
    Some(part)
}

fn agree(data: &[u8]) -> Option<()> {
    let (role, mut rest) = data.split_first()?;
    let quote: Quote = cbor::from_slice(part(&mut rest)?, 4096).ok()?;
    let payer: PayerTerms = cbor::from_slice(part(&mut rest)?, 4096).ok()?;
    let funder: FunderTerms = cbor::from_slice(part(&mut rest)?, 16_384).ok()?;
    let (script, internal) = (key(1)?, key(2)?);
    let own = Own {
        role: if role % 2 == 0 {
            Role::Payer
        } else {
            Role::Funder
        },
        network: Network::Regtest,
        height: 1000,
        now: 1_800_000_000,
        script_key: &script,
        internal_key: &internal,
        payee: None,
    };
    let deal = Deal::agree(&quote, &payer, &funder, &own).ok()?;
    assert_eq!(deal.amount, quote.amount());
    assert_eq!(deal.prepay_amount, quote.prepay());
    assert!(
        deal.contract()
            .is_ok_and(|c| c.script_pubkey() == deal.script_pubkey)
    );
    Some(())
}

fuzz_target!(|data: &[u8]| {
    agree(data);
});
