//! QR codes of half-block characters, for phones that look at the screen.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// The code of this text, light on dark as most terminals are; none when the text is longer than any code holds.
pub(super) fn qr(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let image = code
        .render::<Dense1x2>()
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark)
        .build();
    Some(image)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use qrcode::Color;

    use super::*;

    #[test]
    fn what_is_drawn_is_the_code_with_a_light_border_of_four() {
        let text = "bitcoin:bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080?amount=0.0025";
        let drawn = qr(text).unwrap();
        let mut light = Vec::new();
        for line in drawn.lines() {
            let halves = |on: [char; 2]| line.chars().map(move |c| on.contains(&c)).collect();
            let upper: Vec<bool> = halves(['\u{2580}', '\u{2588}']);
            let lower: Vec<bool> = halves(['\u{2584}', '\u{2588}']);
            light.extend([upper, lower]);
        }
        let code = QrCode::with_error_correction_level(text, EcLevel::L).unwrap();
        let width = code.width();
        assert!(light.iter().all(|row| row.len() == width + 8));
        for y in 0..width + 8 {
            for x in 0..width + 8 {
                let inside = (4..width + 4).contains(&x) && (4..width + 4).contains(&y);
                let dark = inside && code[(x - 4, y - 4)] == Color::Dark;
                assert_eq!(light[y][x], !dark, "{x} {y}");
            }
        }
    }

    #[test]
    fn what_no_code_can_hold_is_not_drawn() {
        assert_eq!(qr(&"x".repeat(3_000)), None);
    }
}
