//! Dyna: a list, a chain of operations that permute it, and questions about the result.
//!
//! Source: the Dyna task of the `SynthLM` task set, which follows the method of Physics of Language Models Part 4.1. It
//! tests state tracking: the operations do not commute, so the state must be updated in order.
//!
//! ```text
//! STATE [E, C, D, B, A] || OPS ROTATE_RIGHT(1) | REVERSE(2,3) || QUERY element C -> 3 | QUERY position 1 -> E
//! ```

mod instructions;
mod reading;

use std::sync::LazyLock;

use serde::Serialize;

use crate::error::Error;
use crate::metadata::{Joined, list};
use crate::params::Span;
use crate::reading::{Flaw, Form, Reading, Tokens};
use crate::rng::TaskRng;
use crate::row::Row;
use crate::sampling::moves::{MAX_PLACES, Move, Moves, Op, walk_back};
use crate::sampling::permutation::{choose_front, shuffle};
use crate::score::forms;
use crate::split::Content;
use crate::task::Task;
use crate::vocab::{BOS, EOS, Vocab};
use crate::{choice, object, params};
use reading::{read_ops, read_state};

/// Declared hard maximum of the state size: the vocabulary has this many names and numbers.
const MAX: u16 = MAX_PLACES as u16;
const STATE: u16 = 3;
const COMMA: u16 = 4;
const OPS: u16 = 5;
/// ` || QUERY position `, ` || QUERY element `, and the same after another query.
const FIRST_QUERY: u16 = 6;
const NEXT_QUERY: u16 = 8;
const ARROW: u16 = 10;
const FIRST_OP: u16 = 11;
const NEXT_OP: u16 = 15;
const ARG_1: u16 = 19;
const ARG_2: u16 = ARG_1 + MAX;
const AMOUNT: u16 = ARG_2 + MAX;
const NUMBER: u16 = AMOUNT + MAX;
const NUMBER_ANSWER: u16 = NUMBER + MAX;
const NAME: u16 = NUMBER_ANSWER + MAX;
const NAME_ANSWER: u16 = NAME + MAX;
const OP_NAMES: [&str; 4] = ["SWAP", "ROTATE_LEFT", "ROTATE_RIGHT", "REVERSE"];
const QUERY_NAMES: [&str; 2] = ["position", "element"];
/// The same in metadata.
const TOLD: [&str; 4] = ["SWAP", "ROTATE_LEFT", "ROTATE_RIGHT", "REVERSE_SEGMENT"];
const ASKED: [&str; 2] = ["position ", "element "];

choice! {
    /// Which questions are asked.
    pub enum QueryKind {
        /// Either, at even odds.
        Both = "both",
        /// Which element is at a position.
        Position = "position",
        /// At which position an element is.
        Element = "element",
    }
}

params! {
    /// Parameters of Dyna.
    pub struct Params {
        /// Number of elements in the state.
        state_size: Span = Span::new(5, 15) => 2..=64;
        /// Number of operations.
        num_ops: Span = Span::new(5, 30) => 1..=512;
        /// Questions per instance, about different elements; at most state_size - 1, so that none answers another.
        num_queries: u32 = 3 => 1..=63;
        /// Which questions are asked.
        query_kind: QueryKind = QueryKind::Both;
        /// Name elements A, B, C, ... instead of 0, 1, 2, ...
        symbolic_names: bool = true;
        /// Exactly this many operations (at most num_ops) move the first queried element. None: as drawn.
        effective_depth: Option<Span> = None => 0..=512;
    }
}

/// Tokens of an operation, as after another one, and how many of them.
type Written = ([u16; 3], u8);

fn written(op: Op) -> Written {
    let (name, a, b) = (NEXT_OP + u16::from(op.kind), u16::from(op.a), u16::from(op.b));
    if op.is_rotation() { ([name, AMOUNT + a, 0], 2) } else { ([name, ARG_1 + a, ARG_2 + b], 3) }
}

/// A question about the element that ends at `place`.
#[derive(Clone, Copy, Debug)]
struct Question {
    place: u8,
    by_element: bool,
}

/// A state, its operations, and its questions.
#[derive(Default)]
pub struct Instance {
    initial: Vec<u8>,
    last: Vec<u8>,
    /// Operations, as entries of the table of this state size.
    moves: Vec<u16>,
    /// With a wanted depth: does this operation move the tracked element?
    moving: Vec<bool>,
    places: Vec<u8>,
    questions: Vec<Question>,
}

/// Dyna with checked parameters.
pub struct Dyna {
    params: Params,
    /// Operations by state size, from the smallest.
    tables: Vec<Moves<Written>>,
}

impl Task for Dyna {
    const NAME: &'static str = "dyna";
    const VERSION: u32 = 1;
    const SUMMARY: &'static str = "State tracking: follow a list through operations that do not commute.";
    const SALT: u64 = 0x6479_6E61_0000_0001;
    const SPLIT_KEY: &'static str = "state and operations, a swap's places in either order; queries left out";
    const AXES: &'static [&'static str] = &["effective_depth", "num_ops", "state_size"];
    const ENCODING: &'static [&'static str] = &["symbolic_names"];
    const LEADS: &'static [&'static str] = &["element", "position", "index", "letter", "symbol", "at", "in"];
    const STOPS: &'static [&'static str] = &["\n", " |"];
    type Params = Params;
    type Instance = Instance;

    fn new(params: Params) -> Result<Self, Error> {
        let p = &params;
        let fewest = p.state_size.lo;
        if p.num_queries >= fewest {
            let most = fewest - 1;
            let allowed =
                format!("allowed: at most the smallest state_size - 1 = {most}; ask less or raise state_size");
            return Err(Error::param(Self::NAME, "num_queries", p.num_queries, allowed));
        }
        if let Some(Span { lo, hi }) = p.effective_depth
            && (fewest < 3 || lo > p.num_ops.lo)
        {
            let allowed = if fewest < 3 {
                "needs state_size of at least 3: with two elements every operation moves both".to_owned()
            } else {
                format!("allowed: a smallest depth of at most the smallest num_ops = {}; raise num_ops", p.num_ops.lo)
            };
            return Err(Error::param(Self::NAME, "effective_depth", format!("[{lo},{hi}]"), allowed));
        }
        let tables = (p.state_size.lo..=p.state_size.hi).map(|n| Moves::new(n as u8, written)).collect();
        Ok(Self { params, tables })
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn preset(level: u8) -> Params {
        let (state_size, num_ops) = match level {
            1 => (Span::new(5, 7), Span::new(5, 10)),
            2 => (Span::new(8, 12), Span::new(10, 20)),
            _ => (Span::new(13, 20), Span::new(20, 50)),
        };
        Params { state_size, num_ops, ..Params::default() }
    }

    fn extremes() -> [Params; 2] {
        let of = |n, m, num_queries, effective_depth| Params {
            state_size: Span::new(n, n),
            num_ops: Span::new(m, m),
            num_queries,
            effective_depth,
            ..Params::default()
        };
        [of(2, 1, 1, None), of(64, 512, 63, Some(Span::new(0, 512)))]
    }

    fn wider(params: &Params) -> Option<Params> {
        let num_ops = Span::new(params.num_ops.lo, params.num_ops.hi + 1);
        (num_ops.hi <= 512).then(|| Params { num_ops, ..params.clone() })
    }

    fn instructions(&self) -> String {
        instructions::text(self)
    }

    fn vocab() -> &'static Vocab {
        static VOCAB: LazyLock<Vocab> = LazyLock::new(|| {
            Vocab::build()
                .piece(STATE, "STATE [")
                .piece(COMMA, ", ")
                .piece(OPS, "] || OPS ")
                .family(FIRST_QUERY, 2, |i| format!(" || QUERY {} ", QUERY_NAMES[usize::from(i)]))
                .family(NEXT_QUERY, 2, |i| format!(" | QUERY {} ", QUERY_NAMES[usize::from(i)]))
                .piece(ARROW, " ->")
                .family(FIRST_OP, 4, |i| OP_NAMES[usize::from(i)].to_owned())
                .family(NEXT_OP, 4, |i| format!(" | {}", OP_NAMES[usize::from(i)]))
                .family(ARG_1, MAX, |i| format!("({i},"))
                .family(ARG_2, MAX, |i| format!("{i})"))
                .family(AMOUNT, MAX, |i| format!("({i})"))
                .family(NUMBER, MAX, |i| i.to_string())
                .family(NUMBER_ANSWER, MAX, |i| format!(" {i}"))
                .family(NAME, MAX, name)
                .family(NAME_ANSWER, MAX, |i| format!(" {}", name(i)))
                .finish()
        });
        &VOCAB
    }

    fn max_len(&self) -> usize {
        let p = &self.params;
        (3 + 2 * p.state_size.hi + 3 * p.num_ops.hi + 4 * p.num_queries) as usize
    }

    fn sample(&self, rng: &mut TaskRng, it: &mut Instance) {
        let p = &self.params;
        let n = rng.between(p.state_size.lo, p.state_size.hi);
        let m = rng.between(p.num_ops.lo, p.num_ops.hi);
        it.initial.clear();
        it.initial.extend(0..n as u8);
        shuffle(rng, &mut it.initial);
        let table = self.table(it);
        it.moves.clear();
        it.places.clear();
        it.places.extend(0..n as u8);
        let count = p.num_queries as usize;
        if let Some(depth) = p.effective_depth {
            let d = rng.between(depth.lo, depth.hi.min(m)) as usize;
            it.moving.clear();
            it.moving.resize(m as usize, false);
            it.moving[..d].fill(true);
            shuffle(rng, &mut it.moving);
            let place = table.draw_moving(rng, &it.moving, &mut it.moves);
            // The tracked element is the first asked about; the others are drawn from the rest.
            it.places.swap(0, usize::from(place));
            choose_front(rng, &mut it.places[1..], count - 1);
        } else {
            rng.in_registers(|rng| it.moves.extend((0..m).map(|_| table.draw(rng))));
            choose_front(rng, &mut it.places, count);
        }
        it.last.clear();
        it.last.resize(n as usize, 0);
        for (&element, place) in it.initial.iter().zip(table.follow(&it.moves)) {
            it.last[usize::from(place)] = element;
        }
        it.questions.clear();
        for &place in &it.places[..count] {
            let by_element = match p.query_kind {
                QueryKind::Both => rng.coin(),
                QueryKind::Position => false,
                QueryKind::Element => true,
            };
            it.questions.push(Question { place, by_element });
        }
    }

    fn content(&self, it: &Instance) -> u64 {
        content(&it.initial, self.moves(it).map(|m| m.fact))
    }

    fn encode(&self, it: &Instance, row: &mut Row) {
        let symbolic = self.params.symbolic_names;
        let (element, element_answer) = if symbolic { (NAME, NAME_ANSWER) } else { (NUMBER, NUMBER_ANSWER) };
        row.extend(&[BOS, STATE]);
        for (i, &e) in it.initial.iter().enumerate() {
            if i > 0 {
                row.push(COMMA);
            }
            row.push(element + u16::from(e));
        }
        row.push(OPS);
        let first_name = row.len();
        for m in self.moves(it) {
            let (ids, len) = m.payload;
            row.extend_cut(ids, usize::from(len));
        }
        row.ids[first_name] -= NEXT_OP - FIRST_OP;
        let mut queries = FIRST_QUERY;
        for q in &it.questions {
            let start = row.here();
            let found = u16::from(it.last[usize::from(q.place)]);
            let place = u16::from(q.place);
            let asked = if q.by_element { element + found } else { NUMBER + place };
            let right = if q.by_element { NUMBER_ANSWER + place } else { element_answer + found };
            row.extend(&[queries + u16::from(q.by_element), asked, ARROW, right]);
            let answer = start + 3;
            row.predict_from(answer);
            row.query(start, answer);
            queries = NEXT_QUERY;
        }
        let end = row.here();
        row.push(EOS);
        row.predict_from(end);
    }

    fn metadata(&self, it: &Instance) -> impl Serialize {
        let vocab = Self::vocab();
        let names = if self.params.symbolic_names { NAME } else { NUMBER };
        let show = move |&element: &u8| vocab.piece(names + u16::from(element));
        let asked_and_answer = move |q: &Question| {
            let (element, place) = (show(&it.last[usize::from(q.place)]), vocab.piece(NUMBER + u16::from(q.place)));
            if q.by_element { (element, place) } else { (place, element) }
        };
        let query = move |q: &Question| Joined([ASKED[usize::from(q.by_element)], asked_and_answer(q).0]);
        let operation = |Move { op, .. }: &Move<Written>| {
            let args = [op.a, op.b].into_iter().take(2 - usize::from(op.is_rotation()));
            (TOLD[usize::from(op.kind)], list(args))
        };
        let (count, ops) = (it.questions.len(), it.moves.len());
        let depths = self.table(it).depths(&it.moves, it.questions.iter().map(|q| q.place));
        let total: u32 = depths[..count].iter().map(|&depth| u32::from(depth)).sum();
        object! {
            "all_answers": list(it.questions.iter().map(move |q| asked_and_answer(q).1)),
            "all_queries": list(it.questions.iter().map(query)),
            "final_state": list(it.last.iter().map(show)),
            "initial_state": list(it.initial.iter().map(show)),
            "measured": object! {
                "effective_depth": list(depths.into_iter().take(count)),
                "moved_share": f64::from(total) / (count * ops) as f64,
            },
            "num_ops": ops,
            "operations": list(self.moves(it).map(operation)),
            "state_size": it.initial.len(),
        }
    }

    fn is_answer(text: &str) -> bool {
        let (letters, digits) = text.split_at(text.bytes().take_while(u8::is_ascii_alphabetic).count());
        letters.len() <= 1 && digits.len() <= 2 && !text.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
    }

    fn spelled(text: &str) -> Option<String> {
        let digits = text.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        (Self::is_answer(text) && (digits.is_empty() || forms::number(digits))).then(|| text.to_owned())
    }

    fn subjects(prompt: &str) -> Vec<String> {
        let asked = forms::asked(prompt, "QUERY ", "->").and_then(|asked| asked.split(' ').nth(1));
        asked.map(str::to_owned).into_iter().collect()
    }

    fn read(rules: Option<&Self>, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
        let mut tokens = Tokens::after_bos(ids)?;
        let (symbolic, initial) = read_state(rules, &mut tokens)?;
        let n = initial.len() as u8;
        let ops = read_ops(rules, &mut tokens, n)?;
        let mut reading = Reading { content: content(&initial, ops.iter().map(|op| op.fact())), ..Reading::default() };
        let (element, element_answer) = if symbolic { (NAME, NAME_ANSWER) } else { (NUMBER, NUMBER_ANSWER) };
        let mut asked = Vec::new();
        let mut queries = FIRST_QUERY;
        while tokens.peek() != Some(EOS) || asked.is_empty() {
            let at = tokens.at();
            let by_element = tokens.expect_family(queries, 2, "a query")? == 1;
            let subject = if by_element { element } else { NUMBER };
            let subject = tokens.expect_family(subject, u16::from(n), "a position or an element of the state")? as u8;
            tokens.expect(ARROW, "' ->'")?;
            // An element is followed forward, a position backward: neither is how the state was built.
            let (start, end) = if by_element {
                let start = initial.iter().position(|&e| e == subject).unwrap_or_default() as u8;
                (start, ops.iter().fold(start, |place, op| op.forward(place, n)))
            } else {
                (walk_back(&ops, subject, n).0, subject)
            };
            let right = if by_element {
                NUMBER_ANSWER + u16::from(end)
            } else {
                element_answer + u16::from(initial[usize::from(start)])
            };
            if asked.contains(&start) {
                return Err(Flaw::at(at, "an element is asked about twice"));
            }
            if let Some(task) = rules {
                task.check_query(by_element, asked.is_empty().then(|| walk_back(&ops, end, n).1))
                    .map_err(|reason| Flaw::at(at, reason))?;
            }
            asked.push(start);
            if reading.answer.is_empty() {
                reading.answer.push(right);
            }
            if form == Form::Prompt {
                return if tokens.is_done() { Ok(reading) } else { tokens.fail("a prompt ends at ' ->'") };
            }
            let answer = tokens.at() as u32;
            tokens.expect(right, "the right answer")?;
            reading.loss.push(answer..answer + 1);
            queries = NEXT_QUERY;
        }
        let end = tokens.at() as u32;
        tokens.expect(EOS, "<eos>")?;
        reading.loss.push(end..end + 1);
        if !tokens.is_done() {
            return tokens.fail("nothing may follow <eos>");
        }
        match rules {
            Some(task) if asked.len() != task.params.num_queries as usize => {
                Err(Flaw::at(end as usize, format!("{} queries, wanted {}", asked.len(), task.params.num_queries)))
            }
            _ => Ok(reading),
        }
    }
}

impl Dyna {
    #[inline]
    fn table(&self, instance: &Instance) -> &Moves<Written> {
        &self.tables[instance.initial.len() - self.params.state_size.lo as usize]
    }

    #[inline]
    fn moves(&self, instance: &Instance) -> impl Iterator<Item = &Move<Written>> + Clone {
        let table = self.table(instance);
        instance.moves.iter().map(|&entry| table.get(entry))
    }

    fn check_query(&self, by_element: bool, first_depth: Option<u32>) -> Result<(), String> {
        let allowed = match self.params.query_kind {
            QueryKind::Both => true,
            QueryKind::Position => !by_element,
            QueryKind::Element => by_element,
        };
        if !allowed {
            return Err("a kind of query that query_kind excludes".to_owned());
        }
        match (self.params.effective_depth, first_depth) {
            (Some(wanted), Some(depth)) if !wanted.contains(depth) => {
                Err(format!("effective depth {depth}; allowed: {}..={}", wanted.lo, wanted.hi))
            }
            _ => Ok(()),
        }
    }
}

/// A..Z, then A0..A25, B0..B25, ...
fn name(i: u16) -> String {
    let letter = |k: u16| char::from(b'A' + k as u8);
    if i < 26 { letter(i).to_string() } else { format!("{}{}", letter(i / 26 - 1), i % 26) }
}

/// Hash the state and the operations in order, eight elements or four operations to a word.
fn content(initial: &[u8], mut ops: impl Iterator<Item = u16>) -> u64 {
    let head = Content::new(Dyna::SALT).fact(initial.len() as u64);
    let pack = |word, &element: &u8| word << 8 | u64::from(element);
    let mut hash = initial.chunks(8).fold(head, |hash, chunk| hash.fact(chunk.iter().fold(0, pack)));
    while let Some(first) = ops.next() {
        // The one on top marks where a last word of fewer than four operations begins.
        let word = ops.by_ref().take(3).fold(1 << 14 | u64::from(first), |word, op| word << 14 | u64::from(op));
        hash = hash.fact(word);
    }
    hash.finish()
}
