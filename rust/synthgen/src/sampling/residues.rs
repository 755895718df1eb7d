//! Arithmetic modulo a small number, and random prefix expressions in it.

use crate::rng::TaskRng;

/// Most operations in an expression.
pub const MAX_OPS: usize = 64;
/// Largest modulus.
pub const MAX_MODULUS: u32 = 127;
/// Symbols from here on are operations: `OP` + 0, 1, 2, 3 for addition, subtraction, multiplication, division.
pub const OP: u8 = 128;

const SYMBOLS: usize = 2 * MAX_OPS + 1;
/// Values drawn from one random word.
const VALUES: usize = 8;
/// Draws before an expression free of division by zero is made instead of found; see [`Residues::share_defined`].
const MAX_DRAWS: u32 = 1024;

/// An expression in prefix notation: values as they are, operations from [`OP`] on.
#[derive(Clone, Debug)]
pub struct Expression {
    symbols: [u8; SYMBOLS],
    len: usize,
    /// What it evaluates to.
    pub value: u8,
}

impl Default for Expression {
    fn default() -> Self {
        Self { symbols: [0; SYMBOLS], len: 1, value: 0 }
    }
}

impl Expression {
    /// The symbols.
    #[inline]
    pub fn symbols(&self) -> &[u8] {
        &self.symbols[..self.len]
    }
}

/// The operations on 0 .. modulus, as tables. A value that is not defined, written as the modulus, makes all undefined
/// that is computed from it.
#[derive(Clone, Debug)]
pub struct Residues {
    modulus: u32,
    /// The operations in use, as codes 0 to 3.
    ops: Vec<u8>,
    /// By operation in use, left and right value.
    table: Vec<u8>,
}

impl Residues {
    /// Operations are codes 0 to 3; division is defined where the modulus is prime.
    pub fn new(modulus: u32, ops: &[u8]) -> Self {
        let side = modulus + 1;
        let inverse = |b: u32| (1..modulus).find(|x| x * b % modulus == 1);
        let apply = |op: u8, a: u32, b: u32| match op {
            _ if a == modulus || b == modulus => modulus,
            0 => (a + b) % modulus,
            1 => (a + modulus - b) % modulus,
            2 => a * b % modulus,
            _ => inverse(b).map_or(modulus, |x| a * x % modulus),
        };
        let cell = |op| (0..side * side).map(move |at| apply(op, at / side, at % side) as u8);
        Self { modulus, ops: ops.to_vec(), table: ops.iter().flat_map(|&op| cell(op)).collect() }
    }

    /// Draw an expression of `size` operations: operations and values uniform; the operations left of the topmost one
    /// uniform in number, and so on within. One that divides by zero is discarded as a whole.
    #[inline]
    pub fn draw(&self, rng: &mut TaskRng, size: u32, found: &mut Expression) {
        for _ in 0..MAX_DRAWS {
            rng.in_registers(|rng| self.draw_any(rng, size, found));
            if u32::from(found.value) < self.modulus {
                return;
            }
        }
        // One divided by one is one.
        for symbol in &mut found.symbols[..found.len] {
            *symbol = if *symbol < OP { 1 } else { OP + 3 };
        }
        found.value = 1;
    }

    #[inline]
    fn draw_any(&self, rng: &mut TaskRng, size: u32, found: &mut Expression) {
        let mut values = [0; MAX_OPS + VALUES];
        for chunk in values.as_chunks_mut::<VALUES>().0.iter_mut().take(size as usize / VALUES + 1) {
            *chunk = rng.below_each([self.modulus; VALUES]).map(|value| value as u8);
        }
        found.len = 2 * size as usize + 1;
        let mut grown = Growing { residues: self, rng, values: &values, symbols: &mut found.symbols, at: 0, leaf: 0 };
        found.value = grown.grow(size);
    }

    /// The share of expressions of each size up to `most` that divide by zero nowhere, for a prime modulus.
    ///
    /// Multiplying leaves by a unit u (both sides of a sum, the left side of a product or quotient) multiplies the value by
    /// u. So all values but zero are equally likely, and two numbers say all about the values of a size.
    pub fn share_defined(&self, most: u32) -> Vec<f64> {
        let units = f64::from(self.modulus - 1);
        let all = f64::from(self.modulus);
        let mut zero = vec![1.0 / all];
        let mut other = vec![units / all];
        for size in 1..=most as usize {
            let (mut z, mut o) = (0.0, 0.0);
            for left in 0..size {
                let right = size - 1 - left;
                let (za, oa, zb, ob) = (zero[left], other[left], zero[right], other[right]);
                for &op in &self.ops {
                    let (whole, null) = match op {
                        0 | 1 => ((za + oa) * (zb + ob), za * zb + oa * ob / units),
                        2 => ((za + oa) * (zb + ob), za * (zb + ob) + oa * zb),
                        _ => ((za + oa) * ob, za * ob),
                    };
                    z += null;
                    o += whole - null;
                }
            }
            let ways = (size * self.ops.len()) as f64;
            zero.push(z / ways);
            other.push(o / ways);
        }
        zero.iter().zip(&other).map(|(z, o)| z + o).collect()
    }
}

/// An expression being written.
struct Growing<'a> {
    residues: &'a Residues,
    rng: &'a mut TaskRng,
    values: &'a [u8; MAX_OPS + VALUES],
    symbols: &'a mut [u8; SYMBOLS],
    at: usize,
    leaf: usize,
}

impl Growing<'_> {
    /// Write an expression of `size` operations and return its value. The depth of the recursion is at most `MAX_OPS`.
    fn grow(&mut self, size: u32) -> u8 {
        let at = self.at;
        self.at += 1;
        if size == 0 {
            let value = self.values[self.leaf];
            self.leaf += 1;
            self.symbols[at] = value;
            return value;
        }
        let r = self.residues;
        let [op, left] = self.rng.below_each([r.ops.len() as u32, size]);
        self.symbols[at] = OP + r.ops[op as usize];
        let a = u32::from(self.grow(left));
        let b = u32::from(self.grow(size - 1 - left));
        let side = r.modulus + 1;
        r.table[((op * side + a) * side + b) as usize]
    }
}
