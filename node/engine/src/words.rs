//! Amounts as people read them.

use std::fmt;

use bitcoin::Amount;

/// An amount in whole satoshis, in groups of three: `250 000 sat`.
pub(crate) struct Sats(pub(crate) Amount);

impl fmt::Display for Sats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_sat().to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_str(" ")?;
            }
            write!(f, "{digit}")?;
        }
        f.write_str(" sat")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (sat, text) in [
            (0, "0 sat"),
            (999, "999 sat"),
            (1_000, "1 000 sat"),
            (12_345_678, "12 345 678 sat"),
        ] {
            assert_eq!(Sats(Amount::from_sat(sat)).to_string(), text);
        }
    }
}
