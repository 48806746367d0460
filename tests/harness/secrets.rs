//! What a node must never say: its secrets are looked for in everything it has printed.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use std::process::Output;
use std::sync::Mutex;

use bitcoin::hashes::{Hash as _, sha256};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::seed::SwapSeed;

/// So many of the words in a row give too much away.
const WORDS_IN_A_ROW: usize = 3;
/// A secret of 32 bytes in hex.
const HEX: usize = 64;

/// What commands have said whose node is not at hand: of any node of this process.
static HEARD: Mutex<String> = Mutex::new(String::new());

/// Keeps what a command has said, to be looked through for secrets of any node.
///
/// # Panics
/// When another thread has while it kept something.
pub fn hear(output: &Output) {
    let mut heard = HEARD.lock().unwrap();
    for said in [&output.stdout, &output.stderr] {
        heard.push_str(&String::from_utf8_lossy(said));
        heard.push('\n');
    }
}

/// All of it.
pub(crate) fn heard() -> String {
    HEARD.lock().map(|heard| heard.clone()).unwrap_or_default()
}

/// Everything that is known to be a secret of one node, by what it is.
#[derive(Clone, Default)]
pub(crate) struct Secrets {
    in_a_row: Vec<[String; WORDS_IN_A_ROW]>,
    bytes: HashMap<[u8; 32], &'static str>,
    hex: HashMap<String, &'static str>,
    texts: Vec<(String, &'static str)>,
}

impl Secrets {
    /// The words of a node, and the keys that follow from them alone.
    pub(crate) fn of_words(words: &str) -> Self {
        let mut secrets = Self::default();
        let all: Vec<&str> = words.split_whitespace().collect();
        for row in all.windows(WORDS_IN_A_ROW) {
            secrets
                .in_a_row
                .push(std::array::from_fn(|at| row[at].to_owned()));
        }
        let seed = SwapSeed::of(words);
        for (what, bytes) in seed.branches() {
            secrets.add(what, bytes);
        }
        secrets.add("the Lightning node's key", seed.lightning_key());
        for key in seed.extended_keys() {
            secrets.texts.push((key, "an extended private key"));
        }
        secrets
    }

    /// A secret of 32 bytes.
    pub(crate) fn add(&mut self, what: &'static str, bytes: [u8; 32]) {
        let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.bytes.insert(bytes, what);
        self.hex.insert(hex, what);
    }

    /// A secret of 32 bytes in hex; anything else is kept as a text.
    pub(crate) fn add_text(&mut self, what: &'static str, text: &str) {
        match from_hex(text) {
            Some(bytes) => self.add(what, bytes),
            None if text.len() >= 16 => self.texts.push((text.to_owned(), what)),
            None => {}
        }
    }

    /// What the node's database holds: the secrets it drew for its swaps, and what others told it.
    pub(crate) fn read_database(&mut self, words: &str, file: &Path) -> rusqlite::Result<()> {
        let database = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let seed = SwapSeed::of(words);
        for record in json(&database, "SELECT record FROM swaps")? {
            let key_id = record["key_id"].as_str().and_then(from_hex);
            let key_id = key_id.expect("a swap's key id");
            let is_payer = record["role"] == "payer";
            assert!(is_payer || record["role"] == "funder", "a swap's role");
            let drawn = seed.swap(&key_id, is_payer);
            // Secrets that are not the node's would be looked for in vain.
            let of = if is_payer {
                "payment_hash"
            } else {
                "prepay_hash"
            };
            if let Ok(hash) = serde_json::from_value::<Vec<u8>>(record["deal"][of].clone()) {
                let own = sha256::Hash::hash(&drawn[0].1);
                assert_eq!(own.as_byte_array(), hash.as_slice(), "the {of} of a swap");
            }
            for (what, bytes) in drawn {
                self.add(what, bytes);
            }
        }
        for event in json(&database, "SELECT payload FROM events")? {
            self.told(&event);
        }
        Ok(())
    }

    fn told(&mut self, value: &Value) {
        let Some(fields) = value.as_object() else {
            return;
        };
        for (name, field) in fields {
            match (name.as_str(), field.as_str()) {
                ("preimage", Some(hex)) => self.add_text("a preimage that was told", hex),
                ("secret", Some(hex)) => self.add_text("a key that was handed over", hex),
                _ => self.told(field),
            }
        }
    }

    /// The kinds of secrets in a text, in hex, as words, or as Rust prints bytes.
    pub(crate) fn leaks(&self, text: &str) -> BTreeSet<&'static str> {
        let text = text.to_lowercase();
        let mut found = BTreeSet::new();
        if self.has_words(&text) {
            found.insert("words of the seed");
        }
        for run in text.split(|c: char| !c.is_ascii_hexdigit()) {
            for at in 0..(run.len() + 1).saturating_sub(HEX) {
                found.extend(self.hex.get(&run[at..at + HEX]));
            }
        }
        for list in text.split(|c: char| !(c.is_ascii_digit() || c == ',' || c.is_whitespace())) {
            let numbers: Vec<Option<u8>> =
                list.split(',').map(|one| one.trim().parse().ok()).collect();
            for window in numbers.windows(32) {
                let bytes: Option<Vec<u8>> = window.iter().copied().collect();
                let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
                found.extend(bytes.and_then(|bytes| self.bytes.get(&bytes)));
            }
        }
        for (secret, what) in &self.texts {
            if text.contains(&secret.to_lowercase()) {
                found.insert(what);
            }
        }
        found
    }

    fn has_words(&self, lower: &str) -> bool {
        let words = lower.split(|c: char| !c.is_alphabetic());
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        let row_of = |row: &[&str]| self.in_a_row.iter().any(|secret| row == secret.as_slice());
        words.windows(WORDS_IN_A_ROW).any(row_of)
    }
}

/// The files of a node that others could read although they hold secrets.
pub(crate) fn open_to_others(dir: &Path) -> Vec<&'static str> {
    use std::os::unix::fs::PermissionsExt as _;
    let may = |path: &Path, bits: u32| {
        fs::metadata(path).is_ok_and(|found| found.permissions().mode() & bits != 0)
    };
    let private = [
        "seed",
        "api-token",
        "cambista.db",
        "cambista.db-wal",
        "cambista.db-shm",
    ];
    let mut open: Vec<_> = private
        .into_iter()
        .filter(|name| may(&dir.join(name), 0o077))
        .collect();
    let settings = fs::read_to_string(dir.join("cambista.toml")).unwrap_or_default();
    if settings.contains("\npassword") && may(&dir.join("cambista.toml"), 0o077) {
        open.push("cambista.toml");
    }
    // Whoever can write to the folder can put other files in their place.
    if may(dir, 0o022) {
        open.push("the folder");
    }
    open
}

fn json(database: &Connection, query: &str) -> rusqlite::Result<Vec<Value>> {
    let mut statement = database.prepare(query)?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    rows.map(|text| Ok(serde_json::from_str(&text?).expect("JSON in the database")))
        .collect()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != HEX || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &str =
        "legal winner thank year wave sausage worth useful legal winner thank yellow";

    #[test]
    fn words_of_the_seed_are_found_in_any_dress() {
        let secrets = Secrets::of_words(WORDS);
        for text in [
            "the words: thank year wave, and so on",
            r#"["worth","useful","legal"]"#,
            "Sausage\nWORTH\nuseful",
        ] {
            assert_eq!(secrets.leaks(text), BTreeSet::from(["words of the seed"]));
        }
        assert!(
            secrets
                .leaks("thank year the wave; useful winner")
                .is_empty()
        );
    }

    #[test]
    fn bytes_are_found_in_hex_and_as_rust_prints_them() {
        let mut secrets = Secrets::default();
        let secret: [u8; 32] = std::array::from_fn(|at| u8::try_from(at * 7).unwrap());
        secrets.add("a key", secret);
        let hex: String = secret.iter().map(|byte| format!("{byte:02X}")).collect();
        for text in [
            format!("claimed with {hex}."),
            format!("02{hex}ff"),
            format!("Secret32({secret:?})"),
            format!("Secret32({secret:#?})"),
            format!("[9, {}, 3]", format!("{secret:?}").trim_matches(['[', ']'])),
        ] {
            assert_eq!(secrets.leaks(&text), BTreeSet::from(["a key"]), "{text}");
        }
        assert!(secrets.leaks(&hex[1..]).is_empty());
    }

    #[test]
    fn tokens_are_found_whatever_their_form() {
        let mut secrets = Secrets::default();
        secrets.add_text("the token", &"ab".repeat(32));
        secrets.add_text("the cookie", "Not-in-hex_0123456789");
        assert_eq!(
            secrets.leaks(&format!("Bearer {} not-in-hex_0123456789", "ab".repeat(32))),
            BTreeSet::from(["the cookie", "the token"])
        );
    }

    /// The first secrets of a payer with the seed of the usual test words, as `cambista` draws them.
    #[test]
    fn what_follows_from_the_words_is_known() {
        let secrets = Secrets::of_words(WORDS);
        let kinds: BTreeSet<_> = secrets.bytes.values().copied().collect();
        assert_eq!(kinds.len(), 5, "{kinds:?}");
        let seed = SwapSeed::of(WORDS);
        assert_ne!(seed.swap(&[1; 32], true), seed.swap(&[2; 32], true));
        assert!(!secrets.leaks(&seed.extended_keys()[0]).is_empty());
    }
}
