//! Spec 05 names tests: they exist, every rule has one, and every search that must fail is named.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn table() -> String {
    fs::read_to_string(root().join("spec/05-safety.md")).unwrap()
}

/// The tests in a text: `path.rs#name` in backticks.
fn named(text: &str) -> BTreeSet<(String, String)> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|word| word.split_once(".rs#"))
        .map(|(path, name)| (format!("{path}.rs"), name.to_owned()))
        .collect()
}

#[test]
fn every_test_that_is_named_exists() {
    let named = named(&table());
    assert!(named.len() > 50, "only {} are named", named.len());
    for (path, name) in named {
        let source = fs::read_to_string(root().join(&path));
        let source = source.unwrap_or_else(|_| panic!("there is no {path}"));
        assert!(
            source.contains(&format!("fn {name}(")),
            "{path} has no {name}"
        );
    }
}

#[test]
fn every_rule_names_a_test() {
    let table = table();
    let rules: Vec<&str> = table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| |"))
        .collect();
    assert!(rules.len() > 40, "only {} rules", rules.len());
    for rule in rules {
        assert!(!named(rule).is_empty(), "nothing fails without: {rule}");
    }
}

#[test]
fn every_search_that_must_fail_is_named() {
    let here = "tests/model/tests/fails.rs";
    let source = fs::read_to_string(root().join(here)).unwrap();
    let named = named(&table());
    let searches = source.split("#[test]\nfn ").skip(1);
    for name in searches.filter_map(|rest| rest.split_once('(')) {
        let key = (here.to_owned(), name.0.to_owned());
        assert!(named.contains(&key), "no rule names {}", name.0);
    }
}
