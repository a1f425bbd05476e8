//! JSON Web Tokens: header and claims; the signature stays where it is.
//!
//! Source: RFC 7519, RFC 7515 section 3.1.

use super::content::{self, Content, Reading, Unreadable};
use super::json;
use crate::model::{Label, Message, NodeId, Severity, Span, Value};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value as Json;

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
    let text = content.slice();
    let dots: Vec<usize> = text
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'.')
        .map(|(position, _)| content.start + position)
        .take(3)
        .collect();
    let [first, second] = dots[..] else {
        return Err(Unreadable::new(
            content.start,
            "not a JSON Web Token: those have three parts",
        ));
    };
    let header = part(content, content.start, first)?;
    let claims = part(content, first + 1, second)?;
    let unsigned = header
        .get("alg")
        .and_then(Json::as_str)
        .is_some_and(|name| name.eq_ignore_ascii_case("none"));
    if unsigned {
        message.warning(
            "jwt-alg-none",
            content.at(content.start, first),
            "the token says that it is not signed (alg none)",
        );
    }
    let root = message.tree.open(None, Value::Struct, content.start);
    let span = Span::new(content.start, first);
    json::push(&header, Some(&HEADER), span, message);
    let span = Span::new(first + 1, second);
    json::push(&claims, Some(&CLAIMS), span, message);
    message.tree.close(root, content.end());
    Ok(true)
}

fn part(content: &Content<'_>, start: usize, end: usize) -> Result<Json, Unreadable> {
    let text = content.bytes.get(start..end).unwrap_or_default();
    let bytes = URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|error| Unreadable::new(start, format!("not base64url: {error}")))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Unreadable::new(start, format!("a token's part is not JSON: {error}")))
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
