//! The instructions of Depo.

use super::Depo;
use crate::params::Span;
use crate::sampling::words::in_words;

pub(super) fn text(task: &Depo) -> String {
    let p = &task.params;
    let name = in_words("node", Span::new(p.min_word_len, p.max_word_len), p.mini_vocab);
    let separator = if p.separator { " A semicolon stands before each edge." } else { "" };
    let most = task.hops.iter().max().copied().unwrap_or_default();
    let smallest = if p.qa { p.n_max } else { 3 };
    let wraps = if task.allow_wrap && most >= smallest {
        " Where k is as large as the number of nodes or larger, the walk goes on around the cycle, past its start."
    } else {
        ""
    };
    format!(
        "The prompt lists the edges of one directed cycle through all its nodes, as names with a space after each, \
         two to an edge: the first and second name are one edge, the third and fourth the next, and so on. The edges \
         stand in random order. An edge `a b` leads from node a to node b.{separator} Each node has exactly one edge \
         that leaves it and one that reaches it. {name} After the edges, `| QUERY hops=k a ->` asks: starting at node \
         a, which node is reached by following k edges, one after another? One hop leads to the direct successor of \
         a.{wraps} The answer is the name of that node alone, exactly as it is written in the edges.",
    )
}
