//! When each frame is due, and waiting for it precisely.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The last bit of a wait is spun: sleeping longer than asked by about so much is usual.
const SPUN: Duration = Duration::from_micros(200);

/// No sleep is longer, so that a stop is noticed.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);

/// How fast frames are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As fast as the peer takes them.
    Max,
    /// As recorded, so many times faster; frames without a time follow at once.
    Recorded {
        /// 1 is as recorded, 10 ten times faster.
        speed: f64,
    },
    /// So many frames a second, over all connections.
    Rate(f64),
    /// So long between one frame and the next.
    Interval(Duration),
}

/// Says when frames are due, one after the other.
#[derive(Clone, Debug)]
pub struct Clock {
    pace: Pace,
    most_gap: Option<Duration>,
    /// When the last frame was due.
    due: Duration,
    /// Its recorded time in nanoseconds.
    recorded: Option<u64>,
    frames: u64,
}

impl Clock {
    /// Frames at `pace`; recorded gaps are cut to `most_gap`.
    #[must_use]
    pub fn new(pace: Pace, most_gap: Option<Duration>) -> Self {
        Self {
            pace,
            most_gap,
            due: Duration::ZERO,
            recorded: None,
            frames: 0,
        }
    }

    /// When the next frame, recorded at `time` (nanoseconds), is due after the start; at once if
    /// none.
    pub fn next(&mut self, time: Option<u64>) -> Option<Duration> {
        let number = self.frames;
        self.frames += 1;
        if !self.is_paced(time) {
            return None;
        }
        self.due = match self.pace {
            Pace::Max => return None,
            Pace::Recorded { speed } => self.due + self.gap(time, speed),
            Pace::Rate(rate) => seconds(number as f64 / rate),
            Pace::Interval(interval) => seconds(interval.as_secs_f64() * number as f64),
        };
        Some(self.due)
    }

    /// Whether a frame recorded at `time` has to wait.
    #[must_use]
    pub fn is_paced(&self, time: Option<u64>) -> bool {
        match self.pace {
            Pace::Max => false,
            Pace::Recorded { .. } => time.or(self.recorded).is_some(),
            Pace::Rate(_) | Pace::Interval(_) => true,
        }
    }

    /// The recording starts anew: its first frame follows the last one at once.
    pub fn rewind(&mut self) {
        self.recorded = None;
    }

    /// When the last frame was due.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.due
    }

    /// Time since the frame before this one, which was recorded at `time`.
    fn gap(&mut self, time: Option<u64>, speed: f64) -> Duration {
        let Some(time) = time else {
            return Duration::ZERO;
        };
        let before = self.recorded.unwrap_or(time);
        // Frames of several connections may be out of order by a bit.
        self.recorded = Some(time.max(before));
        let gap = seconds(time.saturating_sub(before) as f64 / 1e9 / speed);
        gap.min(self.most_gap.unwrap_or(Duration::MAX))
    }
}

/// Sleeps, then spins, until `due`; false if `stop` was set before.
pub fn wait_until(due: Instant, stop: &AtomicBool) -> bool {
    loop {
        if stop.load(Ordering::Relaxed) {
            return false;
        }
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        match left.checked_sub(SPUN) {
            Some(sleep) if !sleep.is_zero() => std::thread::sleep(sleep.min(LONGEST_SLEEP)),
            _ => std::hint::spin_loop(),
        }
    }
}

/// A duration of so many seconds; the longest there is for what is longer.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dues(pace: Pace, most_gap: Option<u64>, times: &[u64]) -> Vec<u64> {
        let mut clock = Clock::new(pace, most_gap.map(Duration::from_millis));
        times
            .iter()
            .filter_map(|time| clock.next(Some(time * 1_000_000)))
            .map(|due| due.as_millis() as u64)
            .collect()
    }

    #[test]
    fn recorded_times_are_kept_scaled_and_cut() {
        let times = [1000, 1010, 1110, 6110];
        assert_eq!(
            dues(Pace::Recorded { speed: 1.0 }, None, &times),
            [0, 10, 110, 5110]
        );
        assert_eq!(
            dues(Pace::Recorded { speed: 10.0 }, None, &times),
            [0, 1, 11, 511]
        );
        assert_eq!(
            dues(Pace::Recorded { speed: 1.0 }, Some(50), &times),
            [0, 10, 60, 110]
        );
    }

    #[test]
    fn times_that_go_back_do_not_stop_the_clock() {
        assert_eq!(
            dues(Pace::Recorded { speed: 1.0 }, None, &[10, 5, 12]),
            [0, 0, 2]
        );
    }

    #[test]
    fn rates_and_intervals_need_no_times() {
        assert_eq!(dues(Pace::Rate(100.0), None, &[0; 3]), [0, 10, 20]);
        assert_eq!(
            dues(Pace::Interval(Duration::from_secs(1)), None, &[0; 3]),
            [0, 1000, 2000]
        );
        assert_eq!(dues(Pace::Max, None, &[0; 3]), [0; 0]);
    }

    #[test]
    fn waiting_ends_when_due_or_when_stopped() {
        let stop = AtomicBool::new(false);
        let due = Instant::now() + Duration::from_millis(5);
        assert!(wait_until(due, &stop));
        assert!(Instant::now() >= due);
        stop.store(true, Ordering::Relaxed);
        assert!(!wait_until(Instant::now() + Duration::from_secs(60), &stop));
    }
}
