//! Vocabularies: dense tables of text pieces. Text is the exact concatenation of pieces; ids are positions in the table.

use std::collections::HashMap;

/// Padding; fills a row to its width and is never predicted.
pub const PAD: u16 = 0;
/// Begins every row.
pub const BOS: u16 = 1;
/// Ends a row, in tasks whose layout has an end.
pub const EOS: u16 = 2;
/// The specials every vocabulary starts with.
pub const SPECIALS: [&str; 3] = ["<pad>", "<bos>", "<eos>"];

/// A table of pieces.
#[derive(Debug)]
pub struct Vocab {
    pieces: Vec<String>,
    ids: HashMap<String, u16>,
    /// Lengths in bytes of the pieces that begin with a byte, longest first: greedy longest match tries them in order.
    lengths: Vec<Vec<usize>>,
}

impl Vocab {
    /// Start a table with the specials.
    pub fn build() -> Builder {
        Self::build_after(SPECIALS)
    }

    /// Start a table with the specials in another spelling.
    pub fn build_after(specials: [&str; 3]) -> Builder {
        Builder { pieces: specials.map(str::to_owned).to_vec() }
    }

    /// All pieces, by id.
    pub fn pieces(&self) -> &[String] {
        &self.pieces
    }

    /// Number of pieces.
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Never true: the specials are always there.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The text of one piece.
    pub fn piece(&self, id: u16) -> &str {
        &self.pieces[usize::from(id)]
    }

    /// Is it one of the specials, which text leaves out?
    pub fn is_special(id: u16) -> bool {
        usize::from(id) < SPECIALS.len()
    }

    /// Concatenated pieces without the specials.
    pub fn decode(&self, ids: &[u16]) -> String {
        let mut text = String::new();
        self.decode_into(ids, &mut text);
        text
    }

    /// Append the decoded text.
    pub fn decode_into(&self, ids: &[u16], text: &mut String) {
        for &id in ids.iter().filter(|&&id| !Self::is_special(id)) {
            text.push_str(self.piece(id));
        }
    }

    /// Ids by greedy longest match, or the byte offset at which no piece fits.
    pub fn encode(&self, text: &str) -> Result<Vec<u16>, usize> {
        let mut ids = Vec::with_capacity(text.len() / 2);
        let mut at = 0;
        while at < text.len() {
            let first = usize::from(text.as_bytes()[at]);
            let found = self.lengths[first].iter().find_map(|&len| {
                let piece = text.get(at..at + len)?;
                self.ids.get(piece).map(|&id| (id, len))
            });
            let (id, len) = found.ok_or(at)?;
            at += len;
            ids.push(id);
        }
        Ok(ids)
    }
}

/// Adds pieces in id order.
#[derive(Debug)]
pub struct Builder {
    pieces: Vec<String>,
}

impl Builder {
    /// Add one piece, which must get the id the task declared for it.
    ///
    /// # Panics
    /// If it does not: the declaration is wrong, whatever the input.
    #[must_use]
    pub fn piece(mut self, id: u16, text: &str) -> Self {
        assert_eq!(self.pieces.len(), usize::from(id), "piece {text:?} is declared at another id");
        self.pieces.push(text.to_owned());
        self
    }

    /// Add a family of `count` pieces starting at the declared id.
    ///
    /// # Panics
    /// If they do not start there: the declaration is wrong, whatever the input.
    #[must_use]
    pub fn family(mut self, first: u16, count: u16, text: impl Fn(u16) -> String) -> Self {
        assert_eq!(self.pieces.len(), usize::from(first), "family {:?} is declared at another id", text(0));
        self.pieces.extend((0..count).map(text));
        self
    }

    /// The finished table.
    pub fn finish(self) -> Vocab {
        let mut ids = HashMap::new();
        let mut lengths = vec![Vec::new(); 256];
        for (id, piece) in self.pieces.iter().enumerate().skip(SPECIALS.len()) {
            ids.insert(piece.clone(), id as u16);
            lengths[usize::from(piece.as_bytes()[0])].push(piece.len());
        }
        for found in &mut lengths {
            found.sort_unstable_by_key(|&len| std::cmp::Reverse(len));
            found.dedup();
        }
        Vocab { pieces: self.pieces, ids, lengths }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greedy_match_round_trips_and_reports_the_offset() {
        let vocab = Vocab::build().piece(3, "a").piece(4, "ab").piece(5, "c").finish();
        assert_eq!(vocab.encode("abca"), Ok(vec![4, 5, 3]));
        assert_eq!(vocab.decode(&[BOS, 4, 5, 3, EOS, PAD]), "abca");
        assert_eq!(vocab.encode("abx"), Err(2));
        assert_eq!(vocab.encode("<pad>"), Err(0));
    }
}
