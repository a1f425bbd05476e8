//! Random values: numbers, damage, records of every type.

use serde_json::{Map, Value, json};
use wirectl::schema::packed::{Absence, Packed};
use wirectl::schema::{Field, MessageType, Payload, Type, Versions};

/// How many times the usual number of random cases to try: `WIRECTL_CASES`, 1 if not set.
pub fn cases(usual: usize) -> usize {
    let factor = std::env::var("WIRECTL_CASES").ok();
    usual * factor.map_or(1, |factor| factor.parse::<usize>().expect("a number"))
}

/// Random numbers (SplitMix64); the same for the same seed. `WIRECTL_SEED` gives others.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        let other = std::env::var("WIRECTL_SEED").ok();
        let other = other.map_or(0, |seed| seed.parse::<u64>().expect("a number"));
        Self(seed ^ other.wrapping_mul(0x2545_f491_4f6c_dd1d))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }

    /// A number with as many bits as chance wants: small ones and the ends are common.
    fn number(&mut self, bits: u32) -> u64 {
        let most = u64::MAX >> (64 - bits);
        match self.below(8) {
            0 => most,
            1 => most / 2 + 1,
            2 => self.next() % 2,
            _ => (self.next() & most) >> self.below(bits as usize),
        }
    }

    fn text(&mut self) -> String {
        let pieces = [
            "a",
            "document",
            "\u{e9}",
            "\u{6771}\u{4eac}",
            "\u{1f980}",
            "\"",
            "\\",
            "\n",
            "\u{0}",
            "\u{1b}[31m",
            "\u{7f}",
            " ",
            "0",
            "\u{2028}",
            "\u{feff}",
            "/",
        ];
        let length = match self.below(10) {
            0 => 0,
            1 => 40,
            2 if self.one_in(10) => 300,
            _ => self.below(6),
        };
        (0..length).map(|_| *self.pick(&pieces)).collect()
    }

    fn blob(&mut self) -> Vec<u8> {
        let length = match self.below(10) {
            0 => 0,
            1 => 260,
            2 if self.one_in(20) => 66_000,
            _ => self.below(40),
        };
        self.bytes(length)
    }

    fn float(&mut self, double: bool) -> Value {
        let value = if double {
            f64::from_bits(self.next())
        } else {
            f32::from_bits(self.next() as u32).into()
        };
        let value = *self.pick(&[
            value,
            0.0,
            -0.0,
            1.5,
            f64::NAN,
            f64::INFINITY,
            -f64::INFINITY,
        ]);
        match value {
            value if value.is_nan() => json!("NaN"),
            value if value == f64::INFINITY => json!("Infinity"),
            value if value == -f64::INFINITY => json!("-Infinity"),
            value => json!(value),
        }
    }

    /// A body of `message` as a peer of `version` sends it.
    pub fn body(&mut self, message: &MessageType, version: Versions) -> Value {
        self.fields(message.body.fields, version, 0)
    }

    /// The fields of a message that describes itself, some of which may be left out; bytes are
    /// tagged in binary payloads.
    pub fn described(&mut self, message: &MessageType, binary: bool) -> Map<String, Value> {
        let mut members = Map::new();
        for field in message.body.fields {
            if field.may_lack && self.one_in(3) {
                continue;
            }
            let value = self.describing(&field.kind, binary);
            members.insert(field.label.name.to_owned(), value);
        }
        members
    }

    fn describing(&mut self, kind: &Type, binary: bool) -> Value {
        match kind {
            Type::Uuid if binary => json!({"$bytes": hex::encode(self.bytes(16))}),
            Type::Uuid => {
                let digits = hex::encode(self.bytes(16));
                let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| &digits[range]);
                json!(parts.join("-"))
            }
            Type::List(item) => (0..self.below(3))
                .map(|_| self.describing(item, binary))
                .collect(),
            Type::Optional(inner) => self.describing(inner, binary),
            Type::Any => match self.below(4) {
                0 => json!(self.number(64)),
                1 => json!({self.text(): [null, true, -5, 0.25]}),
                2 => json!(self.text()),
                _ => json!([{"a": {}}, []]),
            },
            kind => self.value(kind, Versions::ALL, 0),
        }
    }

    fn fields(&mut self, fields: &[Field], version: Versions, depth: usize) -> Value {
        // Values behind the same flag are there together.
        let flags = self.next() as u8;
        let members: Map<String, Value> = fields
            .iter()
            .filter(|field| field.when.meets(version))
            .filter_map(|field| {
                let value = match &field.kind {
                    Type::Packed(packed) => self.packed(packed, flags, version, depth)?,
                    kind => self.value(kind, version, depth),
                };
                Some((field.label.name.to_owned(), value))
            })
            .collect();
        Value::Object(members)
    }

    /// A value of a packed layout; none if it follows from others.
    fn packed(
        &mut self,
        kind: &Packed,
        flags: u8,
        version: Versions,
        depth: usize,
    ) -> Option<Value> {
        match kind {
            Packed::If(bit, inner, absence) => Some(match absence {
                _ if flags & bit != 0 => match inner {
                    Type::Packed(inner) => self.packed(inner, flags, version, depth)?,
                    inner => self.value(inner, version, depth),
                },
                Absence::Null => Value::Null,
                Absence::Zero => json!(0),
            }),
            Packed::LogPosition if self.one_in(4) => Some(Value::Null),
            // All ones mean null.
            Packed::LogPosition => {
                Some(json!({"file": self.number(31), "offset": self.number(32)}))
            }
            // Their count may be one byte.
            Packed::CountedBytes(_) => {
                let count = self.below(256);
                Some(json!(hex::encode(self.bytes(count))))
            }
            Packed::ShortText(_) | Packed::TextToEnd => Some(json!(self.text())),
            Packed::NullIfEmpty => match self.blob() {
                blob if blob.is_empty() => Some(Value::Null),
                blob => Some(json!(hex::encode(blob))),
            },
            kind if kind.follows() => None,
            kind => {
                let shown = kind.shown()?;
                Some(self.value(&shown, version, depth))
            }
        }
    }

    fn value(&mut self, kind: &Type, version: Versions, depth: usize) -> Value {
        let most = if depth > 3 { 2 } else { 4 };
        match kind {
            Type::Bool => json!(self.one_in(2)),
            Type::Unsigned(width) => json!(self.number(8 * u32::from(*width))),
            Type::Signed(width) => {
                let shift = 64 - 8 * u32::from(*width);
                let value = (self.number(64 - shift) << shift) as i64 >> shift;
                json!(value)
            }
            Type::Float32 => self.float(false),
            Type::Float64 => self.float(true),
            Type::Text => json!(self.text()),
            Type::Bytes | Type::ElementBytes => json!(hex::encode(self.blob())),
            Type::Fixed(count) => json!(hex::encode(self.bytes(usize::from(*count)))),
            Type::Optional(_) if self.one_in(3) => Value::Null,
            Type::Optional(inner) => self.value(inner, version, depth),
            Type::List(item) => {
                let count = if self.one_in(30) {
                    20
                } else {
                    self.below(most)
                };
                (0..count)
                    .map(|_| self.value(item, version, depth + 1))
                    .collect()
            }
            Type::Tuple(kinds) => kinds
                .iter()
                .map(|kind| self.value(kind, version, depth + 1))
                .collect(),
            Type::Map(key, entry) => {
                let mut members = Map::new();
                for _ in 0..self.below(most) {
                    let key = match self.value(key, version, depth + 1) {
                        Value::String(text) => text,
                        key => key.to_string(),
                    };
                    let entry = self.value(entry, version, depth + 1);
                    members.insert(key, entry);
                }
                Value::Object(members)
            }
            Type::Packed(packed) => self
                .packed(packed, 0xff, version, depth)
                .expect("it follows from nothing"),
            Type::Uuid | Type::Any => panic!("tables of messages that follow them have none"),
            Type::Struct(body) => self.fields(body.fields, version, depth + 1),
            Type::Enum(choice) => {
                let known: Vec<_> = choice
                    .variants
                    .iter()
                    .filter(|variant| variant.when.meets(version))
                    .collect();
                let variant = *self.pick(&known);
                let payload = match &variant.payload {
                    Payload::Unit => return json!(variant.symbol.name),
                    Payload::Newtype(kind) => self.value(kind, version, depth + 1),
                    Payload::Struct(fields) => self.fields(fields, version, depth + 1),
                };
                json!({ variant.symbol.name: payload })
            }
        }
    }

    /// Damages `bytes` the way that networks, disks and bad programs do.
    pub fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..1 + self.below(3) {
            let at = self.below(bytes.len().max(1));
            let span = at..(at + 1 + self.below(20)).min(bytes.len());
            match self.below(9) {
                _ if bytes.is_empty() => *bytes = self.bytes(5),
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes[at] = self.next() as u8,
                2 => bytes.truncate(at),
                3 => drop(bytes.drain(span)),
                4 => {
                    let copy = bytes[span].to_vec();
                    bytes.splice(at..at, copy);
                }
                5 => {
                    let count = self.below(30);
                    let noise = self.bytes(count);
                    bytes.splice(at..at, noise);
                }
                6 => bytes[span].fill(0xff),
                7 => bytes[span].fill(0),
                _ => {
                    // Markers of large counts and lengths.
                    let marker = *self.pick(&[0xdd, 0xdf, 0xc6, 0xdb, 0xc9, 0x9f, 0x8f, 0xc1]);
                    let mut bomb = vec![marker];
                    bomb.extend((self.number(32) as u32).to_be_bytes());
                    bytes.splice(at..at, bomb);
                }
            }
        }
    }
}
