//! Which message answers which: data, a table beside each protocol.

/// A rule: a request and what answers it. Within one connection, the k-th request of a rule is
/// answered by the k-th answer that shows the same key.
#[derive(Clone, Copy, Debug)]
pub struct Pairing {
    /// Types of the request.
    pub requests: &'static [&'static str],
    /// What the request must show to be one.
    pub request_shows: Option<Shows>,
    /// Types of the answer.
    pub answers: &'static [&'static str],
    /// What the answer must show to be one.
    pub answer_shows: Option<Shows>,
    /// Fields that are equal in both, as paths in the body, or `REQUEST=ANSWER` where their paths
    /// differ. A field that either lacks is left out.
    pub key: &'static [&'static str],
    /// Whether a sound peer always answers; else it answers only to refuse.
    pub always: bool,
}

/// A truth value that a field of the body has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shows {
    /// The field.
    pub field: &'static str,
    /// Its value; a field that is not there counts as false.
    pub value: bool,
}

impl Pairing {
    /// A request of type `request` is always answered by one of `answers` with an equal `key`.
    #[must_use]
    pub const fn new(
        requests: &'static [&'static str],
        answers: &'static [&'static str],
        key: &'static [&'static str],
    ) -> Self {
        Self {
            requests,
            request_shows: None,
            answers,
            answer_shows: None,
            key,
            always: true,
        }
    }

    /// The same, but the answer comes only if something is wrong, or not every time.
    #[must_use]
    pub const fn sometimes(mut self) -> Self {
        self.always = false;
        self
    }

    /// The same for requests whose `field` is `request`, and answers where it is `answer`.
    #[must_use]
    pub const fn telling(mut self, field: &'static str, request: bool, answer: bool) -> Self {
        self.request_shows = Some(Shows {
            field,
            value: request,
        });
        self.answer_shows = Some(Shows {
            field,
            value: answer,
        });
        self
    }
}
