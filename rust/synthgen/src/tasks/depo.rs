//! Depo: k-hop successor on one directed cycle whose edges are listed in random order.
//!
//! Source: Allen-Zhu, Physics of Language Models Part 4.1 (arXiv 2512.17351), and its reference code `PhysicsLM4`
//! (Apache-2.0), whose distribution this is. It tests reasoning depth: the answer must come without intermediate steps.
//!
//! ```text
//! 7.43 10 10 2.1 2.1 7.43 | QUERY hops=2 2.1 ->10 | QUERY hops=1 7.43 ->10
//! ```

mod instructions;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Serialize;

use crate::error::Error;
use crate::metadata::list;
use crate::object;
use crate::params;
use crate::reading::{Flaw, Form, Reading, Tokens};
use crate::rng::TaskRng;
use crate::row::Row;
use crate::sampling::permutation::{choose_front, shuffle};
use crate::sampling::size::SizeLaw;
use crate::sampling::words::{self, Found, MAX_WORD_LEN, Seen, Word, WordLaw};
use crate::score::forms;
use crate::split::Content;
use crate::task::Task;
use crate::vocab::{BOS, PAD, Vocab};

const ANSWER: u16 = 3;
const SEPARATOR: u16 = 4;
const MAX_HOPS: u16 = 128;
const QUERY: u16 = 5;
const MAX_VALUES: u16 = 128;
const MIDDLE: u16 = QUERY + MAX_HOPS;
const LAST: u16 = MIDDLE + MAX_VALUES;

params! {
    /// Parameters of Depo. The reference's names: `N` is `n_max`, `K` is `k_max`, `M` is `num_queries`.
    pub struct Params {
        /// Largest number of nodes; training draws n with weight 1/(n + sqrt(n_max)), the qa form uses n = n_max.
        n_max: u32 = 225 => 3..=4096;
        /// Largest hop count; not consulted when fixed_k or k_set is given.
        k_max: u32 = 8 => 1..=128;
        /// Queries per instance; fewer when there are fewer nodes.
        num_queries: u32 = 10 => 1..=1024;
        /// Distinct token values in node names (V of the paper: 50 for Depo1, 3 or 4 for Depo2).
        mini_vocab: u32 = 50 => 1..=128;
        /// Fewest tokens in a node name.
        min_word_len: u32 = 1 => 1..=8;
        /// Most tokens in a node name.
        max_word_len: u32 = 2 => 1..=8;
        /// Evaluation form: n = n_max, hops uniform over the powers of two up to k_max, and k_max.
        qa: bool = false;
        /// Write a separator before each edge.
        separator: bool = false;
        /// Ask this hop count only.
        fixed_k: Option<u32> = None => 1..=128;
        /// Ask hop counts drawn from this list; a repeated entry weighs more.
        k_set: Option<Vec<u32>> = None => 1..=128;
        /// May a hop count reach or exceed n, so that the walk wraps? None: not when fixed_k is given.
        allow_wrap: Option<bool> = None;
    }
}

/// Depo with checked parameters.
pub struct Depo {
    params: Params,
    hops: Vec<u32>,
    allow_wrap: bool,
    sizes: SizeLaw,
    words: WordLaw,
}

/// One cycle, its edge order and its queries.
#[derive(Default)]
pub struct Instance {
    words: Vec<Word>,
    /// Word at each place of the cycle.
    cycle: Vec<u16>,
    /// Place of the source of each listed edge.
    order: Vec<u16>,
    /// Place asked about and number of hops.
    queries: Vec<(u16, u16)>,
    nodes: Vec<u16>,
    seen: Seen,
}

impl Instance {
    fn word(&self, place: usize) -> &Word {
        let n = self.cycle.len();
        &self.words[usize::from(self.cycle[if place >= n { place % n } else { place }])]
    }

    fn answer(&self, (place, hops): (u16, u16)) -> &Word {
        self.word(usize::from(place) + usize::from(hops))
    }
}

/// The support of the hop law, with multiplicity.
fn hop_law(p: &Params) -> Vec<u32> {
    if let Some(k) = p.fixed_k {
        return vec![k];
    }
    if let Some(set) = &p.k_set {
        return set.clone();
    }
    if !p.qa {
        return (1..=p.k_max).collect();
    }
    let mut hops: Vec<u32> = (0..8).map(|e| 1 << e).filter(|&k| k <= p.k_max).collect();
    if p.k_max == 32 {
        hops.push(24);
    }
    if !hops.contains(&p.k_max) {
        hops.push(p.k_max);
    }
    hops
}

impl Task for Depo {
    const NAME: &'static str = "depo";
    const VERSION: u32 = 1;
    const SUMMARY: &'static str = "Reasoning depth: the k-hop successor on a cycle given as shuffled edges.";
    const SALT: u64 = 0x6465_706F_0000_0001;
    const SPLIT_KEY: &'static str = "the set of edges; their order, queries and separators left out";
    const AXES: &'static [&'static str] = &["n"];
    const MARKERS: &'static [u16] = &[ANSWER];
    const HAS_COMPAT: bool = true;
    const ENCODING: &'static [&'static str] = &["separator"];
    const LEADS: &'static [&'static str] = &["node", "word", "name"];
    const STOPS: &'static [&'static str] = &["\n", " |"];
    type Params = Params;
    type Instance = Instance;

    fn new(params: Params) -> Result<Self, Error> {
        let p = &params;
        let refuse = |field: &str, value: &dyn ToString, allowed: String| {
            Err(Error::param(Self::NAME, field, value.to_string(), allowed))
        };
        if p.max_word_len < p.min_word_len {
            return refuse(
                "max_word_len",
                &p.max_word_len,
                format!("allowed: at least min_word_len = {}", p.min_word_len),
            );
        }
        if p.fixed_k.is_some() && p.k_set.is_some() {
            return refuse(
                "k_set",
                &params::Field::write(&p.k_set),
                "not together with fixed_k; give one of them".to_owned(),
            );
        }
        let hops = hop_law(p);
        let most = hops.iter().copied().max().unwrap_or(1);
        let words = WordLaw::new(p.mini_vocab, p.min_word_len, p.max_word_len, MIDDLE, LAST);
        if let Err(allowed) = words.check_room(p.n_max) {
            return refuse("n_max", &p.n_max, allowed);
        }
        let allow_wrap = p.allow_wrap.unwrap_or(p.fixed_k.is_none());
        let smallest = if allow_wrap { 3 } else { 3.max(most + 1) };
        if smallest > p.n_max {
            let allowed = format!("allowed: more than the largest hop count {most}, or allow_wrap=True");
            return refuse("n_max", &p.n_max, allowed);
        }
        let sizes = SizeLaw::new(if p.qa { p.n_max } else { smallest }, p.n_max, p.n_max);
        Ok(Self { params, hops, allow_wrap, sizes, words })
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn preset(level: u8) -> Params {
        let n_max = [225, 300, 375][usize::from(level) - 1];
        Params { n_max, ..Params::default() }
    }

    fn extremes() -> [Params; 2] {
        let small = Params { n_max: 3, k_max: 1, num_queries: 1, mini_vocab: 6, max_word_len: 1, ..Params::default() };
        let large = Params {
            n_max: 4096,
            k_max: 128,
            num_queries: 1024,
            mini_vocab: 128,
            max_word_len: 8,
            separator: true,
            ..Params::default()
        };
        [small, large]
    }

    fn wider(params: &Params) -> Option<Params> {
        let mini_vocab = params.mini_vocab + 1;
        (mini_vocab <= u32::from(MAX_VALUES)).then(|| Params { mini_vocab, ..params.clone() })
    }

    fn drawn(params: &Params) -> Params {
        let default = Params::default();
        let own_hops = params.fixed_k.is_some() || params.k_set.is_some();
        Params {
            k_max: if own_hops { default.k_max } else { params.k_max },
            allow_wrap: params.allow_wrap.filter(|&allow| allow != params.fixed_k.is_none()),
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
                .piece(SEPARATOR, "; ")
                .family(QUERY, MAX_HOPS, |k| format!("| QUERY hops={} ", k + 1))
                .family(MIDDLE, MAX_VALUES, |v| format!("{}.", v + 1))
                .family(LAST, MAX_VALUES, |v| format!("{} ", v + 1))
                .finish()
        });
        &VOCAB
    }

    fn max_len(&self) -> usize {
        let p = &self.params;
        let edge = 2 * p.max_word_len + u32::from(p.separator);
        let query = 2 + 2 * p.max_word_len;
        (1 + p.n_max * edge + p.n_max.min(p.num_queries) * query) as usize
    }

    fn sample(&self, rng: &mut TaskRng, instance: &mut Instance) {
        let n = self.sizes.draw(rng) as usize;
        let it = instance;
        self.words.draw_distinct(rng, n, &mut it.seen, &mut it.words);
        for places in [&mut it.cycle, &mut it.order, &mut it.nodes] {
            places.clear();
            places.extend(0..n as u16);
        }
        shuffle(rng, &mut it.cycle);
        shuffle(rng, &mut it.order);
        let count = n.min(self.params.num_queries as usize);
        choose_front(rng, &mut it.nodes, count);
        it.queries.clear();
        for &node in &it.nodes[..count] {
            let hops = self.hops[rng.below(self.hops.len() as u32) as usize];
            it.queries.push((node, hops as u16));
        }
    }

    fn content(&self, instance: &Instance) -> u64 {
        let n = instance.cycle.len();
        let code = |place: usize| instance.words[usize::from(instance.cycle[place])].code;
        let steps = (1..n).map(|place| (code(place - 1), code(place)));
        Content::new(Self::SALT).unordered(steps.chain([(code(n - 1), code(0))])).finish()
    }

    fn encode(&self, instance: &Instance, row: &mut Row) {
        row.push(BOS);
        for &place in &instance.order {
            if self.params.separator {
                row.push(SEPARATOR);
            }
            instance.word(usize::from(place)).write_to(row);
            instance.word(usize::from(place) + 1).write_to(row);
        }
        for &query in &instance.queries {
            let start = row.here();
            row.push(QUERY + query.1 - 1);
            instance.word(usize::from(query.0)).write_to(row);
            let marker = row.here();
            row.push(ANSWER);
            instance.answer(query).write_to(row);
            row.predict_from(marker);
            row.query(start, marker + 1);
        }
    }

    fn metadata(&self, it: &Instance) -> impl Serialize {
        let n = it.cycle.len();
        let name = |word: &Word| Self::vocab().decode(&word.ids()).trim_end().to_owned();
        let hops = || it.queries.iter().map(|q| q.1);
        let total: u32 = hops().map(u32::from).sum();
        object! {
            "answers": list(it.queries.iter().map(move |&q| name(it.answer(q)))),
            "cycle": list((0..n).map(move |place| name(it.word(place)))),
            "hops": list(hops()),
            "k_max": self.hops.iter().max(),
            "measured": object! {
                "max_hops": hops().max(), "mean_hops": f64::from(total) / it.queries.len() as f64, "n": n,
            },
            "mini_vocab": self.params.mini_vocab,
            "n": n,
            "queries": list(it.queries.iter().map(move |q| name(it.word(usize::from(q.0))))),
            "query_count": it.queries.len(),
        }
    }

    fn is_answer(text: &str) -> bool {
        let values: Vec<&str> = text.split('.').collect();
        let value = |v: &&str| !v.is_empty() && v.len() <= 3 && v.bytes().all(|b| b.is_ascii_digit());
        values.len() <= MAX_WORD_LEN && values.iter().all(value)
    }

    fn spelled(text: &str) -> Option<String> {
        (Self::is_answer(text) && text.split('.').all(forms::number)).then(|| text.to_owned())
    }

    fn compat_id(&self, id: u16) -> Option<u16> {
        let used = self.params.mini_vocab as u16;
        match id {
            PAD => Some(0),
            BOS => Some(9999),
            ANSWER => Some(9500),
            SEPARATOR => Some(9700),
            QUERY..MIDDLE => Some(9001 + (id - QUERY)),
            MIDDLE..LAST if id - MIDDLE < used => Some(1 + (id - MIDDLE)),
            LAST.. if id - LAST < used => Some(1 + (id - LAST) + used),
            _ => None,
        }
    }

    fn read(rules: Option<&Self>, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
        let mut tokens = Tokens::after_bos(ids)?;
        let (graph, separated) = read_edges(rules, &mut tokens)?;
        let first_query = tokens.at();
        let n = graph.len() as u32;
        if let Some(task) = rules {
            task.check_graph(n, separated).map_err(|reason| Flaw::at(first_query, reason))?;
        }
        check_cycle(&graph).map_err(|reason| Flaw::at(first_query, reason))?;
        let content = Content::new(Self::SALT).unordered(graph.iter().map(|(&a, &b)| (a, b))).finish();
        let mut reading = Reading { content, ..Reading::default() };
        let mut asked = Vec::new();
        while !tokens.is_done() || asked.is_empty() {
            let at = tokens.at();
            let hops = 1 + tokens.expect_family(QUERY, MAX_HOPS, "a query")?;
            if rules.is_some_and(|task| !task.hops.contains(&hops)) {
                return Err(Flaw::at(at, format!("hop count {hops} is outside the declared law")));
            }
            let at = tokens.at();
            let (node, _) = read_word(rules, &mut tokens)?;
            if !graph.contains_key(&node) || asked.contains(&node) {
                return Err(Flaw::at(at, "the queried node is not in the graph, or asked about twice"));
            }
            asked.push(node);
            let marker = tokens.at();
            tokens.expect(ANSWER, "the answer marker")?;
            let right = (0..hops % n).fold(node, |node, _| graph[&node]);
            if reading.answer.is_empty() {
                reading.answer = word_ids(right);
            }
            if form == Form::Prompt {
                return if tokens.is_done() { Ok(reading) } else { tokens.fail("a prompt ends at the answer marker") };
            }
            let at = tokens.at();
            if read_word(rules, &mut tokens)?.0 != right {
                return Err(Flaw::at(at, "wrong answer"));
            }
            reading.loss.push(marker as u32..tokens.at() as u32);
        }
        if let Some(task) = rules
            && asked.len() as u32 != n.min(task.params.num_queries)
        {
            return tokens.fail(format!("{} queries, wanted min(n, num_queries)", asked.len()));
        }
        Ok(reading)
    }
}

impl Depo {
    fn check_graph(&self, n: u32, separated: bool) -> Result<(), String> {
        let p = &self.params;
        let most = self.hops.iter().copied().max().unwrap_or(1);
        if separated != p.separator {
            return Err(format!("separator = {} wanted", p.separator));
        }
        if n < 3 || n > p.n_max || (p.qa && n != p.n_max) {
            return Err(format!("n = {n}; allowed: 3..={}, exactly n_max in the qa form", p.n_max));
        }
        if !self.allow_wrap && n <= most {
            return Err(format!("n = {n} must exceed the largest hop count {most}"));
        }
        Ok(())
    }
}

/// Successor of every node, as word codes, and whether every edge had a separator.
fn read_edges(rules: Option<&Depo>, tokens: &mut Tokens<'_>) -> Result<(BTreeMap<u64, u64>, bool), Flaw> {
    let mut graph = BTreeMap::new();
    let separated = tokens.peek() == Some(SEPARATOR);
    while tokens.peek().is_some_and(|id| !(QUERY..MIDDLE).contains(&id)) {
        let at = tokens.at();
        if tokens.accept(SEPARATOR) != separated {
            return Err(Flaw::at(at, "either every edge has a separator or none has"));
        }
        let (source, _) = read_word(rules, tokens)?;
        let (target, _) = read_word(rules, tokens)?;
        if graph.insert(source, target).is_some() {
            return Err(Flaw::at(at, "two edges leave the same node"));
        }
    }
    Ok((graph, separated))
}

fn check_cycle(graph: &BTreeMap<u64, u64>) -> Result<(), String> {
    let (&start, _) = graph.first_key_value().ok_or("no edges")?;
    let mut node = start;
    for step in 1..=graph.len() {
        node = *graph.get(&node).ok_or("a node has no outgoing edge")?;
        if (node == start) != (step == graph.len()) {
            return Err("the edges are not one cycle through all nodes".to_owned());
        }
    }
    Ok(())
}

/// The code and the length of the next word.
fn read_word(rules: Option<&Depo>, tokens: &mut Tokens<'_>) -> Result<(u64, u32), Flaw> {
    let start = tokens.at();
    let Found { code, len, largest } = words::read(tokens, (MIDDLE, MAX_VALUES), (LAST, MAX_VALUES))?;
    if let Some(Depo { params: p, .. }) = rules
        && (largest > p.mini_vocab || !(p.min_word_len..=p.max_word_len).contains(&len))
    {
        return Err(Flaw::at(start, "a word outside mini_vocab or the word lengths"));
    }
    Ok((code, len))
}

fn word_ids(code: u64) -> Vec<u16> {
    let values: Vec<u16> = code.to_le_bytes().into_iter().take_while(|&v| v > 0).map(u16::from).collect();
    let last = values.len() - 1;
    values.iter().enumerate().map(|(i, &v)| v - 1 + if i == last { LAST } else { MIDDLE }).collect()
}
