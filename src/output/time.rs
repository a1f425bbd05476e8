//! Times as text.

use std::io::Write;

/// Appends nanoseconds since the Unix epoch as RFC 3339 in UTC: microseconds, or nanoseconds where
/// there are any.
pub fn write_rfc3339(out: &mut Vec<u8>, nanoseconds: u64) {
    let seconds = nanoseconds / 1_000_000_000;
    let fraction = nanoseconds % 1_000_000_000;
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    // Every packet has a time: these are written without the formatting machinery.
    digits::<4>(out, year, b'-');
    digits::<2>(out, month, b'-');
    digits::<2>(out, day, b'T');
    digits::<2>(out, hour, b':');
    digits::<2>(out, minute, b':');
    digits::<2>(out, second, b'.');
    if fraction.is_multiple_of(1000) {
        digits::<6>(out, fraction / 1000, b'Z');
    } else {
        digits::<9>(out, fraction, b'Z');
    }
}

/// Appends `number` in `N` decimal digits, which are enough for it, and the byte `after`.
#[inline]
fn digits<const N: usize>(out: &mut Vec<u8>, number: u64, after: u8) {
    let mut text = [b'0'; N];
    let mut rest = number;
    for place in text.iter_mut().rev() {
        *place += (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&text);
    out.push(after);
}

/// Appends a time since the Unix epoch, in units of which `digits` decimals make a second, as a
/// date; nothing for zero and for times that no clock shows.
pub fn write_date(out: &mut Vec<u8>, value: u64, digits: u32) {
    let scale = 10_u64.pow(digits);
    let seconds = value / scale;
    // 1971 to 2199: what lies outside is a number that only looks like a time.
    if !(31_536_000..7_258_118_400).contains(&seconds) {
        return;
    }
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let fraction = value % scale;
    let width = digits as usize;
    let _ = write!(
        out,
        "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{fraction:0width$}Z"
    );
}

/// Appends a duration of so many milliseconds: `unit` for short ones, two of days, hours, minutes
/// and seconds for long ones.
pub fn write_duration(out: &mut Vec<u8>, milliseconds: u64, unit: &str) {
    let seconds = milliseconds / 1000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let _ = match (days, hours, minutes) {
        (0, 0, 0) if unit == "s" || seconds == 0 => write!(out, "{unit}"),
        (0, 0, 0) if milliseconds.is_multiple_of(1000) => write!(out, "ms = {seconds} s"),
        (0, 0, 0) => write!(out, "ms = {seconds}.{:03} s", milliseconds % 1000),
        (0, 0, _) => write!(out, "{unit} = {minutes} min {} s", seconds % 60),
        (0, _, _) => write!(out, "{unit} = {hours} h {minutes} min"),
        _ => write!(out, "{unit} = {days} d {hours} h"),
    };
}

/// Nanoseconds since the Unix epoch of a time in RFC 3339; none if `text` is none.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let mut date = date.split('-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (clock, zone) = time.split_at(time.find(['Z', 'z', '+', '-'])?);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = clock.split(':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let nanoseconds: u64 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    let seconds = day_number(year, month, day)? * 86_400 + hour * 3600 + minute * 60 + second;
    let seconds = seconds.checked_add_signed(-zone_offset(zone)?)?;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)
}

/// Seconds east of Greenwich: `Z`, `+HH:MM`, `-HH:MM`.
fn zone_offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let seconds = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
    Some(if zone.starts_with('-') {
        -seconds
    } else {
        seconds
    })
}

/// Days since 1970-01-01 of a date in the Gregorian calendar.
fn day_number(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years begin in March, so that leap days end them.
    let year = if month > 2 { year } else { year - 1 };
    let month = if month > 2 { month - 3 } else { month + 9 };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    days.checked_sub(719_468)
}

/// Year, month and day of a day number since 1970-01-01 in the Gregorian calendar.
fn civil(days: u64) -> (u64, u64, u64) {
    // Counted from 0000-03-01, so that leap days end their years.
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_no_time_get_no_date() {
        let text = |value| {
            let mut out = Vec::new();
            write_date(&mut out, value, 3);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(0), "");
        assert_eq!(text(u64::MAX), "");
        assert_eq!(text(1_764_043_300_844), "2025-11-25 04:01:40.844Z");
    }

    #[test]
    fn durations_are_given_in_units_that_fit_them() {
        let text = |value| {
            let mut out = Vec::new();
            write_duration(&mut out, value, "ms");
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(250), "ms");
        assert_eq!(text(5000), "ms = 5 s");
        assert_eq!(text(1250), "ms = 1.250 s");
        assert_eq!(text(93_784_000), "ms = 1 d 2 h");
    }

    #[test]
    fn times_are_written_in_utc_with_the_precision_they_have() {
        let text = |time| {
            let mut out = Vec::new();
            write_rfc3339(&mut out, time);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(
            text(1_709_210_096_000_001_000),
            "2024-02-29T12:34:56.000001Z"
        );
        assert_eq!(
            text(1_764_043_300_844_000_007),
            "2025-11-25T04:01:40.844000007Z"
        );
    }
}
