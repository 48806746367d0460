//! The wire, byte for byte: every message built from fixed values is what `spec/vectors/messages.json` says, reads
//! back as what it was, and reads as nothing else when damaged.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod damage;
mod file;
mod parts;
mod samples;
mod signatures;
