//! What belongs to the transports: handshakes, pings, closes.

use crate::model::{Label, Layer, Message, NodeId, Span, Value};
use crate::net::{Control, Headers, TlsNames};

static PAYLOAD: Label = Label::new("payload");
static CODE: Label = Label::new("code");
static REASON: Label = Label::new("reason");
static METHOD: Label = Label::new("method");
static TARGET: Label = Label::new("target");
static STATUS: Label = Label::new("status");
static HEADERS: Label = Label::new("headers");
static COMMENT: Label = Label::new("comment");
static VERSION: Label = Label::new("version");
static SERVER_NAME: Label = Label::new("server_name");
static PROTOCOLS: Label = Label::new("protocols");
static DECRYPTED: Label = Label::new("decrypted");

/// Makes `message` tell of `control`. Its bytes are not a frame's, so all are derived.
pub fn fill(control: &Control<'_>, message: &mut Message) {
    let (protocol, type_name) = names(control);
    super::no_frame(message, protocol, type_name);
    let body = message.tree.open(None, Value::Struct, 0);
    match control {
        Control::Ping(payload) | Control::Pong(payload) => bytes(message, &PAYLOAD, payload),
        Control::Close { code, reason } => {
            let value = code.map_or(Value::Nil, |code| Value::Unsigned(code.into()));
            message.tree.leaf(Some(&CODE), value, Span::default());
            text(message, Some(&REASON), reason);
        }
        Control::Request {
            method,
            target,
            headers,
        } => {
            text(message, Some(&METHOD), method.as_bytes());
            text(message, Some(&TARGET), target.as_bytes());
            header_fields(message, headers);
        }
        Control::Response {
            status,
            reason,
            headers,
        } => {
            let status = Value::Unsigned(u64::from(*status));
            message.tree.leaf(Some(&STATUS), status, Span::default());
            text(message, Some(&REASON), reason.as_bytes());
            header_fields(message, headers);
        }
        Control::Comment(comment) => text(message, Some(&COMMENT), comment),
        Control::Tls(names) => tls(message, names),
    }
    message.tree.close(body, 0);
    message.body = Some(body);
}

fn names(control: &Control<'_>) -> (&'static str, &'static str) {
    match control {
        Control::Ping(_) => ("ws", "Ping"),
        Control::Pong(_) => ("ws", "Pong"),
        Control::Close { .. } => ("ws", "Close"),
        Control::Request { .. } => ("http", "Request"),
        Control::Response { .. } => ("http", "Response"),
        Control::Comment(_) => ("sse", "Comment"),
        Control::Tls(_) => ("tls", "Handshake"),
    }
}

fn header_fields(message: &mut Message, headers: &Headers<'_>) {
    let list = message.tree.open(Some(&HEADERS), Value::List, 0);
    for (name, value) in headers {
        let pair = message.tree.open(None, Value::List, 0);
        text(message, None, name.as_bytes());
        text(message, None, value);
        message.tree.close(pair, 0);
    }
    message.tree.close(list, 0);
}

fn tls(message: &mut Message, names: &TlsNames) {
    text(
        message,
        Some(&VERSION),
        names.version.unwrap_or_default().as_bytes(),
    );
    let server = names.server_name.as_deref().unwrap_or_default();
    text(message, Some(&SERVER_NAME), server.as_bytes());
    let list = message.tree.open(Some(&PROTOCOLS), Value::List, 0);
    for protocol in &names.protocols {
        text(message, None, protocol.as_bytes());
    }
    message.tree.close(list, 0);
    let decrypted = Value::Bool(names.decrypted);
    message
        .tree
        .leaf(Some(&DECRYPTED), decrypted, Span::default());
}

fn text(message: &mut Message, label: Option<&'static Label>, bytes: &[u8]) {
    let span = derived(message, bytes);
    let value = match std::str::from_utf8(bytes) {
        Ok(_) => Value::Text(span),
        Err(_) => Value::BadText(span),
    };
    let id = message.tree.leaf(label, value, Span::default());
    set_derived(message, id);
}

fn bytes(message: &mut Message, label: &'static Label, bytes: &[u8]) {
    let span = derived(message, bytes);
    let id = message
        .tree
        .leaf(Some(label), Value::Bytes(span), Span::default());
    set_derived(message, id);
}

fn derived(message: &mut Message, bytes: &[u8]) -> Span {
    let start = message.tree.derived.len();
    message.tree.derived.extend_from_slice(bytes);
    Span::new(start, message.tree.derived.len())
}

fn set_derived(message: &mut Message, id: NodeId) {
    if let Some(node) = message.tree.get_mut(id) {
        node.layer = Layer::Derived;
    }
}
