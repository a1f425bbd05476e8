//! Lines of text, each a message whose end is known.

use super::SourceError;
use super::hex_text::digit;
use crate::model::Origin;
use crate::pipeline::{Chunk, Connection, Flow, Pipeline};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use std::io::{BufRead, BufReader, Read};

/// How a line spells its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineForm {
    /// Hexadecimal digits; spaces and colons between bytes are allowed.
    Hex,
    /// Base64, with or without padding.
    Base64,
}

/// Decodes every line of `input` as one message. Empty lines and lines that start with `#` are
/// passed over.
///
/// # Errors
/// If reading or writing fails, or a line is not what it should be.
pub fn decode_lines(
    input: &mut BufReader<impl Read>,
    form: LineForm,
    origin: &Origin,
    connection: &mut Connection,
    pipeline: &mut Pipeline<'_>,
) -> Result<Flow, SourceError> {
    let mut line = Vec::new();
    let mut message = Vec::new();
    let mut number = 0;
    let mut here = origin.clone();
    loop {
        // What is complete is shown before waiting for more.
        if !input.buffer().contains(&b'\n') {
            pipeline.flush()?;
        }
        line.clear();
        number += 1;
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(pipeline.close(connection, &|_| (origin.clone(), 0))?);
        }
        let text = line.trim_ascii();
        if text.is_empty() || text.starts_with(b"#") {
            continue;
        }
        message.clear();
        match form {
            LineForm::Hex => hex_line(text, number, &mut message)?,
            LineForm::Base64 => base64_line(text, number, &mut message)?,
        }
        here.line = Some(number);
        let mut used = 0;
        while used < message.len() {
            let chunk = Chunk {
                bytes: message.get(used..).unwrap_or_default(),
                offset: used as u64,
                whole: true,
                ended: true,
                origin: &here,
            };
            let (count, flow) = pipeline.feed(connection, &chunk)?;
            if flow == Flow::Stop {
                return Ok(flow);
            }
            used += count.max(1);
        }
    }
}

fn hex_line(text: &[u8], line: u64, message: &mut Vec<u8>) -> Result<(), SourceError> {
    let mut high = None;
    for (index, byte) in text.iter().enumerate() {
        let column = index as u64 + 1;
        match (digit(*byte), high) {
            (Some(value), None) => high = Some(value),
            (Some(value), Some(first)) => {
                message.push(first << 4 | value);
                high = None;
            }
            (None, None) if matches!(byte, b' ' | b'\t' | b':') => {}
            (None, _) => {
                let what = format!("{:?} is not a hexadecimal digit", char::from(*byte));
                return Err(SourceError::Text { line, column, what });
            }
        }
    }
    if high.is_some() {
        return Err(SourceError::Text {
            line,
            column: text.len() as u64,
            what: "an odd number of hexadecimal digits".to_owned(),
        });
    }
    Ok(())
}

fn base64_line(text: &[u8], line: u64, message: &mut Vec<u8>) -> Result<(), SourceError> {
    let engine = if text.ends_with(b"=") {
        &STANDARD
    } else {
        &STANDARD_NO_PAD
    };
    engine
        .decode_vec(text, message)
        .map_err(|error| SourceError::Text {
            line,
            column: 1,
            what: format!("not base64: {error}"),
        })
}
