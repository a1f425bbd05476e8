//! Only its lock file differs; see `Cargo.toml`.
