//! A family of rules compiled for drawing: which of them fit what is shown, and do they agree on what is asked?
//!
//! Every rule of one or two steps has a normal form: look at the letters as they are, sorted, or without their
//! consecutive repeats; pick from them by a table of places; shift; then leave the result, sort it, or remove its
//! repeats. The letters seen are those of an alphabet of unknown size, so a shift stands for as many functions as there
//! are sizes above the letters seen: the sizes that still fit are the bits of a mask.

use super::pair::{LONG, Pair, WIDE, from_bit};
use super::rules::{ALPHABETS, LENGTHS, Rule, Step};

/// Bits of the sizes of alphabet.
const SIZES: u32 = (2 << *ALPHABETS.end()) - (1 << *ALPHABETS.start());
/// Where a rule picks its letters from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    Plain,
    Sorted,
    Deduped,
}

/// What is done with them in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finish {
    Keep,
    Sort,
    Dedup,
}

/// A rule in normal form; `tables[n]` is a run of the pool: which of n letters are picked.
#[derive(Clone, Debug)]
struct Plan {
    view: View,
    finish: Finish,
    shift: u8,
    tables: [(u32, u32); WIDE],
}

/// The letters of an input in all views.
struct Views {
    plain: [u8; WIDE],
    sorted: [u8; WIDE],
    deduped: [u8; WIDE],
    n: usize,
    deduped_n: usize,
}

/// A compiled family. Rules are known by their places in the family.
#[derive(Debug)]
pub struct Compiled {
    plans: Vec<Plan>,
    pool: Vec<u8>,
    /// Rules that do nothing but pick letters, by the lengths of input and output, each with the places of its first and
    /// of its last letter.
    picking: Vec<Vec<(u16, u8, u8)>>,
    /// Other rules whose output has a length that the length of the input decides, by both.
    steady: Vec<Vec<u16>>,
    /// Rules that first remove repeats, by the length of what remains and that of the output.
    after_dedup: Vec<Vec<u16>>,
    /// Rules that remove repeats last.
    loose: Vec<u16>,
    all_views: bool,
}

/// Where the letters come from that a step leaves of `n`: all from their own places, if it does not move letters.
fn origins(step: Step, n: usize) -> Vec<usize> {
    let of = |len: usize, from: &dyn Fn(usize) -> usize| (0..len).map(from).collect();
    match step {
        Step::Reverse => of(n, &|j| n - 1 - j),
        Step::RotateLeft(k) => of(n, &|j| (j + usize::from(k)) % n),
        Step::RotateRight(k) => of(n, &|j| (j + n - usize::from(k) % n) % n),
        Step::DropFirst(k) => of(n.saturating_sub(usize::from(k)), &|j| j + usize::from(k)),
        Step::DropLast(k) => of(n.saturating_sub(usize::from(k)), &|j| j),
        Step::DuplicateEach => of(2 * n, &|j| j / 2),
        Step::Every(step, from) => {
            let (step, from) = (usize::from(step), usize::from(from));
            of(n.saturating_sub(from).div_ceil(step), &|j| from + step * j)
        }
        Step::InterleaveHalves => of(n, &|j| if j == n / 2 * 2 { j } else { j / 2 + j % 2 * (n / 2) }),
        Step::SwapPairs => of(n, &|j| if j ^ 1 < n { j ^ 1 } else { j }),
        Step::ReverseChunks(k) => {
            let k = usize::from(k);
            of(n, &|j| j / k * k + (j / k * k + k).min(n) - 1 - j)
        }
        Step::Mirror => of(2 * n, &|j| if j < n { j } else { 2 * n - 1 - j }),
        Step::RemoveConsecutiveDups | Step::Sort | Step::CaesarShift(_) => of(n, &|j| j),
    }
}

impl Plan {
    fn new(rule: Rule, pool: &mut Vec<u8>) -> Self {
        let mut plan = Self { view: View::Plain, finish: Finish::Keep, shift: 0, tables: [(0, 0); WIDE] };
        let mut moves = Vec::new();
        for step in [Some(rule.first), rule.then].into_iter().flatten() {
            // What the first of two steps leaves is what the second looks at.
            plan.view = match std::mem::replace(&mut plan.finish, Finish::Keep) {
                Finish::Keep => plan.view,
                Finish::Sort => View::Sorted,
                Finish::Dedup => View::Deduped,
            };
            match step {
                Step::Sort => plan.finish = Finish::Sort,
                Step::RemoveConsecutiveDups => plan.finish = Finish::Dedup,
                Step::CaesarShift(k) => plan.shift += k,
                _ => moves.push(step),
            }
        }
        for n in 1..=*LENGTHS.end() {
            let mut places: Vec<u8> = (0..n as u8).collect();
            for &step in &moves {
                places = origins(step, places.len()).into_iter().map(|from| places[from]).collect();
            }
            plan.tables[n] = (pool.len() as u32, (pool.len() + places.len()) as u32);
            // Tables are read by eights.
            places.resize(places.len().next_multiple_of(8), 0);
            pool.extend(places);
        }
        plan
    }

    fn only_picks(&self) -> bool {
        (self.view, self.finish, self.shift) == (View::Plain, Finish::Keep, 0)
    }
}

impl Views {
    #[inline]
    fn new(pair: &Pair, all: bool) -> Self {
        let n = usize::from(pair.n);
        let mut views = Self { plain: pair.input, sorted: [0; WIDE], deduped: [0; WIDE], n, deduped_n: 0 };
        if all {
            views.sorted = pair.input;
            views.sorted[..n].sort_unstable();
            for (i, &c) in pair.input().iter().enumerate() {
                if i == 0 || c != pair.input[i - 1] {
                    views.deduped[views.deduped_n] = c;
                    views.deduped_n += 1;
                }
            }
        }
        views
    }

    #[inline]
    fn of(&self, view: View) -> (&[u8; WIDE], usize) {
        match view {
            View::Plain => (&self.plain, self.n),
            View::Sorted => (&self.sorted, self.n),
            View::Deduped => (&self.deduped, self.deduped_n),
        }
    }
}

impl Compiled {
    /// Compile a family.
    pub fn new(rules: &[Rule]) -> Self {
        let mut pool = Vec::new();
        let plans: Vec<Plan> = rules.iter().map(|&rule| Plan::new(rule, &mut pool)).collect();
        let mut family = Self {
            picking: vec![Vec::new(); WIDE * (LONG + 1)],
            steady: vec![Vec::new(); WIDE * (LONG + 1)],
            after_dedup: vec![Vec::new(); WIDE * (LONG + 1)],
            loose: Vec::new(),
            all_views: plans.iter().any(|plan| plan.view != View::Plain),
            pool: Vec::new(),
            plans: Vec::new(),
        };
        for (id, plan) in plans.iter().enumerate() {
            let id = id as u16;
            if plan.finish == Finish::Dedup {
                family.loose.push(id);
                continue;
            }
            for (n, &(start, end)) in plan.tables.iter().enumerate() {
                let cell = n * (LONG + 1) + (end - start) as usize;
                match pool[start as usize..end as usize] {
                    [first, .., last] if plan.only_picks() => family.picking[cell].push((id, first, last)),
                    [first] if plan.only_picks() => family.picking[cell].push((id, first, first)),
                    _ if plan.view == View::Deduped => family.after_dedup[cell].push(id),
                    _ => family.steady[cell].push(id),
                }
            }
        }
        Self { plans, pool, ..family }
    }

    /// The longest output of a rule for an input of at most `n` letters.
    pub fn longest(&self, n: usize) -> usize {
        let longest = self.plans.iter().map(|plan| plan.tables[n].1 - plan.tables[n].0);
        longest.max().unwrap_or_default() as usize
    }

    #[inline]
    fn table(&self, plan: &Plan, n: usize) -> &[u8] {
        let (start, end) = plan.tables[n % WIDE];
        &self.pool[start as usize..end as usize]
    }

    /// Does the rule remove repeats? Then the places of the letters that it removes them from, if they are picked from
    /// the input as it is; otherwise all places in order.
    #[inline]
    pub fn removes_from(&self, rule: u16, n: usize) -> Option<&[u8]> {
        let plan = &self.plans[usize::from(rule)];
        match (plan.view, plan.finish) {
            (View::Plain, Finish::Dedup) => Some(self.table(plan, n)),
            (View::Deduped, _) | (_, Finish::Dedup) => Some(&PLACES[..n]),
            _ => None,
        }
    }

    /// Fill in the output. Returns how many repeats were removed.
    #[inline]
    pub fn apply(&self, rule: u16, pair: &mut Pair, alphabet: u8) -> usize {
        let plan = &self.plans[usize::from(rule)];
        pair.high = pair.input.iter().fold(0, |high, &c| high.max(c));
        if plan.only_picks() {
            let (start, end) = plan.tables[usize::from(pair.n) % WIDE];
            let eights = self.pool[start as usize..end.next_multiple_of(8) as usize].chunks_exact(8);
            for (to, from) in pair.output.chunks_exact_mut(8).zip(eights) {
                for i in 0..8 {
                    to[i] = pair.input[usize::from(from[i]) % WIDE];
                }
            }
            pair.m = (end - start) as u8;
            return 0;
        }
        let views = Views::new(pair, plan.view != View::Plain);
        let (letters, n) = views.of(plan.view);
        let table = self.table(plan, n);
        for (to, &from) in pair.output.iter_mut().zip(table) {
            let shifted = letters[usize::from(from) % WIDE] + plan.shift;
            *to = if shifted >= alphabet { shifted - alphabet } else { shifted };
        }
        let made = &mut pair.output[..table.len()];
        let mut m = table.len();
        match plan.finish {
            Finish::Keep => {}
            Finish::Sort => made.sort_unstable(),
            Finish::Dedup => {
                m = 1;
                for i in 1..made.len() {
                    made[m] = made[i];
                    m += usize::from(made[m] != made[m - 1]);
                }
            }
        }
        pair.m = m as u8;
        pair.high = pair.output().iter().fold(pair.high, |high, &c| high.max(c));
        table.len() - m + if plan.view == View::Deduped { views.n - n } else { 0 }
    }

    /// Of the sizes of alphabet in `sizes`, those for which the rule makes `output` of what is viewed; without a shift all
    /// or none.
    #[inline]
    fn fits(&self, plan: &Plan, views: &Views, output: &[u8], sizes: u32) -> u32 {
        let (letters, n) = views.of(plan.view);
        let table = self.table(plan, n);
        let shifted = table.iter().map(|&from| letters[usize::from(from) % WIDE] + plan.shift);
        match plan.finish {
            Finish::Keep if table.len() != output.len() => 0,
            Finish::Keep if plan.shift == 0 => {
                if shifted.eq(output.iter().copied()) {
                    sizes
                } else {
                    0
                }
            }
            Finish::Keep => {
                let mut sizes = sizes;
                for (c, &wanted) in shifted.zip(output) {
                    sizes &= sizes_of(c, wanted);
                    if sizes == 0 {
                        break;
                    }
                }
                sizes
            }
            Finish::Dedup => {
                let mut sizes = sizes;
                let mut last = u8::MAX;
                let mut rest = output.iter();
                for c in shifted.filter(|&c| c != std::mem::replace(&mut last, c)) {
                    sizes &= rest.next().map_or(0, |&wanted| sizes_of(c, wanted));
                    if sizes == 0 {
                        break;
                    }
                }
                if rest.next().is_none() { sizes } else { 0 }
            }
            Finish::Sort if table.len() != output.len() || !output.is_sorted() => 0,
            Finish::Sort => {
                let mut wanted = [0i8; 64];
                for &c in output {
                    wanted[usize::from(c) % 64] += 1;
                }
                (0..WIDE as u8).filter(|&size| (sizes >> size) & 1 == 1).fold(0, |fitting, size| {
                    let mut left = wanted;
                    for c in shifted.clone() {
                        let c = if c >= size && plan.shift > 0 { c - size } else { c };
                        left[usize::from(c) % 64] -= 1;
                    }
                    fitting | (u32::from(left == [0; 64]) << size)
                })
            }
        }
    }

    /// The rules that fit all that is shown, each with the sizes of alphabet for which it does. All pairs must be of one
    /// rule, which is left out unless the alphabet matters to it.
    #[inline]
    pub fn fitting(&self, rule: u16, shown: &[Pair], fitting: &mut Vec<(u16, u32)>) {
        fitting.clear();
        let Some((first, rest)) = shown.split_first() else {
            return;
        };
        let own = if self.plans[usize::from(rule)].shift == 0 { rule } else { u16::MAX };
        let high = shown.iter().fold(0, |high, pair| high.max(pair.high));
        let sizes = SIZES & from_bit(high + 1);
        let views = Views::new(first, self.all_views);
        let output = first.output();
        let cell = views.n * (LONG + 1) + output.len();
        let ends = (first.output[0], first.output[usize::from(first.m - 1) % LONG]);
        for &(id, from, to) in &self.picking[cell] {
            let found = (first.input[usize::from(from) % WIDE], first.input[usize::from(to) % WIDE]);
            if found == ends && id != own && self.fits(&self.plans[usize::from(id)], &views, output, sizes) != 0 {
                fitting.push((id, sizes));
            }
        }
        let mut add = |ids: &[u16]| {
            for &id in ids.iter().filter(|&&id| id != own) {
                let sizes = self.fits(&self.plans[usize::from(id)], &views, output, sizes);
                if sizes != 0 {
                    fitting.push((id, sizes));
                }
            }
        };
        add(&self.steady[cell]);
        add(&self.loose);
        if self.all_views {
            add(&self.after_dedup[views.deduped_n * (LONG + 1) + output.len()]);
        }
        for pair in rest {
            if fitting.is_empty() {
                return;
            }
            let views = Views::new(pair, self.all_views);
            fitting.retain_mut(|(id, sizes)| {
                *sizes = self.fits(&self.plans[usize::from(*id)], &views, pair.output(), *sizes);
                *sizes != 0
            });
        }
    }

    /// Of the rules found by [`Self::fitting`], those that fit in an alphabet that has the letters asked about, too.
    pub fn fitting_with(fitting: &[(u16, u32)], query: &Pair) -> impl Iterator<Item = u16> {
        let allowed = query.alphabets();
        fitting.iter().filter(move |(_, sizes)| sizes & allowed != 0).map(|&(id, _)| id)
    }

    /// Do all these rules, in every alphabet that has the letters asked about, give the answer?
    #[inline]
    pub fn agree(&self, fitting: &[(u16, u32)], query: &Pair) -> bool {
        if fitting.is_empty() {
            return true;
        }
        let views = Views::new(query, self.all_views);
        let allowed = query.alphabets();
        fitting.iter().all(|&(id, sizes)| {
            let sizes = sizes & allowed;
            sizes == 0 || self.fits(&self.plans[usize::from(id)], &views, query.output(), sizes) == sizes
        })
    }
}

/// All places, in order.
const PLACES: [u8; WIDE] = {
    let mut places = [0; WIDE];
    let mut i = 0;
    while i < WIDE {
        places[i] = i as u8;
        i += 1;
    }
    places
};

/// The sizes of alphabet in which a shifted letter is the wanted one: those above it if it is that already, otherwise the
/// one that takes it there. A shift is smaller than any alphabet, so that there is only one turn.
#[inline]
fn sizes_of(shifted: u8, wanted: u8) -> u32 {
    if shifted == wanted {
        from_bit(wanted + 1)
    } else {
        1u32.checked_shl(u32::from(shifted.wrapping_sub(wanted))).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules::{FIXED, fits, with_composites};
    use super::*;
    use crate::rng::StreamKey;

    #[test]
    fn compiled_rules_do_and_find_what_told_rules_do_and_find() {
        let mut rng = StreamKey::new("induction", "", 2, 0).rng(0.into(), 0);
        for told in [&FIXED[..], with_composites()] {
            let compiled = Compiled::new(told);
            let mut verdicts = [0; 2];
            let mut fitting = Vec::new();
            let mut made = Vec::new();
            for i in 0..12_000 {
                // Few letters and short sequences, so that many rules fit.
                let v = if i % 2 == 0 { 5 } else { rng.between(5, 26) };
                let id = (i % told.len()) as u16;
                let most = if i % 3 == 0 { 5 } else { 24 };
                let pairs: Vec<Pair> = (0..2 + i % 2)
                    .map(|_| {
                        let mut pair = Pair::default();
                        let n = rng.between(4, most) as usize;
                        let mut letters = [0; WIDE];
                        letters[..n].fill_with(|| rng.below(v) as u8);
                        pair.set_input(letters, n);
                        compiled.apply(id, &mut pair, v as u8);
                        told[usize::from(id)].apply(pair.input(), v as u8, &mut made);
                        assert_eq!(pair.output(), made, "{} of {:?}", told[usize::from(id)], pair.input());
                        pair
                    })
                    .collect();
                let (query, shown) = pairs.split_last().expect("two or three");
                compiled.fitting(id, shown, &mut fitting);
                let spelled: Vec<(&[u8], &[u8])> = shown.iter().map(|pair| (pair.input(), pair.output())).collect();
                let found = fits(told, &spelled, query.input());
                let right = found.iter().all(|fit| fit.answer == query.output());
                let mut ids: Vec<u16> = Compiled::fitting_with(&fitting, query).chain([id]).collect();
                ids.sort_unstable();
                ids.dedup();
                let mut names: Vec<_> = found.iter().map(|fit| fit.rule).collect();
                names.dedup();
                assert!(ids.iter().map(|&id| &told[usize::from(id)]).eq(names), "{spelled:?} {:?}", query.input());
                assert_eq!(
                    compiled.agree(&fitting, query),
                    right,
                    "{} {spelled:?} {:?}",
                    told[usize::from(id)],
                    query.input()
                );
                verdicts[usize::from(right)] += 1;
            }
            assert!(verdicts.iter().all(|&count| count > 500), "{verdicts:?}");
        }
    }
}
