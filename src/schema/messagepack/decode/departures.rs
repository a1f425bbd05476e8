//! What happens where the bytes depart from the table.

use super::{Build, Decoder, Stop};
use crate::codec::messagepack::{Fault, Head};
use crate::model::Label;
use crate::schema::messagepack::Codecs;

impl<B: Build> Decoder<'_, '_, B> {
    /// A count that the bytes left cannot hold is refused before anything is read.
    pub(super) fn plausible(&mut self, count: u32, start: usize) -> Result<(), Stop> {
        if count as usize <= self.reader.left() {
            return Ok(());
        }
        if self.strict {
            self.ran_out = true;
            return Err(Stop::Mismatch);
        }
        let left = self.reader.left();
        self.message.error(
            "count-too-large",
            (start, self.reader.position()),
            format!("{count} elements are announced, but only {left} bytes are left"),
        );
        Err(Stop::End)
    }

    #[cold]
    pub(super) fn end(&mut self, fault: Fault) -> Stop {
        let at = self.reader.position();
        if self.strict {
            self.ran_out = fault == Fault::Truncated;
            return Stop::Mismatch;
        }
        let code = match fault {
            Fault::Truncated => "truncated-body",
            Fault::Reserved => "reserved-marker",
            Fault::TooDeep => "too-deep",
            Fault::TooMany => "too-many-values",
        };
        self.message
            .error(code, (at, self.reader.bytes().len()), fault.to_string());
        Stop::End
    }

    pub(super) fn show(
        &mut self,
        codecs: Codecs,
        at: usize,
        what: &'static str,
    ) -> Result<(), Stop> {
        let shown = self.shown.and(codecs);
        if shown.and(self.dialect.codecs).is_empty() {
            return self.mismatch("wrong-codec", at, || {
                format!("{what}: not how this version spells it")
            });
        }
        self.shown = shown;
        Ok(())
    }

    #[cold]
    pub(super) fn wrong_type(
        &mut self,
        start: usize,
        label: Option<&'static Label>,
        expected: &'static str,
        found: Head,
    ) -> Result<(), Stop> {
        self.mismatch("wrong-type", start, || {
            let field = label.map_or(String::new(), |label| format!("{}: ", label.name));
            format!("{field}{} where {expected} belongs", found.kind())
        })?;
        self.reader.seek(start);
        self.generic(label)
    }

    #[cold]
    pub(super) fn non_canonical(&mut self, at: usize) -> Result<(), Stop> {
        self.departure("non-canonical", at, || {
            "longer than need be: legal, but no real peer writes it so".to_owned()
        })
    }

    /// The real reader refuses this.
    #[cold]
    pub(super) fn mismatch(
        &mut self,
        code: &'static str,
        at: usize,
        message: impl FnOnce() -> String,
    ) -> Result<(), Stop> {
        if self.strict {
            return Err(Stop::Mismatch);
        }
        let end = self.reader.position().max(at + 1);
        self.message.error(code, (at, end), message());
        Ok(())
    }

    /// The real reader takes this, but no real writer makes it.
    #[cold]
    pub(super) fn departure(
        &mut self,
        code: &'static str,
        at: usize,
        message: impl FnOnce() -> String,
    ) -> Result<(), Stop> {
        if self.strict {
            return Err(Stop::Mismatch);
        }
        let end = self.reader.position().max(at + 1);
        self.message.warning(code, (at, end), message());
        self.message.faithful = false;
        Ok(())
    }
}
