//! NodeDB's typed values: arrays that begin with the number of the variant.
//!
//! Shown as `{"Variant": …}`, as enums are.
//!
//! Source: protocol page `sync`, section 6.3.

use super::content::{Unreadable, derived_text};
use super::nested::Nested;
use crate::codec::messagepack::Head;
use crate::model::{Label, Span, Symbol, Unit, Value};

static NULL: Symbol = Symbol {
    code: 0,
    name: "Null",
};

/// The variants that have a value, by number from 1.
static VARIANTS: [Label; 20] = [
    Label::new("Bool"),
    Label::new("Integer"),
    Label::new("Float"),
    Label::new("String"),
    Label::new("Bytes"),
    Label::new("Array"),
    Label::new("Object"),
    Label::new("Uuid"),
    Label::new("Ulid"),
    Label::new("DateTime"),
    Label::new("Duration"),
    Label::new("Decimal"),
    Label::new("Geometry"),
    Label::new("Set"),
    Label::new("Regex"),
    Label::new("Range"),
    Label::new("Record"),
    Label::new("ArrayCell"),
    Label::new("NaiveDateTime"),
    Label::new("Vector"),
];

static MICROS: Label = Label::new("micros");
static UNIX_MICROS: Label = {
    let mut label = Label::new("micros");
    label.unit = Unit::UnixMicroseconds;
    label
};
static START: Label = Label::new("start");
static END: Label = Label::new("end");
static INCLUSIVE: Label = Label::new("inclusive");
static TABLE: Label = Label::new("table");
static ID: Label = Label::new("id");
static COORDS: Label = Label::new("coords");
static ATTRS: Label = Label::new("attrs");
static SYSTEM_TIME: Label = Label::new("system_time");

impl Nested<'_, '_> {
    /// One value.
    pub fn value(&mut self, label: Option<&'static Label>) -> Result<(), Unreadable> {
        self.deeper(|nested| nested.variant(label))
    }

    fn variant(&mut self, label: Option<&'static Label>) -> Result<(), Unreadable> {
        let start = self.reader.position();
        let count = self.array()?;
        let at = self.reader.position();
        let Head::Unsigned(tag) = self.head()? else {
            return Err(Unreadable::new(at, "no number of a value's variant"));
        };
        if tag == 0 && count == 1 {
            self.leaf(label, Value::Static(&NULL), start);
            return Ok(());
        }
        let expected = match tag {
            16 => 4,
            17 => 3,
            _ => 2,
        };
        let variant = usize::try_from(tag)
            .ok()
            .and_then(|tag| VARIANTS.get(tag.checked_sub(1)?));
        let Some(variant) = variant.filter(|_| count == expected) else {
            return Err(Unreadable::new(
                start,
                format!("no value has variant {tag} and {count} elements"),
            ));
        };
        self.container(label, Value::Struct, start, |nested| {
            nested.payload(tag, Some(variant))
        })
    }

    fn payload(&mut self, tag: u64, label: Option<&'static Label>) -> Result<(), Unreadable> {
        match tag {
            1 => self.boolean(label),
            2 => self.signed(label),
            3 => self.float(label),
            5 => self.binary(label),
            6 | 14 => self.list(label, |nested| nested.value(None)),
            7 => self.object(label),
            10 | 19 => self.micros(label, &UNIX_MICROS),
            11 => self.micros(label, &MICROS),
            12 => self.decimal(label),
            13 => self.geometry(label),
            16 => self.range(label),
            17 => self.record(label),
            18 => self.array_cell(label),
            20 => self.vector(label),
            _ => self.text(label),
        }
    }

    fn object(&mut self, label: Option<&'static Label>) -> Result<(), Unreadable> {
        let start = self.reader.position();
        let Head::Map(count) = self.head()? else {
            return Err(Unreadable::new(start, "no map where one belongs"));
        };
        self.container(label, Value::Map, start, |nested| {
            (0..count).try_for_each(|_| {
                nested.text(None)?;
                nested.value(None)
            })
        })
    }

    fn micros(
        &mut self,
        label: Option<&'static Label>,
        micros: &'static Label,
    ) -> Result<(), Unreadable> {
        let start = self.reader.position();
        self.array_of(1)?;
        self.container(label, Value::Struct, start, |nested| {
            nested.signed(Some(micros))
        })
    }

    /// 16 bytes, little-endian: flags (scale in bits 16 to 23, sign in bit 31), 96-bit mantissa.
    fn decimal(&mut self, label: Option<&'static Label>) -> Result<(), Unreadable> {
        let start = self.reader.position();
        let span = self.binary_span()?;
        let bytes: [u8; 16] = span
            .of(self.reader.bytes())
            .try_into()
            .map_err(|_| Unreadable::new(start, "a decimal has 16 bytes"))?;
        let whole = u128::from_le_bytes(bytes);
        let flags = whole as u32;
        let scale = flags >> 16 & 0xff;
        if scale > 28 {
            return Err(Unreadable::new(start, "a decimal's scale is at most 28"));
        }
        let text = decimal_text(whole >> 32, scale as usize, flags >> 31 == 1);
        derived_text(self.message, label, &text);
        Ok(())
    }

    fn range(&mut self, label: Option<&'static Label>) -> Result<(), Unreadable> {
        let start = self.reader.position();
        self.container(label, Value::Struct, start, |nested| {
            nested.optional(Some(&START), Self::value)?;
            nested.optional(Some(&END), Self::value)?;
            nested.boolean(Some(&INCLUSIVE))
        })
    }

    fn record(&mut self, label: Option<&'static Label>) -> Result<(), Unreadable> {
        let start = self.reader.position();
        self.container(label, Value::Struct, start, |nested| {
            nested.text(Some(&TABLE))?;
            nested.text(Some(&ID))
        })
    }

    fn array_cell(&mut self, label: Option<&'static Label>) -> Result<(), Unreadable> {
        let start = self.reader.position();
        self.array_of(3)?;
        self.container(label, Value::Struct, start, |nested| {
            nested.list(Some(&COORDS), |nested| nested.value(None))?;
            nested.list(Some(&ATTRS), |nested| nested.value(None))?;
            nested.optional(Some(&SYSTEM_TIME), Self::signed)
        })
    }

    /// 32-bit floats, little-endian.
    fn vector(&mut self, label: Option<&'static Label>) -> Result<(), Unreadable> {
        let start = self.reader.position();
        let span = self.binary_span()?;
        let bytes = span.of(self.reader.bytes());
        let (floats, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(Unreadable::new(
                start,
                "a vector's size is a multiple of four bytes",
            ));
        }
        self.container(label, Value::List, start, |nested| {
            let mut at = span.start as usize;
            for float in floats {
                let value = f64::from(f32::from_le_bytes(*float));
                let span = Span::new(at, at + 4);
                nested.message.tree.leaf(None, Value::Float(value), span);
                at += 4;
            }
            Ok(())
        })
    }
}

/// `mantissa` / 10^`scale`, with all its places.
fn decimal_text(mantissa: u128, scale: usize, negative: bool) -> String {
    let sign = if negative { "-" } else { "" };
    let digits = format!("{mantissa:0>width$}", width = scale + 1);
    let (whole, places) = digits.split_at(digits.len() - scale);
    let point = if scale > 0 { "." } else { "" };
    format!("{sign}{whole}{point}{places}")
}

#[cfg(test)]
mod tests {
    use super::super::columnar::read_row;
    use super::super::testing::read_hex;
    use super::*;

    fn cell(hex: &str) -> String {
        read_hex(read_row, &format!("91{hex}"))
    }

    #[test]
    fn every_variant_is_named() {
        assert_eq!(cell("9100"), "(Null)");
        assert_eq!(cell("9202d107da"), "((Integer=2010))");
        assert_eq!(cell("9205c4021234"), "((Bytes=1234))");
        assert_eq!(cell("920691920201"), "((Array=((Integer=1))))");
        assert_eq!(cell("920781a1619100"), "((Object=(\"a\" Null)))");
        assert_eq!(cell("920b91e0"), "((Duration=(micros=-32)))");
        assert_eq!(
            cell("94109202019100c3"),
            "((Range=(start=(Integer=1) end=Null inclusive=true)))"
        );
        assert_eq!(
            cell("9410c0c0c2"),
            "((Range=(start=nil end=nil inclusive=false)))"
        );
        assert_eq!(cell("9311a174a169"), "((Record=(table=\"t\" id=\"i\")))");
        assert_eq!(cell("9214c4080000803f00000040"), "((Vector=(1.0 2.0)))");
    }

    #[test]
    fn decimals_keep_their_places() {
        assert_eq!(
            cell("920cc4100000010064a0dc010000000000000000"),
            "((Decimal=\"3123619.6\"))"
        );
        assert_eq!(decimal_text(833, 3, false), "0.833");
        assert_eq!(decimal_text(5, 3, true), "-0.005");
        assert_eq!(decimal_text(0, 0, false), "0");
        assert_eq!(decimal_text(u128::MAX >> 32, 28, false).len(), 30);
    }

    #[test]
    fn wrong_variants_and_counts_are_findings() {
        for wrong in [
            "9215c0",
            "9100c0",
            "9301c2c2",
            "92c0c0",
            "9214c403000000",
            "91cf8000000000000000",
        ] {
            assert_eq!(cell(wrong), "!opaque-undecodable", "{wrong}");
        }
    }
}
