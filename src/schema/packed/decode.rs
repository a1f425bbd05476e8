//! Decoding by table.

use super::{Absence, Packed, Rules, signed};
use crate::model::{Label, Message, Span, Value};
use crate::schema::{Enum, Struct, Type};

static FILE: Label = Label::new("file");
static OFFSET: Label = Label::new("offset");

/// The bytes end before the table does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stop;

/// What decoding has shown.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Where decoding ended.
    pub end: usize,
    /// Whether all fields were there.
    pub complete: bool,
}

/// Decodes one struct, and what is in it, into a message.
#[derive(Debug)]
pub struct Decoder<'a, 'm> {
    frame: &'a [u8],
    position: usize,
    end: usize,
    rules: Rules,
    message: &'m mut Message,
    counts: [u64; 2],
    counted: [Option<Span>; 2],
    checksum: Option<(u8, u32, Span)>,
    flags: u8,
}

impl<'a, 'm> Decoder<'a, 'm> {
    /// Reads bytes `start..end` of `frame`.
    pub fn new(
        frame: &'a [u8],
        (start, end): (usize, usize),
        rules: Rules,
        message: &'m mut Message,
    ) -> Self {
        Self {
            frame,
            position: start,
            end: end.min(frame.len()),
            rules,
            message,
            counts: [0; 2],
            counted: [None; 2],
            checksum: None,
            flags: 0,
        }
    }

    /// Decodes `body`; departures become issues.
    pub fn run(mut self, body: &'static Struct, label: Option<&'static Label>) -> Outcome {
        let complete = self.structure(body, label).is_ok();
        Outcome {
            end: self.position,
            complete,
        }
    }

    fn structure(
        &mut self,
        body: &'static Struct,
        label: Option<&'static Label>,
    ) -> Result<(), Stop> {
        let id = self.message.tree.open(label, Value::Struct, self.position);
        self.counted = [None; 2];
        self.checksum = None;
        let version = self.rules.version;
        let result = body
            .fields
            .iter()
            .filter(|field| field.when.meets(version))
            .try_for_each(|field| match field.kind {
                Type::Packed(Packed::Derived(derive)) => {
                    derive(self.frame, id, Some(&field.label), self.message);
                    Ok(())
                }
                _ => self.value(&field.kind, Some(&field.label)),
            });
        self.message.tree.close(id, self.position);
        self.check_sum();
        result
    }

    fn value(&mut self, kind: &'static Type, label: Option<&'static Label>) -> Result<(), Stop> {
        let start = self.position;
        match kind {
            Type::Bool => {
                let value = self.bool_byte(label)?;
                self.leaf(label, Value::Bool(value), start);
            }
            Type::Unsigned(width) => {
                let value = self.integer(*width, label)?;
                self.leaf(label, Value::Unsigned(value), start);
            }
            Type::Signed(width) => {
                let value = signed(self.integer(*width, label)?, *width);
                self.leaf(label, Value::Signed(value), start);
            }
            Type::Text => self.text(4, label)?,
            Type::Bytes => {
                let span = self.content(4, label)?;
                self.leaf(label, Value::Bytes(span), start);
            }
            Type::Fixed(count) => {
                let span = self.take((*count).into(), label)?;
                self.leaf(label, Value::Bytes(span), start);
            }
            Type::Optional(inner) => self.optional(inner, label)?,
            Type::Struct(body) => self.structure(body, label)?,
            Type::Enum(choice) => self.choice(choice, label)?,
            Type::List(item) => self.list(item, label)?,
            Type::Packed(packed) => self.packed(packed, label)?,
            // No packed table has these.
            Type::Float32
            | Type::Float64
            | Type::ElementBytes
            | Type::Tuple(_)
            | Type::Map(..)
            | Type::Uuid
            | Type::Any => {}
        }
        Ok(())
    }

    fn packed(&mut self, kind: &'static Packed, label: Option<&'static Label>) -> Result<(), Stop> {
        let start = self.position;
        match kind {
            Packed::Count(slot, width) | Packed::HiddenCount(slot, width) => {
                let value = self.integer(*width, label)?;
                if let Some(count) = self.counts.get_mut(usize::from(*slot)) {
                    *count = value;
                }
                let id = self.leaf(label, Value::Unsigned(value), start);
                if matches!(kind, Packed::HiddenCount(..)) {
                    self.hide(id);
                }
            }
            Packed::CountedBytes(slot) => self.counted_bytes(*slot, label)?,
            Packed::CountedList(slot, item) => {
                let count = self.count(*slot);
                self.items(count, item, label)?;
            }
            Packed::Checksum(slot) => {
                let value = self.integer(4, label)?;
                let span = Span::new(start, self.position);
                self.checksum = Some((*slot, u32::try_from(value).unwrap_or(u32::MAX), span));
                self.leaf(label, Value::Unsigned(value), start);
            }
            Packed::Magic(_) => self.value(&Type::Unsigned(4), label)?,
            Packed::ShortText(width) => self.text(*width, label)?,
            Packed::TextToEnd => {
                let span = self.take(self.end.saturating_sub(start), label)?;
                self.text_leaf(span, start, label);
            }
            Packed::NullIfEmpty => {
                let span = self.content(4, label)?;
                let value = if span.is_empty() {
                    Value::Nil
                } else {
                    Value::Bytes(span)
                };
                self.leaf(label, value, start);
            }
            Packed::LogPosition => self.log_position(label)?,
            Packed::Flags => {
                let value = self.integer(1, label)?;
                self.flags = value as u8;
                self.leaf(label, Value::Unsigned(value), start);
            }
            Packed::If(bit, inner, _) if self.flags & bit != 0 => self.value(inner, label)?,
            Packed::If(_, _, Absence::Zero) => {
                self.leaf(label, Value::Unsigned(0), start);
            }
            Packed::If(_, _, Absence::Null) | Packed::Absent => {
                self.leaf(label, Value::Nil, start);
            }
            Packed::Bit(bit) => {
                self.leaf(label, Value::Bool(self.flags & bit != 0), start);
            }
            Packed::Constant(symbol) => {
                self.leaf(label, Value::Static(symbol), start);
            }
            // Only a struct's field can be derived.
            Packed::Derived(_) => {}
        }
        Ok(())
    }

    fn leaf(&mut self, label: Option<&'static Label>, value: Value, start: usize) -> u32 {
        let span = Span::new(start, self.position);
        self.message.tree.leaf(label, value, span)
    }

    fn hide(&mut self, id: u32) {
        if let Some(node) = self.message.tree.get_mut(id) {
            node.hidden = true;
        }
    }

    fn count(&self, slot: u8) -> u64 {
        self.counts
            .get(usize::from(slot))
            .copied()
            .unwrap_or_default()
    }

    /// The next `count` bytes.
    fn take(&mut self, count: usize, label: Option<&'static Label>) -> Result<Span, Stop> {
        let start = self.position;
        let there = self.end.saturating_sub(start);
        if count > there {
            let name = label.map_or("an item", |label| label.name);
            self.message.error(
                self.rules.truncated,
                (start, self.end),
                match count {
                    1 => format!("{name} needs a byte, none is left"),
                    _ => format!("{name} needs {count} bytes, {there} are left"),
                },
            );
            return Err(Stop);
        }
        self.position = start + count;
        Ok(Span::new(start, self.position))
    }

    fn integer(&mut self, width: u8, label: Option<&'static Label>) -> Result<u64, Stop> {
        let span = self.take(width.into(), label)?;
        Ok(self.rules.order.unsigned(span.of(self.frame)))
    }

    /// Any byte but 0 is taken for true.
    fn bool_byte(&mut self, label: Option<&'static Label>) -> Result<bool, Stop> {
        let start = self.position;
        let byte = self.integer(1, label)?;
        if byte > 1 {
            self.message.warning(
                "non-canonical-bool",
                (start, self.position),
                format!("{byte} stands for true; encoders write 1"),
            );
            self.message.faithful = false;
        }
        Ok(byte != 0)
    }

    /// The bytes behind a length of `width` bytes.
    fn content(&mut self, width: u8, label: Option<&'static Label>) -> Result<Span, Stop> {
        let start = self.position;
        let length = self.integer(width, label)?;
        let there = self.end.saturating_sub(self.position);
        match usize::try_from(length) {
            Ok(length) if length <= there => self.take(length, label),
            _ => {
                let name = label.map_or("an item", |label| label.name);
                self.message.error(
                    self.rules.truncated,
                    (start, self.position),
                    format!("{name} has length {length}, only {there} bytes are left"),
                );
                self.position = start;
                Err(Stop)
            }
        }
    }

    fn text(&mut self, width: u8, label: Option<&'static Label>) -> Result<(), Stop> {
        let start = self.position;
        let span = self.content(width, label)?;
        self.text_leaf(span, start, label);
        Ok(())
    }

    fn text_leaf(&mut self, span: Span, start: usize, label: Option<&'static Label>) {
        let value = match std::str::from_utf8(span.of(self.frame)) {
            Ok(_) => Value::Text(span),
            Err(error) => {
                let at = span.start as usize + error.valid_up_to();
                self.message.error(
                    "invalid-utf8",
                    (at, span.end as usize),
                    format!("not UTF-8: {error}"),
                );
                Value::BadText(span)
            }
        };
        self.leaf(label, value, start);
    }

    /// A bool byte that says whether a value follows.
    fn optional(
        &mut self,
        inner: &'static Type,
        label: Option<&'static Label>,
    ) -> Result<(), Stop> {
        let start = self.position;
        if !self.bool_byte(label)? {
            self.leaf(label, Value::Nil, start);
            return Ok(());
        }
        let id = self.message.tree.next_id();
        if self.value(inner, label).is_err() {
            self.position = start;
            return Err(Stop);
        }
        if let Some(node) = self.message.tree.get_mut(id) {
            node.span = Span::new(start, node.span.end as usize);
        }
        Ok(())
    }

    fn choice(&mut self, choice: &'static Enum, label: Option<&'static Label>) -> Result<(), Stop> {
        let start = self.position;
        let code = self.integer(1, label)?;
        let variant = choice
            .variants
            .iter()
            .find(|variant| variant.symbol.code == code);
        match variant {
            Some(variant) => self.leaf(label, Value::Symbol(&variant.symbol), start),
            None => {
                self.message.error(
                    self.rules.unknown,
                    (start, self.position),
                    format!("{code} is no {}", choice.name),
                );
                self.leaf(label, Value::Unsigned(code), start)
            }
        };
        Ok(())
    }

    fn list(&mut self, item: &'static Type, label: Option<&'static Label>) -> Result<(), Stop> {
        let start = self.position;
        let count = self.integer(4, label)?;
        let id = self.message.tree.next_id();
        let result = self.items(count, item, label);
        if let Some(node) = self.message.tree.get_mut(id) {
            node.span = Span::new(start, node.span.end as usize);
        }
        result
    }

    fn items(
        &mut self,
        count: u64,
        item: &'static Type,
        label: Option<&'static Label>,
    ) -> Result<(), Stop> {
        let id = self.message.tree.open(label, Value::List, self.position);
        let mut result = Ok(());
        for _ in 0..count {
            result = self.value(item, None);
            if result.is_err() {
                break;
            }
        }
        self.message.tree.close(id, self.position);
        result
    }

    fn counted_bytes(&mut self, slot: u8, label: Option<&'static Label>) -> Result<(), Stop> {
        let start = self.position;
        let count = self.count(slot);
        let there = self.end.saturating_sub(start);
        if count > there as u64 {
            let name = label.map_or("content", |label| label.name);
            self.message.error(
                self.rules.overrun,
                (start, self.end),
                format!("{name} is said to have {count} bytes, {there} are there"),
            );
            return Err(Stop);
        }
        let span = self.take(usize::try_from(count).unwrap_or(there), label)?;
        if let Some(counted) = self.counted.get_mut(usize::from(slot)) {
            *counted = Some(span);
        }
        self.leaf(label, Value::Bytes(span), start);
        Ok(())
    }

    fn check_sum(&mut self) {
        let Some((slot, stored, at)) = self.checksum.take() else {
            return;
        };
        let Some(Some(span)) = self.counted.get(usize::from(slot)) else {
            return;
        };
        let computed = crc32fast::hash(span.of(self.frame));
        if computed != stored {
            self.message.error(
                "crc-mismatch",
                (at.start as usize, at.end as usize),
                format!("the message says {stored:#010x}, the content has {computed:#010x}"),
            );
        }
    }

    fn log_position(&mut self, label: Option<&'static Label>) -> Result<(), Stop> {
        let start = self.position;
        let file = self.integer(4, label)?;
        let Ok(offset) = self.integer(4, label) else {
            self.position = start;
            return Err(Stop);
        };
        if file == u64::from(u32::MAX) && offset == u64::from(u32::MAX) {
            self.leaf(label, Value::Nil, start);
            return Ok(());
        }
        let tree = &mut self.message.tree;
        let id = tree.open(label, Value::Struct, start);
        let halves = [(&FILE, file), (&OFFSET, offset)];
        for (at, (label, value)) in halves.into_iter().enumerate() {
            let span = Span::new(start + 4 * at, start + 4 * at + 4);
            tree.leaf(Some(label), Value::Unsigned(value), span);
        }
        tree.close(id, start + 8);
        Ok(())
    }
}
