//! Enums: by number, by name, with and without a payload.

use super::{Build, Decoder, Stop, present};
use crate::codec::messagepack::Head;
use crate::model::{Label, Span, Value};
use crate::schema::messagepack::Codecs;
use crate::schema::{Enum, Field, Payload, Variant};

impl<B: Build> Decoder<'_, '_, B> {
    pub(super) fn choice(
        &mut self,
        choice: &'static Enum,
        label: Option<&'static Label>,
    ) -> Result<(), Stop> {
        let start = self.reader.position();
        if choice.numbered {
            return self.numbered(choice, label);
        }
        let named = Codecs::RMP_NAMED;
        if let Some(name) = self.reader.short_ascii() {
            return self.unit_variant(choice, label, name, start);
        }
        let head = self.array_head()?;
        match head {
            Head::Text(length) => {
                let name = self.content(start, length)?;
                self.unit_variant(choice, label, name, start)
            }
            Head::Array(2) => {
                self.show(
                    Codecs::Z_ARR.or(Codecs::Z_OLD).or(Codecs::Z_NEW),
                    start,
                    "a variant as an array",
                )?;
                self.variant_with_payload(choice, label, start)
            }
            Head::Map(1) if self.dialect.codecs == named => {
                self.show(named, start, "a variant as a map")?;
                self.variant_with_payload(choice, label, start)
            }
            other => self.wrong_type(start, label, "an enum variant", other),
        }
    }

    /// `name` is the whole value.
    fn unit_variant(
        &mut self,
        choice: &'static Enum,
        label: Option<&'static Label>,
        name: Span,
        start: usize,
    ) -> Result<(), Stop> {
        let spellings = Codecs::Z_NEW.or(Codecs::RMP_NAMED);
        self.show(spellings, start, "a unit variant as a string")?;
        let variant = self.variant(choice, name, start)?;
        if variant.is_some_and(|variant| !matches!(variant.payload, Payload::Unit)) {
            self.mismatch("wrong-type", start, || {
                "the variant's payload is missing".to_owned()
            })?;
        }
        // The name of a variant that is known is UTF-8.
        let value = match variant {
            Some(_) => Value::Text(name),
            None => self.utf8(name)?,
        };
        self.leaf(label, value, start)
    }

    pub(super) fn numbered(
        &mut self,
        choice: &'static Enum,
        label: Option<&'static Label>,
    ) -> Result<(), Stop> {
        let start = self.reader.position();
        let code = match self.reader.short_unsigned(u8::MAX) {
            Some(code) => code,
            None => match self.head()? {
                Head::Unsigned(code) => code,
                other => return self.wrong_type(start, label, "a variant's number", other),
            },
        };
        let version = self.dialect.version;
        let known = choice
            .variants
            .iter()
            .find(|variant| variant.symbol.code == code && variant.when.meets(version));
        match known {
            Some(variant) => self.leaf(label, Value::Symbol(&variant.symbol), start),
            None => {
                self.mismatch("unknown-variant", start, || {
                    format!("{code} is no {}", choice.name)
                })?;
                self.leaf(label, Value::Unsigned(code), start)
            }
        }
    }

    /// The head of the pair is read; the name and the payload follow.
    pub(super) fn variant_with_payload(
        &mut self,
        choice: &'static Enum,
        label: Option<&'static Label>,
        start: usize,
    ) -> Result<(), Stop> {
        let at = self.reader.position();
        let Some(span) = self.variant_name()? else {
            self.reader.seek(start);
            return self.generic(label);
        };
        let Some(variant) = self.variant(choice, span, at)? else {
            return self.container(label, Value::Variant(span), start, |decoder| {
                decoder.generic(None)
            });
        };
        let old = Codecs::Z_ARR.or(Codecs::Z_OLD);
        match &variant.payload {
            Payload::Unit => {
                self.show(old, start, "a unit variant with nil")?;
                let at = self.reader.position();
                match self.reader.peek() {
                    Some(0xc0) => {
                        self.reader.seek(at + 1);
                        return self.leaf(label, Value::Text(span), start);
                    }
                    Some(_) => self.mismatch("wrong-type", at, || {
                        "a payload where nil belongs".to_owned()
                    })?,
                    // Ends here, which is found below.
                    None => {}
                }
                self.container(label, Value::Variant(span), start, |decoder| {
                    decoder.generic(None)
                })
            }
            Payload::Newtype(kind) => {
                if self.reader.peek() == Some(0x91) {
                    self.show(old, start, "a newtype variant's payload in an array")?;
                    let at = self.reader.position();
                    self.reader.seek(at + 1);
                } else if self.reader.peek().is_some() {
                    self.show(
                        Codecs::Z_NEW.or(Codecs::RMP_NAMED),
                        start,
                        "a newtype variant's payload bare",
                    )?;
                }
                self.container(label, Value::Variant(span), start, |decoder| {
                    decoder.value(kind, None, None)
                })
            }
            Payload::Struct(fields) => {
                self.container(label, Value::Variant(span), start, |decoder| {
                    decoder.variant_fields(fields)
                })
            }
        }
    }

    /// The next item, if it is UTF-8 text.
    fn variant_name(&mut self) -> Result<Option<Span>, Stop> {
        if let Some(name) = self.reader.short_ascii() {
            return Ok(Some(name));
        }
        let at = self.reader.position();
        let head = self.head()?;
        let Head::Text(length) = head else {
            self.mismatch("wrong-type", at, || {
                format!("{} where a variant's name belongs", head.kind())
            })?;
            return Ok(None);
        };
        let name = self.content(at, length)?;
        let is_text = matches!(self.utf8(name)?, Value::Text(_));
        Ok(is_text.then_some(name))
    }

    pub(super) fn variant_fields(&mut self, fields: &'static [Field]) -> Result<(), Stop> {
        let start = self.reader.position();
        match self.array_head()? {
            Head::Array(count) if self.dialect.codecs != Codecs::RMP_NAMED => {
                self.container(None, Value::Struct, start, |decoder| {
                    decoder.fields(fields, count, start)
                })
            }
            Head::Map(count) if self.dialect.codecs == Codecs::RMP_NAMED => {
                self.container(None, Value::Struct, start, |decoder| {
                    decoder.named_variant_fields(fields, count, start)
                })
            }
            other => self.wrong_type(start, None, "a variant's fields", other),
        }
    }

    /// rmp-serde writes the fields in order; anything else departs from it.
    pub(super) fn named_variant_fields(
        &mut self,
        fields: &'static [Field],
        count: u32,
        start: usize,
    ) -> Result<(), Stop> {
        let version = self.dialect.version;
        if present(fields, version).count() != count as usize {
            self.mismatch("wrong-count", start, || {
                format!(
                    "{count} fields where {} belong",
                    present(fields, version).count()
                )
            })?;
        }
        for field in present(fields, version).take(count as usize) {
            let at = self.reader.position();
            let head = self.head()?;
            let name = match head {
                Head::Text(length) => self.content(at, length)?.of(self.reader.bytes()),
                _ => &[],
            };
            if name != field.label.name.as_bytes() {
                self.mismatch("unknown-field", at, || {
                    format!("not the field {}", field.label.name)
                })?;
                self.reader.seek(at);
                self.generic(None)?;
                self.generic(None)?;
                continue;
            }
            let first = self.message.tree.next_id();
            self.field(field)?;
            if let Some(node) = self.message.tree.get_mut(first) {
                node.span = Span::new(at, node.span.end as usize);
            }
        }
        Ok(())
    }

    pub(super) fn variant(
        &mut self,
        choice: &'static Enum,
        name: Span,
        at: usize,
    ) -> Result<Option<&'static Variant>, Stop> {
        let bytes = name.of(self.reader.bytes());
        let version = self.dialect.version;
        let known = choice
            .variants
            .iter()
            .find(|variant| variant.symbol.name.as_bytes() == bytes && variant.when.meets(version));
        if known.is_none() {
            self.mismatch("unknown-variant", at, || {
                format!(
                    "{:?} is no {} of this version",
                    String::from_utf8_lossy(bytes),
                    choice.name
                )
            })?;
        }
        Ok(known)
    }
}
