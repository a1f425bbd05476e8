//! Structs: their fields by position or by name.

use super::{Build, Decoder, EXTRA, Stop, present};
use crate::codec::messagepack::Head;
use crate::model::{Label, Secret, Span, Value};
use crate::schema::messagepack::Codecs;
use crate::schema::{Field, Struct, Type};

impl<B: Build> Decoder<'_, '_, B> {
    pub(super) fn structure(
        &mut self,
        body: &'static Struct,
        label: Option<&'static Label>,
    ) -> Result<(), Stop> {
        let start = self.reader.position();
        let named = self.dialect.codecs == Codecs::RMP_NAMED;
        let head = self.array_head()?;
        match head {
            Head::Map(count) if named || body.keyed => {
                if !body.keyed {
                    self.shown = Codecs::RMP_NAMED;
                }
                self.container(label, Value::Struct, start, |decoder| {
                    decoder.keyed_fields(body, count, start)
                })
            }
            Head::Array(count) if !body.keyed && !named => {
                self.container(label, Value::Struct, start, |decoder| {
                    decoder.fields(body.fields, count, start)
                })
            }
            other => {
                let expected = if named || body.keyed {
                    "a map"
                } else {
                    "an array"
                };
                self.wrong_type(start, label, expected, other)
            }
        }
    }

    pub(super) fn fields(
        &mut self,
        fields: &'static [Field],
        count: u32,
        start: usize,
    ) -> Result<(), Stop> {
        let version = self.dialect.version;
        if !B::ANYTHING {
            return self.exactly(fields, count);
        }
        let known = present(fields, version).count();
        if known != count as usize {
            self.mismatch("wrong-count", start, || {
                format!("{count} elements where {known} belong")
            })?;
        }
        let mut left = count;
        for field in fields {
            if !field.when.meets(version) {
                continue;
            }
            if left == 0 {
                break;
            }
            left -= 1;
            if !self.plain(field) {
                self.field(field)?;
            }
        }
        let extra = (count as usize).saturating_sub(known);
        if extra > 0 {
            let start = self.reader.position();
            self.container(Some(&EXTRA), Value::List, start, |decoder| {
                (0..extra).try_for_each(|_| decoder.generic(None))
            })?;
        }
        Ok(())
    }

    /// As many fields as there should be, or none.
    fn exactly(&mut self, fields: &'static [Field], count: u32) -> Result<(), Stop> {
        let mut left = count;
        for field in present(fields, self.dialect.version) {
            left = left.wrapping_sub(1);
            if !self.plain(field) {
                self.field(field)?;
            }
        }
        if left == 0 {
            Ok(())
        } else {
            Err(Stop::Mismatch)
        }
    }

    pub(super) fn keyed_fields(
        &mut self,
        body: &'static Struct,
        count: u32,
        start: usize,
    ) -> Result<(), Stop> {
        let version = self.dialect.version;
        self.plausible(count, start)?;
        let mut seen: u64 = 0;
        let mut order = 0;
        for _ in 0..count {
            let at = self.reader.position();
            let head = self.head()?;
            let Head::Text(length) = head else {
                return self.wrong_type(at, Some(&EXTRA), "a field name", head);
            };
            let key = self.content(at, length)?;
            let name = key.of(self.reader.bytes());
            let known = body
                .fields
                .iter()
                .enumerate()
                .filter(|(_, field)| field.when.meets(version))
                .find(|(_, field)| field.label.name.as_bytes() == name);
            let Some((index, field)) = known else {
                self.unknown_field(at, name)?;
                continue;
            };
            if seen >> index & 1 != 0 {
                self.mismatch("duplicate-key", at, || {
                    format!("the field {} comes again", field.label.name)
                })?;
            }
            if index < order {
                self.departure("reordered-keys", at, || {
                    "the fields are not in the order that the writers use".to_owned()
                })?;
            }
            order = index;
            seen |= 1 << index;
            let first = self.message.tree.next_id();
            self.field(field)?;
            // The key's bytes belong to the value's node, so that leaves tile the frame.
            if let Some(node) = self.message.tree.get_mut(first) {
                node.span = Span::new(at, node.span.end as usize);
            }
        }
        self.missing_fields(body, seen, start)
    }

    pub(super) fn unknown_field(&mut self, at: usize, name: &[u8]) -> Result<(), Stop> {
        let shown = String::from_utf8_lossy(name).into_owned();
        let refuse = self.dialect.codecs != Codecs::RMP_NAMED;
        let text = move || format!("{shown:?} is not a field of this message");
        if refuse {
            self.mismatch("unknown-field", at, text)?;
        } else {
            self.departure("unknown-field", at, text)?;
        }
        let end = self.reader.position();
        self.reader.seek(at);
        let id = self.message.tree.open(Some(&EXTRA), Value::Pairs, at);
        let result = self.generic(None).and_then(|()| {
            self.reader.seek(end);
            self.generic(None)
        });
        self.message.tree.close(id, self.reader.position());
        result
    }

    pub(super) fn missing_fields(
        &mut self,
        body: &'static Struct,
        seen: u64,
        start: usize,
    ) -> Result<(), Stop> {
        let version = self.dialect.version;
        for (index, field) in body.fields.iter().enumerate() {
            if seen >> index & 1 != 0 || !field.when.meets(version) {
                continue;
            }
            let text = || format!("the field {} is missing", field.label.name);
            let named = self.dialect.codecs == Codecs::RMP_NAMED;
            if field.may_lack || named && matches!(field.kind, Type::Optional(_)) {
                self.departure("missing-field", start, text)?;
            } else {
                self.mismatch("missing-field", start, text)?;
            }
        }
        Ok(())
    }

    pub(super) fn field(&mut self, field: &'static Field) -> Result<(), Stop> {
        let start = self.reader.position();
        let result = self.value(&field.kind, Some(&field.label), field.holds.as_ref());
        if result == Err(Stop::End) && field.label.secret != Secret::No && !self.strict {
            // What could not be read further may be the secret.
            self.message.secret_from = Some(start);
        }
        result
    }

    /// Decodes what most fields are, as most are spelled, without a call; else consumes nothing.
    #[inline]
    fn plain(&mut self, field: &'static Field) -> bool {
        let label = Some(&field.label);
        let kind = match &field.kind {
            Type::Optional(_) if self.short_nil(label) => return true,
            Type::Optional(inner) => inner,
            kind => kind,
        };
        match *kind {
            Type::Unsigned(width) => self.short_unsigned(width, label),
            Type::Text if field.holds.is_none() => self.short_text(label),
            Type::Bool => self.short_truth(label),
            _ => false,
        }
    }
}
