//! Filtro: two interleaved streams of edges, each a cycle of its own, and a walk along one of them.
//!
//! Source: the Filtro task of the `SynthLM` task set. It tests source separation: half of the context belongs to a stream
//! that the question is not about.
//!
//! ```text
//! EDGES B:red->blue | A:beta->gamma | A:gamma->alpha | B:blue->red | ... || QUERY A:beta hops=2 -> alpha
//! ```

mod instructions;
mod reading;

use std::sync::LazyLock;

use serde::Serialize;

use crate::error::Error;
use crate::metadata::{entries, list};
use crate::params::Span;
use crate::reading::{Flaw, Form, Reading, Tokens};
use crate::rng::TaskRng;
use crate::row::Row;
use crate::sampling::interleave::{ALTERNATING, BLOCKED, PATTERNS, RANDOM, interleave};
use crate::sampling::permutation::{draw_front, make_cycle, shuffle};
use crate::score::forms;
use crate::split::Content;
use crate::task::Task;
use crate::vocab::{BOS, EOS, Vocab};
use crate::{choice, object, params};
use reading::{ABSENT, read_edges};

/// Names of one stream, and the most nodes it can have.
const MAX: usize = 20;
const NAMES: [&str; 2 * MAX] = [
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi",
    "omicron", "pi", "rho", "sigma", "tau", "upsilon", "red", "blue", "green", "yellow", "orange", "purple", "pink",
    "black", "white", "gray", "brown", "cyan", "magenta", "lime", "navy", "teal", "maroon", "olive", "silver", "gold",
];
/// Rank of each name in the alphabet.
static ALPHABETICAL: LazyLock<[u8; NAMES.len()]> =
    LazyLock::new(|| NAMES.map(|name| NAMES.iter().filter(|&&other| other < name).count() as u8));
const COUNT: u16 = NAMES.len() as u16;
const MAX_HOPS: u16 = MAX as u16 - 1;
const STREAMS: [&str; 2] = ["A", "B"];
/// `EDGES A:`, `EDGES B:`, and the same tags after another edge and before the question.
const FIRST_EDGE: u16 = 3;
const NEXT_EDGE: u16 = 5;
const QUERY: u16 = 7;
/// ` hops=1 ->` and on.
const HOPS: u16 = 9;
const SOURCE: u16 = HOPS + MAX_HOPS;
const TARGET: u16 = SOURCE + COUNT;
const ANSWER: u16 = TARGET + COUNT;

choice! {
    /// How the streams are interleaved.
    pub enum Pattern {
        /// In turn, one edge of each.
        Alternating = "alternating",
        /// In any order.
        Random = "random",
        /// In blocks of two or three edges.
        Blocked = "blocked",
        /// In turn or in any order, at even odds.
        AlternatingRandom = "alternating_random",
        /// In any order or in blocks, at even odds.
        RandomBlocked = "random_blocked",
        /// Each of the three at a third.
        Any = "any",
    }
}

impl Pattern {
    fn members(self) -> &'static [u8] {
        match self {
            Self::Alternating => &[ALTERNATING],
            Self::Random => &[RANDOM],
            Self::Blocked => &[BLOCKED],
            Self::AlternatingRandom => &[ALTERNATING, RANDOM],
            Self::RandomBlocked => &[RANDOM, BLOCKED],
            Self::Any => &[ALTERNATING, RANDOM, BLOCKED],
        }
    }
}

choice! {
    /// Which stream is asked about.
    pub enum QueryStream {
        /// Either, at even odds.
        Both = "both",
        /// Stream A.
        A = "a",
        /// Stream B.
        B = "b",
    }
}

params! {
    /// Parameters of Filtro.
    pub struct Params {
        /// Nodes of each stream.
        num_nodes: Span = Span::new(5, 15) => 2..=20;
        /// Edges to follow, fewer than num_nodes.
        hops: Span = Span::new(1, 6) => 1..=19;
        /// How the streams are interleaved; a name of several is a choice at even odds.
        pattern: Pattern = Pattern::Alternating;
        /// Which stream is asked about.
        query_stream: QueryStream = QueryStream::Both;
        /// Both streams use the same names, out of all forty, so that only the tags tell them apart.
        shared_vocab: bool = false;
    }
}

/// One stream: its nodes in the order in which the edges that leave them are printed, and the place of each successor.
#[derive(Clone, Copy)]
struct Stream {
    names: [u8; 2 * MAX],
    next: [u8; MAX],
}

/// Two streams, their interleaving, and the walk that is asked for.
pub struct Instance {
    n: usize,
    hops: u32,
    pattern: u8,
    streams: [Stream; 2],
    /// Which stream each printed edge belongs to.
    tags: [u8; 2 * MAX],
    asked: usize,
    /// Places of the first and the last node of the walk.
    start: u8,
    end: u8,
}

impl Default for Instance {
    fn default() -> Self {
        let stream = Stream { names: [0; 2 * MAX], next: [0; MAX] };
        let tags = [0; 2 * MAX];
        Self { n: 0, hops: 0, pattern: 0, streams: [stream; 2], tags, asked: 0, start: 0, end: 0 }
    }
}

/// Filtro with checked parameters.
pub struct Filtro {
    params: Params,
}

impl Task for Filtro {
    const NAME: &'static str = "filtro";
    const VERSION: u32 = 1;
    const SUMMARY: &'static str = "Source separation: follow a path in one of two interleaved streams of edges.";
    const SALT: u64 = 0x6669_6C74_726F_0001;
    const SPLIT_KEY: &'static str = "the edges of both streams with their tags, in any order; queries left out";
    const AXES: &'static [&'static str] = &["hops", "num_nodes"];
    const LEADS: &'static [&'static str] = &["node", "name"];
    const STOPS: &'static [&'static str] = &["\n", " |"];
    type Params = Params;
    type Instance = Instance;

    fn new(params: Params) -> Result<Self, Error> {
        let Span { lo, hi } = params.hops;
        let fewest = params.num_nodes.lo;
        if lo >= fewest {
            let allowed = format!(
                "allowed: a smallest number of hops of at most the smallest num_nodes - 1 = {}; ask for fewer hops or \
                 raise num_nodes",
                fewest - 1
            );
            return Err(Error::param(Self::NAME, "hops", format!("[{lo},{hi}]"), allowed));
        }
        Ok(Self { params })
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn preset(level: u8) -> Params {
        let (num_nodes, hops, pattern) = match level {
            1 => (Span::new(5, 8), Span::new(1, 2), Pattern::Alternating),
            2 => (Span::new(8, 12), Span::new(2, 4), Pattern::AlternatingRandom),
            _ => (Span::new(10, 15), Span::new(4, 8), Pattern::RandomBlocked),
        };
        Params { num_nodes, hops, pattern, ..Params::default() }
    }

    fn extremes() -> [Params; 2] {
        let small = Params { num_nodes: Span::new(2, 2), hops: Span::new(1, 1), ..Params::default() };
        let large = Params {
            num_nodes: Span::new(20, 20),
            hops: Span::new(1, 19),
            pattern: Pattern::Any,
            shared_vocab: true,
            ..Params::default()
        };
        [small, large]
    }

    fn wider(params: &Params) -> Option<Params> {
        let num_nodes = Span::new(params.num_nodes.lo, params.num_nodes.hi + 1);
        (num_nodes.hi as usize <= MAX).then(|| Params { num_nodes, ..params.clone() })
    }

    fn instructions(&self) -> String {
        instructions::text(self)
    }

    fn vocab() -> &'static Vocab {
        static VOCAB: LazyLock<Vocab> = LazyLock::new(|| {
            let stream = |i: u16| STREAMS[usize::from(i)];
            let name = |i: u16| NAMES[usize::from(i)];
            Vocab::build()
                .family(FIRST_EDGE, 2, |i| format!("EDGES {}:", stream(i)))
                .family(NEXT_EDGE, 2, |i| format!(" | {}:", stream(i)))
                .family(QUERY, 2, |i| format!(" || QUERY {}:", stream(i)))
                .family(HOPS, MAX_HOPS, |i| format!(" hops={} ->", i + 1))
                .family(SOURCE, COUNT, |i| format!("{}->", name(i)))
                .family(TARGET, COUNT, |i| name(i).to_owned())
                .family(ANSWER, COUNT, |i| format!(" {}", name(i)))
                .finish()
        });
        &VOCAB
    }

    fn max_len(&self) -> usize {
        6 * self.params.num_nodes.hi as usize + 6
    }

    fn sample(&self, rng: &mut TaskRng, it: &mut Instance) {
        let p = &self.params;
        let patterns = p.pattern.members();
        let nodes = p.num_nodes.hi - p.num_nodes.lo + 1;
        let [extra, pattern, first, asked] = rng.below_each([nodes, patterns.len() as u32, 2, 2]);
        let n = p.num_nodes.lo + extra;
        it.hops = rng.between(p.hops.lo, p.hops.hi.min(n - 1));
        it.pattern = patterns[pattern as usize];
        it.asked = match p.query_stream {
            QueryStream::Both => asked as usize,
            QueryStream::A => 0,
            QueryStream::B => 1,
        };
        it.start = rng.below(n) as u8;
        it.n = n as usize;
        let [a, b] = &mut it.streams;
        if p.shared_vocab {
            a.names = std::array::from_fn(|i| i as u8);
            draw_front(rng, &mut a.names, it.n);
            b.names = a.names;
            shuffle(rng, &mut b.names[..it.n]);
        } else {
            for (stream, first) in [(a, 0), (b, MAX as u8)] {
                stream.names = std::array::from_fn(|i| first + i as u8);
                draw_front(rng, &mut stream.names[..MAX], it.n);
            }
        }
        for stream in &mut it.streams {
            stream.next = std::array::from_fn(|i| i as u8);
            make_cycle(rng, &mut stream.next[..it.n]);
        }
        interleave(rng, it.pattern, first as u8, it.n, &mut it.tags);
        it.end = it.streams[it.asked].walk(it.start, it.hops);
    }

    fn content(&self, it: &Instance) -> u64 {
        let edges = (0..it.n).flat_map(|i| [0, 1].map(|s| (s, it.streams[s].edge(i))));
        content(edges.map(|(s, (from, to))| (s as u8, from, to)))
    }

    fn encode(&self, it: &Instance, row: &mut Row) {
        row.push(BOS);
        let mut used = [0; 2];
        for &tag in &it.tags[..2 * it.n] {
            let s = usize::from(tag & 1);
            let (from, to) = it.streams[s].edge(used[s]);
            used[s] += 1;
            row.extend(&[NEXT_EDGE + s as u16, SOURCE + u16::from(from), TARGET + u16::from(to)]);
        }
        row.ids[1] -= NEXT_EDGE - FIRST_EDGE;
        let stream = &it.streams[it.asked];
        let [from, to] = [it.start, it.end].map(|place| u16::from(stream.names[usize::from(place)]));
        let start = row.here();
        row.extend(&[QUERY + it.asked as u16, TARGET + from, HOPS + it.hops as u16 - 1, ANSWER + to]);
        row.query(start, start + 3);
        row.push(EOS);
        row.predict_from(start + 3);
    }

    fn metadata(&self, it: &Instance) -> impl Serialize {
        let name = |stream: &Stream, place: u8| NAMES[usize::from(stream.names[usize::from(place)])];
        let nodes = [0, 1].map(|s| it.streams[s].in_order(it.n, usize::from));
        let names = |s: usize| list(nodes[s].into_iter().take(it.n).map(move |place| name(&it.streams[s], place)));
        let cycle = |s: usize| {
            let stream = &it.streams[s];
            let places = stream.in_order(it.n, |name| usize::from(ALPHABETICAL[usize::from(name)]));
            let edge = move |place: u8| (name(stream, place), name(stream, stream.next[usize::from(place)]));
            entries(places.into_iter().take(it.n).map(edge))
        };
        let (own, other) = (&it.streams[it.asked], &it.streams[1 - it.asked]);
        // The node of the other stream that the start could be taken for: of the same name, or of the same rank.
        let rank = nodes[it.asked].iter().position(|&place| place == it.start).unwrap_or_default();
        let distractor = name(other, other.walk(nodes[1 - it.asked][rank], it.hops));
        // Where the edges of the asked stream are printed, among all edges.
        let mut printed = (0..2 * it.n).filter(|&i| usize::from(it.tags[i]) == it.asked);
        let mut places = [0usize; MAX];
        places.iter_mut().zip(printed.by_ref()).for_each(|(place, at)| *place = at);
        let arriving = own.walk(it.start, it.hops - 1);
        let distance = places[usize::from(arriving)].abs_diff(places[usize::from(it.start)]);
        let (mut at, mut walked) = (it.start, 0);
        while at != it.end {
            (at, walked) = (own.next[usize::from(at)], walked + 1);
        }
        let answer = name(own, it.end);
        object! {
            "correct_answer": answer,
            "cycle_a": cycle(0),
            "cycle_b": cycle(1),
            "distractor_answer": distractor,
            "measured": object! {
                "distractor_differs": distractor != answer,
                "first_stream": STREAMS[usize::from(it.tags[0])],
                "hops": walked,
                "list_distance": distance,
            },
            "nodes_a": names(0),
            "nodes_b": names(1),
            "num_hops": it.hops,
            "num_nodes": it.n,
            "pattern": PATTERNS[usize::from(it.pattern)],
            "query_start": name(own, it.start),
            "query_stream": STREAMS[it.asked],
        }
    }

    fn is_answer(text: &str) -> bool {
        NAMES.contains(&text)
    }

    fn spelled(text: &str) -> Option<String> {
        Some(text.to_ascii_lowercase()).filter(|text| Self::is_answer(text))
    }

    fn subjects(prompt: &str) -> Vec<String> {
        let stream = forms::asked(prompt, "QUERY ", ":");
        stream.map(str::to_owned).into_iter().collect()
    }

    fn read(rules: Option<&Self>, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
        let mut tokens = Tokens::after_bos(ids)?;
        let (edges, before) = read_edges(rules, &mut tokens)?;
        let at = tokens.at();
        let asked = tokens.expect_family(QUERY, 2, "another edge or a query")? as u8;
        if let Some(Self { params: Params { query_stream, .. } }) = rules
            && *query_stream == [QueryStream::B, QueryStream::A][usize::from(asked)]
        {
            return Err(Flaw::at(at, "a query about the stream that query_stream excludes"));
        }
        let at = tokens.at();
        let start = tokens.expect_family(TARGET, COUNT, "a node")? as u8;
        let before = &before[usize::from(asked)];
        if before[usize::from(start)] == ABSENT {
            return Err(Flaw::at(at, "the query starts at a node that its stream does not have"));
        }
        let at = tokens.at();
        let hops = 1 + tokens.expect_family(HOPS, MAX_HOPS, "' hops=K ->'")?;
        let n = edges.len() / 2;
        if hops as usize >= n || rules.is_some_and(|task| !task.params.hops.contains(hops)) {
            return Err(Flaw::at(at, "hops must be fewer than the nodes, and within the parameters"));
        }
        // K steps forward on a cycle of n are n - K steps backward.
        let end = (hops as usize..n).fold(start, |node, _| before[usize::from(node)]);
        let right = ANSWER + u16::from(end);
        let mut reading = Reading { content: content(edges.into_iter()), answer: vec![right], ..Reading::default() };
        if form == Form::Prompt {
            return if tokens.is_done() { Ok(reading) } else { tokens.fail("a prompt ends at ' ->'") };
        }
        let answer = tokens.at() as u32;
        tokens.expect(right, "the right answer")?;
        tokens.expect(EOS, "<eos>")?;
        reading.loss.push(answer..answer + 2);
        if tokens.is_done() { Ok(reading) } else { tokens.fail("nothing may follow <eos>") }
    }
}

impl Stream {
    /// The node that the printed edge `i` leaves, and the one it reaches.
    #[inline]
    fn edge(&self, i: usize) -> (u8, u8) {
        (self.names[i], self.names[usize::from(self.next[i])])
    }

    #[inline]
    fn walk(&self, start: u8, hops: u32) -> u8 {
        (0..hops).fold(start, |place, _| self.next[usize::from(place)])
    }

    /// Places of the nodes, by the ranks of their names.
    fn in_order(&self, n: usize, rank: impl Fn(u8) -> usize) -> [u8; MAX] {
        let (mut ranks, mut by_rank) = (0u64, [0; 2 * MAX]);
        for (&name, place) in self.names[..n].iter().zip(0..) {
            ranks |= 1 << rank(name);
            by_rank[rank(name)] = place;
        }
        let mut places = [0; MAX];
        for place in &mut places[..n] {
            *place = by_rank[ranks.trailing_zeros() as usize];
            ranks &= ranks - 1;
        }
        places
    }
}

/// Hash the edges (stream, source, target), in any order.
#[inline]
fn content(edges: impl Iterator<Item = (u8, u8, u8)>) -> u64 {
    let facts = edges.map(|(stream, from, to)| (u64::from(stream) << 8 | u64::from(from), u64::from(to)));
    Content::new(Filtro::SALT).unordered(facts).finish()
}

#[cfg(test)]
mod tests;
