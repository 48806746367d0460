//! Names of stored things.

use bitcoin::hex::{DisplayHex, FromHex};

pub(crate) fn text(bytes: &[u8]) -> String {
    bytes.to_lower_hex_string()
}

pub(crate) fn array<const N: usize>(text: &str) -> Option<[u8; N]> {
    <[u8; N]>::from_hex(text).ok()
}
