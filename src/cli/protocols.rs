//! `wirectl protocols`: what is known.

use super::complain::Wrong;
use super::text::Text;
use super::{CLEAN, complete};
use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use wirectl::model::{Secret, Unit};
use wirectl::protocol::{self, Protocol};
use wirectl::schema::{Enum, Field, MessageType, Payload, Struct, Type, Versions, Way};

const EXAMPLES: &str = "\
Examples:
  wirectl protocols                    all protocols, a line each
  wirectl protocols sync               the message types of one
  wirectl protocols sync.DeltaPush     the fields of a message type
  wirectl protocols noxu.feeder        a part of a family
  wirectl protocols rp.SystemOp        message types that belong together";

/// List protocols, message types and fields
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Protocols {
    /// A protocol (sync) or a message type (sync.DeltaPush); all protocols if there is none
    #[arg(value_name = "NAME", add = ArgValueCompleter::new(complete::type_or_protocol))]
    name: Option<String>,
}

impl Protocols {
    /// Prints what is asked for.
    pub fn run(self) -> anyhow::Result<u8> {
        let mut text = Text::new();
        match &self.name {
            None => all(&mut text),
            Some(name) => match protocol_named(name) {
                Some(protocol) => family(&mut text, protocol),
                None => {
                    for (place, (protocol, kind)) in types_named(name)?.into_iter().enumerate() {
                        if place > 0 {
                            text.blank();
                        }
                        message(&mut text, protocol, kind);
                    }
                }
            },
        }
        text.print()?;
        Ok(CLEAN)
    }
}

type Known = (&'static dyn Protocol, &'static MessageType);

fn protocol_named(name: &str) -> Option<&'static dyn Protocol> {
    protocol::named().find(|protocol| protocol.name().eq_ignore_ascii_case(name))
}

fn full((protocol, kind): &Known) -> String {
    format!("{}.{}", protocol.name(), kind.name)
}

/// The type that `PROTOCOL.TYPE` names, or `TYPE` alone if only one protocol has it; or the types
/// that belong together: `SystemOp` is `SystemOp::Ping` and others.
fn types_named(name: &str) -> anyhow::Result<Vec<Known>> {
    let is = |known: &Known, kind: &str| {
        let family = known.0.name().split('.').next().unwrap_or_default();
        kind.eq_ignore_ascii_case(name)
            || [known.0.name(), family]
                .iter()
                .any(|protocol| format!("{protocol}.{kind}").eq_ignore_ascii_case(name))
    };
    let found: Vec<Known> = every_type()
        .filter(|known| is(known, known.1.name))
        .collect();
    match found.as_slice() {
        [] => {}
        [_] => return Ok(found),
        _ => {
            let names: Vec<String> = found.iter().map(full).collect();
            return Err(Wrong::new(
                format!("\"{}\" is the name of several types", name.escape_debug()),
                format!("{}?", names.join(" or ")),
            )
            .into());
        }
    }
    let together = |known: &Known| {
        let group = known.1.name.split_once("::");
        group.is_some_and(|(group, _)| is(known, group))
    };
    let found: Vec<Known> = every_type().filter(together).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let names: Vec<String> = every_type()
        .map(|known| full(&known))
        .chain(every_type().map(|(_, kind)| kind.name.to_owned()))
        .chain(protocol::named().map(|protocol| protocol.name().to_owned()))
        .collect();
    let known = names.iter().map(String::as_str);
    Err(Wrong::unknown("protocol or type", name, known, "wirectl protocols").into())
}

fn every_type() -> impl Iterator<Item = Known> {
    protocol::named().flat_map(|protocol| {
        let kinds = protocol.messages().iter();
        kinds.map(move |kind| (protocol, kind))
    })
}

fn all(text: &mut Text) {
    let rows = protocol::named()
        .map(|protocol| {
            let ports: Vec<String> = protocol.ports().iter().map(u16::to_string).collect();
            let versions = protocol.versions();
            vec![
                protocol.name().to_owned(),
                match (versions.first(), versions.last()) {
                    (Some(first), Some(last)) if versions.len() > 1 => {
                        format!("{} versions, {first} to {last}", versions.len())
                    }
                    (Some(only), _) => format!("version {only}"),
                    (None, _) => "one version".to_owned(),
                },
                match ports.len() {
                    0 => "no port".to_owned(),
                    1 => format!("port {}", ports.concat()),
                    _ => format!("ports {}", ports.join(", ")),
                },
                match protocol::parts_of(protocol)
                    .map(|part| part.messages().len())
                    .sum::<usize>()
                {
                    1 => "1 type".to_owned(),
                    count => format!("{count} types"),
                },
                protocol.about().to_owned(),
            ]
        })
        .collect();
    text.rows(rows);
}

/// A protocol and its message types, those of its parts included.
fn family(text: &mut Text, protocol: &'static dyn Protocol) {
    text.heading(&format!("{}: {}", protocol.name(), protocol.about()));
    if !protocol.versions().is_empty() {
        text.paragraph("Versions: ", &protocol.versions().join(", "));
    }
    for part in protocol::parts_of(protocol).filter(|part| !part.messages().is_empty()) {
        text.blank();
        if part.name() != protocol.name() {
            text.heading(&format!("{}: {}", part.name(), part.about()));
        }
        types(text, part);
    }
    text.blank();
    text.paragraph(
        "",
        "→ client to server, ← server to client, ↔ both; (→) (←): really sent the other way, too.",
    );
}

fn types(text: &mut Text, protocol: &dyn Protocol) {
    let rows = protocol
        .messages()
        .iter()
        .map(|kind| {
            let mut row = vec![kind.name.to_owned()];
            if protocol.has_codes() {
                row.push(format!("{:#04x}", kind.code));
            }
            row.extend([
                arrow(kind).to_owned(),
                versions(kind.when, protocol),
                kind.about.to_owned(),
            ]);
            row
        })
        .collect();
    text.rows(rows);
}

/// Who sends it, as an arrow between a client on the left and a server on the right.
fn arrow(kind: &MessageType) -> &'static str {
    match (kind.way, kind.way_varies) {
        (Way::ClientToServer, false) => "→",
        (Way::ClientToServer, true) => "→ (←)",
        (Way::ServerToClient, false) => "←",
        (Way::ServerToClient, true) => "← (→)",
        (Way::Both, _) => "↔",
    }
}

fn way(kind: &MessageType) -> &'static str {
    match (kind.way, kind.way_varies) {
        (Way::ClientToServer, false) => "sent by clients",
        (Way::ClientToServer, true) => "sent by clients, by servers too",
        (Way::ServerToClient, false) => "sent by servers",
        (Way::ServerToClient, true) => "sent by servers, by clients too",
        (Way::Both, _) => "sent by both sides",
    }
}

/// A set of versions in words.
fn versions(when: Versions, protocol: &dyn Protocol) -> String {
    let names = protocol.versions();
    let index = |index: usize| u32::try_from(index).unwrap_or(0);
    let has = |place: &usize| place < &16 && when.meets(Versions::only(index(*place)));
    let (Some(first), Some(last)) = ((0..names.len()).find(has), (0..names.len()).rev().find(has))
    else {
        return "all".to_owned();
    };
    let gaps = (first..=last).any(|place| !has(&place));
    let name = |place: usize| names.get(place).copied().unwrap_or_default();
    match (first, last) {
        _ if gaps => {
            let all: Vec<&str> = (first..=last).filter(has).map(name).collect();
            all.join(", ")
        }
        (0, last) if last + 1 == names.len() => "all".to_owned(),
        (0, last) => format!("to {}", name(last)),
        (first, last) if last + 1 == names.len() => format!("from {}", name(first)),
        (first, last) if first == last => name(first).to_owned(),
        (first, last) => format!("{} to {}", name(first), name(last)),
    }
}

fn message(text: &mut Text, protocol: &dyn Protocol, kind: &MessageType) {
    text.heading(&format!("{}.{}", protocol.name(), kind.name));
    text.paragraph("", kind.about);
    let mut facts = format!(
        "{}; versions: {}.",
        way(kind),
        versions(kind.when, protocol)
    );
    if protocol.has_codes() {
        facts = format!("code {:#04x}, {facts}", kind.code);
    }
    text.paragraph("", &capitalized(&facts));
    text.blank();
    fields(text, protocol, kind.body.fields);
    let mut named = Named::default();
    named.fields(kind.body.fields);
    let mut index = 0;
    // Descriptions may name further types.
    while let Some(next) = named.types.get(index).copied() {
        text.blank();
        match next {
            Type::Struct(body) => {
                text.heading(body.name);
                fields(text, protocol, body.fields);
                named.fields(body.fields);
            }
            Type::Enum(choice) => {
                text.heading(&format!("{}, one of", choice.name));
                variants(text, protocol, choice);
                named.variants(choice);
            }
            _ => {}
        }
        index += 1;
    }
}

fn capitalized(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

fn fields(text: &mut Text, protocol: &dyn Protocol, fields: &[Field]) {
    if fields.is_empty() {
        text.paragraph("", "  no fields");
        return;
    }
    let rows = fields
        .iter()
        .map(|field| {
            vec![
                field.label.name.to_owned(),
                field.kind.describe(),
                versions(field.when, protocol),
                remarks(field),
            ]
        })
        .collect();
    text.rows(rows);
}

/// The meaning of a field, and what else is to be known of it.
fn remarks(field: &Field) -> String {
    let mut remarks = Vec::new();
    if !field.about.is_empty() {
        remarks.push(field.about.to_owned());
    }
    match field.label.unit {
        Unit::None | Unit::Hexadecimal => {}
        Unit::UnixMilliseconds => remarks.push("ms since 1970".to_owned()),
        Unit::UnixMicroseconds => remarks.push("µs since 1970".to_owned()),
        Unit::UnixNanoseconds => remarks.push("ns since 1970".to_owned()),
        Unit::Milliseconds => remarks.push("in ms".to_owned()),
        Unit::Seconds => remarks.push("in s".to_owned()),
        Unit::LogSequenceNumber => remarks.push("file number, offset".to_owned()),
    }
    if let Some(holds) = &field.holds {
        remarks.push(format!("holds {}", holds.name));
    }
    if field.may_lack {
        remarks.push("may be missing".to_owned());
    }
    match field.label.secret {
        Secret::No => {}
        Secret::Whole | Secret::Token => remarks.push("secret".to_owned()),
    }
    remarks.join("; ")
}

fn variants(text: &mut Text, protocol: &dyn Protocol, choice: &Enum) {
    let rows = choice
        .variants
        .iter()
        .map(|variant| {
            let name = if choice.numbered {
                format!("{} = {}", variant.symbol.name, variant.symbol.code)
            } else {
                variant.symbol.name.to_owned()
            };
            let payload = match &variant.payload {
                Payload::Unit => String::new(),
                Payload::Newtype(kind) => kind.describe(),
                Payload::Struct(fields) => {
                    let fields: Vec<String> = fields
                        .iter()
                        .map(|field| format!("{}: {}", field.label.name, field.kind.describe()))
                        .collect();
                    format!("{{{}}}", fields.join(", "))
                }
            };
            vec![name, versions(variant.when, protocol), payload]
        })
        .collect();
    text.rows(rows);
}

/// Types that have a name and are described on their own, in the order in which they are met.
#[derive(Default)]
struct Named {
    types: Vec<&'static Type>,
}

impl Named {
    fn fields(&mut self, fields: &'static [Field]) {
        for field in fields {
            self.kind(&field.kind);
        }
    }

    fn variants(&mut self, choice: &'static Enum) {
        for variant in choice.variants {
            match &variant.payload {
                Payload::Unit => {}
                Payload::Newtype(kind) => self.kind(kind),
                Payload::Struct(fields) => self.fields(fields),
            }
        }
    }

    fn kind(&mut self, kind: &'static Type) {
        match kind {
            Type::Optional(inner) | Type::List(inner) => self.kind(inner),
            Type::Map(key, value) => {
                self.kind(key);
                self.kind(value);
            }
            Type::Tuple(kinds) => kinds.iter().for_each(|kind| self.kind(kind)),
            Type::Struct(Struct { name, .. }) | Type::Enum(Enum { name, .. }) => {
                let known = self.types.iter().any(|known| match known {
                    Type::Struct(body) => body.name == *name,
                    Type::Enum(choice) => choice.name == *name,
                    _ => false,
                });
                if !known {
                    self.types.push(kind);
                }
            }
            _ => {}
        }
    }
}
