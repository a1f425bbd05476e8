//! Values of self-describing payloads: from the notation of records back to bytes.
//!
//! What JSON lacks is tagged: `{"$bytes":"hex"}`, `{"$map":[[k,v],…]}`, `{"$float":"nan"}`,
//! `{"$bigint":"…"}`, `{"$ext":[type,"hex"]}`, `{"$tag":[n,v]}`, `{"$undefined":true}`,
//! `{"$simple":n}`, `{"$str":"hex"}`. Every value is written in its shortest form, as `rmp_serde`
//! and `serde_cbor` do.

mod transcode;

pub use transcode::transcode;

use super::{EncodeError, hexadecimal, unsigned};
use crate::codec::json::Json;
use crate::codec::{cbor, messagepack};

/// How values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// MessagePack
    MessagePack,
    /// CBOR
    Cbor,
}

/// Appends the value that `json` notes.
///
/// # Errors
/// If a tag does not hold what it should, or the encoding lacks such values.
pub fn write(encoding: Encoding, json: Json<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let mut writer = Writer {
        packed: encoding == Encoding::MessagePack,
        out,
    };
    writer.value(json, 0)
}

struct Writer<'o> {
    packed: bool,
    out: &'o mut Vec<u8>,
}

/// Deeper values are refused: no reader takes them.
const MOST_NESTING: u32 = 1024;

impl Writer<'_> {
    fn value(&mut self, json: Json<'_>, depth: u32) -> Result<(), EncodeError> {
        if depth > MOST_NESTING {
            return Err(EncodeError::at(json, "nested deeper than any reader goes"));
        }
        if json.is_null() {
            self.null();
        } else if let Some(value) = json.as_bool() {
            match self.packed {
                true => messagepack::write_bool(self.out, value),
                false => cbor::write_bool(self.out, value),
            }
        } else if let Some(value) = json.as_unsigned() {
            self.unsigned(value);
        } else if let Some(value) = json.as_signed() {
            self.signed(value);
        } else if let Some(value) = json.as_float() {
            self.float(value);
        } else if let Some(text) = json.as_text() {
            self.text(text.as_bytes());
        } else if let Some(items) = json.items() {
            self.array(items.clone().count());
            for item in items {
                self.value(item, depth + 1)?;
            }
        } else if !self.tagged(json, depth)? {
            self.map(json, depth)?;
        }
        Ok(())
    }

    fn map(&mut self, json: Json<'_>, depth: u32) -> Result<(), EncodeError> {
        let Some(members) = json.members() else {
            return Err(EncodeError::expected(json, "a value"));
        };
        self.map_head(members.clone().count());
        for (name, member) in members {
            self.text(name.as_bytes());
            self.value(member, depth + 1)?;
        }
        Ok(())
    }

    /// A value that JSON lacks; false if `json` is an ordinary object.
    fn tagged(&mut self, json: Json<'_>, depth: u32) -> Result<bool, EncodeError> {
        let Some(mut members) = json.members() else {
            return Ok(false);
        };
        let (Some((name, value)), None) = (members.next(), members.next()) else {
            return Ok(false);
        };
        match name {
            "$bytes" => {
                let bytes = bytes(value)?;
                match self.packed {
                    true => messagepack::write_binary(self.out, &bytes),
                    false => cbor::write_bytes(self.out, &bytes),
                }
            }
            "$str" => {
                let bytes = bytes(value)?;
                self.text(&bytes);
            }
            "$map" => self.pairs(value, depth)?,
            "$float" => self.float(match value.as_text() {
                Some("nan") => f64::NAN,
                Some("inf") => f64::INFINITY,
                Some("-inf") => f64::NEG_INFINITY,
                _ => return Err(EncodeError::expected(value, "\"nan\", \"inf\" or \"-inf\"")),
            }),
            "$bigint" => self.big(value)?,
            "$ext" => self.extension(value)?,
            "$tag" => self.tag(value, depth)?,
            "$undefined" if !self.packed => cbor::write_undefined(self.out),
            "$simple" if !self.packed => {
                cbor::write_simple(self.out, unsigned(value, 255)? as u8);
            }
            "$undefined" | "$simple" => {
                return Err(EncodeError::at(json, "MessagePack has no such value"));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn pairs(&mut self, json: Json<'_>, depth: u32) -> Result<(), EncodeError> {
        let pairs = json
            .items()
            .ok_or_else(|| EncodeError::expected(json, "a list of [key, value]"))?;
        self.map_head(pairs.clone().count());
        for pair in pairs {
            let (key, value) = two(pair, "[key, value]")?;
            self.value(key, depth + 1)?;
            self.value(value, depth + 1)?;
        }
        Ok(())
    }

    fn extension(&mut self, json: Json<'_>) -> Result<(), EncodeError> {
        let (kind, content) = two(json, "[type, \"hex\"]")?;
        if !self.packed {
            return Err(EncodeError::at(json, "CBOR has no extension types"));
        }
        let kind = kind
            .as_signed()
            .and_then(|kind| i8::try_from(kind).ok())
            .ok_or_else(|| EncodeError::expected(kind, "a type from -128 to 127"))?;
        messagepack::write_extension(self.out, kind, &bytes(content)?);
        Ok(())
    }

    fn tag(&mut self, json: Json<'_>, depth: u32) -> Result<(), EncodeError> {
        let (tag, value) = two(json, "[tag, value]")?;
        if self.packed {
            return Err(EncodeError::at(json, "MessagePack has no tags"));
        }
        cbor::write_tag(self.out, unsigned(tag, u64::MAX)?);
        self.value(value, depth + 1)
    }

    fn big(&mut self, json: Json<'_>) -> Result<(), EncodeError> {
        let value: i128 = json
            .as_text()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| EncodeError::expected(json, "an integer in quotes"))?;
        if let Ok(value) = u64::try_from(value) {
            self.unsigned(value);
        } else if let Ok(value) = i64::try_from(value) {
            self.signed(value);
        } else {
            match u64::try_from(-1 - value) {
                Ok(n) if !self.packed => cbor::write_negative(self.out, n),
                _ => return Err(EncodeError::at(json, "too large for the encoding")),
            }
        }
        Ok(())
    }

    fn null(&mut self) {
        match self.packed {
            true => messagepack::write_nil(self.out),
            false => cbor::write_null(self.out),
        }
    }

    fn unsigned(&mut self, value: u64) {
        match self.packed {
            true => messagepack::write_unsigned(self.out, value),
            false => cbor::write_unsigned(self.out, value),
        }
    }

    /// `value` is below 0.
    fn signed(&mut self, value: i64) {
        match self.packed {
            true => messagepack::write_signed(self.out, value),
            false => cbor::write_negative(self.out, !value.cast_unsigned()),
        }
    }

    fn float(&mut self, value: f64) {
        match self.packed {
            true => messagepack::write_float64(self.out, value),
            false => cbor::write_float(self.out, value),
        }
    }

    fn text(&mut self, text: &[u8]) {
        match self.packed {
            true => messagepack::write_text(self.out, text),
            false => cbor::write_text(self.out, text),
        }
    }

    fn array(&mut self, count: usize) {
        match self.packed {
            true => messagepack::write_array(self.out, count),
            false => cbor::write_array(self.out, count),
        }
    }

    fn map_head(&mut self, count: usize) {
        match self.packed {
            true => messagepack::write_map(self.out, count),
            false => cbor::write_map(self.out, count),
        }
    }
}

fn bytes(json: Json<'_>) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = Vec::new();
    hexadecimal(json, &mut bytes)?;
    Ok(bytes)
}

fn two<'d>(json: Json<'d>, what: &str) -> Result<(Json<'d>, Json<'d>), EncodeError> {
    let mut items = json
        .items()
        .ok_or_else(|| EncodeError::expected(json, what))?;
    match (items.next(), items.next(), items.next()) {
        (Some(first), Some(second), None) => Ok((first, second)),
        _ => Err(EncodeError::expected(json, what)),
    }
}
