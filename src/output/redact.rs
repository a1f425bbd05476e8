//! Secrets, taken out of a record before anybody sees it.

use crate::model::{Layer, Message, Node, Record, Secret, Span, Symbol, Value, Words};
use memchr::memmem::Finder;

/// Stands where a secret was.
pub static MASKED: Symbol = Symbol {
    code: 0,
    name: "***",
};

/// Overwrites the bytes of secrets.
const MASK: u8 = b'*';

/// Makes copies of records without their secrets.
#[derive(Debug)]
pub struct Redactor {
    frame: Vec<u8>,
    message: Message,
    /// Where secrets lie in the frame.
    hidden: Vec<Span>,
    masked: bool,
    token: Finder<'static>,
}

impl Default for Redactor {
    fn default() -> Self {
        Self {
            frame: Vec::new(),
            message: Message::default(),
            hidden: Vec::new(),
            masked: false,
            // The start of `{"` in base64url: so JSON Web Tokens begin.
            token: Finder::new("eyJ"),
        }
    }
}

impl Redactor {
    /// Finds the secrets of `record`; whether there are any.
    pub fn finds(&mut self, record: &Record<'_>) -> bool {
        self.hidden.clear();
        let named = record.message.tree.nodes().iter().any(is_secret);
        if !named && record.message.secret_from.is_none() && !self.has_tokens(record) {
            return false;
        }
        self.frame.clear();
        self.frame.extend_from_slice(record.frame);
        self.message.clone_from(record.message);
        self.masked = false;
        self.mask_nodes(record);
        self.mask_tokens();
        if let Some(start) = record.message.secret_from {
            self.hide(Layer::Frame, Span::new(start, record.frame.len()));
        }
        self.masked
    }

    /// The record that was last looked through, without its secrets.
    #[must_use]
    pub fn redacted<'a>(&'a self, record: &Record<'a>) -> Record<'a> {
        Record {
            frame: &self.frame,
            message: &self.message,
            ..*record
        }
    }

    /// Whether this byte of the frame of the record last redacted was part of a secret.
    #[must_use]
    pub fn hides(&self, position: usize) -> bool {
        self.hidden
            .iter()
            .any(|span| (span.start as usize..span.end as usize).contains(&position))
    }

    /// Forgets what the last record hid.
    pub fn clear(&mut self) {
        self.hidden.clear();
    }

    fn has_tokens(&self, record: &Record<'_>) -> bool {
        let has_token = |words: &Words| self.token.find(words.text().as_bytes()).is_some();
        let mut issues = record.message.issues.iter();
        self.token.find(record.frame).is_some()
            || self.token.find(&record.message.tree.derived).is_some()
            || issues.any(|issue| has_token(&issue.message))
    }

    /// Masks what labels call secret.
    fn mask_nodes(&mut self, record: &Record<'_>) {
        let mut inherited = Inherited::default();
        for id in 0..record.message.tree.next_id() {
            let Some(node) = record.message.tree.get(id) else {
                break;
            };
            match inherited.secret(id, node) {
                Secret::No => {}
                Secret::Token if is_container(node.value) => {}
                Secret::Token => self.mask_token(record, id, node),
                Secret::Whole => self.mask_whole(record, id, node),
            }
        }
    }

    fn mask_token(&mut self, record: &Record<'_>, id: u32, node: &Node) {
        let content = content(node);
        match signature(record.bytes(node, content)) {
            Some(start) => {
                let start = content.start as usize + start;
                self.hide(node.layer, Span::new(start, content.end as usize));
            }
            None => self.mask_whole(record, id, node),
        }
    }

    fn mask_whole(&mut self, record: &Record<'_>, id: u32, node: &Node) {
        let content = content(node);
        let bytes = record.bytes(node, content);
        // Nothing, and all zeros, say that there is no secret: that is worth seeing.
        if matches!(node.value, Value::Nil) || bytes.iter().all(|byte| *byte == 0) {
            return;
        }
        self.hide(node.layer, content);
        if let Some(node) = self.message.tree.get_mut(id) {
            node.value = Value::Static(&MASKED);
        }
    }

    fn hide(&mut self, layer: Layer, span: Span) {
        self.masked = true;
        let range = span.start as usize..span.end as usize;
        match layer {
            Layer::Frame => {
                if let Some(bytes) = self.frame.get_mut(range) {
                    bytes.fill(MASK);
                    self.hidden.push(span);
                }
            }
            Layer::Derived => {
                if let Some(bytes) = self.message.tree.derived.get_mut(range) {
                    bytes.fill(MASK);
                }
                // Which bytes of the frame it was derived from is not known: none is shown.
                let header = self.message.header;
                let start = header
                    .and_then(|id| self.message.tree.get(id))
                    .map_or(0, |header| header.span.end as usize);
                if let Some(bytes) = self.frame.get_mut(start..) {
                    bytes.fill(MASK);
                    self.hidden.push(Span::new(start, self.frame.len()));
                }
            }
        }
    }

    /// Masks the signatures of JSON Web Tokens wherever they stand, also where no label says so.
    fn mask_tokens(&mut self) {
        for span in tokens(&self.token, &self.frame) {
            self.hide(Layer::Frame, span);
        }
        for span in tokens(&self.token, &self.message.tree.derived) {
            self.hide(Layer::Derived, span);
        }
        for issue in &mut self.message.issues {
            let spans = tokens(&self.token, issue.message.text().as_bytes());
            if spans.is_empty() {
                continue;
            }
            self.masked = true;
            let mut text = issue.message.text().into_owned();
            for span in spans {
                let range = span.start as usize..span.end as usize;
                text.replace_range(range, &"*".repeat(span.len()));
            }
            issue.message = text.into();
        }
    }
}

/// What a node's ancestors say about it.
#[derive(Debug, Default)]
struct Inherited {
    /// Nodes before this one are inside a whole secret.
    whole: u32,
    /// Nodes before this one are inside a token's parts.
    parts: u32,
    /// Nodes before this one are inside a list of tokens.
    tokens: u32,
}

impl Inherited {
    fn secret(&mut self, id: u32, node: &Node) -> Secret {
        let own = node.label.map_or(Secret::No, |label| label.secret);
        if own == Secret::Whole || id < self.whole {
            self.whole = self.whole.max(node.end);
            return Secret::Whole;
        }
        let token = own == Secret::Token || (id < self.tokens && node.label.is_none());
        if token {
            match node.value {
                Value::List => self.tokens = self.tokens.max(node.end),
                value if is_container(value) => self.parts = self.parts.max(node.end),
                _ if id >= self.parts => return Secret::Token,
                _ => {}
            }
        }
        let is_signature = node.label.is_some_and(|label| label.name == "signature");
        if id < self.parts && is_signature {
            return Secret::Whole;
        }
        Secret::No
    }
}

fn is_secret(node: &Node) -> bool {
    node.label.is_some_and(|label| label.secret != Secret::No)
}

fn is_container(value: Value) -> bool {
    matches!(
        value,
        Value::Struct | Value::List | Value::Map | Value::Pairs | Value::Variant(_) | Value::Tag(_)
    )
}

/// The bytes that carry the value, without markers where that is known.
fn content(node: &Node) -> Span {
    match node.value {
        Value::Text(span)
        | Value::BadText(span)
        | Value::Bytes(span)
        | Value::IntegerBytes(span)
        | Value::Extension(_, span)
        | Value::Rest(span) => span,
        _ => node.span,
    }
}

/// Where the signature starts, if all of `bytes` is a JSON Web Token.
fn signature(bytes: &[u8]) -> Option<usize> {
    if !matches!(bytes, [b'e', b'w'..=b'z' | b'0'..=b'9' | b'-' | b'_', ..]) {
        return None;
    }
    let start = second_dot(bytes)? + 1;
    let signature = bytes.get(start..)?;
    signature
        .iter()
        .all(|byte| is_base64url(*byte))
        .then_some(start)
}

/// The position of the second dot in `header.claims.`.
fn second_dot(bytes: &[u8]) -> Option<usize> {
    let header = bytes.iter().position(|byte| !is_base64url(*byte))?;
    let claims = bytes.get(header + 1..)?;
    let length = claims.iter().position(|byte| !is_base64url(*byte))?;
    let second = header + 1 + length;
    (bytes.get(header) == Some(&b'.') && bytes.get(second) == Some(&b'.')).then_some(second)
}

/// Where signatures of JSON Web Tokens lie in `bytes`.
fn tokens(start: &Finder<'_>, bytes: &[u8]) -> Vec<Span> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(position) = bytes.get(from..).and_then(|rest| start.find(rest)) {
        let token = from + position;
        from = token + 1;
        let rest = bytes.get(token..).unwrap_or_default();
        let Some(dot) = second_dot(rest) else {
            continue;
        };
        let signature = rest.get(dot + 1..).unwrap_or_default();
        let length = signature
            .iter()
            .take_while(|byte| is_base64url(**byte))
            .count();
        from = token + dot + 1 + length;
        if length > 0 {
            found.push(Span::new(token + dot + 1, from));
        }
    }
    found
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Label, Origin};

    static TOKEN: Label = Label::new("token").secret(Secret::Token);
    static KEY: Label = Label::new("key").secret(Secret::Whole);

    const JWT: &[u8] = b"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2lnbmF0dXJl";

    fn redacted(frame: &[u8], label: &'static Label, value: Value) -> Option<(Vec<u8>, Value)> {
        let mut message = Message::default();
        message.clear();
        message
            .tree
            .leaf(Some(label), value, Span::new(0, frame.len()));
        let origin = Origin::default();
        let mut redactor = Redactor::default();
        let record = Record {
            number: 0,
            origin: &origin,
            offset: 0,
            frame,
            message: &message,
        };
        if !redactor.finds(&record) {
            return None;
        }
        let redacted = redactor.redacted(&record);
        let value = redacted.message.tree.get(0)?.value;
        Some((redacted.frame.to_vec(), value))
    }

    fn text(frame: &[u8]) -> Value {
        Value::Text(Span::new(0, frame.len()))
    }

    #[test]
    fn the_signature_of_a_token_is_masked_and_its_claims_stay() {
        let (frame, value) = redacted(JWT, &TOKEN, text(JWT)).unwrap();
        assert_eq!(frame, b"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.************");
        assert_eq!(value, text(JWT));
    }

    #[test]
    fn a_token_of_another_kind_is_masked_whole() {
        let (frame, value) = redacted(b"opaque", &TOKEN, text(b"opaque")).unwrap();
        assert_eq!(frame, b"******");
        assert_eq!(value, Value::Static(&MASKED));
    }

    #[test]
    fn a_token_is_found_without_a_label_too() {
        static PLAIN: Label = Label::new("note");
        let frame = [b"Bearer ", JWT, b"!"].concat();
        let (frame, _) = redacted(&frame, &PLAIN, text(&frame)).unwrap();
        assert!(frame.ends_with(b".************!"));
    }

    #[test]
    fn a_cut_token_does_not_leak_the_start_of_its_signature() {
        static PLAIN: Label = Label::new("note");
        let cut = &JWT[..JWT.len() - 4];
        let rest = Value::Rest(Span::new(0, cut.len()));
        assert!(
            redacted(cut, &PLAIN, rest)
                .unwrap()
                .0
                .ends_with(b".********")
        );
    }

    #[test]
    fn secrets_that_are_absent_are_not_masked() {
        assert!(redacted(&[0; 32], &KEY, Value::Bytes(Span::new(0, 32))).is_none());
        assert!(redacted(b"", &TOKEN, text(b"")).is_none());
        assert!(redacted(&[0xc0], &KEY, Value::Nil).is_none());
        assert!(redacted(&[7; 32], &KEY, Value::Bytes(Span::new(0, 32))).is_some());
    }
}
