//! The command line: its words, what it prints, and whole commands against a served node.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod commands;
mod foreign;
mod shown;
mod words;
