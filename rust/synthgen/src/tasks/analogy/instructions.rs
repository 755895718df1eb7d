//! The instructions of Analogy.

use super::{Analogy, Variant};

pub(super) fn text(task: &Analogy) -> String {
    let shown = task.params.num_examples;
    let pairs = |of: &str| match shown {
        1 => format!("1 pair of {of}"),
        n => format!("{n} pairs of {of}"),
    };
    match task.params.variant {
        Variant::InContext => format!(
            "The prompt is {}, each written `first:second`, with a comma and a space after it; then comes the first \
             word of one of these pairs again, and a colon. Which word goes with which is random: the words mean \
             nothing here, and no knowledge helps. No word occurs in two of the pairs. Find the pair whose first word \
             is asked for, and give its second word. The answer is that one word alone, in small letters as in its \
             pair.",
            pairs("words"),
        ),
        Variant::Knowledge => {
            let shown = match shown {
                0 => "The prompt is the name of an animal and a colon.".to_owned(),
                _ => format!(
                    "The prompt is {}, each written `animal:young`, with a comma and a space after it; then comes \
                     another animal, and a colon. The pairs show what is wanted; the animal that is asked about is \
                     not among them.",
                    pairs("animals and their young"),
                ),
            };
            format!(
                "{shown} Give the English name of the young of this animal; where the young have a form of their own, \
                 such as a larva, it is the name of that form. The prompt does not tell it: it must be known. Where \
                 several names are in use, the special one is meant, not a general word such as baby, and only one of \
                 them counts. The answer is one word alone, in small letters and in the singular.",
            )
        }
    }
}
