//! What people read of a record's time.

use super::time;
use crate::model::Record;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::io::Write;

/// How times are shown to people; programs always get UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeForm {
    /// Date and time in UTC.
    #[default]
    Utc,
    /// Date and time where this computer is, as `TZ` or the system says.
    Local,
    /// Seconds since the first record that is shown.
    Relative,
    /// Seconds since the record shown before.
    Delta,
}

impl TimeForm {
    /// Whether it shows durations.
    #[must_use]
    pub const fn counts(self) -> bool {
        matches!(self, Self::Relative | Self::Delta)
    }
}

/// Follows the records that are shown, and words their times.
#[derive(Clone, Debug)]
pub struct Clock {
    form: TimeForm,
    zone: TimeZone,
    first: Option<u64>,
    previous: Option<u64>,
    text: Vec<u8>,
}

impl Clock {
    /// Nothing was shown yet.
    #[must_use]
    pub fn new(form: TimeForm) -> Self {
        Self {
            form,
            zone: match form {
                TimeForm::Local => TimeZone::system(),
                _ => TimeZone::UTC,
            },
            first: None,
            previous: None,
            text: Vec::new(),
        }
    }

    /// `record` is shown next.
    pub fn tick(&mut self, record: &Record<'_>) {
        self.text.clear();
        let Some(now) = record.origin.time else {
            return;
        };
        let first = *self.first.get_or_insert(now);
        let previous = self.previous.replace(now).unwrap_or(now);
        match self.form {
            TimeForm::Utc => time::write_rfc3339(&mut self.text, now),
            TimeForm::Local => write_local(&mut self.text, now, &self.zone),
            TimeForm::Relative => write_seconds(&mut self.text, first, now),
            TimeForm::Delta => write_seconds(&mut self.text, previous, now),
        }
    }

    /// The time of the record that is shown; none if it has none.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        let text = std::str::from_utf8(&self.text).unwrap_or_default();
        Some(text).filter(|text| !text.is_empty())
    }

    /// The same without date and zone, if there are such.
    #[must_use]
    pub fn short(&self) -> Option<&str> {
        let text = self.text()?;
        let Some((_, clock)) = text.split_once('T') else {
            return Some(text);
        };
        let end = clock.find(['Z', '+', '-']).unwrap_or(clock.len());
        clock.get(..end)
    }
}

/// Appends nanoseconds since the Unix epoch as RFC 3339 with the offset of `zone`.
fn write_local(out: &mut Vec<u8>, nanoseconds: u64, zone: &TimeZone) {
    let Ok(timestamp) = Timestamp::from_nanosecond(i128::from(nanoseconds)) else {
        return time::write_rfc3339(out, nanoseconds);
    };
    let (offset, date) = (zone.to_offset(timestamp), zone.to_datetime(timestamp));
    let precision = if nanoseconds.is_multiple_of(1000) {
        6
    } else {
        9
    };
    let minutes = offset.seconds().abs() / 60;
    let sign = if offset.is_negative() { '-' } else { '+' };
    let _ = write!(
        out,
        "{date:.precision$}{sign}{:02}:{:02}",
        minutes / 60,
        minutes % 60
    );
}

/// Appends the seconds from `from` to `to`, which may come before it.
fn write_seconds(out: &mut Vec<u8>, from: u64, to: u64) {
    let (sign, distance) = if to < from {
        ("-", from - to)
    } else {
        ("", to - from)
    };
    let (seconds, fraction) = (distance / 1_000_000_000, distance % 1_000_000_000);
    let _ = if fraction.is_multiple_of(1000) {
        write!(out, "{sign}{seconds}.{:06}s", fraction / 1000)
    } else {
        write!(out, "{sign}{seconds}.{fraction:09}s")
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Message, Origin};

    fn shown(clock: &mut Clock, time: Option<u64>) -> (Option<String>, Option<String>) {
        let origin = Origin {
            time,
            ..Origin::default()
        };
        clock.tick(&Record {
            number: 0,
            origin: &origin,
            offset: 0,
            frame: &[],
            message: &Message::default(),
        });
        (
            clock.text().map(str::to_owned),
            clock.short().map(str::to_owned),
        )
    }

    fn texts<const N: usize>(clock: &mut Clock, times: [u64; N]) -> [String; N] {
        times.map(|time| shown(clock, Some(time)).0.unwrap_or_default())
    }

    const NOON: u64 = 1_795_176_000_000_000_000;

    #[test]
    fn utc_and_records_without_time() {
        let mut clock = Clock::new(TimeForm::Utc);
        let (long, short) = shown(&mut clock, Some(NOON + 1_000));
        assert_eq!(long.as_deref(), Some("2026-11-20T12:00:00.000001Z"));
        assert_eq!(short.as_deref(), Some("12:00:00.000001"));
        assert_eq!(shown(&mut clock, None), (None, None));
    }

    #[test]
    fn local_times_have_the_offset_of_their_day() {
        let mut clock = Clock::new(TimeForm::Local);
        clock.zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let summer = NOON - 150 * 86_400 * 1_000_000_000;
        assert_eq!(
            texts(&mut clock, [NOON, summer, NOON + 1]),
            [
                "2026-11-20T13:00:00.000000+01:00",
                "2026-06-23T14:00:00.000000+02:00",
                "2026-11-20T13:00:00.000000001+01:00"
            ]
        );
        let (_, short) = shown(&mut clock, Some(NOON));
        assert_eq!(short.as_deref(), Some("13:00:00.000000"));
        clock.zone = TimeZone::posix("<-0330>3:30").unwrap();
        assert_eq!(
            texts(&mut clock, [NOON]),
            ["2026-11-20T08:30:00.000000-03:30"]
        );
    }

    #[test]
    fn distances_count_from_the_first_or_from_the_one_before() {
        let times = [NOON, NOON + 1_500_000_000, NOON + 1_250_000_000];
        assert_eq!(
            texts(&mut Clock::new(TimeForm::Relative), times),
            ["0.000000s", "1.500000s", "1.250000s"]
        );
        assert_eq!(
            texts(&mut Clock::new(TimeForm::Delta), times),
            ["0.000000s", "1.500000s", "-0.250000s"]
        );
    }
}
