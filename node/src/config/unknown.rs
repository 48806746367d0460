//! What may have been meant by a key that does not exist.

/// The known key that looks most like the unknown one of this message (`unknown field \`x\`, expected one of \`y\`, ...`).
pub(super) fn nearest(message: &str) -> Option<&str> {
    // What stands between backticks: every other part.
    let mut named = message
        .strip_prefix("unknown field ")?
        .split('`')
        .skip(1)
        .step_by(2);
    let unknown = named.next()?;
    named.min_by_key(|known| distance(unknown, known))
}

/// How many letters must be put in, taken out or changed to make one word of the other (Levenshtein), whatever their case.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, letter) in from.to_lowercase().chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, other) in to.iter().enumerate() {
            let at = |row: &[usize], place: usize| row.get(place).copied().unwrap_or(usize::MAX);
            let changed = at(&row, j).saturating_add(usize::from(letter != *other));
            let put_in = at(&next, j).saturating_add(1);
            let taken_out = at(&row, j + 1).saturating_add(1);
            next.push(changed.min(put_in).min(taken_out));
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_differ_are_counted() {
        for (from, to, apart) in [
            ("", "", 0),
            ("listen", "listen", 0),
            ("lisen", "listen", 1),
            ("Listen", "listen", 0),
            ("lsiten", "listen", 2),
            ("", "api", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(from, to), apart, "{from} {to}");
            assert_eq!(distance(to, from), apart, "{to} {from}");
        }
    }

    #[test]
    fn the_nearest_of_several_or_of_one_is_named() {
        let several = "unknown field `cokie`, expected one of `host`, `port`, `cookie`, `user`";
        assert_eq!(nearest(several), Some("cookie"));
        let one = "unknown field `lisent`, expected `listen`";
        assert_eq!(nearest(one), Some("listen"));
        assert_eq!(nearest("missing field `network`"), None);
    }
}
