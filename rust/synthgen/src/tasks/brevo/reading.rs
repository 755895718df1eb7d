//! The graph of a Brevo row, read back.

use std::ops::Range;

use super::{Asked, Brevo, LAST, MAX_DEGREE, MAX_VALUES, MAX_VERTICES, MIDDLE};
use crate::reading::{Flaw, Tokens};
use crate::sampling::relation::Relation;
use crate::sampling::words::{self, Found};

/// A graph as read.
#[derive(Default)]
pub(super) struct Graph {
    /// Codes of dependency and dependent.
    pub(super) edges: Vec<(u64, u64)>,
    pub(super) relation: Relation<(u64, u32)>,
    /// Where each vertex is first named.
    pub(super) spans: Vec<Range<usize>>,
}

impl Graph {
    pub(super) fn read(rules: Option<&Brevo>, tokens: &mut Tokens<'_>) -> Result<Self, Flaw> {
        let bound = rules.map_or(MAX_DEGREE, |task| task.params.max_in) as usize;
        let mut graph = Self::default();
        while tokens.peek().is_some_and(|id| id >= MIDDLE) {
            let start = tokens.at();
            let (parent, from) = graph.add_name(rules, tokens)?;
            let (child, to) = graph.add_name(rules, tokens)?;
            graph.relation.relate(parent, child, bound).map_err(|reason| Flaw::at(start, reason))?;
            graph.edges.push((from, to));
        }
        Ok(graph)
    }

    fn add_name(&mut self, rules: Option<&Brevo>, tokens: &mut Tokens<'_>) -> Result<(usize, u64), Flaw> {
        let start = tokens.at();
        let word = read_word(rules, tokens)?;
        let vertex = self.relation.mention((word.code, word.len));
        if vertex == self.spans.len() {
            self.spans.push(start..tokens.at());
        }
        Ok((vertex, word.code))
    }

    /// A vertex that the edges name.
    pub(super) fn read_name(&self, rules: Option<&Brevo>, tokens: &mut Tokens<'_>) -> Result<usize, Flaw> {
        let at = tokens.at();
        let word = read_word(rules, tokens)?;
        self.relation.find(&(word.code, word.len)).ok_or_else(|| Flaw::at(at, "no edge names this vertex"))
    }

    /// An order of all vertices in which dependencies come first, if these parameters could draw this graph and ask about
    /// this vertex; without parameters, any graph without cycles will do.
    pub(super) fn check(&self, rules: Option<&Brevo>, query: usize) -> Result<Vec<usize>, String> {
        let relation = &self.relation;
        let order = relation.order().ok_or("the graph has a cycle")?;
        if relation.parents(query).is_empty() {
            return Err("the queried vertex depends on nothing".to_owned());
        }
        let Some(p) = rules.map(|task| &task.params) else {
            return Ok(order);
        };
        let later = relation.descendants(query).len() as u32 - 1;
        if p.query == Asked::Last && later > 0 {
            return Err("something depends on the queried vertex".to_owned());
        }
        // Vertices without edges are not shown: is there a number of vertices that allows what is?
        let inner = order.iter().filter(|&&vertex| !relation.parents(vertex).is_empty()).count() as u32;
        let shown = relation.len() as u32;
        let fits = |n: u32| {
            let asked_fits = p.query == Asked::Last || n - 1 - later >= 3 * n / 4;
            asked_fits && n - inner <= p.leaf_bound.most(n)
        };
        let mut sizes = shown.max(if p.qa { p.n_max } else { 3 })..=p.n_max;
        let missing = || {
            format!(
                "{shown} vertices, {inner} with dependencies and {later} that depend on the queried one: \
                 no graph of these parameters has that"
            )
        };
        sizes.any(fits).then_some(order).ok_or_else(missing)
    }
}

fn read_word(rules: Option<&Brevo>, tokens: &mut Tokens<'_>) -> Result<Found, Flaw> {
    let start = tokens.at();
    let word = words::read(tokens, (MIDDLE, MAX_VALUES), (LAST, MAX_VERTICES))?;
    let fits = match rules.map(|task| &task.params) {
        Some(p) if p.multi => word.largest <= p.mini_vocab && (p.min_word_len..=p.max_word_len).contains(&word.len),
        Some(p) => word.len == 1 && word.largest <= p.n_max,
        None => word.len == 1 || word.largest <= u32::from(MAX_VALUES),
    };
    if fits { Ok(word) } else { Err(Flaw::at(start, "a name that these parameters cannot give")) }
}
