//! `wirectl schema`: JSON Schema of records.

use super::complain::Wrong;
use super::{CLEAN, complete};
use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde_json::{Map, Value, json};
use std::io::{self, Write};
use wirectl::encode::{example, type_by_name, type_names};
use wirectl::protocol::{self, Protocol};
use wirectl::schema::MessageType;
use wirectl::schema::json_schema::{Definitions, envelope, record};

const EXAMPLES: &str = "\
Examples:
  wirectl schema > wirectl.schema.json    every record
  wirectl schema sync                     one protocol
  wirectl schema sync.DeltaPush           one message type";

/// Print the JSON Schema (2020-12) of records
///
/// What `wirectl decode -o json` prints is valid against it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Schema {
    /// Protocols (sync) and message types (sync.DeltaPush); everything if there is none
    #[arg(value_name = "TYPE", add = ArgValueCompleter::new(complete::type_or_protocol))]
    types: Vec<String>,
}

impl Schema {
    /// Prints the schema.
    pub fn run(self) -> anyhow::Result<u8> {
        let everything = self.types.is_empty();
        let mut definitions = Definitions::new();
        let mut records = Map::new();
        for (protocol, kind) in self.chosen()? {
            let name = format!("{}.{}", protocol.name(), kind.name);
            let by_table = protocol.bodies_follow_tables();
            let header = protocol.header();
            let mut schema = record(protocol.name(), kind, header, &mut definitions, by_table);
            if let (Some(example), Some(members)) =
                (example(protocol, kind, None), schema.as_object_mut())
            {
                members.insert("examples".to_owned(), json!([example]));
            }
            records.insert(name, schema);
        }
        let mut choices: Vec<Value> = records
            .keys()
            .map(|name| json!({"$ref": format!("#/$defs/{name}")}))
            .collect();
        if everything {
            // Also what no table describes: unknown bytes, transports.
            let known: Vec<&str> = protocol::named().map(|protocol| protocol.name()).collect();
            choices.push(json!({
                "allOf": [{"$ref": "#/$defs/record"}],
                "anyOf": [
                    {"properties": {"protocol": {"not": {"enum": known}}}},
                    {"properties": {"type": {"const": "unknown"}}},
                ],
            }));
        }
        let mut all = Map::new();
        all.insert("record".to_owned(), envelope());
        all.extend(records);
        all.extend(definitions);
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "wirectl records",
            "anyOf": choices,
            "$defs": all,
        });
        let mut out = io::stdout().lock();
        writeln!(out, "{}", serde_json::to_string_pretty(&schema)?)?;
        Ok(CLEAN)
    }

    fn chosen(&self) -> anyhow::Result<Vec<(&'static dyn Protocol, &'static MessageType)>> {
        let of = |protocol: &&'static dyn Protocol| {
            let protocol = *protocol;
            protocol.messages().iter().map(move |kind| (protocol, kind))
        };
        if self.types.is_empty() {
            return Ok(protocol::named()
                .flat_map(|protocol| of(&protocol))
                .collect());
        }
        let mut chosen = Vec::new();
        for name in &self.types {
            let whole = protocol::named().find(|protocol| protocol.name() == name);
            match (whole, type_by_name(name)) {
                (Some(family), _) => {
                    chosen.extend(protocol::parts_of(family).flat_map(|protocol| of(&protocol)));
                }
                (None, Some(one)) => chosen.push(one),
                (None, None) => {
                    let names: Vec<String> = type_names().collect();
                    let known = names.iter().map(String::as_str);
                    return Err(Wrong::unknown(
                        "message type",
                        name,
                        known,
                        "wirectl encode --list",
                    )
                    .into());
                }
            }
        }
        Ok(chosen)
    }
}
