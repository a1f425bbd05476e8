//! Generated values: small ones, edge ones and odd ones, the same in every run.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// What the next values look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// Zero, empty, none, the first variant.
    Minimal,
    /// The largest integers, filled collections, `Some`.
    Maximal,
    /// Anything, edges often.
    Mixed,
}

/// A seeded source of values.
pub struct Random {
    source: fastrand::Rng,
    style: Style,
    long_left: usize,
    variants: BTreeMap<&'static str, (usize, usize)>,
}

impl Random {
    /// The same seed gives the same values.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            source: fastrand::Rng::with_seed(seed),
            style: Style::Mixed,
            long_left: 6,
            variants: BTreeMap::new(),
        }
    }

    /// Sets the style of sample number `index` of a message type: 0 is all empty, 1 all full.
    pub fn begin_sample(&mut self, index: usize) {
        self.style = match index {
            0 => Style::Minimal,
            1 => Style::Maximal,
            _ => Style::Mixed,
        };
    }

    /// The next of `count` variants of `name`, each in its turn.
    pub fn variant(&mut self, name: &'static str, count: usize) -> usize {
        let made = &mut self.variants.entry(name).or_insert((0, count)).0;
        *made += 1;
        (*made - 1) % count
    }

    /// Panics if an enum was met, but one of its variants was not made.
    pub fn assert_every_variant_was_made(&self) {
        for (name, (made, count)) in &self.variants {
            assert!(
                made >= count,
                "only {made} of the {count} variants of {name} were made"
            );
        }
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.source.usize(..limit)
    }

    /// True or false.
    pub fn coin(&mut self) -> bool {
        match self.style {
            Style::Minimal => false,
            Style::Maximal => true,
            Style::Mixed => self.source.bool(),
        }
    }

    /// An integer of up to `bits` bits, at the edges of the encodings every other time.
    pub fn integer(&mut self, bits: u32) -> u64 {
        const EDGES: [u64; 15] = [
            0,
            1,
            23,
            24,
            0x7f,
            0x80,
            0xff,
            0x100,
            0xffff,
            0x1_0000,
            0x7fff_ffff,
            0xffff_ffff,
            0x1_0000_0000,
            i64::MAX as u64,
            1 << 63,
        ];
        let mask = u64::MAX >> (64 - bits);
        let edge = self.source.bool();
        match self.style {
            Style::Minimal => 0,
            Style::Maximal => mask,
            Style::Mixed if edge => EDGES[self.below(EDGES.len())] & mask,
            Style::Mixed => (self.source.u64(..) >> self.source.u32(..64)) & mask,
        }
    }

    /// How many elements the next collection has.
    pub fn count(&mut self) -> usize {
        let many = self.below(20) == 0;
        match self.style {
            Style::Minimal => 0,
            Style::Maximal => 3,
            Style::Mixed if many => 15 + self.below(3),
            Style::Mixed => self.below(4),
        }
    }

    /// The length of the next string or run of bytes, at the edges of the length encodings too.
    pub fn length(&mut self) -> usize {
        const EDGES: [usize; 6] = [23, 24, 31, 32, 255, 256];
        if self.style == Style::Mixed && self.long_left > 0 && self.below(400) == 0 {
            self.long_left -= 1;
            return 65_535 + self.below(2);
        }
        let edge = self.below(8) == 0;
        match self.style {
            Style::Minimal => 0,
            Style::Maximal => 40,
            Style::Mixed if edge => EDGES[self.below(EDGES.len())],
            Style::Mixed => self.below(13),
        }
    }

    /// Bytes of all values.
    pub fn bytes(&mut self) -> Vec<u8> {
        let length = self.length();
        (0..length).map(|_| self.source.u8(..)).collect()
    }

    /// Text: ASCII, or with control characters, quotes and wide characters of 2 to 4 bytes.
    pub fn text(&mut self) -> String {
        const ODD: [char; 16] = [
            'a',
            'Z',
            '0',
            ' ',
            '"',
            '\\',
            '\n',
            '\0',
            '\u{1b}',
            '\u{7f}',
            'é',
            'Ω',
            '字',
            '\u{feff}',
            '😀',
            '\u{10ffff}',
        ];
        let length = self.length();
        let odd = self.source.bool();
        let mut text = String::with_capacity(length);
        while text.len() < length {
            let left = length - text.len();
            let next = if odd {
                ODD[self.below(ODD.len())]
            } else {
                self.source.alphanumeric()
            };
            text.push(if next.len_utf8() <= left { next } else { 'x' });
        }
        text
    }

    /// A float of any size and sign; the non-finite ones are rare.
    pub fn float(&mut self) -> f64 {
        const EDGES: [f64; 10] = [
            0.0,
            -0.0,
            1.0,
            1.5,
            0.1,
            1e16,
            -1e-7,
            f64::MAX,
            f64::MIN_POSITIVE,
            5e-324,
        ];
        let (odd, edge) = (self.below(40) == 0, self.source.bool());
        match self.style {
            Style::Minimal => 0.0,
            Style::Maximal => f64::MAX,
            Style::Mixed if odd => [f64::NAN, f64::INFINITY, f64::NEG_INFINITY][self.below(3)],
            Style::Mixed if edge => EDGES[self.below(EDGES.len())],
            Style::Mixed => {
                let any = f64::from_bits(self.source.u64(..));
                if any.is_finite() { any } else { 0.25 }
            }
        }
    }
}

/// Types of which values can be generated.
pub trait Sample: Sized {
    /// The next value.
    fn sample(random: &mut Random) -> Self;

    /// The next collection of such values.
    fn samples(random: &mut Random) -> Vec<Self> {
        (0..random.count()).map(|_| Self::sample(random)).collect()
    }
}

macro_rules! sample_integers {
    ($($type:ty),*) => {$(
        impl Sample for $type {
            fn sample(random: &mut Random) -> Self {
                random.integer(<$type>::BITS) as $type
            }
        }
    )*};
}

sample_integers!(u16, u32, u64, usize, i64);

impl Sample for u8 {
    fn sample(random: &mut Random) -> Self {
        random.integer(8) as u8
    }

    fn samples(random: &mut Random) -> Vec<Self> {
        random.bytes()
    }
}

impl Sample for bool {
    fn sample(random: &mut Random) -> Self {
        random.coin()
    }
}

impl Sample for f32 {
    fn sample(random: &mut Random) -> Self {
        random.float() as f32
    }
}

impl Sample for String {
    fn sample(random: &mut Random) -> Self {
        random.text()
    }
}

impl<T: Sample> Sample for Vec<T> {
    fn sample(random: &mut Random) -> Self {
        T::samples(random)
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample(random: &mut Random) -> Self {
        random.coin().then(|| T::sample(random))
    }
}

impl<T: Sample, const N: usize> Sample for [T; N] {
    fn sample(random: &mut Random) -> Self {
        std::array::from_fn(|_| T::sample(random))
    }
}

impl<A: Sample, B: Sample> Sample for (A, B) {
    fn sample(random: &mut Random) -> Self {
        (A::sample(random), B::sample(random))
    }
}

impl<K: Sample + Eq + Hash, V: Sample> Sample for HashMap<K, V> {
    fn sample(random: &mut Random) -> Self {
        (0..random.count())
            .map(|_| (K::sample(random), V::sample(random)))
            .collect()
    }
}
