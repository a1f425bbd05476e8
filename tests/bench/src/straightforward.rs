//! The peer of the benchmark: what one would write in an hour. Reads sync v1 frames from a file,
//! each body with rmp-serde into a `serde_json::Value`, and prints it as a line of JSON.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};
use std::io::{BufWriter, Read, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: straightforward FILE")?;
    let mut input = std::io::BufReader::with_capacity(1 << 18, std::fs::File::open(path)?);
    let mut out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    let (mut number, mut offset) = (0_u64, 0_u64);
    let mut header = [0; 10];
    let mut body = Vec::new();
    while input.read_exact(&mut header).is_ok() {
        let length = u32::from_le_bytes([header[2], header[3], header[4], header[5]]);
        body.resize(length as usize, 0);
        input.read_exact(&mut body)?;
        let value = rmp_serde::from_slice(&body).map_or(Value::Null, |any: Any| any.0);
        let record = json!({
            "n": number, "offset": offset, "length": 10 + length, "protocol": "sync",
            "header": {"version": header[0], "code": header[1]}, "body": value,
        });
        serde_json::to_writer(&mut out, &record)?;
        out.write_all(b"\n")?;
        number += 1;
        offset += 10 + u64::from(length);
    }
    out.flush()?;
    Ok(())
}

/// A JSON value of any MessagePack; serde_json's own fails on bytes, here they become hexadecimal.
struct Any(Value);

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor).map(Any)
    }
}

struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("any MessagePack value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Value, E> {
        Ok(Value::from(hex::encode(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Any(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((Any(key), Any(value))) = members.next_entry()? {
            let key = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}
