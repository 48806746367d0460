//! Benches of the pure parts; see `benches/`. Run with `make bench`.
