//! The parts of an Inducto row, read back.

use super::{FIRST, LETTERS, NEXT};
use crate::reading::{Flaw, Tokens};

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
