//! JSON Web Tokens: header and claims; the signature stays where it is.
//!
//! Source: RFC 7519, RFC 7515 section 3.1.

use super::content::{self, Content, Reading, Unreadable};
use super::json;
use crate::model::{Label, Message, NodeId, Severity, Span, Tree, Value};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

static HEADER: Label = Label::new("header");
static CLAIMS: Label = Label::new("claims");

/// Reads a token.
pub fn read(frame: &[u8], field: NodeId, message: &mut Message) -> bool {
    content::read(frame, field, message, |content, message| {
        // Servers may take other tokens, too.
        token(content, message).map_err(|unreadable| Unreadable {
            severity: Severity::Note,
            ..unreadable
        })
    })
}

fn token(content: &Content<'_>, message: &mut Message) -> Reading {
    content.bounded()?;
    let mut dots = memchr::memchr_iter(b'.', content.slice()).map(|dot| content.start + dot);
    let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
        return Err(Unreadable::new(
            content.start,
            "not a JSON Web Token: those have three parts",
        ));
    };
    let root = message.tree.open(None, Value::Struct, content.start);
    let header = message.tree.next_id();
    let span = Span::new(content.start, first);
    part(content, span, &HEADER, message)?;
    let span = Span::new(first + 1, second);
    part(content, span, &CLAIMS, message)?;
    message.tree.close(root, content.end());
    if says_unsigned(&message.tree, header) {
        message.warning(
            "jwt-alg-none",
            content.at(content.start, first),
            "the token says that it is not signed (alg none)",
        );
    }
    Ok(true)
}

fn part(
    content: &Content<'_>,
    span: Span,
    label: &'static Label,
    message: &mut Message,
) -> Result<(), Unreadable> {
    let start = span.start as usize;
    let json = URL_SAFE_NO_PAD
        .decode(span.of(content.bytes))
        .map_err(|error| Unreadable::new(start, format!("not base64url: {error}")))?;
    json::push_text(&json, Some(label), span, message)
        .map_err(|error| Unreadable::new(start, format!("a token's part is not JSON: {error}")))
}

/// Whether the member `alg` of `header` is `none`.
fn says_unsigned(tree: &Tree, header: NodeId) -> bool {
    if tree.get(header).map(|node| node.value) != Some(Value::Map) {
        return false;
    }
    let mut texts = tree.children(header).map(|(_, node)| match node.value {
        Value::Text(text) => text.of(&tree.derived),
        _ => &[],
    });
    while let (Some(key), Some(value)) = (texts.next(), texts.next()) {
        if key == b"alg" {
            return value.eq_ignore_ascii_case(b"none");
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::testing::read_text;

    #[test]
    fn a_token_shows_header_and_claims_but_not_its_signature() {
        assert_eq!(
            read_text(
                super::read,
                "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZSIsImV4cCI6Mn0.c2ln"
            ),
            r#"(header=("alg" "HS256") claims=("sub" "me" "exp" 2))"#
        );
    }

    #[test]
    fn a_token_without_signature_is_a_finding() {
        assert_eq!(
            read_text(super::read, "eyJhbGciOiJub25lIn0.e30."),
            r#"(header=("alg" "none") claims=()) !jwt-alg-none"#
        );
    }

    #[test]
    fn other_tokens_are_left_alone() {
        assert_eq!(read_text(super::read, "secret"), "!opaque-undecodable");
        assert_eq!(read_text(super::read, "a.b.c"), "!opaque-undecodable");
        assert_eq!(read_text(super::read, ""), "");
    }
}
