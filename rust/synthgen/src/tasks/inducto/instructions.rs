//! The instructions of Inducto.

use super::{Family, Inducto, letter};

/// Operations by class, as kinds.
const FIRST: [&str; 4] = [
    "reversing the list",
    "moving one to three letters from one end to the other, in their order",
    "dropping one or two letters at an end",
    "doubling every letter in place",
];
const SECOND: [&str; 7] = [
    "keeping every second letter, or every third, counted from one of the first",
    "taking letters in turn from the first half and the second, which is the longer one if they are unequal",
    "exchanging the letters of each pair (first and second, third and fourth, and so on; an odd last one stays)",
    "writing every run of equal neighbours as one letter",
    "sorting by the alphabet",
    "appending the list backwards to itself",
    "replacing every letter by the next in the alphabet, or the next but one",
];
const THIRD: [&str; 3] = [
    "reversing each stretch of three, or of four, letters from the left, the rest too",
    "reversing the list and then moving its first letter to the end",
    "exchanging the letters of each pair, dropping the first letter, or replacing each by the next in the alphabet, \
     and then reversing the list",
];

pub(super) fn text(task: &Inducto) -> String {
    let p = &task.params;
    let has = |class: u32| p.complexity.as_ref().is_none_or(|classes| classes.contains(&class));
    let composed = has(3) && p.family == Family::WithComposites;
    let mut kinds = Vec::new();
    if has(1) || composed {
        kinds.extend(FIRST);
    }
    if has(2) || composed {
        kinds.extend(SECOND);
    }
    if has(3) {
        kinds.extend(if composed { &THIRD[..1] } else { &THIRD[..] });
    }
    let one = if composed { "one of these operations, or two of them in turn" } else { "one of these operations" };
    let last = letter(p.vocab_size as u8 - 1);
    let around = if has(2) || has(3) { format!(", and A follows {last}") } else { String::new() };
    format!(
        "Each example `ExN: [...] -> [...]` shows a list of letters and what a hidden rule makes of it. The rule \
         takes a list to a list; it is the same in all examples and for the query, whatever the letters and the \
         length. Letters run from A to {last}{around}. Find the rule from the examples and apply it to the list after \
         `Query:`. The rule is {one}: {}. Where several rules fit all examples, they agree on the query. The answer \
         is the letters of the result in order, separated by single spaces, without brackets.",
        kinds.join("; "),
    )
}
