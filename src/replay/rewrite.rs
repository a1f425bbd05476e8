//! Changing fields on the way: decoded, changed, encoded again.

use crate::codec::json::Document;
use crate::encode::{Assignment, encode_record};
use crate::model::Record;
use crate::output::write_record;
use crate::protocol::{self, EncodeOptions};
use serde_json::Value;
use thiserror::Error;

/// Why a frame cannot be changed.
#[derive(Debug, Error)]
#[error("record {number} ({type_name}) cannot be changed: {what}")]
pub struct RewriteError {
    /// The record's number in the input.
    pub number: u64,
    /// Its type.
    pub type_name: &'static str,
    /// What the encoder says.
    pub what: String,
}

/// Changes fields of frames.
#[derive(Debug)]
pub(super) struct Rewriter {
    assignments: Vec<Assignment>,
    options: EncodeOptions,
    text: Vec<u8>,
    frame: Vec<u8>,
    /// Frames changed by each assignment.
    pub changed: Vec<u64>,
}

impl Rewriter {
    pub fn new(assignments: Vec<Assignment>, options: &EncodeOptions) -> Self {
        Self {
            changed: vec![0; assignments.len()],
            assignments,
            options: EncodeOptions {
                recompute: true,
                ..options.clone()
            },
            text: Vec::new(),
            frame: Vec::new(),
        }
    }

    pub fn is_idle(&self) -> bool {
        self.assignments.is_empty()
    }

    /// The frame with its fields changed; none if it has none of the fields.
    pub fn rewrite(&mut self, record: &Record<'_>) -> Result<Option<&[u8]>, RewriteError> {
        let fail = |what: String| RewriteError {
            number: record.number,
            type_name: record.message.type_name,
            what,
        };
        if record.message.body.is_none() {
            return Ok(None);
        }
        self.text.clear();
        write_record(&mut self.text, record, false);
        let mut json: Value =
            serde_json::from_slice(&self.text).map_err(|error| fail(error.to_string()))?;
        let kind = protocol::by_name(record.message.protocol)
            .filter(|protocol| protocol.bodies_follow_tables())
            .and_then(|protocol| {
                let mut kinds = protocol.messages().iter();
                kinds.find(|kind| kind.name == record.message.type_name)
            });
        let mut any = false;
        for (assignment, changed) in self.assignments.iter().zip(&mut self.changed) {
            let did = assignment
                .change(&mut json, kind)
                .map_err(|error| fail(error.to_string()))?;
            *changed += u64::from(did);
            any |= did;
        }
        if !any {
            return Ok(None);
        }
        self.encode(json).map_err(fail)?;
        Ok(Some(&self.frame))
    }

    fn encode(&mut self, mut json: Value) -> Result<(), String> {
        if let Some(members) = json.as_object_mut() {
            // What followed from the old values.
            for derived in ["raw", "issues", "inner", "length"] {
                members.remove(derived);
            }
        }
        let text = json.to_string();
        let mut document = Document::default();
        document
            .parse(text.as_bytes())
            .map_err(|error| error.to_string())?;
        let root = document
            .root(text.as_bytes())
            .map_err(|error| error.to_string())?;
        self.frame.clear();
        encode_record(root, &self.options, &mut self.frame).map_err(|error| error.to_string())
    }
}
