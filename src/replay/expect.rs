//! What the user expects to come, and what came.

use super::shown::Shown;
use crate::filter::Filter;
use crate::model::Record;
use std::collections::VecDeque;
use std::fmt;

/// So many answers are remembered to be shown beside what was expected.
const REMEMBERED: usize = 20;

/// One expected answer.
pub struct Expectation {
    /// As typed.
    pub text: String,
    /// Whether a record is it.
    pub matches: Matcher,
}

/// How an answer is recognized.
pub enum Matcher {
    /// By a jq expression.
    Filter(Box<Filter>),
    /// By its type, or protocol and type.
    Type(glob::Pattern),
}

/// How many answers are expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// At least so many.
    pub least: u64,
    /// At most so many.
    pub most: Option<u64>,
}

/// All that is expected of every connection.
#[derive(Debug, Default)]
pub struct Expectations {
    /// These, in this order, among the answers.
    pub list: Vec<Expectation>,
    /// So many answers in all.
    pub count: Option<Count>,
}

/// What has come on one connection.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Which answer met each expectation so far, counted from 1.
    met: Vec<(u64, String)>,
    /// Answers so far.
    pub answers: u64,
    /// The last answers, in short.
    recent: VecDeque<(u64, String)>,
    /// What the last expression that failed said.
    failure: Option<String>,
}

impl fmt::Debug for Expectation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Matcher {
    fn matches(&mut self, record: &Record<'_>) -> Result<bool, String> {
        let message = record.message;
        match self {
            Self::Filter(filter) => filter.matches(record),
            Self::Type(pattern) => Ok(pattern.matches(message.type_name)
                || pattern.matches(&format!("{}.{}", message.protocol, message.type_name))),
        }
    }
}

impl Count {
    /// Reads `5`, `>=5`, `<=5` or `2..5`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| text.trim().parse::<u64>().ok();
        if let Some(least) = text.strip_prefix(">=") {
            let least = number(least)?;
            return Some(Self { least, most: None });
        }
        if let Some(most) = text.strip_prefix("<=") {
            let most = Some(number(most)?);
            return Some(Self { least: 0, most });
        }
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        let (least, most) = (number(least)?, number(most)?);
        (least <= most).then_some(Self {
            least,
            most: Some(most),
        })
    }

    fn admits(self, count: u64) -> bool {
        count >= self.least && self.most.is_none_or(|most| count <= most)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.least, self.most) {
            (least, None) => write!(formatter, "at least {least}"),
            (0, Some(most)) => write!(formatter, "at most {most}"),
            (least, Some(most)) if least == most => write!(formatter, "{least}"),
            (least, Some(most)) => write!(formatter, "{least} to {most}"),
        }
    }
}

impl Expectations {
    /// Whether nothing is expected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.count.is_none()
    }

    /// Takes note of an answer.
    pub(super) fn see(&mut self, record: &Record<'_>, shown: &mut Shown, seen: &mut Seen) {
        seen.answers += u64::from(!record.message.derived);
        let short = shown.in_short(record);
        if let Some(expectation) = self.list.get_mut(seen.met.len()) {
            match expectation.matches.matches(record) {
                Ok(true) => seen.met.push((seen.answers, short.clone())),
                Ok(false) => {}
                Err(failure) => seen.failure = Some(failure),
            }
        }
        if seen.recent.len() >= REMEMBERED {
            seen.recent.pop_front();
        }
        seen.recent.push_back((seen.answers, short));
    }

    /// Whether more answers could still make it right.
    pub(super) fn waits(&self, seen: &Seen) -> bool {
        seen.met.len() < self.list.len()
            || self.count.is_some_and(|count| seen.answers < count.least)
    }

    /// Whether everything came.
    pub(super) fn is_met(&self, seen: &Seen) -> bool {
        seen.met.len() == self.list.len()
            && self.count.is_none_or(|count| count.admits(seen.answers))
    }

    /// What was expected beside what came.
    pub(super) fn difference(&self, seen: &Seen) -> String {
        let mut text = String::new();
        for (index, expectation) in self.list.iter().enumerate() {
            let number = index + 1;
            let expected = &expectation.text;
            text += &match seen.met.get(index) {
                Some((answer, short)) => {
                    format!("  met       {number}. {expected}\n            by #{answer} {short}\n")
                }
                None if index == seen.met.len() => {
                    let came = seen.came_after();
                    format!("  missing   {number}. {expected}\n{came}")
                }
                None => format!("  missing   {number}. {expected}\n"),
            };
        }
        if let Some(count) = self.count.filter(|count| !count.admits(seen.answers)) {
            text += &format!(
                "  expected  {count} answers\n  seen      {}\n",
                seen.answers
            );
            if self.list.is_empty() {
                text += &seen.came_after();
            }
        }
        if let Some(failure) = &seen.failure {
            text += &format!("  note      an expression failed: {failure}\n");
        }
        text
    }
}

impl Seen {
    /// The answers after the last one that met an expectation.
    fn came_after(&self) -> String {
        let last = self.met.last().map_or(0, |(answer, _)| *answer);
        let mut after = self.recent.iter().filter(|(answer, _)| *answer > last);
        let mut text = String::new();
        let Some((first, short)) = after.next() else {
            return match last {
                0 => "            seen: nothing\n".to_owned(),
                _ => format!("            seen after #{last}: nothing\n"),
            };
        };
        let left_out = first.saturating_sub(last + 1);
        if left_out > 0 {
            text += &format!("            seen: {left_out} answers not shown\n");
        }
        text += &format!("            seen: #{first} {short}\n");
        for (answer, short) in after {
            text += &format!("                  #{answer} {short}\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_exact_or_have_bounds() {
        let shown = |text| Count::parse(text).map(|count| count.to_string());
        assert_eq!(shown("5").as_deref(), Some("5"));
        assert_eq!(shown(">=5").as_deref(), Some("at least 5"));
        assert_eq!(shown("<=5").as_deref(), Some("at most 5"));
        assert_eq!(shown("2..5").as_deref(), Some("2 to 5"));
        assert_eq!(shown("5..2"), None);
        assert_eq!(shown("many"), None);
    }
}
