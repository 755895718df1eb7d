//! The 507-symbol vocabulary of the copy tasks and their downstream tasks: 7 specials, then 500 regular symbols.
//!
//! Regular symbol i prints as the ASCII character 32 + i for i < 95, as `⟨i⟩` beyond. The four specials that occur inside
//! rows print in the same brackets, since any spelling in ASCII could also be spelled by regular symbols.

use std::sync::LazyLock;

use crate::row::Row;
use crate::vocab::Vocab;

/// Ends a list to be reversed.
pub const SEP: u16 = 3;
/// Asks for a copy.
pub const COPY: u16 = 4;
/// Precedes a key.
pub const KEY: u16 = 5;
/// Precedes a value.
pub const VAL: u16 = 6;
/// First regular symbol.
pub const FIRST: u16 = 7;
/// Number of regular symbols.
pub const REGULAR: u16 = 500;
/// Regular symbols that print as one ASCII character: from space to tilde.
pub const PRINTED: u16 = 95;

/// The table.
pub fn vocab() -> &'static Vocab {
    static VOCAB: LazyLock<Vocab> = LazyLock::new(|| {
        Vocab::build_after(["<pad>", "<s>", "</s>"])
            .piece(SEP, "⟨sep⟩")
            .piece(COPY, "⟨copy⟩")
            .piece(KEY, "⟨key⟩")
            .piece(VAL, "⟨val⟩")
            .family(FIRST, PRINTED, |i| char::from(b' ' + i as u8).to_string())
            .family(FIRST + PRINTED, REGULAR - PRINTED, |i| format!("⟨{}⟩", i + PRINTED))
            .finish()
    });
    &VOCAB
}

/// Is it a regular symbol?
pub fn is_regular(id: u16) -> bool {
    (FIRST..FIRST + REGULAR).contains(&id)
}

/// Is the text a non-empty run of regular symbols?
pub fn is_regular_text(text: &str) -> bool {
    !text.is_empty() && vocab().encode(text).is_ok_and(|ids| ids.into_iter().all(is_regular))
}

/// Is the text one regular symbol?
pub fn is_regular_symbol(text: &str) -> bool {
    vocab().encode(text).is_ok_and(|ids| ids.len() == 1 && is_regular(ids[0]))
}

/// What a symbol is, in words, where the first `count` regular ones occur.
pub fn in_words(count: u32) -> String {
    let character = "one printable ASCII character (a space is a symbol like any other, and capital and small letters \
                     are different symbols)";
    if count <= u32::from(PRINTED) {
        return format!("A symbol is {character}.");
    }
    format!(
        "A symbol is {character} or a number in angle brackets such as ⟨{}⟩, which as a whole is one symbol.",
        count - 1
    )
}

/// The end of the symbol that begins a text.
pub fn first_symbol(text: &str) -> Option<usize> {
    let end =
        if text.starts_with('⟨') { text.find('⟩')? + '⟩'.len_utf8() } else { text.chars().next()?.len_utf8() };
    is_regular_symbol(&text[..end]).then_some(end)
}

/// Is it empty or a run of regular symbols, without two printed characters side by side, as words have them?
pub fn is_no_prose(text: &str) -> bool {
    let printed = |c: &[u8]| c.iter().all(|&c| c == b' ' || c.is_ascii_graphic());
    // The digits within brackets are no characters of their own.
    let outside =
        text.split('⟨').enumerate().map(|(i, part)| if i == 0 { part } else { part.split('⟩').nth(1).unwrap_or("") });
    text.is_empty()
        || (is_regular_text(text) && !outside.into_iter().any(|part| part.as_bytes().windows(2).any(printed)))
}

/// The id of a printable ASCII character.
#[inline]
pub fn of_char(c: u8) -> u16 {
    debug_assert!((b' '..=b'~').contains(&c));
    FIRST + u16::from(c - b' ')
}

/// Write ASCII text, a symbol for each character.
#[inline]
pub fn write(row: &mut Row, text: &str) {
    row.ids.extend(text.bytes().map(of_char));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_507_symbols_and_any_run_of_them_reads_back() {
        let vocab = vocab();
        assert_eq!(vocab.len(), 507);
        assert_eq!((vocab.piece(of_char(b'a')), vocab.piece(506)), ("a", "⟨499⟩"));
        let spelled: Vec<u16> = "<copy>⟨".chars().filter(char::is_ascii).map(|c| of_char(c as u8)).collect();
        let ids = [spelled, vec![COPY, 506, 7, 102, SEP]].concat();
        assert_eq!(vocab.encode(&vocab.decode(&ids)), Ok(ids));
        assert!(is_regular_text("a ⟨120⟩") && !is_regular_text("") && !is_regular_text("a⟨copy⟩"));
        assert!(is_regular_symbol(" ") && is_regular_symbol("⟨120⟩"));
        assert_eq!([first_symbol("⟨120⟩a"), first_symbol("a⟨120⟩"), first_symbol("⟨key⟩")], [Some(9), Some(1), None]);
        assert!(is_no_prose("") && is_no_prose("⟨120⟩a⟨121⟩") && is_no_prose("a"));
        assert!(!is_no_prose(" or") && !is_no_prose("⟨120⟩.5") && !is_no_prose("⟨key⟩"));
        assert!(!is_regular_symbol("") && !is_regular_symbol("ab") && !is_regular_symbol("⟨key⟩"));
    }
}
