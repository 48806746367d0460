//! The messages and the file.

use bitcoin::hex::{DisplayHex, FromHex};
use serde::Deserialize;

use crate::samples::samples;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    #[serde(rename = "about")]
    _about: String,
    pub(crate) node_secret: String,
    pub(crate) node_key: String,
    pub(crate) signed: Vec<SignedVector>,
    messages: Vec<MessageVector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignedVector {
    pub(crate) name: String,
    pub(crate) tag: String,
    pub(crate) payload: String,
    pub(crate) digest: String,
    pub(crate) signature: String,
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct MessageVector {
    name: String,
    rule: String,
    hex: String,
}

pub(crate) fn file() -> File {
    serde_json::from_str(include_str!("../../../spec/vectors/messages.json")).unwrap()
}

#[test]
fn every_message_is_its_vector_and_every_vector_a_message() {
    let built: Vec<MessageVector> = samples()
        .into_iter()
        .map(|sample| MessageVector {
            name: sample.name.into(),
            rule: sample.rule.into(),
            hex: sample.bytes.to_lower_hex_string(),
        })
        .collect();
    let written = file().messages;
    for (built, written) in built.iter().zip(&written) {
        assert_eq!(built, written);
    }
    assert_eq!(built.len(), written.len());
}

#[test]
fn every_vector_reads_back_as_the_message_it_was_made_from() {
    let vectors = file().messages;
    for sample in samples() {
        let vector = vectors.iter().find(|v| v.name == sample.name).unwrap();
        let bytes = Vec::from_hex(&vector.hex).unwrap();
        assert!(bytes.len() <= sample.limit);
        assert_eq!(sample.reads_back(&bytes), Ok(true), "{}", sample.name);
    }
}
