//! Where the API has the things people name by the beginning of an id.

use super::failure::Failure;

/// A swap.
pub(super) fn swap(id: &str) -> Result<String, Failure> {
    path(id, "a swap", "swaps")
}

/// An order.
pub(super) fn order(id: &str) -> Result<String, Failure> {
    path(id, "an order", "orders")
}

/// A maker.
pub(super) fn maker(id: &str) -> Result<String, Failure> {
    path(id, "a maker", "makers")
}

/// `kind` as it is spoken of, `place` as it is asked for here and there.
fn path(id: &str, kind: &str, place: &str) -> Result<String, Failure> {
    if id.is_empty() || !id.chars().all(|letter| letter.is_ascii_hexdigit()) {
        return Err(Failure::usage(
            format!("{kind} is named by its id or the beginning of it, in hex"),
            format!("cambista {place}"),
        ));
    }
    Ok(format!("/{place}/{}", id.to_lowercase()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_no_hex_leads_nowhere() {
        assert_eq!(maker("02Ab").unwrap(), "/makers/02ab");
        for wrong in ["", "../stop", "02/x", "02?x"] {
            assert!(swap(wrong).is_err() && order(wrong).is_err() && maker(wrong).is_err());
        }
    }
}
