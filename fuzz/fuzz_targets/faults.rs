//! A proof of a broken word, out of a stranger's file: checking it never panics, and what it proves is what was signed.
#![no_main]

use bitcoin::secp256k1::{Keypair, Message, Secp256k1, SecretKey};
use cambista_market::fault::{Fault, Kind};
use cambista_protocol::cbor;
use cambista_protocol::market::quote::Quote;
use cambista_protocol::message::Acceptance;
use cambista_protocol::signed::{Signed, Tag};
use cambista_protocol::terms::{FunderTerms, PayerTerms};
use cambista_protocol::words::SwapId;
use libfuzzer_sys::fuzz_target;

fn part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
    let (part, following) = after.split_at(length);
    *rest = following;
    Some(part)
}

fn height(rest: &mut &[u8]) -> Option<u32> {
    let (bytes, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(u32::from_be_bytes(*bytes))
}

fn check(data: &[u8]) -> Option<()> {
    let (&[kind, how], mut rest) = data.split_first_chunk::<2>()?;
    let kind = match kind % 4 {
        0 => Kind::NotFunded,
        1 => Kind::FundingWithdrawn,
        2 => Kind::NotPaid,
        _ => Kind::NotClaimed,
    };
    let (agreed_height, noticed_height) = (height(&mut rest)?, height(&mut rest)?);
    let (quote, payer, funder) = (part(&mut rest)?, part(&mut rest)?, part(&mut rest)?);
    let mut fault = Fault {
        kind,
        swap: "07".repeat(32),
        quote: quote.to_vec(),
        acceptance: payer.to_vec(),
        agreed_height,
        noticed_height,
        noticed_at: 1_800_000_000,
    };
    // As the bytes are, and then with the signatures they would need.
    let _ = fault.check();

    let secp = Secp256k1::new();
    let maker: Keypair = SecretKey::from_slice(&[9; 32]).ok()?.keypair(&secp);
    let sign = |digest| {
        let message = Message::from_digest(digest);
        secp.sign_schnorr_no_aux_rand(&message, &maker).serialize()
    };
    let mut quote: Quote = cbor::from_slice(quote, 4096).ok()?;
    quote.maker = maker.public_key();
    let signed_quote = Signed::new(Tag::Quote, cbor::to_vec(&quote), sign);
    let payer: PayerTerms = cbor::from_slice(payer, 4096).ok()?;
    let funder: Option<FunderTerms> = match how % 3 {
        0 => None,
        _ => Some(cbor::from_slice(funder, 16_384).ok()?),
    };
    let acceptance = Acceptance {
        swap_id: fault.swap.parse::<SwapId>().ok()?,
        quote_id: signed_quote.id(),
        payer,
        funder,
    };
    fault.quote = signed_quote.to_bytes();
    fault.acceptance = acceptance.sign(sign).to_bytes();
    let proved = fault.check().ok()?;
    assert_eq!(proved.maker, maker.public_key());
    assert_eq!(proved.amount, quote.amount());
    assert_eq!(proved.direction, quote.direction);
    assert_eq!(proved.address.is_some(), acceptance.funder.is_some());
    assert!(kind != Kind::NotPaid || noticed_height > proved.fund_until);

    // One byte of what is signed less, and nothing is proved.
    let mut other = fault.clone();
    let last = other.acceptance.len().checked_sub(70)?;
    *other.acceptance.get_mut(last)? ^= 1;
    assert!(other.check().is_err());
    Some(())
}

fuzz_target!(|data: &[u8]| {
    check(data);
});
