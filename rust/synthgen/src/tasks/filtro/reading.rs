//! The edges of a Filtro row, read back.

use super::{COUNT, FIRST_EDGE, Filtro, MAX, NEXT_EDGE, SOURCE, TARGET};
use crate::params::Span;
use crate::reading::{Flaw, Tokens};
use crate::sampling::interleave::fits;

pub(super) type Edge = (u8, u8, u8);
/// Predecessors by node, of one stream.
pub(super) type Before = [u8; 2 * MAX];
pub(super) const ABSENT: u8 = u8::MAX;

pub(super) fn read_edges(rules: Option<&Filtro>, tokens: &mut Tokens<'_>) -> Result<(Vec<Edge>, [Before; 2]), Flaw> {
    let mut edges: Vec<Edge> = Vec::new();
    let mut before = [[ABSENT; 2 * MAX]; 2];
    let mut leaves = [[false; 2 * MAX]; 2];
    while let Some(stream) = tokens.family(if edges.is_empty() { FIRST_EDGE } else { NEXT_EDGE }, 2) {
        let at = tokens.at();
        let from = tokens.expect_family(SOURCE, COUNT, "a source node")? as u8;
        let to = tokens.expect_family(TARGET, COUNT, "a target node")? as u8;
        let s = usize::from(stream);
        if leaves[s][usize::from(from)] || before[s][usize::from(to)] != ABSENT {
            return Err(Flaw::at(at, "two edges of a stream leave or reach one node"));
        }
        leaves[s][usize::from(from)] = true;
        before[s][usize::from(to)] = from;
        edges.push((stream as u8, from, to));
    }
    let end = tokens.at();
    let n = edges.len() / 2;
    let sizes = [0, 1].map(|s| edges.iter().filter(|edge| edge.0 == s).count());
    let nodes = rules.map_or(Span::new(2, MAX as u32), |task| task.params.num_nodes);
    if sizes != [n, n] || !nodes.contains(n as u32) {
        let allowed = format!("{sizes:?} edges; allowed: equally many in both streams, {}..={}", nodes.lo, nodes.hi);
        return Err(Flaw::at(end, allowed));
    }
    for before in &before {
        let first = before.iter().position(|&node| node != ABSENT).unwrap_or_default();
        let mut node = before[first];
        let mut length = 1;
        while usize::from(node) != first && node != ABSENT && length <= n {
            (node, length) = (before[usize::from(node)], length + 1);
        }
        if usize::from(node) != first || length != n {
            return Err(Flaw::at(end, "the edges of a stream are not one cycle"));
        }
    }
    let apart = leaves[0][MAX..].iter().chain(&leaves[1][..MAX]).all(|&used| !used);
    let same = leaves[0] == leaves[1];
    if !rules.map_or(apart || same, |task| if task.params.shared_vocab { same } else { apart }) {
        return Err(Flaw::at(end, "names of the wrong vocabulary, or not the same in both streams"));
    }
    let fits = |&pattern: &u8| fits(pattern, edges.iter().map(|edge| edge.0));
    if !rules.is_none_or(|task| task.params.pattern.members().iter().any(fits)) {
        return Err(Flaw::at(end, "the streams are not interleaved as pattern says"));
    }
    Ok((edges, before))
}
