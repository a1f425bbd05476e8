//! Floating-point numbers that are short decimals, as most are that people have written.

use super::room::{Room, number, one};

/// A float that is a whole number of thousandths.
///
/// No two numbers of at most 15 digits are the same float, so that its digits are the shortest that
/// tell it from all others: those that every writer of floats finds, with more work.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    negative: bool,
    thousandths: u64,
}

impl Decimal {
    /// The decimal that `value` is, if it is one.
    #[inline]
    pub fn of(value: f64) -> Option<Self> {
        let size = value.abs();
        if size >= 1e12 || size.is_nan() {
            return None;
        }
        let thousandths = (size * 1000.0 + 0.5) as u64;
        // Division rounds correctly: the same float is what this decimal is read as.
        (thousandths as f64 / 1000.0 == size).then_some(Self {
            negative: value.is_sign_negative(),
            thousandths,
        })
    }

    /// Writes its digits, at least one behind the point; says where they end.
    #[inline]
    pub fn write(self, room: &mut Room, at: usize) -> usize {
        let at = if self.negative {
            one(room, at, b'-')
        } else {
            at
        };
        let at = number(room, at, self.thousandths / 1000);
        let mut at = one(room, at, b'.');
        let mut rest = self.thousandths % 1000;
        loop {
            at = one(room, at, b'0' + (rest / 100) as u8);
            rest = rest % 100 * 10;
            if rest == 0 {
                return at;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::JsonText;
    use super::*;

    fn written(value: f64) -> String {
        let mut text = JsonText::default();
        text.float(b':', None, value, false);
        String::from_utf8(text.as_bytes().to_vec()).unwrap()
    }

    fn expected(value: f64) -> String {
        format!(":{}", ryu::Buffer::new().format_finite(value))
    }

    #[test]
    fn decimals_have_the_digits_that_any_writer_finds() {
        let mut short = 0;
        for places in 0..6 {
            for digits in (0..2000).chain((0..50).map(|power: u32| 3_u64.pow(power % 40) + 7)) {
                let text = format!("{digits}e-{places}");
                let value: f64 = text.parse().unwrap();
                for value in [value, -value, value.next_up(), value.next_down()] {
                    short += u32::from(Decimal::of(value).is_some());
                    assert_eq!(written(value), expected(value), "{text}");
                }
            }
        }
        assert!(short > 10_000);
    }

    #[test]
    fn limits_and_special_values_are_left_alone() {
        for value in [1e12, -1e12, 1e15, 1e16, 1e300, 5e-324, 0.0001] {
            assert!(Decimal::of(value).is_none());
            assert_eq!(written(value), expected(value));
        }
        for value in [0.0, -0.0, 1e11, 999_999_999_999.999, 0.001, 0.5] {
            assert!(Decimal::of(value).is_some());
            assert_eq!(written(value), expected(value));
        }
        assert!(Decimal::of(f64::NAN).is_none() && Decimal::of(f64::INFINITY).is_none());
    }
}
