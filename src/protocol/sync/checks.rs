//! What is wrong or worth knowing about one message, from its own bytes alone.
//!
//! Source: protocol page `sync`, section 7.

use super::fields::{Fields, Role};
use super::findings::Findings;
use crate::codec::messagepack::integer_bytes;
use crate::model::{Severity, Value, words};
use crate::schema::MessageType;

/// PingPong times with this bit are barrier numbers.
const BARRIER: u64 = 1 << 63;

/// Whether there is anything to check in messages of type `kind`.
pub fn concern(kind: &'static MessageType) -> bool {
    !checks_of(kind.code).is_empty()
}

/// Checks a body of type `kind` that was decoded without errors.
pub fn check(kind: &'static MessageType, fields: &Fields<'_>, findings: &mut Findings<'_>) {
    for check in checks_of(kind.code) {
        check(fields, findings);
    }
}

type Check = fn(&Fields<'_>, &mut Findings<'_>);

fn checks_of(code: u64) -> &'static [Check] {
    match code {
        0x01 | 0x60 => &[token],
        0x02 => &[handshake_ack],
        0x10 => &[checksum, sequence],
        0x11 => &[clock_skew, status],
        0x61 => &[refresh_ack],
        0x41 | 0x95 | 0xA1 | 0xA3 | 0xA5 | 0xA7 | 0xA9 | 0xAB | 0xAD | 0xAF => &[status],
        0xA2 => &[dimension, sequence],
        0x40 | 0x90 | 0xA0 | 0xA4 | 0xA6 | 0xA8 | 0xAA | 0xAC | 0xAE => &[sequence],
        0xFF => &[barrier],
        _ => &[],
    }
}

fn token(fields: &Fields<'_>, findings: &mut Findings<'_>) {
    for role in [Role::JwtToken, Role::NewToken] {
        if fields.bytes(role).is_some_and(|token| !token.is_empty()) {
            findings.note(
                "secret-in-clear",
                fields.at(role),
                "a bearer token that whoever sees this frame can use",
            );
        }
    }
}

fn handshake_ack(fields: &Fields<'_>, findings: &mut Findings<'_>) {
    refusal("handshake-refused", fields, findings);
    if fields.truth(Role::ForkDetected) == Some(true) {
        findings.note(
            "fork-detected",
            fields.at(Role::ForkDetected),
            "the client's epoch is stale or its lite_id is another's: it must take a new identity",
        );
    }
    let key = fields.bytes(Role::SigningKey).unwrap_or_default();
    if key.iter().any(|byte| *byte != 0) {
        findings.note(
            "secret-in-clear",
            fields.at(Role::SigningKey),
            "the key of delta signatures, for whoever sees this frame",
        );
    }
}

fn refresh_ack(fields: &Fields<'_>, findings: &mut Findings<'_>) {
    refusal("refresh-refused", fields, findings);
}

fn refusal(code: &'static str, fields: &Fields<'_>, findings: &mut Findings<'_>) {
    if fields.truth(Role::Success) == Some(false) {
        let reason = fields.text(Role::Error).unwrap_or("no reason given");
        findings.note(
            code,
            fields.at(Role::Success),
            format_args!("refused: {reason}"),
        );
    }
}

/// A server refuses a delta whose checksum is wrong. Of bytes that are no delta at all that is not
/// so sure: then it is a warning.
fn checksum(fields: &Fields<'_>, findings: &mut Findings<'_>) {
    let announced = fields.number(Role::Checksum).unwrap_or_default();
    if announced == 0 {
        return;
    }
    let copied: Vec<u8>;
    let delta = match fields.value(Role::Delta) {
        None => return,
        Some(Value::IntegerBytes(span)) => {
            copied = integer_bytes(fields.content(span)).collect();
            copied.as_slice()
        }
        Some(Value::Text(span) | Value::Bytes(span)) => fields.content(span),
        Some(_) => &[],
    };
    let computed = crc32c::crc32c(delta);
    if u64::from(computed) == announced {
        return;
    }
    let severity = if delta.starts_with(b"loro") {
        Severity::Error
    } else {
        Severity::Warning
    };
    findings.add(
        severity,
        "checksum-mismatch",
        fields.at(Role::Checksum),
        format_args!("the message says {announced:#010x}, the delta has {computed:#010x}"),
    );
}

fn sequence(fields: &Fields<'_>, findings: &mut Findings<'_>) {
    if fields.number(Role::Seq) != Some(0) {
        return;
    }
    let producer = fields.number(Role::ProducerId).unwrap_or_default();
    if producer != 0 {
        findings.warning(
            "seq-zero",
            fields.at(Role::Seq),
            words!("producer {} numbers its messages from 1", producer),
        );
    }
}

fn clock_skew(fields: &Fields<'_>, findings: &mut Findings<'_>) {
    if let Some(Value::Signed(skew)) = fields.value(Role::ClockSkew) {
        findings.note(
            "clock-skew",
            fields.at(Role::ClockSkew),
            format_args!("server clock minus device clock: {skew} ms"),
        );
    }
}

fn status(fields: &Fields<'_>, findings: &mut Findings<'_>) {
    let at = || fields.at(Role::Status);
    let Some(status) = fields.variant(Role::Status) else {
        return;
    };
    let applied = match status {
        b"Gap" => {
            let expected = match fields.variant_field(Role::Status) {
                Some(Value::Unsigned(expected)) => expected,
                _ => 0,
            };
            findings.note(
                "ack-gap",
                at(),
                words!("not applied: the server expects seq {} first", expected),
            );
            false
        }
        b"Fenced" => {
            findings.note(
                "ack-fenced",
                at(),
                "not applied: another session of this producer has a newer epoch",
            );
            false
        }
        b"Rejected" => {
            let reason = match fields.variant_field(Role::Status) {
                Some(Value::Text(span)) => fields.text_of(span),
                _ => "",
            };
            findings.note(
                "ack-rejected",
                at(),
                format_args!("refused for good: {reason}"),
            );
            false
        }
        _ => true,
    };
    contradiction(applied, fields, findings);
}

/// `accepted` is a truth value, or a number of rows or samples.
fn contradiction(applied: bool, fields: &Fields<'_>, findings: &mut Findings<'_>) {
    let accepted = match fields.value(Role::Accepted) {
        Some(Value::Bool(accepted)) => accepted,
        Some(Value::Unsigned(count)) => count > 0 || applied,
        _ => return,
    };
    if accepted != applied {
        findings.warning(
            "status-contradicts",
            fields.at(Role::Accepted),
            "accepted says the opposite of status",
        );
    }
}

fn dimension(fields: &Fields<'_>, findings: &mut Findings<'_>) {
    let announced = fields.number(Role::Dimension);
    let there = fields.count(Role::Vector).map(|count| count as u64);
    if let (Some(announced), Some(there)) = (announced, there)
        && announced != there
    {
        findings.warning(
            "dimension-mismatch",
            fields.at(Role::Dimension),
            words!(
                "dim says {}, the vector has {} components",
                announced,
                there
            ),
        );
    }
}

fn barrier(fields: &Fields<'_>, findings: &mut Findings<'_>) {
    if let Some(time) = fields
        .number(Role::Timestamp)
        .filter(|time| *time >= BARRIER)
    {
        findings.note(
            "barrier-ping",
            fields.at(Role::Timestamp),
            words!("not a time but barrier {}", time - BARRIER),
        );
    }
}
