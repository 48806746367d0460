//! End-to-end scenarios: every file is named after what it shows.
