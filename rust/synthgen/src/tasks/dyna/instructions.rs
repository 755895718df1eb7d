//! The instructions of Dyna.

use super::{Dyna, QueryKind};

/// State sizes up to which names are single letters.
const LETTERS: u32 = 26;

pub(super) fn text(task: &Dyna) -> String {
    let p = &task.params;
    let names = match (p.symbolic_names, p.state_size.hi > LETTERS) {
        (true, false) => "capital letters",
        (true, true) => "capital letters, or a capital letter and a number such as A0",
        (false, _) => "numbers, which are mere names and say nothing about positions",
    };
    let position = "`QUERY position p ->` asks which element stands at position p of the final list; the answer is \
                    the name of the element alone.";
    let element = "`QUERY element e ->` asks at which position of the final list element e stands; the answer is that \
                   number alone.";
    let question = match p.query_kind {
        QueryKind::Both => format!("{position} {element}"),
        QueryKind::Position => position.to_owned(),
        QueryKind::Element => element.to_owned(),
    };
    format!(
        "The prompt gives a list of elements as `STATE [...]`, then operations after `OPS`, separated by ` | `, then \
         a question. Elements are {names}. Positions count from 0 at the left end. Apply the operations one after \
         another, each to the list that the one before it left. SWAP(i,j) exchanges the elements at positions i and \
         j. REVERSE(i,j) reverses the order of the elements from position i to position j, both included. \
         ROTATE_LEFT(k) takes the first k elements off and puts them, in the same order, at the right end. \
         ROTATE_RIGHT(k) takes the last k elements off and puts them, in the same order, at the left end. Positions \
         are always those in the list at that moment. {question}",
    )
}
