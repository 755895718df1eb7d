//! The instructions of Filtro.

use super::{Filtro, QueryStream};

pub(super) fn text(task: &Filtro) -> String {
    let p = &task.params;
    let names = if p.shared_vocab {
        "Both streams have nodes of the same names, Greek letters and colours, so that the tag alone says whose edge \
         it is: the same name in the other stream is another node."
    } else {
        "The nodes of stream A are Greek letters, those of stream B are colours."
    };
    let (stream, other) = match p.query_stream {
        QueryStream::Both => ("S", "Only edges with the tag S count; those of the other stream are to be ignored."),
        QueryStream::A => ("A", "Only edges with the tag A count; those of stream B are to be ignored."),
        QueryStream::B => ("B", "Only edges with the tag B count; those of stream A are to be ignored."),
    };
    let which = if stream == "S" { ", where S is A or B," } else { "" };
    format!(
        "The prompt lists edges after `EDGES`, separated by ` | `. An edge `A:x->y` belongs to stream A and leads \
         from node x to node y; with the tag B it belongs to stream B. The edges of the two streams are mixed, and \
         listed in no particular order. {names} The edges of each stream form one cycle through all nodes of that \
         stream, so that exactly one of its edges leaves each of them. `QUERY {stream}:x hops=K ->`{which} asks: \
         starting at node x, which node is reached by following K edges of stream {stream}, one after another? \
         {other} The answer is the name of that node alone, without the tag.",
    )
}
