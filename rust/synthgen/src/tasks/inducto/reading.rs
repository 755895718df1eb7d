//! The parts of an Inducto row, read back.

use super::{FIRST, LETTERS, NEXT};
use crate::reading::{Flaw, Tokens};
use crate::sampling::rules::{self, FIXED, agreed, fits};

pub(super) fn read_letters(tokens: &mut Tokens<'_>, most: usize) -> Result<Vec<u8>, Flaw> {
    let mut letters = vec![tokens.expect_family(FIRST, LETTERS, "a letter")? as u8];
    while let Some(c) = tokens.family(NEXT, LETTERS) {
        letters.push(c as u8);
        if letters.len() > most {
            return tokens.fail(format!("more than {most} letters"));
        }
    }
    Ok(letters)
}

/// The answer by the fixed rules or, where none of them fits, by all.
pub(super) fn induce_in_tiers(examples: &[(Vec<u8>, Vec<u8>)], query: &[u8]) -> Result<Vec<u8>, String> {
    let shown: Vec<(&[u8], &[u8])> = examples.iter().map(|(a, b)| (&a[..], &b[..])).collect();
    let fixed = fits(&FIXED, &shown, query);
    if fixed.is_empty() { agreed(&fits(rules::with_composites(), &shown, query)) } else { agreed(&fixed) }
}
