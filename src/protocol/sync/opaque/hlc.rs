//! Hybrid logical clock values: 18 bytes, big-endian, so that they compare bytewise.

use super::content::{self, Content, Reading, Unreadable};
use crate::model::{Label, Message, NodeId, Unit, Value};
use crate::schema::messagepack::{AllNodes, Build, FewNodes};

static PHYSICAL: Label = {
    let mut label = Label::new("physical_ms");
    label.unit = Unit::UnixMilliseconds;
    label
};
static LOGICAL: Label = Label::new("logical");
static REPLICA: Label = Label::new("replica_id");

/// Reads one value; all zero stands for none.
pub fn read(frame: &[u8], field: NodeId, message: &mut Message) -> bool {
    content::read(frame, field, message, |content, message| {
        clock(content, None, message, &mut AllNodes)
    })
}

/// The same as text, if `JSON`.
pub fn spell<const JSON: bool>(
    frame: &[u8],
    field: NodeId,
    (lead, label): (u8, Option<&'static Label>),
    message: &mut Message,
) -> bool {
    content::spell(frame, field, message, |content, message| {
        clock(content, label, message, &mut FewNodes::<JSON>::text(lead))
    })
}

fn clock<B: Build>(
    content: &Content<'_>,
    label: Option<&'static Label>,
    message: &mut Message,
    build: &mut B,
) -> Reading {
    let bytes: &[u8; 18] = content
        .slice()
        .try_into()
        .map_err(|_| Unreadable::new(content.start, "a clock value has 18 bytes"))?;
    let number = |from: usize, to: usize| {
        let part = bytes.get(from..to).unwrap_or_default();
        part.iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    };
    let start = content.start;
    let root = build.open(content.bytes, message, label, Value::Struct, start);
    for (label, from, to) in [(&PHYSICAL, 0, 8), (&LOGICAL, 8, 10), (&REPLICA, 10, 18)] {
        let value = Value::Unsigned(number(from, to));
        let at = (start + from, start + to);
        build.leaf(content.bytes, message, Some(label), value, at);
    }
    build.close(message, root, Value::Struct, content.end());
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::super::testing::read_hex;
    use super::read;

    #[test]
    fn a_clock_value_has_three_big_endian_parts() {
        assert_eq!(
            read_hex(read, "00000287ab23e91c126d000000a9283c69d4"),
            "(physical_ms=2781715097884 logical=4717 replica_id=726524520916)"
        );
    }

    #[test]
    fn another_size_is_no_clock_value() {
        assert_eq!(read_hex(read, "0000"), "!opaque-undecodable");
    }
}
