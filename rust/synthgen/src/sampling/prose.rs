//! Parts of instructions in words: counted things and lists of things.

use std::fmt::Display;

use crate::params::Span;

/// `4 pairs`, `1 pair`, or `4 to 12 pairs`.
pub fn counted(span: Span, one: &str, many: &str) -> String {
    match span {
        Span { lo: 1, hi: 1 } => format!("1 {one}"),
        Span { lo, hi } if lo == hi => format!("{lo} {many}"),
        Span { lo, hi } => format!("{lo} to {hi} {many}"),
    }
}

/// `a, b and c`, with any word before the last.
pub fn listed<T: Display>(items: &[T], word: &str) -> String {
    let texts: Vec<String> = items.iter().map(T::to_string).collect();
    match texts.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} {word} {last}", rest.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_counted_and_listed() {
        let pairs = |lo, hi| counted(Span::new(lo, hi), "pair", "pairs");
        assert_eq!([pairs(1, 1), pairs(4, 4), pairs(0, 2)], ["1 pair", "4 pairs", "0 to 2 pairs"]);
        assert_eq!(listed(&["a", "b", "c"], "or"), "a, b or c");
        assert_eq!((listed(&[1], "and"), listed::<u8>(&[], "and")), ("1".to_owned(), String::new()));
    }
}
