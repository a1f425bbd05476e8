//! A body by its plan, and the values that most fields have, as most are spelled.

#![expect(clippy::inline_always, reason = "every value passes")]

use super::{Build, Decoder, FewNodes, Outcome, Stop};
use crate::codec::messagepack::Head;
use crate::model::{Label, Value};
use crate::schema::messagepack::plan::{Form, Step};
use crate::schema::messagepack::{Codecs, Plan};

impl<const JSON: bool> Decoder<'_, '_, FewNodes<JSON>> {
    /// Decodes the body if it is exactly as `plan` says; gives up at the first departure.
    #[inline(always)]
    pub(super) fn planned(mut self, plan: &'static Plan) -> Outcome {
        self.strict = true;
        self.run(|decoder| decoder.steps(&plan.steps))
    }

    #[inline(always)]
    fn steps(&mut self, steps: &'static [Step]) -> Result<(), Stop> {
        let start = self.reader.position();
        let head = self.array_head()?;
        let named = self.dialect.codecs == Codecs::RMP_NAMED;
        if named || !matches!(head, Head::Array(count) if count as usize == steps.len()) {
            return Err(Stop::Mismatch);
        }
        self.container(None, Value::Struct, start, |decoder| {
            for step in steps {
                decoder.build.keep(step.watched);
                decoder.step(step)?;
            }
            Ok(())
        })
    }

    #[inline(always)]
    fn step(&mut self, step: &'static Step) -> Result<(), Stop> {
        let label = Some(&step.field.label);
        if step.optional && self.short_nil(label) {
            return Ok(());
        }
        let done = match step.form {
            Form::Unsigned(width) => self.short_unsigned(width, label),
            Form::Truth => self.short_truth(label),
            Form::Text => self.short_text(label),
            Form::Signed => return self.signed(label),
            Form::Choice(choice) => return self.nested(|decoder| decoder.choice(choice, label)),
            Form::Other => false,
        };
        if done { Ok(()) } else { self.field(step.field) }
    }
}

/// Each takes a value and says so, or nothing.
impl<B: Build> Decoder<'_, '_, B> {
    #[inline(always)]
    pub(super) fn short_nil(&mut self, label: Option<&'static Label>) -> bool {
        let start = self.reader.position();
        let is_nil = self.reader.peek() == Some(0xc0);
        if is_nil {
            self.reader.seek(start + 1);
            self.push(label, Value::Nil, start);
        }
        is_nil
    }

    #[inline(always)]
    pub(super) fn short_unsigned(&mut self, width: u8, label: Option<&'static Label>) -> bool {
        let start = self.reader.position();
        let value = self.reader.short_unsigned(width);
        if let Some(value) = value {
            self.push(label, Value::Unsigned(value), start);
        }
        value.is_some()
    }

    #[inline(always)]
    pub(super) fn short_truth(&mut self, label: Option<&'static Label>) -> bool {
        let start = self.reader.position();
        let value = self.reader.truth();
        if let Some(value) = value {
            self.push(label, Value::Bool(value), start);
        }
        value.is_some()
    }

    #[inline]
    pub(super) fn short_float(&mut self, label: Option<&'static Label>) -> bool {
        let start = self.reader.position();
        let value = self.reader.float64();
        if let Some(value) = value {
            self.message.faithful &= !value.is_nan() || value.to_bits() == f64::NAN.to_bits();
            self.push(label, Value::Float(value), start);
        }
        value.is_some()
    }

    #[inline(always)]
    pub(super) fn short_text(&mut self, label: Option<&'static Label>) -> bool {
        let start = self.reader.position();
        let content = self.reader.short_ascii();
        if let Some(content) = content {
            self.push(label, Value::Text(content), start);
        }
        content.is_some()
    }
}
