//! Cutting a byte stream into frames: a depth-first search over the places where frames may end.
//!
//! Greedy choices fail: what ends one reading of a payload may be the middle of the other, with
//! bytes that look like a header. So every end is followed until it proves dead or alive.
//!
//! Source: protocol page `rp`, section 8.

use super::ends::{Ends, Form, Patience, WINDOW};
use super::header::{Header, MAGIC, SIZE, Start, VERSION, starts_frame};
use super::reading::{Marks, marks, strict};
use crate::model::Tree;
use crate::protocol::{Confidence, Input, Settings};
use std::cmp::Reverse;
use std::collections::HashMap;

/// So many frames are followed to decide on one.
const MOST_DEPTH: usize = 64;
/// So many positions are looked at to decide on one.
const MOST_VISITS: usize = 4096;
/// Two ways of cutting that both go on are told apart within so many bytes.
const MOST_LOOK_AHEAD: usize = 1 << 16;

/// How well a path of frames goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Life {
    /// It breaks; so many frames were whole before.
    Dead(usize),
    /// It goes on to the end of the bytes that are there.
    Open,
    /// It goes on farther than was looked.
    Far,
    /// It ends exactly where the bytes end for good.
    Exact,
}

/// What was decided about the start of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// A frame of this size.
    Frame(usize),
    /// Several sizes are as good; the first was chosen.
    Either(usize, usize),
    /// Nothing can be said before so many bytes are there.
    Need(usize),
    /// No reading of the payload makes sense.
    Broken,
}

/// A size that a frame may have.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    form: Form,
    size: usize,
    life: Life,
    continues: bool,
    marks: Reverse<Option<Marks>>,
    preferred: bool,
}

impl Candidate {
    /// What speaks for it, the weightiest first: how its path goes on, the sequence, how odd its
    /// values are, what the connection has shown, and that shorter frames leave more of them.
    fn rank(&self) -> (Life, bool, Reverse<Option<Marks>>, bool, Reverse<usize>) {
        (
            self.life,
            self.continues,
            self.marks,
            self.preferred,
            Reverse(self.size),
        )
    }
}

/// Follows paths of frames through `bytes`.
#[derive(Debug)]
pub struct Search<'a> {
    bytes: &'a [u8],
    ended: bool,
    most_frame: usize,
    known: HashMap<usize, Life>,
    visits: usize,
    scratch: Tree,
    /// What is left for following forms far; see [`Ends::find`].
    pub patience: Patience,
    /// Where the frame may end that was cut last.
    pub ends: Ends,
}

impl<'a> Search<'a> {
    /// A search through the bytes of `input` that may use so much `credit`.
    #[must_use]
    pub fn new(input: &Input<'a>, settings: &Settings, credit: usize) -> Self {
        Self {
            bytes: input.bytes,
            ended: input.ended || input.whole,
            most_frame: settings.most_frame,
            known: HashMap::new(),
            visits: 0,
            scratch: Tree::default(),
            patience: Patience {
                decided: credit,
                undecided: usize::MAX,
            },
            ends: Ends::default(),
        }
    }

    /// Decides where the frame ends whose `header` starts the bytes. `prefers` says which form the
    /// connection has shown; `whole` that the bytes are one message.
    pub fn cut(&mut self, header: &Header, whole: bool, prefers: Option<Form>) -> Cut {
        let ends = Ends::find(header, self.bytes, self.most_frame, &mut self.patience);
        self.ends = ends;
        let length = self.bytes.len();
        if whole && ends.at(length).next().is_some() {
            return Cut::Frame(length);
        }
        let need = ends.need.filter(|_| !self.ended);
        // At the end of a stream, a reading may be cut off.
        let cut_off = ends.need.is_some() && !whole;
        if !cut_off
            && !ends.is_choice()
            && let Some((_, size)) = ends.iter().next()
        {
            return Cut::Frame(size);
        }
        if let Some(size) = self.obvious(&ends, need) {
            return Cut::Frame(size);
        }
        let mut candidates = self.candidates(&ends, header, prefers);
        candidates.sort_by_key(|candidate| Reverse(candidate.rank()));
        let best = candidates.first().copied();
        let equal = candidates.iter().skip(1).find(|other| {
            best.is_some_and(|best| best.life >= Life::Open && other.life == best.life)
        });
        match (best, need) {
            (None, Some(need)) => Cut::Need(need),
            (None, None) => Cut::Broken,
            // More bytes may show which is right.
            (Some(best), _)
                if equal.is_some()
                    && !self.ended
                    && length < MOST_LOOK_AHEAD
                    && best.life == Life::Open =>
            {
                Cut::Need(length + 1)
            }
            // Nothing that follows is a frame, but another reading goes on beyond the last byte: that
            // one is cut off.
            (Some(best), None) if best.life == Life::Dead(0) && !self.shows_its_form(&best) => {
                match ends.need {
                    Some(need) if !whole => Cut::Need(need),
                    _ => Cut::Frame(best.size),
                }
            }
            (Some(best), need) => self.decide(&best, equal.map(|other| other.size), need),
        }
    }

    /// The size of the frame if a single one is followed by a frame that is there in full, what is
    /// missing of other readings is far away, and the reading is strictly right: deciding by all
    /// that follows would come to the same.
    fn obvious(&mut self, ends: &Ends, need: Option<usize>) -> Option<usize> {
        let length = self.bytes.len();
        let rest = |size: usize| self.bytes.get(size..).unwrap_or_default();
        let mut likely = ends
            .iter()
            .filter(|(_, size)| starts_frame(rest(*size)) != Start::No || rest(*size).is_empty());
        let (_, size) = likely.next()?;
        let only = likely.all(|(_, other)| other == size);
        let far = need.is_none_or(|need| need > length + SIZE);
        let whole = starts_frame(rest(size)) == Start::Header;
        if !(only && far && whole) {
            return None;
        }
        // Where there is no other, it need not be right.
        let sound = !ends.is_choice() || ends.at(size).any(|form| self.is_sound(form, 0, size));
        sound.then_some(size)
    }

    /// The sizes that the frame may have, with what speaks for them. Readings that are not strictly
    /// right are left out, unless there are no others.
    fn candidates(
        &mut self,
        ends: &Ends,
        header: &Header,
        prefers: Option<Form>,
    ) -> Vec<Candidate> {
        let sound: Vec<(Form, usize)> = ends
            .iter()
            .filter(|(form, size)| self.is_sound(*form, 0, *size))
            .collect();
        let all: Vec<(Form, usize)> = ends.iter().collect();
        let tried = if sound.is_empty() { all } else { sound };
        let mut candidates: Vec<Candidate> = Vec::new();
        for (form, size) in tried {
            if candidates.iter().any(|known| known.size == size) {
                continue;
            }
            let marks = self.marks(form, size);
            candidates.push(Candidate {
                form,
                size,
                life: self.after(size),
                continues: self.continues(header, size),
                marks: Reverse(marks),
                preferred: prefers == Some(form),
            });
        }
        candidates
    }

    /// Whether the payload of the frame `start..end` is strictly right.
    fn is_sound(&mut self, form: Form, start: usize, end: usize) -> bool {
        let Some(encoding) = form.encoding() else {
            return true;
        };
        self.scratch.clear();
        let frame = self.bytes.get(start..end).unwrap_or_default();
        strict(encoding, frame, SIZE, &mut self.scratch).is_some()
    }

    fn marks(&mut self, form: Form, size: usize) -> Option<Marks> {
        self.scratch.clear();
        let frame = self.bytes.get(..size)?;
        let reproducible = strict(form.encoding()?, frame, SIZE, &mut self.scratch)?;
        Some(marks(&self.scratch, 0, frame, reproducible))
    }

    /// There is a complete reading. If another is not there in full, it may yet prove right.
    fn decide(&self, best: &Candidate, equal: Option<usize>, need: Option<usize>) -> Cut {
        let frame = match equal {
            Some(other) => Cut::Either(best.size, other),
            None => Cut::Frame(best.size),
        };
        let Some(need) = need else {
            return frame;
        };
        let length = self.bytes.len();
        let rest = self.bytes.get(best.size..).unwrap_or_default();
        let unlikely = starts_frame(rest) == Start::Header && need > length + SIZE;
        match best.life {
            Life::Dead(0) => Cut::Need(need),
            _ if unlikely || self.shows_its_form(best) => frame,
            _ => Cut::Need(need.min(length.max(best.size + SIZE) + 1)),
        }
    }

    /// Whether the frame shows by itself how it is written.
    fn shows_its_form(&self, best: &Candidate) -> bool {
        let container = matches!(
            self.bytes.get(SIZE),
            Some(0x80..=0x9f | 0xa1..=0xbf | 0xdc..=0xdf)
        );
        match best.form {
            Form::Compressed => true,
            Form::MessagePack if self.names_an_operation() => true,
            Form::Json => false,
            // A MessagePack string is a CBOR map, and its text is rarely what it seems.
            Form::MessagePack => {
                container
                    && !matches!(self.bytes.get(SIZE), Some(0xa0..=0xbf))
                    && best.marks.0.is_some_and(Marks::is_plain)
            }
            Form::Cbor => container && best.marks.0.is_some_and(Marks::is_plain),
        }
    }

    /// Whether the payload is a MessagePack array that begins with a word, as operations do.
    fn names_an_operation(&self) -> bool {
        let payload = self.bytes.get(SIZE..).unwrap_or_default();
        match payload {
            [0x91..=0x97, text @ 0xa3..=0xb0, word @ ..] => {
                let word = word.get(..usize::from(text & 0x1f)).unwrap_or_default();
                word.iter()
                    .all(|byte| byte.is_ascii_lowercase() || *byte == b'_')
                    && !word.is_empty()
            }
            _ => false,
        }
    }

    /// Whether the frame after `size` bytes continues the sequence of its channel.
    fn continues(&self, header: &Header, size: usize) -> bool {
        Header::read(self.bytes.get(size..).unwrap_or_default()).is_some_and(|next| {
            next.channel == header.channel && next.sequence == header.sequence.wrapping_add(1)
        })
    }

    /// How a path goes on after a frame that ends at `position`.
    fn after(&mut self, position: usize) -> Life {
        let rest = self.bytes.get(position..).unwrap_or_default();
        if rest.is_empty() {
            return if self.ended { Life::Exact } else { Life::Open };
        }
        match starts_frame(rest) {
            Start::Header => match self.life(position, MOST_DEPTH) {
                Life::Dead(frames) => Life::Dead(frames + 1),
                life => life,
            },
            Start::Partly if !self.ended => Life::Open,
            _ => Life::Dead(0),
        }
    }

    /// How the path goes on whose next frame starts at `position`.
    fn life(&mut self, position: usize, depth: usize) -> Life {
        if let Some(known) = self.known.get(&position) {
            return *known;
        }
        self.visits += 1;
        if depth == 0 || self.visits > MOST_VISITS {
            return Life::Far;
        }
        let rest = self.bytes.get(position..).unwrap_or_default();
        let Some(header) = Header::read(rest) else {
            return Life::Dead(0);
        };
        let ends = Ends::find(&header, rest, self.most_frame, &mut self.patience);
        let mut best = match ends.need {
            Some(_) if !self.ended => Life::Open,
            _ => Life::Dead(0),
        };
        let choice = ends.is_choice();
        for (form, size) in ends.iter() {
            let end = position + size;
            if choice && !self.is_sound(form, position, end) {
                continue;
            }
            let follows = self.bytes.get(end..).unwrap_or_default();
            let life = match starts_frame(follows) {
                _ if follows.is_empty() && self.ended => Life::Exact,
                _ if follows.is_empty() => Life::Open,
                Start::Header => match self.life(end, depth - 1) {
                    Life::Dead(frames) => Life::Dead(frames + 1),
                    life => life,
                },
                Start::Partly if !self.ended => Life::Open,
                _ => Life::Dead(1),
            };
            best = best.max(life);
            if best == Life::Exact {
                break;
            }
        }
        self.known.insert(position, best);
        best
    }
}

/// The first position from `from` on where a frame plausibly starts: a known version, no reserved
/// flags, a payload that makes sense; what follows it is a frame, too, or nothing. If there is none
/// such, the first whose payload makes sense.
#[must_use]
pub fn find(input: &Input<'_>, from: usize, settings: &Settings) -> Option<usize> {
    let bytes = input.bytes;
    let ended = input.ended || input.whole;
    // Bounds the work on hostile bytes that look like headers everywhere.
    let mut budget = Patience {
        decided: 0,
        undecided: MOST_LOOK_AHEAD * 4,
    };
    let mut second: Option<usize> = None;
    // How many others are looked at for one that is followed by another frame.
    let mut better = 8;
    let mut position = from;
    while let Some(next) = next_start(bytes, position, ended) {
        position = next + 1;
        if second.is_some() {
            better -= 1;
            if better == 0 {
                break;
            }
        }
        let rest = bytes.get(next..).unwrap_or_default();
        let Some(header) = Header::read(rest).filter(|_| rest.len() > SIZE) else {
            // The last bytes begin like a frame.
            return second.or(Some(next));
        };
        let ends = Ends::find(&header, rest, settings.most_frame, &mut budget);
        let follows = |size: usize| {
            let after = rest.get(size..).unwrap_or_default();
            after.is_empty() || starts_frame(after) == Start::Header
        };
        if ends.iter().any(|(_, size)| follows(size)) {
            return Some(next);
        }
        if second.is_none() && (!ends.is_empty() || ends.need.is_some() && !ended) {
            second = Some(next);
        }
    }
    second
}

/// The next position from `from` on where a header, as far as it is there, may start.
fn next_start(bytes: &[u8], from: usize, ended: bool) -> Option<usize> {
    let mut position = from;
    loop {
        let rest = bytes.get(position..)?;
        let at = position + memchr::memchr(MAGIC[0], rest)?;
        match starts_frame(bytes.get(at..)?) {
            Start::Header => return Some(at),
            Start::Partly if !ended => return Some(at),
            _ => position = at + 1,
        }
    }
}

/// The first position from `from` on where several frames follow one another, to the end of the
/// bytes. If the bytes are `over`, one frame is enough that ends with them or before another header.
#[must_use]
pub fn find_run(input: &Input<'_>, from: usize, over: bool, settings: &Settings) -> Option<usize> {
    /// So many frames in a row are no accident.
    const RUN: usize = 3;
    let bytes = input.bytes;
    let mut budget = bytes.len().saturating_mul(4).saturating_add(1 << 16);
    let mut patience = Patience {
        decided: bytes.len(),
        undecided: bytes.len().saturating_mul(2),
    };
    let mut position = from;
    while let Some(start) = next_start(bytes, position, true) {
        position = start + 1;
        let mut at = start;
        let mut frames = 0;
        while let Some(header) = Header::read(bytes.get(at..)?) {
            let rest = bytes.get(at..).unwrap_or_default();
            if starts_frame(rest) != Start::Header {
                break;
            }
            let ends = Ends::find(&header, rest, settings.most_frame, &mut patience);
            let next = ends.iter().map(|(_, size)| size).find(|size| {
                let after = rest.get(*size..).unwrap_or_default();
                after.is_empty() || starts_frame(after) != Start::No
            });
            budget = budget.checked_sub(next.unwrap_or(rest.len().min(WINDOW)))?;
            let Some(size) = next else { break };
            at += size;
            frames += 1;
        }
        if frames >= RUN || over && frames > 0 {
            return Some(start);
        }
    }
    None
}

/// Whether bytes that are one message are meant as a frame, though its start is wrong: too short,
/// or with another magic, but the rest as it should be.
#[must_use]
pub fn starts_oddly(bytes: &[u8], whole: bool) -> bool {
    if !whole {
        return false;
    }
    let Some(header) = Header::read(bytes) else {
        return starts_frame(bytes) == Start::Partly;
    };
    header.magic != MAGIC
        && header.version == VERSION
        && header.reserved() == 0
        && bytes.len() > SIZE
        && Ends::find(&header, bytes, bytes.len(), &mut Patience::full())
            .at(bytes.len())
            .next()
            .is_some()
}

/// How sure it is that `input` starts with a frame.
#[must_use]
pub fn probe(input: &Input<'_>, settings: &Settings) -> Confidence {
    let bytes = input.bytes;
    let over = input.ended || input.whole;
    if bytes.first() != Some(&MAGIC[0]) {
        return if starts_oddly(bytes, input.whole) {
            Confidence::Possible
        } else {
            Confidence::No
        };
    }
    match starts_frame(bytes) {
        Start::No => match Header::read(bytes) {
            // A version or flags that may come one day.
            Some(header) if header.magic == MAGIC => Confidence::Possible,
            _ if starts_oddly(bytes, input.whole) => Confidence::Possible,
            _ => Confidence::No,
        },
        Start::Partly if over => Confidence::Possible,
        Start::Partly => Confidence::Likely,
        Start::Header => {
            let Some(header) = Header::read(bytes) else {
                return Confidence::No;
            };
            let ends = Ends::find(&header, bytes, settings.most_frame, &mut Patience::short());
            let exact = ends.iter().any(|(_, size)| {
                let after = bytes.get(size..).unwrap_or_default();
                after.is_empty() || starts_frame(after) != Start::No
            });
            if exact {
                Confidence::Certain
            } else if ends.is_empty() && ends.need.is_none() {
                Confidence::Likely
            } else {
                Confidence::Exact
            }
        }
    }
}
