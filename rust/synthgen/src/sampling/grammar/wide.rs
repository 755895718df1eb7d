//! Floating-point numbers with a range without end: the probability of a string of thousands of terminals underflows f64.

use std::ops::{Add, Mul};

/// `value * 2^(256 * exponent)`, never negative. Unless it is zero, `value` lies above 2^-256.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wide {
    value: f64,
    exponent: i32,
}

/// 2^256 and its inverse, exactly.
const UP: f64 = (1u128 << 64) as f64 * (1u128 << 64) as f64 * (1u128 << 64) as f64 * (1u128 << 64) as f64;
const DOWN: f64 = 1.0 / UP;

impl Wide {
    pub const ZERO: Self = Self { value: 0.0, exponent: 0 };
    pub const ONE: Self = Self { value: 1.0, exponent: 0 };

    /// A number that is not negative.
    pub fn new(value: f64) -> Self {
        Self { value, exponent: 0 }.normal()
    }

    pub fn is_zero(self) -> bool {
        self.value == 0.0
    }

    /// The quotient as a plain number, 0 where it underflows; `other` must not be zero.
    pub fn over(self, other: Self) -> f64 {
        if self.is_zero() {
            return 0.0;
        }
        let quotient = self.value / other.value;
        match self.exponent - other.exponent {
            0 => quotient,
            difference => quotient * UP.powi(difference),
        }
    }

    fn normal(mut self) -> Self {
        while self.value <= DOWN && self.value > 0.0 {
            self.value *= UP;
            self.exponent -= 1;
        }
        self
    }
}

impl Mul for Wide {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self { value: self.value * other.value, exponent: self.exponent + other.exponent }.normal()
    }
}

impl Add for Wide {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        // Zero has no exponent of its own.
        if self.is_zero() {
            return other;
        }
        if other.is_zero() {
            return self;
        }
        let (large, small) = if self.exponent >= other.exponent { (self, other) } else { (other, self) };
        let small = match large.exponent - small.exponent {
            0 => small.value,
            1 => small.value * DOWN,
            // Below the last bit of the larger one.
            _ => 0.0,
        };
        Self { value: large.value + small, exponent: large.exponent }
    }
}

#[cfg(test)]
// Powers of two are exact.
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    /// All of these are exact.
    fn assert_same(found: f64, wanted: f64) {
        assert_eq!(found.to_bits(), wanted.to_bits(), "{found} {wanted}");
    }

    #[test]
    fn products_do_not_underflow_and_sums_align() {
        let mut tiny = Wide::ONE;
        for _ in 0..5000 {
            tiny = tiny * Wide::new(0.25);
        }
        assert!(!tiny.is_zero());
        assert_same(tiny.over(tiny), 1.0);
        assert_same((tiny + tiny).over(tiny), 2.0);
        assert_same((tiny * Wide::new(0.125)).over(tiny), 0.125);
        assert_same(tiny.over(Wide::ONE), 0.0);
        assert_same((Wide::ONE + tiny).over(Wide::ONE), 1.0);
        assert_same(Wide::ZERO.over(tiny), 0.0);
        assert_same((Wide::ZERO + tiny).over(tiny), 1.0);
        assert_same((tiny + Wide::ZERO).over(tiny), 1.0);
        let (a, b) = (Wide::new(2f64.powi(-250)), Wide::new(2f64.powi(-260)));
        assert_same((a + b).over(a), 1.0 + 2f64.powi(-10));
        assert_same((b + a).over(b), 1025.0);
    }
}
