//! The instructions of Brevo.

use super::Brevo;
use crate::params::Span;
use crate::sampling::words::in_words;

pub(super) fn text(task: &Brevo) -> String {
    let p = &task.params;
    let name = if p.multi {
        in_words("vertex", Span::new(p.min_word_len, p.max_word_len), p.mini_vocab)
    } else {
        format!("The name of a vertex is a number from 1 to {}, which says nothing but which vertex it is.", p.n_max)
    };
    format!(
        "The prompt lists the edges of a directed graph without cycles, as names with a space after each, two to an \
         edge: the first and second name are one edge, the third and fourth the next, and so on. The edges stand in \
         random order. An edge `a b` says that b depends on a. {name} After the edges, `| QUERY v ->` asks what the \
         vertex v depends on. Gather v itself and everything that it depends on, directly or through other vertices, \
         each once, and nothing else; other edges of the graph do not matter. List them so that each vertex comes \
         after everything that it depends on, which puts v last. Every such order is right. The answer is these \
         names, separated by single spaces, on one line.",
    )
}
