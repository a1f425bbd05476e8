//! One run from its beginning to its end, whatever ends it.

use crate::cli::{CLEAN, DAMAGED, FAILED, complain};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use wirectl::pipeline::Totals;
use wirectl::tail::Stop;

/// After the end was asked for and the source has ended, what waits is still shown for so long.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a wait for the end sleeps; the end itself wakes it.
const LONG: Duration = Duration::from_secs(3600);

/// What the parts of a run share.
#[derive(Clone, Debug)]
pub struct Session {
    pub stop: Stop,
    shared: Arc<Shared>,
}

struct Shared {
    quiet: bool,
    strict: bool,
    totals: Mutex<Totals>,
    /// The source has ended in good order.
    ended: AtomicBool,
    /// Something other than records failed, such as recording.
    failed: AtomicBool,
    /// Whether nothing came about that a summary could tell of.
    idle: AtomicBool,
    summary: Mutex<Option<Summary>>,
}

/// Appends to the summary.
type Summary = Box<dyn Fn(&mut String) + Send>;

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Session {
    /// Ends in good order when a signal comes; at once at the second.
    pub fn new(quiet: bool, strict: bool) -> std::io::Result<Self> {
        let session = Self {
            stop: Stop::default(),
            shared: Arc::new(Shared {
                quiet,
                strict,
                totals: Mutex::default(),
                ended: AtomicBool::new(false),
                failed: AtomicBool::new(false),
                idle: AtomicBool::new(false),
                summary: Mutex::default(),
            }),
        };
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let own = session.clone();
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                for _ in signals.forever() {
                    if own.stop.is_set() {
                        own.leave();
                    }
                    own.stop.set();
                }
            })?;
        Ok(session)
    }

    /// `end` is called once, when the end is asked for: it ends the source in good order. If what
    /// waits then cannot be shown in time, the run ends without it.
    pub fn on_stop(&self, end: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let own = self.clone();
        std::thread::Builder::new()
            .name("end".to_owned())
            .spawn(move || {
                while !own.stop.wait(LONG) {}
                end();
                own.shared.ended.store(true, Ordering::SeqCst);
                std::thread::sleep(PATIENCE);
                own.leave();
            })?;
        Ok(())
    }

    /// What `say` appends belongs to the summary.
    pub fn summarize(&self, say: impl Fn(&mut String) + Send + 'static) {
        *lock(&self.shared.summary) = Some(Box::new(say));
    }

    /// What was decoded so far.
    pub fn totals(&self, totals: Totals) {
        *lock(&self.shared.totals) = totals;
    }

    /// Something failed that does not end the run.
    pub fn failed(&self, error: &dyn std::error::Error) {
        self.shared.failed.store(true, Ordering::SeqCst);
        complain::failure(&error);
    }

    /// Nothing came about: there is no summary.
    pub fn idle(&self) {
        self.shared.idle.store(true, Ordering::SeqCst);
    }

    /// Tells what happens, if that is wanted.
    pub fn tell(&self, text: &str) {
        if !self.shared.quiet {
            complain::tell(text);
        }
    }

    /// The end of a run whose source goes on: ends it, and waits until it has.
    pub fn end_source(&self, most: Duration) {
        self.stop.set();
        let deadline = Instant::now() + most;
        while !self.shared.ended.load(Ordering::SeqCst) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Prints the summary; returns the exit status.
    pub fn finish(&self) -> u8 {
        let totals = *lock(&self.shared.totals);
        let mut text = String::new();
        if let Some(say) = lock(&self.shared.summary).take() {
            say(&mut text);
        }
        text += &counted(totals.records, "record");
        if totals.shown != totals.records {
            let _ = write!(text, " ({} shown)", totals.shown);
        }
        let _ = write!(
            text,
            ", {}, {}",
            counted(totals.errors, "error"),
            counted(totals.warnings, "warning")
        );
        if !self.shared.idle.load(Ordering::SeqCst) {
            self.tell(&text);
        }
        if self.shared.failed.load(Ordering::SeqCst) {
            FAILED
        } else if totals.errors > 0 || (self.shared.strict && totals.warnings > 0) {
            DAMAGED
        } else {
            CLEAN
        }
    }

    /// Ends the process from outside of the thread that shows records, which may be stuck.
    fn leave(&self) -> ! {
        let status = self.finish();
        std::process::exit(status.into())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `1 record`, `2 records`.
pub fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
