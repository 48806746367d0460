//! The description is of what is really sent.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::fake_orders::{plan, split_order};
use super::fake_swaps::{quote, swap};
use crate::api::{openapi, schema};

fn same<S: Serialize + DeserializeOwned>(sent: &impl Serialize) {
    let sent = serde_json::to_value(sent).unwrap();
    let described: S = serde_json::from_value(sent.clone()).expect("a field is not described");
    assert_eq!(serde_json::to_value(described).unwrap(), sent);
}

#[test]
fn the_described_views_are_the_engines_own() {
    same::<schema::SwapView>(&swap(1));
    same::<schema::QuoteView>(&quote());
    same::<schema::PlanView>(&plan());
    same::<schema::OrderView>(&split_order());
    same::<schema::NoQuote>(&cambista_engine::NoQuote {
        maker: "m".into(),
        reason: "r".into(),
        answered: true,
    });
}

/// What is said of every field in a source, or in all sources of a folder: by struct and field.
fn said(path: &Path) -> BTreeMap<(String, String), String> {
    let mut all = BTreeMap::new();
    if path.is_dir() {
        let files = std::fs::read_dir(path).unwrap();
        files.for_each(|file| all.extend(said(&file.unwrap().path())));
        return all;
    }
    let (mut of, mut words) = (String::new(), String::new());
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let line = line.trim();
        let code = line
            .strip_prefix("pub(super) ")
            .or(line.strip_prefix("pub "));
        if let Some(more) = line.strip_prefix("/// ") {
            words = format!("{words}{more} ");
        } else if let Some(code) = code {
            if let Some(name) = code.strip_prefix("struct ") {
                of = name.trim_end_matches(" {").to_owned();
            } else if let Some((field, _)) = code.split_once(": ") {
                all.insert((of.clone(), field.to_owned()), words.clone());
            }
            words.clear();
        } else if !line.starts_with("#[") {
            words.clear();
        }
    }
    all
}

#[test]
fn the_description_says_of_every_field_what_the_engine_says() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let engine = said(&here.join("engine/src"));
    let described = said(&here.join("src/api/schema.rs"));
    assert!(described.len() > 90, "{} fields", described.len());
    for (field, words) in &described {
        assert_eq!(engine.get(field), Some(words), "{field:?}");
    }
}

#[test]
fn every_route_is_described_and_every_reference_leads_somewhere() {
    let document = serde_json::to_value(openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    for path in [
        "/api/v1/status",
        "/api/v1/plans",
        "/api/v1/orders",
        "/api/v1/orders/{id}",
        "/api/v1/swaps/{id}",
        "/api/v1/channels/{id}",
        "/api/v1/payments/{hash}",
        "/api/v1/wallet/plan",
    ] {
        assert!(paths.contains_key(path), "{path} of {:?}", paths.keys());
    }
    let routes: usize = paths
        .values()
        .map(|path| path.as_object().unwrap().len())
        .sum();
    assert_eq!(routes, 32);
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 30);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| match value {
            Value::String(text) if name == "$ref" => references.push(text.clone()),
            _ => collect(value, references),
        }),
        Value::Array(values) => values.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}
