//! Operations that permute a list: swaps, rotations, reversals; drawn from tables and followed in vector registers.

use crate::rng::TaskRng;

/// Largest list.
pub const MAX_PLACES: usize = 64;
/// Elements followed at once: a vector register of bytes.
const LANES: usize = 16;

/// Exchange two places.
pub const SWAP: u8 = 0;
/// Move every element some places to the left, around the end.
pub const LEFT: u8 = 1;
/// Move every element some places to the right, around the end.
pub const RIGHT: u8 = 2;
/// Reverse a stretch.
pub const REVERSE: u8 = 3;

/// One operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Op {
    /// [`SWAP`], [`LEFT`], [`RIGHT`] or [`REVERSE`].
    pub kind: u8,
    /// First place, or the amount of a rotation.
    pub a: u8,
    /// Second place, 0 for a rotation.
    pub b: u8,
}

impl Op {
    /// An operation.
    pub fn new(kind: u8, a: u8, b: u8) -> Self {
        Self { kind, a, b }
    }

    /// Is it a rotation?
    pub fn is_rotation(self) -> bool {
        self.kind == LEFT || self.kind == RIGHT
    }

    /// Where the element at `place` goes.
    pub fn forward(self, place: u8, n: u8) -> u8 {
        let Self { kind, a, b } = self;
        match kind {
            SWAP if place == a => b,
            SWAP if place == b => a,
            LEFT => (place + n - a) % n,
            RIGHT => (place + a) % n,
            REVERSE if (a..=b).contains(&place) => a + b - place,
            _ => place,
        }
    }

    /// Where the element at `place` came from.
    pub fn backward(self, place: u8, n: u8) -> u8 {
        let kind = match self.kind {
            LEFT => RIGHT,
            RIGHT => LEFT,
            own_inverse => own_inverse,
        };
        Self { kind, ..self }.forward(place, n)
    }

    /// A canonical number of 14 bits: the order in which a swap names its places means nothing.
    pub fn fact(self) -> u16 {
        u16::from(self.kind) << 12 | u16::from(self.a.max(self.b)) << 6 | u16::from(self.a.min(self.b))
    }
}

/// Where the element that ends at `place` began, and how many operations moved it.
pub fn walk_back(ops: &[Op], place: u8, n: u8) -> (u8, u32) {
    ops.iter().rev().fold((place, 0), |(place, depth), op| {
        let before = op.backward(place, n);
        (before, depth + u32::from(before != place))
    })
}

/// An operation with everything that a row needs of it, worked out once: operations are drawn from a table of these, so
/// that the loops over them have no branch on the kind, which would be guessed wrong half of the time.
#[derive(Clone, Copy, Debug)]
pub struct Move<P> {
    /// The operation.
    pub op: Op,
    /// [`Op::fact`].
    pub fact: u16,
    /// What the task keeps with it.
    pub payload: P,
    /// The effect on places: a shift around the ring, then a reflection of the `span` from `low` on, or of its ends only.
    shift: [u8; LANES],
    low: [u8; LANES],
    span: [u8; LANES],
    inner: [u8; LANES],
}

impl<P> Move<P> {
    fn new(op: Op, n: u8, payload: P) -> Self {
        let Op { kind, a, b } = op;
        let (shift, low, span, inner) = match kind {
            LEFT => (n - a, 0, 0, 0),
            RIGHT => (a, 0, 0, 0),
            REVERSE => (0, a, b - a, u8::MAX),
            _ => (0, a.min(b), a.abs_diff(b), 0),
        };
        let [shift, low, span, inner] = [shift, low, span, inner].map(|byte| [byte; LANES]);
        Self { op, fact: op.fact(), payload, shift, low, span, inner }
    }

    /// Move every element.
    #[inline]
    fn step(&self, places: &mut [u8; LANES], n: u8) {
        for (i, place) in places.iter_mut().enumerate() {
            let (low, span) = (self.low[i], self.span[i]);
            let moved = place.wrapping_add(self.shift[i]);
            // Past the end, subtracting n brings the place back; before it, the subtraction wraps to something large.
            let offset = moved.min(moved.wrapping_sub(n)).wrapping_sub(low);
            let inside = if offset <= span { u8::MAX } else { 0 };
            let end = if offset == 0 || offset == span { u8::MAX } else { 0 };
            let reflect = inside & (self.inner[i] | end) != 0;
            *place = if reflect { span.wrapping_sub(offset) } else { offset }.wrapping_add(low);
        }
    }

    /// Move every element back, and count those that were moved.
    #[inline]
    fn step_back(&self, places: &mut [u8; LANES], moved: &mut [u16; LANES], n: u8) {
        for (i, (place, moved)) in places.iter_mut().zip(moved).enumerate() {
            let (low, span) = (self.low[i], self.span[i]);
            let offset = place.wrapping_sub(low);
            let inside = if offset <= span { u8::MAX } else { 0 };
            let end = if offset == 0 || offset == span { u8::MAX } else { 0 };
            let reflect = inside & (self.inner[i] | end) != 0;
            let reflected = if reflect { span.wrapping_sub(offset) } else { offset }.wrapping_add(low);
            // Before the start, the subtraction wraps to something large, which adding n brings back.
            let shifted = reflected.wrapping_sub(self.shift[i]);
            let before = shifted.min(shifted.wrapping_add(n));
            *moved += u16::from(before != *place);
            *place = before;
        }
    }
}

/// All equally likely operations on a list of `n`.
#[derive(Clone, Debug)]
pub struct Moves<P> {
    n: u8,
    entries: Vec<Move<P>>,
}

impl<P> Moves<P> {
    /// The table for `n` in `2..=64`: 4 kinds, each with n (n - 1) entries. A swap is an ordered pair, a reversal an
    /// unordered one listed twice, a rotation an amount listed n times.
    pub fn new(n: u8, payload: impl Fn(Op) -> P) -> Self {
        let pairs = (0..n).flat_map(|a| (0..n).filter(move |&b| b != a).map(move |b| (a, b)));
        let amounts = (0..n).flat_map(|_| 1..n);
        let swaps = pairs.clone().map(|(a, b)| Op::new(SWAP, a, b));
        let reverses = pairs.map(|(a, b)| Op::new(REVERSE, a.min(b), a.max(b)));
        let lefts = amounts.clone().map(|k| Op::new(LEFT, k, 0));
        let rights = amounts.map(|k| Op::new(RIGHT, k, 0));
        let all = swaps.chain(lefts).chain(rights).chain(reverses);
        Self { n, entries: all.map(|op| Move::new(op, n, payload(op))).collect() }
    }

    /// Draw an entry.
    #[inline]
    pub fn draw(&self, rng: &mut TaskRng) -> u16 {
        rng.below(self.entries.len() as u32) as u16
    }

    /// The operation of an entry.
    #[inline]
    pub fn get(&self, entry: u16) -> &Move<P> {
        &self.entries[usize::from(entry)]
    }

    /// Where the element of each place ends, after all operations. The two halves of the operations are followed side by
    /// side and then joined: half the length of the one chain of dependent steps.
    #[inline]
    pub fn follow(&self, moves: &[u16]) -> [u8; MAX_PLACES] {
        let (early, late) = moves.split_at(moves.len() / 2);
        let (mut ends, mut late_ends) = ([0u8; MAX_PLACES], [0u8; MAX_PLACES]);
        let chunks = ends.as_chunks_mut::<LANES>().0.iter_mut().zip(late_ends.as_chunks_mut::<LANES>().0);
        let used = usize::from(self.n).div_ceil(LANES);
        for (first, (end, late_end)) in (0..).step_by(LANES).zip(chunks.take(used)) {
            let start: [u8; LANES] = std::array::from_fn(|i| first + i as u8);
            let (mut a, mut b) = (start, start);
            for (&x, &y) in early.iter().zip(late) {
                self.get(x).step(&mut a, self.n);
                self.get(y).step(&mut b, self.n);
            }
            if late.len() > early.len() {
                self.get(late[late.len() - 1]).step(&mut b, self.n);
            }
            (*end, *late_end) = (a, b);
        }
        for end in &mut ends[..usize::from(self.n)] {
            *end = late_ends[usize::from(*end) % MAX_PLACES];
        }
        ends
    }

    /// How many operations moved each of the elements that end at these places.
    pub fn depths(&self, moves: &[u16], ends: impl Iterator<Item = u8>) -> [u16; MAX_PLACES] {
        let (mut places, mut depths, mut count) = ([0u8; MAX_PLACES], [0u16; MAX_PLACES], 0usize);
        for (place, end) in places.iter_mut().zip(ends) {
            *place = end;
            count += 1;
        }
        let chunks = places.as_chunks_mut::<LANES>().0.iter_mut().zip(depths.as_chunks_mut::<LANES>().0);
        for (places, depths) in chunks.take(count.div_ceil(LANES)) {
            let (mut at, mut moved) = (*places, *depths);
            for &entry in moves.iter().rev() {
                self.get(entry).step_back(&mut at, &mut moved, self.n);
            }
            *depths = moved;
        }
        depths
    }

    /// Draw operations, one for each flag, that move one tracked element exactly where the flag says so; its first place is
    /// uniform, its last is returned. The list must have at least three elements.
    pub fn draw_moving(&self, rng: &mut TaskRng, moving: &[bool], moves: &mut Vec<u16>) -> u8 {
        let mut place = rng.below(u32::from(self.n)) as u8;
        let forward = |entry: u16, place| self.get(entry).op.forward(place, self.n);
        for &wanted in moving {
            // With three or more elements either kind has probability at least 1/6: 512 tries fail with probability
            // 10^-40, and then the first entry of the kind stands in.
            let does = |&entry: &u16| (forward(entry, place) != place) == wanted;
            let drawn = (0..512).map(|_| self.draw(rng)).find(does);
            let entry = drawn.or_else(|| (0..self.entries.len() as u16).find(does)).unwrap_or_default();
            place = forward(entry, place);
            moves.push(entry);
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::StreamKey;

    /// What an operation says it does, on a plain list.
    fn apply(op: Op, list: &mut [u8]) {
        let (a, b) = (usize::from(op.a), usize::from(op.b));
        match op.kind {
            SWAP => list.swap(a, b),
            LEFT => list.rotate_left(a),
            RIGHT => list.rotate_right(a),
            _ => list[a..=b].reverse(),
        }
    }

    #[test]
    fn vectors_and_single_places_agree_with_a_plain_list() {
        let mut rng = StreamKey::new("t", "", 4, 0).rng(0.into(), 0);
        for n in [2u8, 3, 7, 15, 16, 17, 32, 63, 64] {
            let table = Moves::new(n, |_| ());
            for count in [0, 1, 2, 5, 40] {
                let moves: Vec<u16> = (0..count).map(|_| table.draw(&mut rng)).collect();
                let mut list: Vec<u8> = (0..n).collect();
                for &entry in &moves {
                    apply(table.get(entry).op, &mut list);
                }
                let ends = table.follow(&moves);
                let depths = table.depths(&moves, 0..n);
                let ops: Vec<Op> = moves.iter().map(|&entry| table.get(entry).op).collect();
                for start in 0..n {
                    let walk = |place, &entry: &u16| table.get(entry).op.forward(place, n);
                    let end = moves.iter().fold(start, walk);
                    assert_eq!((list[usize::from(end)], ends[usize::from(start)]), (start, end), "n = {n}");
                    assert_eq!(walk_back(&ops, end, n), (start, depths[usize::from(end)].into()), "n = {n}");
                    let back = |place, &entry: &u16| table.get(entry).op.backward(place, n);
                    assert_eq!(moves.iter().rev().fold(end, back), start, "n = {n}");
                }
            }
        }
    }

    #[test]
    fn facts_tell_operations_apart_but_not_the_two_spellings_of_a_swap() {
        let table = Moves::new(6, |_| ());
        let facts: std::collections::BTreeSet<u16> = table.entries.iter().map(|m| m.fact).collect();
        assert_eq!(facts.len(), 15 + 15 + 5 + 5);
        assert_eq!(Op::new(SWAP, 4, 1).fact(), Op::new(SWAP, 1, 4).fact());
    }
}
