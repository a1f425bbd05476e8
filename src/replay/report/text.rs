//! The report for people.

use super::{Preview, Report};
use crate::replay::{Loaded, Pace};
use hdrhistogram::Histogram;
use std::fmt;
use std::time::Duration;

/// A rate that is missed by more than this part of it is told.
const MISSED: f64 = 0.02;

/// Start errors above this are told (99th percentile, nanoseconds).
const LATE: u64 = 1_000_000;

impl fmt::Display for Preview {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let round = match self.rounds {
            None => " a round, for ever",
            Some(_) => "",
        };
        writeln!(
            out,
            "would send {}, {}, over {} to {}{round}",
            counted(self.frames, "frame"),
            size(self.bytes as f64),
            counted(self.connections, "connection"),
            self.target,
        )?;
        match self.duration {
            Some(duration) => writeln!(out, "would take {}", time(duration))?,
            None => writeln!(out, "would take as long as the peer takes")?,
        }
        notes(&self.loaded, &[], out)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (connection, difference) in &self.unmet {
            writeln!(
                out,
                "not as expected on connection {connection}:\n{difference}"
            )?;
        }
        for (connection, difference) in &self.different {
            writeln!(
                out,
                "not as recorded on connection {connection}:\n{difference}"
            )?;
        }
        for (connection, frames, why) in &self.broken {
            writeln!(
                out,
                "broken    connection {connection} after frame {frames}: {why}"
            )?;
        }
        if self.connections == 0 && self.frames == 0 && !self.interrupted {
            return writeln!(out, "note      the input is empty: nothing was sent");
        }
        self.sent(out)?;
        self.timing(out)?;
        self.received(out)?;
        self.latency(out)?;
        notes(&self.loaded, &self.changes, out)
    }
}

impl Report {
    fn sent(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "sent      {}, {}, over {} in {}{}",
            counted(self.frames, "frame"),
            size(self.bytes as f64),
            counted(u64::from(self.connections), "connection"),
            time(self.elapsed),
            if self.interrupted {
                " (interrupted)"
            } else {
                ""
            },
        )?;
        if self.reconnects > 0 {
            writeln!(
                out,
                "          {}",
                counted(self.reconnects, "new connection")
            )?;
        }
        let rate = self.rate();
        let seconds = self.elapsed.as_secs_f64();
        let bytes = match seconds > 0.0 {
            true => format!(", {}/s", size(self.bytes as f64 / seconds)),
            false => String::new(),
        };
        write!(out, "rate      {} frames/s{bytes}", number(rate))?;
        match (self.rate_asked(), self.pace) {
            (Some(asked), _) => {
                write!(out, "; asked for {} frames/s", number(asked))?;
                if self.frames > 1 && rate < asked * (1.0 - MISSED) && !self.interrupted {
                    let missed = (1.0 - rate / asked) * 100.0;
                    write!(out, ": missed by {missed:.1} %")?;
                }
            }
            (None, Pace::Max) => write!(out, "; asked for as many as possible")?,
            (None, Pace::Recorded { speed }) => write!(out, "; asked for {speed}x as recorded")?,
            (None, _) => {}
        }
        writeln!(out)
    }

    fn timing(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(lateness) = &self.lateness else {
            return Ok(());
        };
        writeln!(out, "timing    starts late by {}", percentiles(lateness))?;
        if lateness.value_at_quantile(0.99) > LATE {
            writeln!(
                out,
                "          more than 1 ms: the peer or this machine is too slow for this pace"
            )?;
        }
        Ok(())
    }

    fn received(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count: u64 = self.answers.values().sum();
        let types: Vec<String> = self
            .answers
            .iter()
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        let types = match types.is_empty() {
            true => String::new(),
            false => format!(": {}", types.join(", ")),
        };
        let bytes = size(self.bytes_received as f64);
        writeln!(out, "received  {}, {bytes}{types}", counted(count, "frame"))?;
        if self.comparing {
            let different = self.different.len();
            let verdict = match different {
                0 => "all as recorded".to_owned(),
                _ => format!("{} differ", counted(different as u64, "connection")),
            };
            writeln!(
                out,
                "compared  {}: {verdict}",
                counted(self.compared, "answer")
            )?;
        }
        if self.unanswered_count > 0 {
            let first: Vec<String> = self
                .unanswered
                .iter()
                .map(|(connection, frame)| match self.connections {
                    0 | 1 => format!("{frame}"),
                    _ => format!("{frame} of connection {connection}"),
                })
                .collect();
            let more = if self.unanswered_count > first.len() as u64 {
                ", …"
            } else {
                ""
            };
            writeln!(
                out,
                "unanswered  {} in time: frame {}{more}",
                counted(self.unanswered_count, "frame"),
                first.join(", ")
            )?;
        }
        Ok(())
    }

    fn latency(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answered: Vec<_> = self
            .exchanges
            .iter()
            .filter(|(_, exchange)| exchange.answers > 0)
            .collect();
        let widest = answered.iter().map(|(name, _)| name.len()).max();
        let width = widest.unwrap_or(0).max("latency".len() + 1);
        if !answered.is_empty() {
            let [count, p50, p90, p99, most] = ["answers", "p50", "p90", "p99", "max"];
            writeln!(
                out,
                "{:<width$}  {count:>12}  {p50:>9}  {p90:>9}  {p99:>9}  {most:>9}",
                "latency"
            )?;
        }
        for (name, exchange) in answered {
            let answers = match exchange.requests == exchange.answers {
                true => grouped(exchange.answers),
                false => format!("{} of {}", exchange.answers, exchange.requests),
            };
            write!(out, "{name:<width$}  {answers:>12}")?;
            for quantile in [0.5, 0.9, 0.99, 1.0] {
                let at = exchange.latency.value_at_quantile(quantile);
                write!(out, "  {:>9}", time(Duration::from_nanos(at)))?;
            }
            writeln!(out)?;
        }
        self.without_answer(out)?;
        if let Some(followed) = self.followed {
            writeln!(
                out,
                "note      answers were paired only with the first {}: \
                 sending was faster",
                counted(followed, "frame")
            )?;
        }
        Ok(())
    }

    /// The types that were never answered, although sound peers answer them.
    fn without_answer(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMED: usize = 3;
        let exchanges = self.exchanges.iter();
        let silent: Vec<String> = exchanges
            .filter(|(_, exchange)| exchange.always && exchange.answers == 0)
            .map(|(name, exchange)| format!("{} {name}", exchange.requests))
            .collect();
        let Some(first) = silent.get(..silent.len().min(NAMED)) else {
            return Ok(());
        };
        match silent.len() {
            0 => Ok(()),
            count if count > NAMED => writeln!(
                out,
                "note      no answer to {} and {} more types",
                first.join(", "),
                count - NAMED
            ),
            _ => writeln!(out, "note      no answer to {}", first.join(", ")),
        }
    }
}

fn notes(loaded: &Loaded, changes: &[String], out: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (change, count) in changes.iter().zip(&loaded.changed) {
        match count {
            0 => writeln!(out, "note      no frame has the field of --set {change}")?,
            count => writeln!(out, "changed   {}: {change}", counted(*count, "frame"))?,
        }
    }
    if loaded.unknown > 0 {
        let bytes = size(loaded.unknown as f64);
        writeln!(
            out,
            "note      {bytes} belong to no known frame; they are sent, too"
        )?;
    }
    if loaded.unsendable > 0 {
        let frames = counted(loaded.unsendable, "frame");
        writeln!(out, "note      {frames} of HTTP, TLS or UDP cannot be sent")?;
    }
    if loaded.gaps > 0 {
        let gaps = counted(loaded.gaps, "hole");
        writeln!(
            out,
            "note      {gaps} in the capture: what was there is not sent"
        )?;
    }
    Ok(())
}

fn percentiles(histogram: &Histogram<u64>) -> String {
    let at = |quantile| time(Duration::from_nanos(histogram.value_at_quantile(quantile)));
    format!(
        "p50 {}, p90 {}, p99 {}, max {}",
        at(0.5),
        at(0.9),
        at(0.99),
        time(Duration::from_nanos(histogram.max()))
    )
}

fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(count))
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn number(value: f64) -> String {
    match value {
        value if value >= 1000.0 => grouped(value.round() as u64),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.3}"),
    }
}

fn size(bytes: f64) -> String {
    match bytes {
        bytes if bytes >= 1e9 => format!("{:.2} GB", bytes / 1e9),
        bytes if bytes >= 1e6 => format!("{:.1} MB", bytes / 1e6),
        bytes if bytes >= 1e4 => format!("{:.1} kB", bytes / 1e3),
        bytes => format!("{bytes:.0} bytes"),
    }
}

fn time(duration: Duration) -> String {
    let nanoseconds = duration.as_nanos() as f64;
    match nanoseconds {
        n if n >= 120e9 => format!(
            "{} min {} s",
            duration.as_secs() / 60,
            duration.as_secs() % 60
        ),
        n if n >= 1e9 => format!("{:.3} s", n / 1e9),
        n if n >= 1e6 => format!("{:.2} ms", n / 1e6),
        n if n >= 1e3 => format!("{:.1} µs", n / 1e3),
        n => format!("{n:.0} ns"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_units_and_groups() {
        assert_eq!(counted(1, "frame"), "1 frame");
        assert_eq!(counted(1_234_567, "frame"), "1,234,567 frames");
        assert_eq!(size(999.0), "999 bytes");
        assert_eq!(size(1_234_567.0), "1.2 MB");
        assert_eq!(time(Duration::from_micros(1500)), "1.50 ms");
        assert_eq!(time(Duration::from_secs(150)), "2 min 30 s");
        assert_eq!(number(0.5), "0.500");
        assert_eq!(number(12_345.6), "12,346");
    }
}
