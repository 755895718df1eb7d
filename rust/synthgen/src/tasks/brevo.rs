//! Brevo: everything that a vertex of a directed acyclic graph depends on, in an order in which dependencies come first.
//!
//! Source: Allen-Zhu, Physics of Language Models Part 4.1 (arXiv 2512.17351), and its reference code `PhysicsLM4`
//! (Apache-2.0), whose distribution this is. It tests reasoning breadth: a whole set must be gathered at once.
//!
//! ```text
//! 8 4 5 4 8 5 3 5 3 8 3 4 | QUERY 4 ->3 8 5 4
//! ```

mod instructions;
mod reading;

use std::sync::LazyLock;

use serde::Serialize;

use crate::error::Error;
use crate::reading::{Flaw, Form, Reading, Tokens};
use crate::rng::TaskRng;
use crate::row::Row;
use crate::sampling::dag::Dag;
use crate::sampling::permutation::{choose_front, shuffle};
use crate::sampling::size::SizeLaw;
use crate::sampling::words::{MAX_WORD_LEN, Seen, Word, WordLaw};
use crate::score::forms;
use crate::split::Content;
use crate::task::Task;
use crate::vocab::{BOS, EOS, PAD, Vocab};
use crate::{choice, object, params};
use reading::Graph;

const ANSWER: u16 = 3;
const QUERY: u16 = 4;
const MAX_VALUES: u16 = 128;
/// Declared hard maximum of `n_max`: a vertex of one token is a last token.
const MAX_VERTICES: u16 = 512;
const MAX_DEGREE: u32 = 8;
const MIDDLE: u16 = 5;
const LAST: u16 = MIDDLE + MAX_VALUES;

choice! {
    /// Which vertex is asked about.
    pub enum Asked {
        /// The last of the hidden order, as in the reference code.
        Last = "last",
        /// A uniform one of the last quarter of the hidden order, as the paper says.
        LastQuarter = "last_quarter",
    }
}

choice! {
    /// How many vertices may be without dependencies.
    pub enum LeafBound {
        /// At most floor((n - 1) / 4) + 1, as in the reference code.
        Floor = "floor",
        /// At most the ceiling of (n - 1) / 4, as the paper says.
        Ceil = "ceil",
    }
}

impl LeafBound {
    fn most(self, n: u32) -> u32 {
        match self {
            Self::Floor => (n - 1) / 4 + 1,
            Self::Ceil => (n - 1).div_ceil(4),
        }
    }
}

params! {
    /// Parameters of Brevo. The reference's names: `N` is `n_max`, `min_tlen` and `max_tlen` are the word lengths.
    pub struct Params {
        /// Largest number of vertices; training draws n with weight 1/(n + sqrt(n_max)), the qa form uses n = n_max.
        n_max: u32 = 70 => 3..=512;
        /// Names of several tokens (Brevo2 of the paper) instead of one token per vertex (Brevo1).
        multi: bool = false;
        /// With multi: distinct token values in names.
        mini_vocab: u32 = 4 => 1..=128;
        /// With multi: fewest tokens in a name.
        min_word_len: u32 = 2 => 1..=8;
        /// With multi: most tokens in a name.
        max_word_len: u32 = 4 => 1..=8;
        /// Most dependencies and most dependents of a vertex.
        max_in: u32 = 4 => 1..=8;
        /// Which vertex is asked about: the last of the hidden order (the code), or one of its last quarter (the paper).
        query: Asked = Asked::Last;
        /// Most vertices without dependencies: floor((n-1)/4) + 1 (the code), or the ceiling of (n-1)/4 (the paper).
        leaf_bound: LeafBound = LeafBound::Floor;
        /// Evaluation form: n = n_max.
        qa: bool = false;
    }
}

/// Brevo with checked parameters.
pub struct Brevo {
    params: Params,
    sizes: SizeLaw,
    words: WordLaw,
}

/// One graph in its hidden order, the order of its edges in the text, the query and its answer.
#[derive(Default)]
pub struct Instance {
    dag: Dag,
    /// First token of each vertex, or the number of its word.
    names: Vec<u16>,
    words: Vec<Word>,
    seen: Seen,
    places: Vec<u16>,
    /// Dependency and dependent, as in the text.
    edges: Vec<[u16; 2]>,
    answer: Vec<u16>,
}

impl Instance {
    fn query(&self) -> u16 {
        self.answer.last().copied().unwrap_or_default()
    }
}

impl Task for Brevo {
    const NAME: &'static str = "brevo";
    const VERSION: u32 = 1;
    const SUMMARY: &'static str =
        "Reasoning breadth: all that a vertex of an acyclic graph depends on, in a valid order.";
    const SALT: u64 = 0x6272_6576_6F00_0001;
    const SPLIT_KEY: &'static str = "the set of edges; their order and the query left out";
    const AXES: &'static [&'static str] = &["answer_size", "edges", "n"];
    const MARKERS: &'static [u16] = &[ANSWER];
    const HAS_COMPAT: bool = true;
    const LEADS: &'static [&'static str] = &["order", "list", "sequence"];
    type Params = Params;
    type Instance = Instance;

    fn new(params: Params) -> Result<Self, Error> {
        let p = &params;
        if p.max_word_len < p.min_word_len {
            let allowed = format!("allowed: at least min_word_len = {}", p.min_word_len);
            return Err(Error::param(Self::NAME, "max_word_len", p.max_word_len, allowed));
        }
        let words = WordLaw::new(p.mini_vocab, p.min_word_len, p.max_word_len, MIDDLE, LAST);
        if p.multi {
            words.check_room(p.n_max).map_err(|allowed| Error::param(Self::NAME, "n_max", p.n_max, allowed))?;
        }
        let sizes = SizeLaw::new(if p.qa { p.n_max } else { 3 }, p.n_max, p.n_max);
        Ok(Self { params, sizes, words })
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn preset(level: u8) -> Params {
        let n_max = [70, 90, 110][usize::from(level) - 1];
        Params { n_max, ..Params::default() }
    }

    fn extremes() -> [Params; 2] {
        let large = Params {
            n_max: u32::from(MAX_VERTICES),
            multi: true,
            mini_vocab: u32::from(MAX_VALUES),
            min_word_len: 1,
            max_word_len: MAX_WORD_LEN as u32,
            max_in: MAX_DEGREE,
            query: Asked::LastQuarter,
            leaf_bound: LeafBound::Ceil,
            qa: false,
        };
        [Params { n_max: 3, ..Params::default() }, large]
    }

    fn wider(params: &Params) -> Option<Params> {
        let n_max = params.n_max + 1;
        (n_max <= u32::from(MAX_VERTICES)).then(|| Params { n_max, ..params.clone() })
    }

    fn drawn(params: &Params) -> Params {
        let default = Params::default();
        if params.multi {
            return params.clone();
        }
        Params {
            mini_vocab: default.mini_vocab,
            min_word_len: default.min_word_len,
            max_word_len: default.max_word_len,
            ..params.clone()
        }
    }

    fn instructions(&self) -> String {
        instructions::text(self)
    }

    fn vocab() -> &'static Vocab {
        static VOCAB: LazyLock<Vocab> = LazyLock::new(|| {
            Vocab::build()
                .piece(ANSWER, "->")
                .piece(QUERY, "| QUERY ")
                .family(MIDDLE, MAX_VALUES, |v| format!("{}.", v + 1))
                .family(LAST, MAX_VERTICES, |v| format!("{} ", v + 1))
                .finish()
        });
        &VOCAB
    }

    fn max_len(&self) -> usize {
        let p = &self.params;
        let name = if p.multi { p.max_word_len } else { 1 };
        // Vertex i has at most i earlier ones to depend on.
        let edges: u32 = (1..p.n_max).map(|i| i.min(p.max_in)).sum();
        (4 + (2 * edges + 1 + p.n_max) * name) as usize
    }

    fn sample(&self, rng: &mut TaskRng, it: &mut Instance) {
        let p = &self.params;
        let n = self.sizes.draw(rng);
        let leaves = rng.between(1, p.leaf_bound.most(n));
        it.dag.draw(rng, n as usize, leaves as usize, p.max_in);
        let query = match p.query {
            Asked::Last => n - 1,
            Asked::LastQuarter => rng.between((3 * n / 4).max(leaves), n - 1),
        };
        it.dag.draw_order(rng, query as usize, &mut it.answer);
        it.edges.clear();
        for vertex in leaves as u16..n as u16 {
            it.edges.extend(it.dag.parents(usize::from(vertex)).iter().map(|&parent| [parent, vertex]));
        }
        shuffle(rng, &mut it.edges);
        it.names.clear();
        if !p.multi {
            it.names.extend(LAST..LAST + p.n_max as u16);
            choose_front(rng, &mut it.names, n as usize);
            return;
        }
        // Only what occurs in an edge gets a word, and any vertex any word: short words come first in a draw.
        let shown = (0..n as usize).filter(|&vertex| it.dag.has_edge(vertex)).count() as u16;
        self.words.draw_distinct(rng, usize::from(shown), &mut it.seen, &mut it.words);
        it.places.clear();
        it.places.extend(0..shown);
        shuffle(rng, &mut it.places);
        let mut next = it.places.iter().copied();
        let named = |vertex| if it.dag.has_edge(vertex) { next.next().unwrap_or_default() } else { 0 };
        it.names.extend((0..n as usize).map(named));
    }

    fn content(&self, it: &Instance) -> u64 {
        let code = |vertex: u16| match it.names[usize::from(vertex)] {
            word if self.params.multi => it.words[usize::from(word)].code,
            number => u64::from(number - LAST + 1),
        };
        Content::new(Self::SALT).unordered(it.edges.iter().map(|&[a, b]| (code(a), code(b)))).finish()
    }

    fn encode(&self, it: &Instance, row: &mut Row) {
        let name = |vertex: u16| it.names[usize::from(vertex)];
        let multi = self.params.multi;
        let write = |row: &mut Row, vertex| {
            if multi {
                it.words[usize::from(name(vertex))].write_to(row);
            } else {
                row.push(name(vertex));
            }
        };
        row.push(BOS);
        if multi {
            for &vertex in it.edges.as_flattened() {
                write(row, vertex);
            }
        } else {
            row.ids.extend(it.edges.as_flattened().iter().map(|&vertex| name(vertex)));
        }
        let start = row.here();
        row.push(QUERY);
        write(row, it.query());
        let marker = row.here();
        row.push(ANSWER);
        for &vertex in &it.answer {
            write(row, vertex);
        }
        row.query(start, marker + 1);
        row.push(EOS);
        row.predict_from(marker);
    }

    fn metadata(&self, it: &Instance) -> impl Serialize {
        let name = |vertex: u16| {
            let name = it.names[usize::from(vertex)];
            let ids = if self.params.multi { it.words[usize::from(name)].ids() } else { vec![name] };
            Self::vocab().decode(&ids).trim_end().to_owned()
        };
        let n = it.dag.len();
        let depth = it.dag.depth(usize::from(it.query()));
        object! {
            "depth": depth,
            "measured": object! {
                "answer_size": it.answer.len(), "depth": depth, "edges": it.edges.len(), "n": n,
            },
            "multi": self.params.multi,
            "n": n,
            "query": name(it.query()),
            "vertices": (0..n).filter(|&vertex| it.dag.has_edge(vertex)).count(),
        }
    }

    fn is_answer(text: &str) -> bool {
        let value = |v: &str| matches!(v.len(), 1..=3) && v.bytes().all(|b| b.is_ascii_digit());
        text.split(' ').all(|name| name.split('.').count() <= MAX_WORD_LEN && name.split('.').all(value))
    }

    fn spelled(text: &str) -> Option<String> {
        let name = |text: &str| Self::is_answer(text) && text.split('.').all(forms::number);
        forms::list(text, name)
    }

    fn accepts(&self, prompt: &str, target: &str, given: &str) -> bool {
        let vocab = Self::vocab();
        let valid = || {
            let (prompt, answer) = (vocab.encode(prompt).ok()?, vocab.encode(&format!("{given} ")).ok()?);
            Self::read(None, &[&[BOS], &*prompt, &*answer, &[EOS]].concat(), Form::Row).ok()
        };
        given == target || valid().is_some()
    }

    fn compat_id(&self, id: u16) -> Option<u16> {
        let p = &self.params;
        let used = if p.multi { p.mini_vocab } else { p.n_max } as u16;
        match id {
            PAD => Some(0),
            BOS => Some(9999),
            QUERY => Some(9997),
            ANSWER | EOS => Some(9998),
            MIDDLE..LAST if p.multi && id - MIDDLE < used => Some(1 + (id - MIDDLE)),
            LAST.. if id - LAST < used => Some(1 + (id - LAST) + if p.multi { used } else { 0 }),
            _ => None,
        }
    }

    fn read(rules: Option<&Self>, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
        let mut tokens = Tokens::after_bos(ids)?;
        let graph = Graph::read(rules, &mut tokens)?;
        tokens.expect(QUERY, "'| QUERY '")?;
        let at = tokens.at();
        let query = graph.read_name(rules, &mut tokens)?;
        let order = graph.check(rules, query).map_err(|reason| Flaw::at(at, reason))?;
        let marker = tokens.at();
        tokens.expect(ANSWER, "the answer marker")?;
        let content = Content::new(Self::SALT).unordered(graph.edges.iter().copied()).finish();
        let mut left = graph.relation.ancestors(query);
        let mut reading = Reading { content, ..Reading::default() };
        if form == Form::Prompt {
            let wanted = order.iter().filter(|vertex| left.contains(vertex));
            reading.answer = wanted.flat_map(|&vertex| &ids[graph.spans[vertex].clone()]).copied().collect();
            return if tokens.is_done() { Ok(reading) } else { tokens.fail("a prompt ends at the answer marker") };
        }
        while tokens.peek() != Some(EOS) {
            let at = tokens.at();
            let vertex = graph.read_name(rules, &mut tokens)?;
            if !left.remove(&vertex) {
                return Err(Flaw::at(at, "the query does not depend on this vertex, or it is listed already"));
            }
            if graph.relation.parents(vertex).iter().any(|parent| left.contains(parent)) {
                return Err(Flaw::at(at, "something that this vertex depends on is not listed yet"));
            }
        }
        if !left.is_empty() {
            return tokens.fail(format!("{} vertices are missing from the answer", left.len()));
        }
        reading.answer = ids[marker + 1..tokens.at()].to_vec();
        tokens.expect(EOS, "<eos>")?;
        reading.loss.push(marker as u32..tokens.at() as u32);
        if tokens.is_done() { Ok(reading) } else { tokens.fail("nothing may follow <eos>") }
    }
}

#[cfg(test)]
mod tests;
