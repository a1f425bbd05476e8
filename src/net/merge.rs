//! Several captures read as one, in the order of their times.

use std::io::{self, Read};

use super::capture::{Capture, Item, LinkType, Packet};

/// Captures read together. Packets are numbered in the order in which they are handed out.
pub struct Merge<R> {
    sources: Vec<Source<R>>,
    packets: u64,
}

struct Source<R> {
    capture: Capture<R>,
    /// The next packet, if one was read ahead.
    head: Head,
    ended: bool,
}

#[derive(Default)]
struct Head {
    present: bool,
    time_ns: u64,
    link: Option<LinkType>,
    original_length: u32,
    bytes: Vec<u8>,
}

impl<R: Read> Merge<R> {
    /// Reads `captures` together; a single one is handed through without copies.
    pub fn new(captures: impl IntoIterator<Item = Capture<R>>) -> Self {
        let source = |capture| Source {
            capture,
            head: Head::default(),
            ended: false,
        };
        Self {
            sources: captures.into_iter().map(source).collect(),
            packets: 0,
        }
    }

    /// Whether the next [`Merge::step`] may have to wait for input.
    pub fn waits(&self) -> bool {
        self.sources
            .iter()
            .any(|source| !source.ended && source.capture.waits())
    }

    /// Hands the next items to `visit`, each with the index of its capture; blocks until there is
    /// one. `false` at the end. With several captures, comments, secrets and findings come as they are met,
    /// packets in the order of their times (of those, each capture's own order is kept).
    ///
    /// # Errors
    /// If an input fails.
    pub fn step(&mut self, visit: &mut dyn FnMut(usize, Item<'_>)) -> io::Result<bool> {
        if let [only] = self.sources.as_mut_slice() {
            return only.capture.step(&mut |item| visit(0, item));
        }
        for (index, source) in self.sources.iter_mut().enumerate() {
            source.read_ahead(&mut |item| visit(index, item))?;
        }
        let earliest = self
            .sources
            .iter_mut()
            .enumerate()
            .filter(|(_, source)| source.head.present)
            .min_by_key(|(_, source)| source.head.time_ns);
        let Some((index, source)) = earliest else {
            return Ok(false);
        };
        source.head.present = false;
        self.packets += 1;
        if let Some(link) = source.head.link {
            visit(
                index,
                Item::Packet(Packet {
                    number: self.packets,
                    time_ns: source.head.time_ns,
                    link,
                    bytes: &source.head.bytes,
                    original_length: source.head.original_length,
                }),
            );
        }
        Ok(true)
    }
}

impl<R: Read> Source<R> {
    fn read_ahead(&mut self, visit: &mut dyn FnMut(Item<'_>)) -> io::Result<()> {
        let head = &mut self.head;
        while !head.present && !self.ended {
            self.ended = !self.capture.step(&mut |item| match item {
                Item::Packet(packet) => head.keep(&packet),
                other => visit(other),
            })?;
        }
        Ok(())
    }
}

impl Head {
    fn keep(&mut self, packet: &Packet<'_>) {
        self.present = true;
        self.time_ns = packet.time_ns;
        self.link = Some(packet.link);
        self.original_length = packet.original_length;
        self.bytes.clear();
        self.bytes.extend_from_slice(packet.bytes);
    }
}
