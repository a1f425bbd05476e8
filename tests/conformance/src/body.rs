//! What the body of a record must hold for a value of a crate's type.

use serde_json::{Map, Number, Value};
use std::collections::HashMap;

/// Types that appear in the bodies of records.
pub trait Body: Sized {
    /// The value in the notation of records.
    fn body(&self) -> Value;

    /// A run of such values; bytes are hex.
    fn bodies(run: &[Self]) -> Value {
        run.iter().map(Self::body).collect()
    }
}

macro_rules! body_numbers {
    ($($type:ty),*) => {$(
        impl Body for $type {
            fn body(&self) -> Value {
                Value::from(*self)
            }
        }
    )*};
}

body_numbers!(bool, u16, u32, u64, usize, i64);

impl Body for u8 {
    fn body(&self) -> Value {
        Value::from(*self)
    }

    fn bodies(run: &[Self]) -> Value {
        Value::from(hex::encode(run))
    }
}

impl Body for f32 {
    fn body(&self) -> Value {
        match Number::from_f64(f64::from(*self)) {
            Some(number) => Value::Number(number),
            None if self.is_nan() => Value::from("NaN"),
            None if *self > 0.0 => Value::from("Infinity"),
            None => Value::from("-Infinity"),
        }
    }
}

impl Body for String {
    fn body(&self) -> Value {
        Value::from(self.as_str())
    }
}

impl<T: Body> Body for Vec<T> {
    fn body(&self) -> Value {
        T::bodies(self)
    }
}

impl<T: Body, const N: usize> Body for [T; N] {
    fn body(&self) -> Value {
        T::bodies(self)
    }
}

impl<T: Body> Body for Option<T> {
    fn body(&self) -> Value {
        self.as_ref().map_or(Value::Null, Body::body)
    }
}

impl<A: Body, B: Body> Body for (A, B) {
    fn body(&self) -> Value {
        Value::from(vec![self.0.body(), self.1.body()])
    }
}

impl<K: ToString, V: Body> Body for HashMap<K, V> {
    fn body(&self) -> Value {
        self.iter()
            .map(|(key, value)| (key.to_string(), value.body()))
            .collect()
    }
}

/// An object of named values.
#[must_use]
pub fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect::<Map<_, _>>()
        .into()
}

/// An enum's value: the variant's name, or an object that holds what the variant holds.
#[must_use]
pub fn variant(name: &str, held: Option<Value>) -> Value {
    match held {
        None => Value::from(name),
        Some(held) => object([(name, held)]),
    }
}

/// Where two values first differ, or `None`. The order of keys does not matter; integers are
/// compared exactly, floats bit by bit, and an integer is not a float.
#[must_use]
pub fn difference(expected: &Value, actual: &Value) -> Option<String> {
    match (expected, actual) {
        (Value::Object(left), Value::Object(right)) => {
            for (key, value) in left {
                let Some(other) = right.get(key) else {
                    return Some(format!(".{}: missing", shorten(&Value::from(key.as_str()))));
                };
                if let Some(found) = difference(value, other) {
                    return Some(format!(".{}{found}", shorten(&Value::from(key.as_str()))));
                }
            }
            let extra = right.keys().find(|key| !left.contains_key(*key))?;
            Some(format!(".{extra:?}: not expected"))
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => left
            .iter()
            .zip(right)
            .enumerate()
            .find_map(|(at, (l, r))| difference(l, r).map(|found| format!("[{at}]{found}"))),
        (Value::Number(left), Value::Number(right)) if same_number(left, right) => None,
        (left, right) if left == right => None,
        (left, right) => Some(format!(
            ": expected {}, got {}",
            shorten(left),
            shorten(right)
        )),
    }
}

fn same_number(left: &Number, right: &Number) -> bool {
    match (left.is_f64(), right.is_f64()) {
        (true, true) => left.as_f64().map(f64::to_bits) == right.as_f64().map(f64::to_bits),
        (false, false) => left == right,
        _ => false,
    }
}

fn shorten(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(120) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}

/// Generates a struct, and gives its body, from the names of its fields. What follows them makes
/// the value consistent in itself. An open struct starts from a base value.
#[macro_export]
macro_rules! fields {
    ($type:ident from $base:expr; $($field:ident),*) => {
        impl $crate::random::Sample for $type {
            fn sample(random: &mut $crate::random::Random) -> Self {
                let mut sample = $base;
                $(sample.$field = $crate::random::Sample::sample(random);)*
                sample
            }
        }

        impl $crate::body::Body for $type {
            fn body(&self) -> serde_json::Value {
                $crate::body::object([$((stringify!($field), self.$field.body())),*])
            }
        }
    };
    ($type:ident: $($field:ident),* $(; |$value:ident| $adjust:expr)?) => {
        impl $crate::random::Sample for $type {
            fn sample(random: &mut $crate::random::Random) -> Self {
                #[allow(unused_mut, reason = "few are adjusted")]
                let mut sample = Self { $($field: $crate::random::Sample::sample(random)),* };
                $(let $value = &mut sample; $adjust;)?
                sample
            }
        }

        impl $crate::body::Body for $type {
            fn body(&self) -> serde_json::Value {
                let Self { $($field),* } = self;
                $crate::body::object([$((stringify!($field), $field.body())),*])
            }
        }
    };
}

/// Generates an enum, and gives its body, from the names of its variants and of their fields.
#[macro_export]
macro_rules! variants {
    ($type:ident: $($name:ident $({ $($field:ident),* })? $(($held:ident))?),* $(,)?) => {
        impl $crate::random::Sample for $type {
            fn sample(random: &mut $crate::random::Random) -> Self {
                let makers: &[fn(&mut $crate::random::Random) -> Self] = &[$(
                    |_random| Self::$name
                        $({ $($field: $crate::random::Sample::sample(_random)),* })?
                        $(({ let $held = $crate::random::Sample::sample(_random); $held }))?
                ),*];
                makers[random.variant(stringify!($type), makers.len())](random)
            }
        }

        impl $crate::body::Body for $type {
            #[allow(unreachable_patterns, reason = "some of these enums are open, some are not")]
            fn body(&self) -> serde_json::Value {
                match self {
                    $(Self::$name $({ $($field),* })? $(($held))? => {
                        let held: &[serde_json::Value] = &[
                            $($crate::body::object([$((stringify!($field), $field.body())),*]))?
                            $($held.body())?
                        ];
                        $crate::body::variant(stringify!($name), held.first().cloned())
                    })*
                    other => panic!("{other:?} is not listed"),
                }
            }
        }
    };
}
