//! What encoding a record needs, for all protocols.

use crate::codec::json::{Document, Json};
use crate::schema::messagepack;
use crate::schema::{EncodeError, unsigned};

/// What the user has said about encoding.
#[derive(Clone, Debug, Default)]
pub struct EncodeOptions {
    /// Write lengths, checksums and codes as the record says, right or wrong.
    pub as_is: bool,
    /// Ignore lengths and checksums that the record says.
    pub recompute: bool,
    /// Sync version group by index, where the record does not say.
    pub sync_version: Option<u32>,
    /// Whether Noxu messages get their length prefix; as the record says if none.
    pub length_prefix: Option<bool>,
    /// RP compression dictionaries by id.
    pub dictionaries: Vec<(u32, Vec<u8>)>,
}

/// What a line says in front of its header.
#[derive(Clone, Copy, Debug)]
pub struct LineHead<'t> {
    /// Length of the frame in bytes.
    pub length: u64,
    /// Protocol name.
    pub protocol: &'t [u8],
    /// Message type.
    pub type_name: &'t [u8],
}

/// Memory that is used again from line to line.
#[derive(Debug, Default)]
pub struct Scratch {
    /// For bodies in MessagePack.
    pub messagepack: messagepack::Room,
    /// For values that are not spelled as usual.
    pub document: Document,
    /// For payloads that are compressed.
    pub bytes: Vec<u8>,
}

/// A record to be encoded: its parts, as far as the text has them.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'d> {
    /// The whole record.
    pub record: Json<'d>,
    /// Protocol name, and where it stands.
    pub protocol: (&'d str, Json<'d>),
    /// Message type, and where it stands.
    pub type_name: (&'d str, Json<'d>),
    /// `header`, unless null.
    pub header: Option<Json<'d>>,
    /// `body`.
    pub body: Option<Json<'d>>,
    /// `length`, unless null.
    pub length: Option<Json<'d>>,
}

impl<'d> Draft<'d> {
    /// The header's member `name`, unless it is null or there is none.
    #[must_use]
    pub fn header_field(&self, name: &str) -> Option<Json<'d>> {
        self.header?.get(name).filter(|json| !json.is_null())
    }

    /// The header's integer `name`.
    ///
    /// # Errors
    /// If it is something else or larger than `most`.
    pub fn header_number(&self, name: &str, most: u64) -> Result<Option<u64>, EncodeError> {
        self.header_field(name)
            .map(|json| unsigned(json, most))
            .transpose()
    }

    /// The body.
    ///
    /// # Errors
    /// If there is none.
    pub fn required_body(&self) -> Result<Json<'d>, EncodeError> {
        self.body
            .filter(|body| !body.is_null())
            .ok_or_else(|| EncodeError::missing(self.record, "body", "the message's fields"))
    }

    /// Settles a derived value: `given` by the record against `computed`.
    ///
    /// # Errors
    /// If they differ and `options` do not say what to do.
    pub fn settle(
        &self,
        given: Option<Json<'_>>,
        computed: u64,
        options: &EncodeOptions,
    ) -> Result<u64, EncodeError> {
        let Some(json) = given.filter(|_| !options.recompute) else {
            return Ok(computed);
        };
        let value = unsigned(json, u64::MAX)?;
        if value == computed || options.as_is {
            return Ok(value);
        }
        Err(EncodeError::at(
            json,
            format!(
                "{value} contradicts the other fields, which make it {computed}; leave it out, or \
                 use --recompute to ignore it or --as-is to write it"
            ),
        ))
    }

    /// Checks the record's `length` against the frame written; returns what it says.
    ///
    /// # Errors
    /// As [`Draft::settle`].
    pub fn settle_length(
        &self,
        written: usize,
        options: &EncodeOptions,
    ) -> Result<u64, EncodeError> {
        self.settle(self.length, written as u64, options)
    }
}
