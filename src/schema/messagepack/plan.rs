//! A table as one version has it, ready to be read from its first field to its last.

use crate::schema::{Enum, Field, Struct, Type, Versions};

/// What to read, one step a field.
#[derive(Debug)]
pub struct Plan {
    pub(super) steps: Vec<Step>,
}

/// One field.
#[derive(Debug)]
pub(super) struct Step {
    /// Whether it may be nil instead.
    pub(super) optional: bool,
    pub(super) form: Form,
    /// Whether anyone looks at it.
    pub(super) watched: bool,
    pub(super) field: &'static Field,
}

/// What a field is, for those that most messages have.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// Of at most so many bytes.
    Unsigned(u8),
    Signed,
    Truth,
    /// Text that holds nothing else.
    Text,
    Choice(&'static Enum),
    Other,
}

impl Plan {
    /// The fields of `body` that `version` has, and which of them are `watched`. None for a body
    /// that is written as a map.
    #[must_use]
    pub fn of(
        body: &'static Struct,
        version: Versions,
        watched: impl Fn(&Field) -> bool,
    ) -> Option<Self> {
        if body.keyed {
            return None;
        }
        let fields = body.fields.iter();
        let present = fields.filter(|field| field.when.meets(version));
        let steps = present.map(|field| Step {
            optional: matches!(field.kind, Type::Optional(_)),
            form: form(field),
            watched: watched(field),
            field,
        });
        Some(Self {
            steps: steps.collect(),
        })
    }
}

fn form(field: &Field) -> Form {
    let alone = field.holds.is_none();
    let kind = match &field.kind {
        Type::Optional(kind) => kind,
        kind => kind,
    };
    match *kind {
        Type::Unsigned(width) => Form::Unsigned(width),
        Type::Signed(_) => Form::Signed,
        Type::Bool => Form::Truth,
        Type::Text if alone => Form::Text,
        Type::Enum(choice) => Form::Choice(choice),
        _ => Form::Other,
    }
}
