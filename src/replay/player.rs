//! One live connection: connects, sends frames when they are due, connects again.

use super::batch::Batch;
use super::schedule::wait_until;
use super::shared::{Event, Gate, LOOK_UP, Opened, Progress, Shared, Wait};
use crate::connect::{Breaker, Link, Received, Receiver, SendError, Sender, connect};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError, TrySendError};
use std::thread;
use std::time::{Duration, Instant};

/// At most so many bytes are sent at once.
const GROUP: usize = 256 << 10;

/// So many frames of a connection are followed when they are sent as fast as possible.
const FOLLOWED: u64 = 1000;

/// A recorded connection is made so long before its first frame is due.
const AHEAD: Duration = Duration::from_secs(1);

/// The first pause before connecting again; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Plays the frames of one connection.
pub(super) struct Player {
    /// The live connection's number.
    pub connection: u32,
    /// Its frames.
    pub queue: mpsc::Receiver<Arc<Batch>>,
    /// How much later than the recording it runs.
    pub offset: Duration,
    pub shared: Arc<Shared>,
}

/// What it has in hand.
struct Play {
    sender: Sender,
    gate: Arc<Gate>,
    breaker: Breaker,
    progress: Progress,
    /// The start of the run.
    start: Instant,
    /// Whether what is sent is still followed.
    followed: bool,
}

/// An open connection.
type Open = (Sender, Arc<Gate>, Breaker);

/// Why it ended early.
enum End {
    /// The time is over.
    Enough,
    /// The user wants no more.
    Stopped,
    /// The connection is broken.
    Broken(String),
}

impl Player {
    /// Plays everything, and tells how that ended.
    pub fn run(self) {
        let first = self.next();
        let opened = match self.wait_for_turn(first.as_deref()) {
            true => self.open(0),
            false => Err(End::Stopped),
        };
        let (progress, outcome) = match opened {
            Ok(open) => self.play(first, open),
            Err(failure) => {
                self.shared.start.arrive();
                (Progress::new(), Err(failure))
            }
        };
        let failure = match outcome {
            Ok(()) | Err(End::Stopped | End::Enough) => None,
            Err(End::Broken(what)) => Some(what),
        };
        self.tell(Event::Ended {
            connection: self.connection,
            progress: Box::new(progress),
            failure,
        });
    }

    /// The next frames; none at the end, or if the user wants no more.
    fn next(&self) -> Option<Arc<Batch>> {
        loop {
            match self.queue.recv_timeout(LOOK_UP) {
                Ok(batch) => return Some(batch),
                Err(RecvTimeoutError::Timeout) if !self.shared.is_stopped() => {}
                Err(_) => return None,
            }
        }
    }

    /// Waits until it is time to connect; false if the user wants no more.
    fn wait_for_turn(&self, first: Option<&Batch>) -> bool {
        let due = first.and_then(|batch| batch.due(0));
        let Some(later) = due.and_then(|due| due.checked_sub(AHEAD)) else {
            return !self.shared.is_stopped();
        };
        let start = self.shared.start.wait(&self.shared.stop);
        start.is_some_and(|start| wait_until(start + self.offset + later, &self.shared.stop))
    }

    fn play(
        &self,
        mut next: Option<Arc<Batch>>,
        (sender, gate, breaker): Open,
    ) -> (Progress, Result<(), End>) {
        let Some(start) = self.shared.start.wait(&self.shared.stop) else {
            return (Progress::new(), Err(End::Stopped));
        };
        let mut play = Play {
            sender,
            gate,
            breaker,
            progress: Progress::new(),
            start: start + self.offset,
            followed: true,
        };
        let mut outcome = Ok(());
        while let Some(batch) = next {
            outcome = self.batch(&batch, &mut play);
            if outcome.is_err() {
                break;
            }
            self.shared.spare.give(batch);
            next = self.next();
        }
        if matches!(outcome, Ok(()) | Err(End::Enough | End::Stopped)) {
            self.tell(Event::AllSent {
                connection: self.connection,
            });
            // Answers may still come; the watcher says when it is enough.
            if play.gate.wait_for_end(&self.shared.over) {
                let _ = play.sender.finish();
            }
        }
        (play.progress, outcome)
    }

    /// Sends a batch, over new connections if the user wants that.
    fn batch(&self, batch: &Arc<Batch>, play: &mut Play) -> Result<(), End> {
        let mut next = 0;
        let mut attempts = 0;
        while next < batch.len() {
            let before = next;
            match self.frames(batch, &mut next, play) {
                Err(End::Broken(what)) if self.shared.reconnect.is_some() => {
                    if next > before {
                        attempts = 0;
                    }
                    attempts += 1;
                    if self.shared.reconnect.is_some_and(|most| attempts > most) {
                        return Err(End::Broken(what));
                    }
                    play.breaker.abort();
                    self.tell(Event::Reconnecting {
                        connection: self.connection,
                        frames: play.progress.frames,
                        why: what,
                    });
                    (play.sender, play.gate, play.breaker) = self.open(attempts)?;
                    play.progress.reconnects += 1;
                }
                outcome => outcome?,
            }
        }
        Ok(())
    }

    /// Sends the frames from `next` on; moves `next` behind what the peer's system has taken.
    fn frames(&self, batch: &Arc<Batch>, next: &mut usize, play: &mut Play) -> Result<(), End> {
        while *next < batch.len() {
            let due = batch.due(*next).map(|due| play.start + due);
            if due.is_some_and(|due| !wait_until(due, &self.shared.stop))
                || self.shared.is_stopped()
            {
                return Err(End::Stopped);
            }
            if let Some(how) = play.gate.closed() {
                return Err(End::Broken(how));
            }
            let now = Instant::now();
            let elapsed = now.saturating_duration_since(play.start);
            if self.shared.most_time.is_some_and(|most| elapsed > most) {
                return Err(End::Enough);
            }
            let to = self.group(batch, *next, now, play);
            play.progress.note_start(batch, *next, to, play.start, now);
            self.follow(batch, *next, to, now, play)?;
            let sent = send(&mut play.sender, batch, *next, to);
            let taken = match &sent {
                Ok(()) => to,
                Err(error) => taken(batch, *next, to, error.taken),
            };
            play.progress.sent(batch, *next, taken, Instant::now());
            self.count(batch, *next, taken);
            let partial = sent
                .as_ref()
                .is_err_and(|error| error.taken > batch.start(taken) - batch.start(*next));
            *next = taken;
            if let Err(error) = sent {
                let why = why_broken(&error.source, &play.gate);
                let inside = if partial { ", inside the next one" } else { "" };
                return Err(if self.shared.is_stopped() {
                    End::Stopped
                } else {
                    End::Broken(format!("{why}{inside}"))
                });
            }
            self.answered(play)?;
        }
        Ok(())
    }

    fn count(&self, batch: &Batch, from: usize, to: usize) {
        let bytes = batch.start(to) - batch.start(from);
        let sent = &self.shared.sent;
        sent.frames.fetch_add((to - from) as u64, Ordering::Relaxed);
        sent.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// One past the last frame that is due, too.
    fn group(&self, batch: &Batch, from: usize, now: Instant, play: &Play) -> usize {
        if self.shared.wait_answer.is_some() {
            return from + 1;
        }
        let most = batch.within(batch.start(from) + GROUP);
        if batch.is_unpaced() {
            return most.max(from + 1);
        }
        let elapsed = now.saturating_duration_since(play.start);
        let is_due = |index: &usize| batch.due(*index).is_none_or(|due| due <= elapsed);
        from + 1 + (from + 1..most).take_while(is_due).count()
    }

    /// Tells the watcher what is about to be sent. If it cannot keep up, or is not meant to, and
    /// nobody depends on it, it is not told any more.
    fn follow(
        &self,
        batch: &Arc<Batch>,
        from: usize,
        to: usize,
        at: Instant,
        play: &mut Play,
    ) -> Result<(), End> {
        if !play.followed {
            return Ok(());
        }
        let sent = play.progress.frames;
        let most = match self.shared.follow_all || !batch.is_unpaced() {
            true => to,
            false => to.min(from + FOLLOWED.saturating_sub(sent) as usize),
        };
        let event = Event::Sent {
            connection: self.connection,
            batch: Arc::clone(batch),
            frames: from..most,
            first: sent,
            at,
        };
        if self.shared.follow_all {
            return self.shared.events.send(event).map_err(|_| End::Stopped);
        }
        let full = match most > from {
            true => matches!(
                self.shared.events.try_send(event),
                Err(TrySendError::Full(_))
            ),
            false => false,
        };
        if full || most < to {
            play.followed = false;
            let told = if full { 0 } else { most - from };
            play.progress.followed = Some(sent + told as u64);
        }
        Ok(())
    }

    /// Waits for the last frame's answer, if the user wants that.
    fn answered(&self, play: &mut Play) -> Result<(), End> {
        let Some(timeout) = self.shared.wait_answer else {
            return Ok(());
        };
        let frames = play.progress.frames;
        match play.gate.wait_for(frames, timeout, &self.shared.stop) {
            Wait::Settled => Ok(()),
            Wait::TimedOut => {
                play.progress.unanswered += 1;
                self.tell(Event::Unanswered {
                    connection: self.connection,
                    frame: frames,
                });
                Ok(())
            }
            Wait::Closed(how) => Err(End::Broken(how)),
            Wait::Stopped => Err(End::Stopped),
        }
    }

    /// Connects, and starts listening; tries again if the user wants that.
    fn open(&self, mut attempts: u32) -> Result<Open, End> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..attempts {
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        if attempts > 0 && !wait_until(Instant::now() + pause, &self.shared.stop) {
            return Err(End::Stopped);
        }
        loop {
            match connect(&self.shared.target, &self.shared.options) {
                Ok(link) => return self.opened(link),
                Err(error) if error.is_transient() => {
                    attempts += 1;
                    if self.shared.reconnect.is_none_or(|most| attempts > most) {
                        return Err(self.refused(error));
                    }
                    self.tell(Event::Reconnecting {
                        connection: self.connection,
                        frames: 0,
                        why: error.to_string(),
                    });
                    if !wait_until(Instant::now() + pause, &self.shared.stop) {
                        return Err(End::Stopped);
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(error) => return Err(self.refused(error)),
            }
        }
    }

    fn refused(&self, error: crate::connect::ConnectError) -> End {
        let what = error.to_string();
        self.tell(Event::Refused { error });
        End::Broken(what)
    }

    fn opened(&self, link: Link) -> Result<Open, End> {
        let transport = link.transport();
        let gate = Arc::new(Gate::default());
        let Link {
            mut sender,
            receiver,
            breaker,
            local,
            peer,
        } = link;
        self.tell(Event::Opened(Opened {
            connection: self.connection,
            local,
            peer,
            transport,
            breaker: breaker.clone(),
            gate: Arc::clone(&gate),
        }));
        let (shared, connection) = (Arc::clone(&self.shared), self.connection);
        let listening = Arc::clone(&gate);
        thread::spawn(move || listen(receiver, connection, &shared, &listening));
        if let Some(service) = &self.shared.service {
            sender
                .send(service, false)
                .map_err(|error| End::Broken(error.source.to_string()))?;
        }
        self.shared.start.arrive();
        Ok((sender, gate, breaker))
    }

    /// The watcher outlives all players; if not, nobody needs to know.
    fn tell(&self, event: Event) {
        let _ = self.shared.events.send(event);
    }
}

/// Why sending has failed. That the peer takes no more is the least that is known of it; whoever
/// receives is about to hear how that came.
fn why_broken(error: &io::Error, gate: &Gate) -> String {
    let heard = match error.kind() {
        io::ErrorKind::BrokenPipe => gate.closed_within(Duration::from_secs(1)),
        _ => gate.closed(),
    };
    heard.unwrap_or_else(|| error.to_string())
}

/// Receives until the peer closes.
fn listen(mut receiver: Receiver, connection: u32, shared: &Shared, gate: &Arc<Gate>) {
    loop {
        let mut bytes = Vec::new();
        let is_message = match receiver.receive(&mut bytes) {
            Ok(Received::Nothing) => continue,
            Ok(Received::Bytes) => false,
            Ok(Received::Message { .. }) => true,
            Ok(Received::Closed { how }) => {
                gate.close(match how {
                    Some(how) => format!("the peer closed the connection ({how})"),
                    None => "the peer closed the connection".to_owned(),
                });
                break;
            }
            Err(error) => {
                gate.close(format!("the connection broke: {error}"));
                break;
            }
        };
        let at = Instant::now();
        shared.room.enter(bytes.len());
        let event = Event::Received {
            connection,
            gate: Arc::clone(gate),
            bytes,
            is_message,
            at,
        };
        if shared.events.send(event).is_err() {
            return;
        }
    }
    let gate = Arc::clone(gate);
    let _ = shared.events.send(Event::Closed { connection, gate });
}

/// Sends frames `from..to`, which lie one after the other.
fn send(sender: &mut Sender, batch: &Batch, from: usize, to: usize) -> Result<(), SendError> {
    if !sender.keeps_messages() {
        return sender.send(batch.slice(from, to), false);
    }
    for index in from..to {
        sender.queue(batch.slice(index, index + 1), batch.text)?;
    }
    sender.flush()
}

/// One past the last of frames `from..to` that lies within the first `bytes`.
fn taken(batch: &Batch, from: usize, to: usize, bytes: usize) -> usize {
    batch.within(batch.start(from) + bytes).clamp(from, to)
}
