//! Decodes through the library, the way that the command does it, and keeps everything.

#![allow(dead_code, reason = "every test file uses a part of this")]

use serde_json::Value;
use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use wirectl::model::{Message, Origin, Record};
use wirectl::output::{Json, Sink};
use wirectl::pipeline::{Chunk, Connection, Pipeline, Selection};

/// One record, with all that was known when it was shown.
#[derive(Debug)]
pub struct Decoded {
    pub offset: u64,
    pub frame: Vec<u8>,
    pub message: Message,
    /// As `-o json` prints it, without the line's end.
    pub json: String,
}

impl Decoded {
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.json).unwrap_or_else(|error| panic!("{error}: {}", self.json))
    }
}

/// Keeps what it is shown.
pub struct Keep {
    text: Text,
    json: Json<Text>,
    pub kept: Vec<Decoded>,
}

impl Keep {
    pub fn new() -> Self {
        let text = Text::default();
        Self {
            json: Json::new(text.clone(), false),
            text,
            kept: Vec::new(),
        }
    }
}

impl Sink for Keep {
    fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        self.json.record(record)?;
        self.json.flush()?;
        let line = self.text.0.take();
        self.kept.push(Decoded {
            offset: record.offset,
            frame: record.frame.to_vec(),
            message: record.message.clone(),
            json: String::from_utf8(line).unwrap().trim_end().to_owned(),
        });
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a sink has written, shared with who looks at it.
#[derive(Clone, Debug, Default)]
struct Text(Rc<RefCell<Vec<u8>>>);

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Decodes `bytes` as one message whose end is known.
pub fn of_message(bytes: &[u8], connection: &mut Connection) -> Vec<Decoded> {
    let mut sink = Keep::new();
    let mut pipeline = Pipeline::new(&mut sink, Selection::default());
    let mut used = 0;
    while used < bytes.len() {
        let chunk = Chunk {
            bytes: &bytes[used..],
            offset: used as u64,
            whole: true,
            ended: true,
            origin: &Origin::default(),
        };
        let (count, _) = pipeline.feed(connection, &chunk).unwrap();
        assert!(count > 0, "a message is used up: {}", hex::encode(bytes));
        used += count;
    }
    sink.kept
}
