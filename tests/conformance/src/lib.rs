//! The published crates as the other side of wirectl: what they write it must read, and what it
//! writes they must read, with equal values. The tests are in `tests/`, one file per crate version.

pub mod body;
#[cfg(feature = "noxu")]
pub mod noxu;
#[cfg(feature = "pushwire")]
pub mod pushwire;
pub mod random;
pub mod sync;
pub mod wirectl;

/// How many values of each message type are generated.
#[must_use]
pub fn samples() -> usize {
    number("WIRECTL_CONFORMANCE_SAMPLES", 24)
}

/// What the generated values start from.
#[must_use]
pub fn seed() -> u64 {
    number("WIRECTL_CONFORMANCE_SEED", 1)
}

fn number<T: std::str::FromStr>(variable: &str, usual: T) -> T {
    std::env::var(variable)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(usual)
}
