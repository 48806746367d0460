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
        assert!(is_test(&source, &name), "{path} has no test {name}");
    }
}

/// Whether a function of this name is run: by an attribute above it, or handed to one of the scenarios' macros that make
/// tests of it.
fn is_test(source: &str, name: &str) -> bool {
    let Some((above, _)) = source.split_once(&format!("fn {name}(")) else {
        return false;
    };
    let above = above.strip_suffix("async ").unwrap_or(above);
    let attributes = above.lines().rev().map(str::trim);
    let mut attributes =
        attributes.take_while(|line| line.is_empty() || line.starts_with(['#', '/']));
    let marked = attributes.any(|line| line == "#[test]" || line.starts_with("#[tokio::test"));
    let handed = MACROS.into_iter().any(|maker| {
        let mut calls = source.split(maker).skip(1);
        calls.any(|call| {
            let arguments = call.split([';', '{']).next().unwrap_or_default();
            let mut words = arguments.split(|c: char| !c.is_alphanumeric() && c != '_');
            words.any(|word| word == name)
        })
    });
    marked || handed
}

/// What the scenarios make tests with.
const MACROS: [&str; 2] = ["at_two_fee_rates!", "each_way!"];

#[test]
fn a_function_that_no_attribute_makes_a_test_is_none() {
    let source = "#[test]\nfn one() {}\n/// It.\n#[tokio::test(flavor = \"multi_thread\")]\nasync fn two() {}\n\
        at_two_fee_rates!(three, four);\nfn three() {}\nfn four() {}\nfn five() {}\n#[test]\nfn six_and_more() {}";
    for name in ["one", "two", "three", "four", "six_and_more"] {
        assert!(is_test(source, name), "{name}");
    }
    for name in ["five", "six", "seven"] {
        assert!(!is_test(source, name), "{name}");
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
