//! Whether a node has told any of its secrets.

use std::fs;
use std::sync::Arc;

use bitcoin::secp256k1::{Secp256k1, SecretKey};

use super::Node;
use crate::secrets::{self, Secrets};
use crate::seed::SwapSeed;

impl Node {
    /// What it has in its log so far.
    ///
    /// # Panics
    /// When there is none.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("node.log")).expect("a log")
    }

    /// A check that its Lightning key is among the secrets that are looked for.
    ///
    /// # Panics
    /// When it is not.
    pub fn assert_key_is_looked_for(&self) {
        let key = SwapSeed::of(&self.words).lightning_key();
        let key = SecretKey::from_slice(&key).expect("a key");
        let id = key.public_key(&Secp256k1::new()).to_string();
        assert_eq!(self.id(), id, "{} has another key", self.name);
    }

    pub(super) fn remember_token(&mut self) {
        let token = fs::read_to_string(self.dir.join("api-token")).unwrap_or_default();
        self.tokens.push(token.trim().to_owned());
    }

    /// What of its secrets it has printed, and which of their files others can read; never the secrets themselves.
    pub(super) fn told_secrets(&mut self) -> Vec<String> {
        if self.words.is_empty() || !self.dir.is_dir() {
            return Vec::new();
        }
        self.remember_token();
        let mut all = Secrets::of_words(&self.words);
        for token in &self.tokens {
            all.add_text("the token of the API", token);
        }
        let cookie = fs::read_to_string(&self.cookie).unwrap_or_default();
        let password = cookie.trim().rsplit(':').next().unwrap_or_default();
        all.add_text("the cookie of bitcoind", password);
        let settings = fs::read_to_string(self.dir.join("cambista.toml")).unwrap_or_default();
        for line in settings.lines() {
            if let Some(password) = line.strip_prefix("password = ") {
                all.add_text("the password of bitcoind", password.trim_matches('"'));
            }
        }
        let mut found = Vec::new();
        let database = self.dir.join("cambista.db");
        if let Err(why) = all.read_database(&self.words, &database) {
            found.push(format!("its swaps' secrets are not known: {why}"));
        }
        let log = fs::read(self.dir.join("node.log")).unwrap_or_default();
        let said = Arc::clone(&self.said);
        let said = said.lock().map(|said| said.clone()).unwrap_or_default();
        let places = [
            ("its log", String::from_utf8_lossy(&log)),
            ("its answers", said.into()),
            ("what a command said", secrets::heard().into()),
        ];
        for (place, text) in &places {
            let leaks = all.leaks(text);
            found.extend(leaks.iter().map(|what| format!("{what} in {place}")));
        }
        let open = secrets::open_to_others(&self.dir);
        found.extend(
            open.iter()
                .map(|file| format!("`{file}` is open to others")),
        );
        found
    }
}
