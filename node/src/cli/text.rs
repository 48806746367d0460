//! Numbers, times and foreign text as people are shown them.

/// Foreign text made harmless: control, direction-changing and invisible characters are spelt out, the rest is kept.
pub(super) fn plain(text: &str) -> String {
    const LONGEST: usize = 500;
    let mut shown = String::with_capacity(text.len());
    for (count, letter) in text.chars().enumerate() {
        if count == LONGEST {
            shown.push_str("...");
            break;
        }
        if letter.is_control() || deceptive(letter) {
            shown.extend(letter.escape_unicode());
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// Characters that change how the text around them looks while showing nothing themselves.
const fn deceptive(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// With a capital and a full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.trim().chars();
    let mut sentence: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    sentence.push_str(letters.as_str());
    if !sentence.ends_with(['.', '!', '?', ':']) {
        sentence.push('.');
    }
    sentence
}

/// `250 000 sat`
pub(super) fn sat(amount: u64) -> String {
    format!("{} sat", grouped(amount))
}

/// `1 234.567 sat` from millisatoshis; whole ones without the fraction.
pub(super) fn sat_of(msat: u64) -> String {
    match msat % 1_000 {
        0 => sat(msat / 1_000),
        part => format!("{}.{part:03} sat", grouped(msat / 1_000)),
    }
}

/// `-1 500 sat`
pub(super) fn signed(amount: i64) -> String {
    format!("{} sat", signed_number(amount))
}

/// `-1 500`
pub(super) fn signed_number(amount: i64) -> String {
    let sign = if amount < 0 { "-" } else { "" };
    format!("{sign}{}", grouped(amount.unsigned_abs()))
}

/// `250 000`
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len().saturating_mul(4) / 3 + 1);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(' ');
        }
        shown.push(digit);
    }
    shown
}

/// `0.45 %` of the whole, rounded up away from nothing.
pub(super) fn percent(part: i64, whole: u64) -> String {
    if whole == 0 {
        return String::new();
    }
    let parts = u128::from(part.unsigned_abs()).saturating_mul(10_000);
    let hundredths = parts.div_ceil(u128::from(whole));
    let sign = if part < 0 { "-" } else { "" };
    format!("{sign}{}.{:02} %", hundredths / 100, hundredths % 100)
}

/// The two ends of a long name: `02af31c4..9e07`.
pub(super) fn ends(name: &str) -> String {
    let name = plain(name);
    let letters: Vec<char> = name.chars().collect();
    match letters.len() {
        0..=16 => name,
        long => {
            let (head, tail) = (letters.iter().take(8), letters.iter().skip(long - 4));
            head.chain(['.', '.'].iter()).chain(tail).collect()
        }
    }
}

/// The first eight letters: how a swap or channel is called.
pub(super) fn short(id: &str) -> String {
    plain(id).chars().take(8).collect()
}

/// `1 block`, `3 blocks`
pub(super) fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", grouped(number))
}

/// `10:02:14` (UTC)
pub(super) fn clock(unix: u64) -> String {
    let second = unix % 86_400;
    format!(
        "{:02}:{:02}:{:02}",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// `10:02` (UTC)
pub(super) fn minute(unix: u64) -> String {
    clock(unix).chars().take(5).collect()
}

/// `2026-11-22 10:02:14` (UTC)
pub(super) fn stamp(unix: u64) -> String {
    // Days since 0000-03-01 in eras of 400 years: the leap day is then the last day of a year.
    let days = unix / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{of_month:02} {}", clock(unix))
}

/// Seconds since 1970 now.
pub(super) fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}

/// Rows under one another; columns whose title begins with `>` are flush right. The first row is the titles.
pub(super) fn table(titles: &[&str], rows: &[Vec<String>]) -> String {
    let right: Vec<bool> = titles.iter().map(|title| title.starts_with('>')).collect();
    let head = titles
        .iter()
        .map(|title| title.trim_start_matches('>').to_owned())
        .collect();
    let all: Vec<&Vec<String>> = std::iter::once(&head).chain(rows).collect();
    let width = |column: usize| {
        all.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..titles.len())
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let mut shown = String::new();
    for row in all {
        let mut line = String::from(" ");
        for ((cell, width), right) in row.iter().zip(&widths).zip(&right) {
            let room = " ".repeat(width.saturating_sub(cell.chars().count()));
            line.push(' ');
            line.push_str(&if *right {
                format!("{room}{cell} ")
            } else {
                format!("{cell}{room} ")
            });
        }
        shown.push_str(line.trim_end());
        shown.push('\n');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_grouped_by_thousands() {
        assert_eq!(sat(0), "0 sat");
        assert_eq!(sat(999), "999 sat");
        assert_eq!(sat(250_000), "250 000 sat");
        assert_eq!(signed(-1_234_567), "-1 234 567 sat");
        assert_eq!(sat_of(5_000_000), "5 000 sat");
        assert_eq!(sat_of(1_234_007), "1 234.007 sat");
    }

    #[test]
    fn shares_are_rounded_away_from_nothing() {
        assert_eq!(percent(882, 250_000), "0.36 %");
        assert_eq!(percent(1, 1_000_000), "0.01 %");
        assert_eq!(percent(-2500, 100_000), "-2.50 %");
        assert_eq!(percent(0, 5), "0.00 %");
        assert_eq!(percent(1, 0), "");
    }

    #[test]
    fn text_of_others_cannot_move_the_cursor_or_turn_the_line_around() {
        assert_eq!(plain("caf\u{e9} \u{1f34b}"), "caf\u{e9} \u{1f34b}");
        assert_eq!(plain("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\u{a}c");
        assert_eq!(plain("x\u{202e}y\u{200b}z"), "x\\u{202e}y\\u{200b}z");
        assert_eq!(plain(&"m".repeat(600)).len(), 503);
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(stamp(0), "1970-01-01 00:00:00");
        assert_eq!(stamp(951_782_400), "2000-02-29 00:00:00");
        assert_eq!(stamp(1_795_341_734), "2026-11-22 10:02:14");
        assert_eq!(stamp(4_107_542_399), "2100-02-28 23:59:59");
        assert_eq!(stamp(4_107_542_400), "2100-03-01 00:00:00");
    }

    #[test]
    fn a_table_lines_up() {
        let rows = [
            vec!["a".into(), "10 sat".into()],
            vec!["bbb".into(), "1 000 sat".into()],
        ];
        assert_eq!(
            table(&["name", ">price"], &rows),
            "  name      price\n  a        10 sat\n  bbb   1 000 sat\n"
        );
    }

    #[test]
    fn long_names_keep_their_ends() {
        assert_eq!(ends("0123456789abcdef"), "0123456789abcdef");
        assert_eq!(ends("0123456789abcdef0"), "01234567..def0");
    }
}
