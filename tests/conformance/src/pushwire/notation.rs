//! What the body of an `rp` record must hold for a value that serde writes: one serializer for
//! what goes in, one visitor for what comes out.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{self, Serialize};
use serde_json::{Map, Value, json};
use std::fmt;

/// The body for `value`; MessagePack writes structs by position, CBOR by name.
pub fn notation<T: Serialize + ?Sized>(value: &T, by_name: bool) -> Value {
    value
        .serialize(Notation { by_name })
        .expect("this never fails")
}

/// The body for whatever was read, by the shapes that the bytes name themselves.
pub struct Any(pub Value);

fn float(value: f64) -> Value {
    match value {
        _ if value.is_finite() => Value::from(value),
        _ if value.is_nan() => json!({ "$float": "nan" }),
        _ if value > 0.0 => json!({ "$float": "inf" }),
        _ => json!({ "$float": "-inf" }),
    }
}

fn bytes(value: &[u8]) -> Value {
    json!({ "$bytes": hex::encode(value) })
}

fn wide(value: i128) -> Value {
    match (u64::try_from(value), i64::try_from(value)) {
        (Ok(value), _) => Value::from(value),
        (_, Ok(value)) => Value::from(value),
        _ => json!({ "$bigint": value.to_string() }),
    }
}

fn map(pairs: Vec<(Value, Value)>) -> Value {
    let mut object = Map::new();
    for (key, value) in &pairs {
        match key {
            Value::String(key) if !key.starts_with('$') && !object.contains_key(key) => {
                object.insert(key.clone(), value.clone());
            }
            _ => {
                let pairs: Vec<_> = pairs
                    .into_iter()
                    .map(|(key, value)| json!([key, value]))
                    .collect();
                return json!({ "$map": pairs });
            }
        }
    }
    Value::Object(object)
}

#[derive(Clone, Copy)]
struct Notation {
    by_name: bool,
}

/// Never made.
#[derive(Debug)]
struct Never;

impl fmt::Display for Never {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Never {}

impl ser::Error for Never {
    fn custom<T: fmt::Display>(message: T) -> Self {
        panic!("{message}")
    }
}

type Noted = Result<Value, Never>;

macro_rules! as_they_are {
    ($($name:ident: $type:ty),*) => {$(
        fn $name(self, value: $type) -> Noted {
            Ok(Value::from(value))
        }
    )*};
}

impl ser::Serializer for Notation {
    type Ok = Value;
    type Error = Never;
    type SerializeSeq = Parts;
    type SerializeTuple = Parts;
    type SerializeTupleStruct = Parts;
    type SerializeTupleVariant = Parts;
    type SerializeMap = Parts;
    type SerializeStruct = Parts;
    type SerializeStructVariant = Parts;

    as_they_are!(
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32,
        serialize_i64: i64, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32,
        serialize_u64: u64, serialize_str: &str
    );

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_i128(self, value: i128) -> Noted {
        Ok(if self.by_name {
            wide(value)
        } else {
            bytes(&value.to_be_bytes())
        })
    }

    fn serialize_f32(self, value: f32) -> Noted {
        Ok(float(value.into()))
    }

    fn serialize_f64(self, value: f64) -> Noted {
        Ok(float(value))
    }

    fn serialize_char(self, value: char) -> Noted {
        Ok(Value::from(value.to_string()))
    }

    fn serialize_bytes(self, value: &[u8]) -> Noted {
        Ok(bytes(value))
    }

    fn serialize_none(self) -> Noted {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Noted {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Noted {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Noted {
        Ok(if self.by_name { Value::Null } else { json!([]) })
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Noted {
        Ok(Value::from(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Noted {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Noted {
        Ok(json!({ variant: value.serialize(self)? }))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts, Never> {
        Ok(Parts::new(self, false))
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts, Never> {
        Ok(Parts::new(self, false))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Parts, Never> {
        Ok(Parts::new(self, false))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts, Never> {
        Ok(Parts {
            variant: Some(variant),
            ..Parts::new(self, false)
        })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Parts, Never> {
        Ok(Parts::new(self, true))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Parts, Never> {
        Ok(Parts::new(self, self.by_name))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts, Never> {
        Ok(Parts {
            variant: Some(variant),
            ..Parts::new(self, self.by_name)
        })
    }
}

/// An array or a map in the making.
struct Parts {
    notation: Notation,
    variant: Option<&'static str>,
    is_map: bool,
    keys: Vec<Value>,
    values: Vec<Value>,
}

impl Parts {
    fn new(notation: Notation, is_map: bool) -> Self {
        Self {
            notation,
            variant: None,
            is_map,
            keys: Vec::new(),
            values: Vec::new(),
        }
    }

    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Never> {
        self.values.push(value.serialize(self.notation)?);
        Ok(())
    }

    fn finish(self) -> Noted {
        let all = if self.is_map {
            map(self.keys.into_iter().zip(self.values).collect())
        } else {
            Value::Array(self.values)
        };
        Ok(match self.variant {
            Some(variant) => json!({ variant: all }),
            None => all,
        })
    }
}

macro_rules! elements {
    ($($trait:ident $method:ident),*) => {$(
        impl ser::$trait for Parts {
            type Ok = Value;
            type Error = Never;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Never> {
                self.push(value)
            }

            fn end(self) -> Noted {
                self.finish()
            }
        }
    )*};
}

elements!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

macro_rules! named_elements {
    ($($trait:ident),*) => {$(
        impl ser::$trait for Parts {
            type Ok = Value;
            type Error = Never;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Never> {
                self.keys.push(Value::from(name));
                self.push(value)
            }

            fn end(self) -> Noted {
                self.finish()
            }
        }
    )*};
}

named_elements!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Parts {
    type Ok = Value;
    type Error = Never;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Never> {
        self.keys.push(key.serialize(self.notation)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Never> {
        self.push(value)
    }

    fn end(self) -> Noted {
        self.finish()
    }
}

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor)
    }
}

struct AnyVisitor;

macro_rules! visits {
    ($($name:ident($value:ident: $type:ty) => $noted:expr;)*) => {$(
        fn $name<E>(self, $value: $type) -> Result<Any, E> {
            Ok(Any($noted))
        }
    )*};
}

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Any;

    visits! {
        visit_bool(value: bool) => Value::from(value);
        visit_i64(value: i64) => Value::from(value);
        visit_u64(value: u64) => Value::from(value);
        visit_i128(value: i128) => wide(value);
        visit_f32(value: f32) => float(value.into());
        visit_f64(value: f64) => float(value);
        visit_str(value: &str) => Value::from(value);
        visit_bytes(value: &[u8]) => bytes(value);
    }

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<Any, E> {
        Ok(Any(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Any, E> {
        Ok(Any(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Any, D::Error> {
        Any::deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Any, D::Error> {
        Any::deserialize(inner)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Any, A::Error> {
        let mut values = Vec::new();
        while let Some(Any(value)) = access.next_element()? {
            values.push(value);
        }
        Ok(Any(Value::Array(values)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Any, A::Error> {
        let mut pairs = Vec::new();
        while let Some((Any(key), Any(value))) = access.next_entry()? {
            pairs.push((key, value));
        }
        Ok(Any(map(pairs)))
    }
}
