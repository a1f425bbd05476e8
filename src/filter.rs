//! jq expressions over records.

use crate::model::Record;
use crate::output::write_record;
use jaq_core::data::JustLut;
use jaq_core::load::{Arena, Error as LoadError, File, Loader};
use jaq_core::{Compiler, Ctx, Vars, unwrap_valr};
use jaq_json::{Val, read};
use std::fmt;
use thiserror::Error;

/// A compiled expression.
pub struct Filter {
    program: jaq_core::compile::Filter<jaq_core::Native<JustLut<Val>>>,
    /// The record as JSON, kept for its memory.
    text: Vec<u8>,
}

impl fmt::Debug for Filter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Filter")
    }
}

/// Why an expression is no filter.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what}\n    {expression}\n    {:>1$}", "^", position + 1)]
pub struct FilterError {
    /// The expression as typed.
    pub expression: String,
    /// Position of the mistake in characters, from 0.
    pub position: usize,
    /// What is wrong there.
    pub what: String,
}

impl Filter {
    /// Compiles `expression`.
    ///
    /// # Errors
    /// If it is not a jq expression; the error points at the place.
    pub fn compile(expression: &str) -> Result<Self, FilterError> {
        let definitions = jaq_core::defs()
            .chain(jaq_std::defs())
            .chain(jaq_json::defs());
        let functions = jaq_core::funs()
            .chain(jaq_std::funs())
            .chain(jaq_json::funs());
        let arena = Arena::default();
        let file = File {
            code: expression,
            path: (),
        };
        let modules = Loader::new(definitions)
            .load(&arena, file)
            .map_err(|errors| {
                let error = errors.into_iter().next().map(|(_, error)| error);
                load_error(expression, error)
            })?;
        let program = Compiler::default()
            .with_funs(functions)
            .compile(modules)
            .map_err(|errors| {
                let mut errors = errors.into_iter().flat_map(|(_, errors)| errors);
                match errors.next() {
                    Some((name, kind)) => {
                        let what = format!("undefined {}: {name}", kind.as_str());
                        mistake(expression, name, what)
                    }
                    None => mistake(expression, expression, "not a filter".to_owned()),
                }
            })?;
        Ok(Self {
            program,
            text: Vec::new(),
        })
    }

    /// Whether the expression yields anything but `false` and `null` for `record`.
    ///
    /// # Errors
    /// What the expression itself reports, if it yields nothing true before.
    pub fn matches(&mut self, record: &Record<'_>) -> Result<bool, String> {
        let mut failure = None;
        let mut found = false;
        self.run(record, |result| match result {
            Ok(Val::Null | Val::Bool(false)) => true,
            Ok(_) => {
                found = true;
                false
            }
            Err(error) => {
                failure = Some(error);
                false
            }
        });
        match failure {
            Some(error) if !found => Err(error),
            _ => Ok(found),
        }
    }

    /// Appends what the expression yields for `record`, a line of JSON each.
    ///
    /// # Errors
    /// What the expression itself reports; what it yielded before is appended.
    pub fn apply(&mut self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<(), String> {
        use std::io::Write;
        let mut outcome = Ok(());
        self.run(record, |result| match result {
            Ok(value) => {
                let _ = writeln!(out, "{value}");
                true
            }
            Err(error) => {
                outcome = Err(error);
                false
            }
        });
        outcome
    }

    /// Hands what the expression yields to `visit` until that says false.
    fn run(&mut self, record: &Record<'_>, mut visit: impl FnMut(Result<Val, String>) -> bool) {
        self.text.clear();
        write_record(&mut self.text, record, false);
        let input = match read::parse_single(&self.text) {
            Ok(input) => input,
            Err(error) => {
                visit(Err(error.to_string()));
                return;
            }
        };
        let context = Ctx::<JustLut<Val>>::new(&self.program.lut, Vars::new([]));
        for result in self.program.id.run((context, input)).map(unwrap_valr) {
            if !visit(result.map_err(|error| error.to_string())) {
                return;
            }
        }
    }
}

fn load_error(expression: &str, error: Option<LoadError<&str>>) -> FilterError {
    match error {
        Some(LoadError::Lex(errors)) => match errors.into_iter().next() {
            Some((expected, rest)) => {
                mistake(expression, rest, format!("expected {}", expected.as_str()))
            }
            None => mistake(expression, expression, "not a jq expression".to_owned()),
        },
        Some(LoadError::Parse(errors)) => match errors.into_iter().next() {
            Some((expected, found)) => {
                mistake(expression, found, format!("expected {}", expected.as_str()))
            }
            None => mistake(expression, expression, "not a jq expression".to_owned()),
        },
        Some(LoadError::Io(errors)) => {
            let (place, what) = errors.into_iter().next().unwrap_or_default();
            mistake(expression, place, what)
        }
        None => mistake(expression, expression, "not a jq expression".to_owned()),
    }
}

/// A mistake at `place`, which is a part of `expression` (or empty: its end).
fn mistake(expression: &str, place: &str, what: String) -> FilterError {
    let start = place.as_ptr() as usize;
    let bytes = start.checked_sub(expression.as_ptr() as usize);
    let position = match bytes {
        Some(offset) if offset <= expression.len() && !place.is_empty() => expression
            .get(..offset)
            .map_or(0, |before| before.chars().count()),
        _ => expression.chars().count(),
    };
    FilterError {
        expression: expression.to_owned(),
        position,
        what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Message, Origin, Span, Value};

    fn outcome(expression: &str) -> Result<bool, String> {
        let mut message = Message::default();
        message.clear();
        message.type_name = "PingPong";
        let body = message.tree.open(None, Value::List, 0);
        message
            .tree
            .leaf(None, Value::Unsigned(u64::MAX), Span::new(0, 1));
        message.tree.close(body, 1);
        message.body = Some(body);
        let record = Record {
            number: 7,
            origin: &Origin::default(),
            offset: 0,
            frame: &[0],
            message: &message,
        };
        Filter::compile(expression)
            .map_err(|error| format!("{}: {}", error.position, error.what))?
            .matches(&record)
    }

    #[test]
    fn truthy_results_keep_a_record() {
        assert_eq!(outcome(".type == \"PingPong\" and .n > 5"), Ok(true));
        assert_eq!(outcome(".type == \"DeltaPush\""), Ok(false));
        assert_eq!(outcome(".nothing"), Ok(false));
        assert_eq!(outcome(".body[]"), Ok(true));
        assert_eq!(outcome("empty"), Ok(false));
    }

    #[test]
    fn integers_are_compared_in_all_their_bits() {
        assert_eq!(outcome(".body[0] == 18446744073709551615"), Ok(true));
        assert_eq!(outcome(".body[0] == 18446744073709551614"), Ok(false));
    }

    #[test]
    fn a_mistake_is_pointed_at() {
        assert!(outcome(".a |").unwrap_err().starts_with("4: "));
        assert!(outcome(".a + ) ").unwrap_err().starts_with("5: "));
        assert_eq!(
            outcome("1 + nosuch").unwrap_err(),
            "4: undefined filter: nosuch"
        );
        let error = Filter::compile("1 + nosuch").unwrap_err().to_string();
        assert_eq!(error, "undefined filter: nosuch\n    1 + nosuch\n        ^");
    }
}
