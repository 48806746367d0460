//! Whether a node has told any of its secrets.

use std::fs;
use std::sync::Arc;

use super::Node;
use crate::secrets::{self, Secrets};

impl Node {
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
        let database = self.dir.join("cambista.db");
        // A node whose database was spoilt on purpose still has the secrets of its seed.
        let read = all.read_database(&self.words, &database);
        if let Err(why) = read {
            eprintln!("the swaps of {} cannot be read: {why}", self.name);
        }
        let log = fs::read(self.dir.join("node.log")).unwrap_or_default();
        let said = Arc::clone(&self.said);
        let said = said.lock().map(|said| said.clone()).unwrap_or_default();
        let places = [
            ("its log", String::from_utf8_lossy(&log)),
            ("its answers", said.into()),
        ];
        let mut found: Vec<String> = places
            .iter()
            .flat_map(|(place, text)| all.leaks(text).into_iter().map(move |what| (place, what)))
            .map(|(place, what)| format!("{what} in {place}"))
            .collect();
        let open = secrets::open_to_others(&self.dir);
        found.extend(
            open.iter()
                .map(|file| format!("`{file}` is open to others")),
        );
        found
    }
}
