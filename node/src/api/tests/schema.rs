//! The description is of what is really sent.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::fake::{quote, swap};
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
    same::<schema::NoQuote>(&cambista_engine::NoQuote {
        maker: "m".into(),
        reason: "r".into(),
    });
}

#[test]
fn every_route_is_described_and_every_reference_leads_somewhere() {
    let document = serde_json::to_value(openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    for path in [
        "/api/v1/status",
        "/api/v1/orders",
        "/api/v1/swaps/{id}",
        "/api/v1/channels/{id}",
        "/api/v1/payments/{hash}",
    ] {
        assert!(paths.contains_key(path), "{path} of {:?}", paths.keys());
    }
    let routes: usize = paths
        .values()
        .map(|path| path.as_object().unwrap().len())
        .sum();
    assert_eq!(routes, 24);
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
