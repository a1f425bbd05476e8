//! Metadata filters: the predicates of document shapes.
//!
//! Source: protocol page `sync`, section 6.3.

use super::content::{self, Unreadable};
use super::nested::Nested;
use crate::codec::messagepack::Head;
use crate::model::{Label, Message, NodeId, Value};

static FIELD: Label = Label::new("field");
static VALUE: Label = Label::new("value");
static VALUES: Label = Label::new("values");

/// `ShapeType::Document.predicate`.
pub fn read(frame: &[u8], field: NodeId, message: &mut Message) -> bool {
    content::read(frame, field, message, |content, message| {
        content.bounded()?;
        let mut nested = Nested::new(content, message);
        nested.filter()?;
        nested.finish()
    })
}

impl Nested<'_, '_> {
    fn filter(&mut self) -> Result<(), Unreadable> {
        self.deeper(|nested| {
            let start = nested.reader.position();
            nested.array_of(2)?;
            let at = nested.reader.position();
            let name = nested.text_span()?;
            nested.container(None, Value::Variant(name), start, |nested| {
                match name.of(nested.reader.bytes()) {
                    b"Eq" | b"Ne" | b"Gt" | b"Gte" | b"Lt" | b"Lte" => {
                        nested.comparison(|nested| nested.value(Some(&VALUE)))
                    }
                    b"In" | b"NotIn" => nested.comparison(|nested| {
                        nested.list(Some(&VALUES), |nested| nested.value(None))
                    }),
                    b"And" | b"Or" => nested.filters(),
                    b"Not" => nested.negated(),
                    _ => Err(Unreadable::new(at, "no such filter")),
                }
            })
        })
    }

    fn comparison(
        &mut self,
        operand: impl FnOnce(&mut Self) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        let start = self.reader.position();
        self.array_of(2)?;
        self.container(None, Value::Struct, start, |nested| {
            nested.text(Some(&FIELD))?;
            operand(nested)
        })
    }

    /// A list of filters; zerompk up to 0.6.0 puts it into an array of its own.
    fn filters(&mut self) -> Result<(), Unreadable> {
        let mut ahead = self.reader.clone();
        let wrapped = ahead.head() == Ok(Head::Array(1))
            && match ahead.head() {
                Ok(Head::Array(0)) => true,
                Ok(Head::Array(_)) => matches!(ahead.head(), Ok(Head::Array(_))),
                _ => false,
            };
        if wrapped {
            self.array_of(1)?;
        }
        self.list(None, Self::filter)
    }

    /// A filter; zerompk up to 0.6.0 puts it into an array of its own.
    fn negated(&mut self) -> Result<(), Unreadable> {
        if self.reader.peek() == Some(0x91) {
            self.array_of(1)?;
        }
        self.filter()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::read_hex;
    use super::read;

    #[test]
    fn filters_nest() {
        assert_eq!(
            read_hex(
                read,
                "92a3416e649292a54e6f74496e92a1789092a34e6f7492a24f7290"
            ),
            "And((NotIn((field=\"x\" values=())) Not(Or(()))))"
        );
        assert_eq!(
            read_hex(read, "92a2457192a178920207"),
            "Eq((field=\"x\" value=(Integer=7)))"
        );
    }

    #[test]
    fn the_older_spelling_with_payloads_in_arrays_reads_the_same() {
        let not = "92a34e6f7492a2457192a1789100";
        let wrapped = "92a34e6f749192a2457192a1789100";
        assert_eq!(read_hex(read, wrapped), read_hex(read, not));
        let or = "92a24f729192a2457192a1789100";
        let wrapped = "92a24f72919192a2457192a1789100";
        assert_eq!(read_hex(read, wrapped), read_hex(read, or));
        assert_eq!(read_hex(read, "92a24f729190"), "Or(())");
    }

    #[test]
    fn an_unknown_filter_is_a_finding() {
        assert_eq!(read_hex(read, "92a2587892a1789100"), "!opaque-undecodable");
    }
}
