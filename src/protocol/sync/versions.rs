//! The nine version groups.
//!
//! Source: protocol page `sync`, section 1.

use crate::schema::Versions;
use crate::schema::messagepack::{Codecs, Dialect};

/// 0.0.0-beta.1
pub const B1: u32 = 0;
/// 0.0.0-beta.3 to 0.0.4
pub const B3: u32 = 1;
/// 0.0.5
pub const V0_0_5: u32 = 2;
/// 0.0.6
pub const V0_0_6: u32 = 3;
/// 0.1
pub const V0_1: u32 = 4;
/// 0.2
pub const V0_2: u32 = 5;
/// 0.3
pub const V0_3: u32 = 6;
/// 0.4
pub const V0_4: u32 = 7;
/// 0.6
pub const V0_6: u32 = 8;

/// Groups whose frames have the 5-byte header.
pub const HEADER_V0: Versions = until(V0_3);
/// Groups whose frames have the 10-byte header.
pub const HEADER_V1: Versions = since(V0_4);

/// The names in records, oldest first; index = group.
pub static NAMES: [&str; 9] = [
    "b1", "b3", "0.0.5", "0.0.6", "0.1", "0.2", "0.3", "0.4", "0.6",
];

/// This group and newer ones.
#[must_use]
pub const fn since(group: u32) -> Versions {
    Versions::since(group).and(Versions::until(V0_6))
}

/// This group and older ones.
#[must_use]
pub const fn until(group: u32) -> Versions {
    Versions::until(group)
}

/// All groups that there are.
pub const KNOWN: Versions = Versions::until(NAMES.len() as u32 - 1);

/// How a group spells its bodies.
#[must_use]
pub fn dialect(group: u32) -> Dialect {
    Dialect {
        version: Versions::only(group),
        codecs: match group {
            B1 => Codecs::RMP_NAMED,
            B3 => Codecs::Z_ARR,
            V0_4 => Codecs::Z_OLD.or(Codecs::Z_NEW),
            V0_6 => Codecs::Z_NEW,
            _ => Codecs::Z_OLD,
        },
    }
}

/// The group that a user's word names: a group ("0.3", "b1") or a release ("0.0.4", "0.6.2").
#[must_use]
pub fn by_name(name: &str) -> Option<u32> {
    let group = match name.trim_start_matches('v') {
        "0.0.0-beta.1" | "beta.1" => "b1",
        "0.0.0-beta.3" | "0.0.0-beta.4" | "0.0.0-beta.5" | "beta.3" => "b3",
        "0.0.0" | "0.0.1" | "0.0.2" | "0.0.3" | "0.0.4" => "b3",
        "0.1.0" | "0.1.1" => "0.1",
        "0.2.0" | "0.2.1" => "0.2",
        "0.3.0-beta.1" | "0.3.0" => "0.3",
        "0.4.0" => "0.4",
        "0.6.0" | "0.6.1" | "0.6.2" => "0.6",
        other => other,
    };
    let index = NAMES.iter().position(|known| *known == group)?;
    u32::try_from(index).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_releases_are_known_by_name() {
        assert_eq!(by_name("0.3"), Some(V0_3));
        assert_eq!(by_name("0.0.4"), Some(B3));
        assert_eq!(by_name("0.6.2"), Some(V0_6));
        assert_eq!(by_name("0.5"), None);
    }

    #[test]
    fn the_headers_share_out_the_groups() {
        assert_eq!(HEADER_V0.0 | HEADER_V1.0, 0x1ff);
        assert_eq!(HEADER_V0.0 & HEADER_V1.0, 0);
    }
}
