//! Arithmetic modulo a small number, and random prefix expressions in it.

use crate::rng::TaskRng;
use crate::split::Content;

/// Most operations in an expression.
pub const MAX_OPS: usize = 64;
/// Largest modulus.
pub const MAX_MODULUS: u32 = 127;
/// Symbols from here on are operations: `OP` + 0, 1, 2, 3 for addition, subtraction, multiplication, division.
pub const OP: u8 = 128;
/// Added to an operation that is written as its synonym.
pub const SYNONYM: u8 = 4;

/// Bytes copied at once: values up to the next operation, and what may be overwritten.
const RUN: usize = 8;
/// Values hashed at once; the last byte says how many there are and which operation they follow, or that there are more.
const PIECE: usize = RUN - 1;
const RUN_AT: u32 = 8 * PIECE as u32;
const CODE_AT: u32 = RUN_AT + 4;
const MORE: u64 = 0xFF << RUN_AT;
const SYMBOLS: usize = 2 * MAX_OPS + 1;
/// Right end of the symbols, with room before them for copies of whole runs.
const END: usize = RUN + SYMBOLS;
/// Right end of the values, with room before them for a word of values too many.
const VALUES: usize = 2 * RUN + MAX_OPS + 1;
/// Up to this modulus, twelve values are drawn from one random word; above, eight are.
const TWELVE: u32 = 28;
/// Trees of up to so many operations come from a table.
const TABLED: usize = 7;
const FACTORIALS: [usize; TABLED + 1] = [1, 1, 2, 6, 24, 120, 720, 5040];
/// Where the trees of each number of operations begin in the table.
const FIRSTS: [usize; TABLED + 2] = [0, 1, 2, 4, 10, 34, 154, 874, 5914];
/// Draws before an expression free of division by zero is made instead of found; see [`Residues::share_defined`].
const MAX_DRAWS: u32 = 1024;

/// The shapes of small trees: a bit for each symbol from the last but one to the first, set for operations; the last symbol
/// is always a value. Trees of n operations have n! entries, so that one of them at random follows the law of
/// [`Residues::draw`]: the left size is uniform, and what is left of the entry's number decides both parts.
static SHAPES: [u16; FIRSTS[TABLED + 1]] = {
    let mut table = [0; FIRSTS[TABLED + 1]];
    let mut size = 1;
    while size <= TABLED {
        let mut at = 0;
        while at < FACTORIALS[size] {
            let left = at % size;
            let right = size - 1 - left;
            // Below (size - 1)!, a multiple of the numbers of left and right trees together.
            let rest = at / size;
            let a = table[FIRSTS[left] + rest % FACTORIALS[left]];
            let b = table[FIRSTS[right] + rest / FACTORIALS[left] % FACTORIALS[right]];
            table[FIRSTS[size] + at] = b | a << (2 * right + 1) | 1 << (2 * size - 1);
            at += 1;
        }
        size += 1;
    }
    table
};

/// An expression in prefix notation: values as they are, operations from [`OP`] on.
#[derive(Clone, Debug)]
pub struct Expression {
    /// The symbols, up to the right end.
    symbols: [u8; END],
    first: usize,
    /// What it evaluates to.
    pub value: u8,
    /// What [`content`] says of the symbols.
    pub content: Content,
}

impl Default for Expression {
    fn default() -> Self {
        Self { symbols: [0; END], first: END - 1, value: 0, content: Content::new(0) }
    }
}

impl Expression {
    /// The symbols, operations with or without [`SYNONYM`].
    #[inline]
    pub fn symbols(&self) -> &[u8] {
        &self.symbols[self.first..]
    }
}

/// Hash the symbols from the last to the first, synonyms left out: a word for every operation and the values between it
/// and the operation before, and one for each seven values more.
pub fn content(salt: u64, symbols: &[u8]) -> Content {
    let (mut found, mut values, mut run) = (Content::new(salt), 0, 0);
    for &symbol in symbols.iter().rev() {
        if symbol >= OP {
            found = found.fact(values | run << RUN_AT | u64::from(symbol % 4) << CODE_AT);
            (values, run) = (0, 0);
            continue;
        }
        if run == PIECE as u64 {
            found = found.fact(values | MORE);
            (values, run) = (0, 0);
        }
        (values, run) = (values << 8 | u64::from(symbol), run + 1);
    }
    found
}

/// The operations on 0 .. modulus, as tables. A value that is not defined, written as the modulus, makes all undefined
/// that is computed from it.
#[derive(Clone, Debug)]
pub struct Residues {
    modulus: u32,
    salt: u64,
    /// The operations in use, as codes 0 to 3.
    codes: Vec<u8>,
    /// All pairs of the operations in use, each with and without [`SYNONYM`].
    ops: Vec<[u8; 2]>,
    /// All pairs of values.
    values: Vec<[u8; 2]>,
    /// By code of the operation, left and right value, these in so many bits each.
    table: Vec<u8>,
    bits: u32,
}

impl Residues {
    /// Operations are codes 0 to 3; division is defined where the modulus is prime. Contents begin with the salt.
    pub fn new(modulus: u32, codes: &[u8], salt: u64) -> Self {
        let inverse = |b: u32| (1..modulus).find(|x| x * b % modulus == 1);
        let apply = |op: u32, a: u32, b: u32| match op {
            _ if a >= modulus || b >= modulus => modulus,
            0 => (a + b) % modulus,
            1 => (a + modulus - b) % modulus,
            2 => a * b % modulus,
            _ => inverse(b).map_or(modulus, |x| a * x % modulus),
        };
        let bits = (modulus + 1).next_power_of_two().ilog2();
        let side = 1 << bits;
        let cell = |at: u32| apply(at >> (2 * bits), at / side % side, at % side) as u8;
        let ops: Vec<u8> = codes.iter().flat_map(|code| [OP + code, OP + code + SYNONYM]).collect();
        let values: Vec<u8> = (0..modulus as u8).collect();
        let pairs = |of: &[u8]| of.iter().flat_map(|&a| of.iter().map(move |&b| [a, b])).collect();
        Self {
            modulus,
            salt,
            codes: codes.to_vec(),
            ops: pairs(&ops),
            values: pairs(&values),
            table: (0..4 * side * side).map(cell).collect(),
            bits,
        }
    }

    /// Draw an expression of `size` operations: operations, whether they are synonyms, and values uniform; the operations
    /// left of the topmost one uniform in number, and so on within. One that divides by zero is discarded as a whole.
    #[inline]
    pub fn draw(&self, rng: &mut TaskRng, size: u32, found: &mut Expression) {
        for _ in 0..MAX_DRAWS {
            rng.in_registers(|rng| self.draw_any(rng, size as usize, found));
            if u32::from(found.value) < self.modulus {
                return;
            }
        }
        // One divided by one is one.
        for symbol in &mut found.symbols[found.first..] {
            *symbol = if *symbol < OP { 1 } else { *symbol | 3 };
        }
        found.value = 1;
        found.content = content(self.salt, found.symbols());
    }

    #[inline]
    fn draw_any(&self, rng: &mut TaskRng, size: usize, found: &mut Expression) {
        let mut ops = [0; MAX_OPS];
        for chunk in ops.as_chunks_mut::<16>().0.iter_mut().take(size.div_ceil(16)) {
            draw_pairs::<8>(rng, &self.ops, chunk);
        }
        let mut values = [0; VALUES];
        if self.modulus <= TWELVE {
            for chunk in values.rchunks_exact_mut(12).take(size / 12 + 1) {
                draw_pairs::<6>(rng, &self.values, chunk);
            }
        } else {
            for chunk in values.rchunks_exact_mut(8).take(size / 8 + 1) {
                draw_pairs::<4>(rng, &self.values, chunk);
            }
        }
        self.put_together(draw_shape(rng, size), &ops[..size], &values, found);
    }

    /// Write and evaluate an expression from its end: values up to the next operation are copied to a stack that grows to
    /// the left, and the operation takes two from there.
    #[inline]
    fn put_together(&self, mut shape: u128, ops: &[u8], values: &[u8; VALUES], found: &mut Expression) {
        let mut stack = [0; VALUES + 1];
        let (mut at, mut top, mut next) = (END, VALUES, VALUES);
        let mut content = Content::new(self.salt);
        // The last symbol is not in the shape.
        let mut run = 1;
        for &op in ops {
            let zeros = shape.trailing_zeros() as usize;
            shape = shape >> zeros >> 1;
            run += zeros;
            let mut put = |at: usize, top: usize, next: usize| {
                let piece: [u8; RUN] = std::array::from_fn(|i| values[next - RUN..next][i]);
                found.symbols[at - RUN..at].copy_from_slice(&piece);
                stack[top - RUN..top].copy_from_slice(&piece);
                u64::from_le_bytes(piece)
            };
            while run > PIECE {
                content = content.fact(put(at, top, next) >> 8 | MORE);
                (at, top, next, run) = (at - PIECE, top - PIECE, next - PIECE, run - PIECE);
            }
            let last = put(at, top, next) >> 1 >> (63 - 8 * run);
            (at, top, next) = (at - run - 1, top - run, next - run);
            found.symbols[at] = op;
            let code = usize::from(op % 4);
            content = content.fact(last | (run as u64) << RUN_AT | (code as u64) << CODE_AT);
            let [a, b] = [stack[top], stack[top + 1]].map(usize::from);
            top += 1;
            stack[top] = self.table[(code << self.bits | a) << self.bits | b];
            run = 0;
        }
        (found.first, found.value, found.content) = (at, stack[top], content);
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
                for &op in &self.codes {
                    let (whole, null) = match op {
                        0 | 1 => ((za + oa) * (zb + ob), za * zb + oa * ob / units),
                        2 => ((za + oa) * (zb + ob), za * (zb + ob) + oa * zb),
                        _ => ((za + oa) * ob, za * ob),
                    };
                    z += null;
                    o += whole - null;
                }
            }
            let ways = (size * self.codes.len()) as f64;
            zero.push(z / ways);
            other.push(o / ways);
        }
        zero.iter().zip(&other).map(|(z, o)| z + o).collect()
    }
}

/// Fill with uniform pairs, all from one random word.
#[inline]
fn draw_pairs<const N: usize>(rng: &mut TaskRng, pairs: &[[u8; 2]], into: &mut [u8]) {
    let draws = rng.below_each([pairs.len() as u32; N]);
    for (pair, draw) in into.as_chunks_mut().0.iter_mut().zip(draws) {
        *pair = pairs[draw as usize];
    }
}

/// Draw the shape of a tree, as in the table of small ones.
#[inline]
fn draw_shape(rng: &mut TaskRng, size: usize) -> u128 {
    // Left parts that are still to be drawn: their operations, and where they begin.
    let mut waiting = [(0, 0); MAX_OPS];
    let mut count = 0;
    let mut shape = 0;
    let (mut size, mut at) = (size, 0);
    loop {
        while size > TABLED {
            let left = rng.below(size as u32) as usize;
            shape |= 1 << (at + 2 * size - 1);
            size -= 1 + left;
            waiting[count] = (left, at + 2 * size + 1);
            count += 1;
        }
        let entry = rng.below(FACTORIALS[size] as u32) as usize;
        shape |= u128::from(SHAPES[FIRSTS[size] + entry]) << at;
        if count == 0 {
            return shape;
        }
        count -= 1;
        (size, at) = waiting[count];
    }
}
