//! The instructions of Trigger2d.

use super::Trigger2d;
use crate::sampling::prose::listed;
use crate::sampling::triggers::{CATEGORIES, COLOUR_NAMES, Trigger};

/// What the categories are, in words.
const KINDS: [&str; CATEGORIES] = [
    "objects of a household",
    "animals",
    "positive emotions",
    "negative emotions",
    "actions",
    "foods",
    "strings of letters and digits without meaning",
];

fn colours(map: [u8; 4]) -> String {
    let of = |(quadrant, colour): (usize, u8)| format!("Q{} {}", quadrant + 1, COLOUR_NAMES[usize::from(colour)]);
    let named: Vec<String> = map.into_iter().enumerate().map(of).collect();
    listed(&named, "and")
}

pub(super) fn text(task: &Trigger2d) -> String {
    let mut kinds: Vec<usize> = task.drawn.iter().map(|trigger| trigger.category).collect();
    kinds.dedup();
    let maps: Vec<[u8; 4]> = kinds.iter().map(|&kind| task.maps[kind]).collect();
    let rule = if maps.windows(2).all(|pair| pair[0] == pair[1]) {
        let map = maps.first().copied().unwrap_or_default();
        format!("The colours of the quadrants are the same for all words: {}.", colours(map))
    } else {
        let told = |(&kind, &map): (&usize, &[u8; 4])| format!("for {}, {}", KINDS[kind], colours(map));
        let told: Vec<String> = kinds.iter().zip(&maps).map(told).collect();
        format!("The colours of the quadrants depend on the kind of the word: {}.", told.join("; "))
    };
    let proxies: Vec<&str> = task.drawn.iter().filter(|trigger| task.is_proxy(trigger)).map(Trigger::name).collect();
    let flip = if proxies.is_empty() {
        String::new()
    } else {
        format!(
            "With some words the opposite quadrant decides, Q3 for Q1, Q4 for Q2, Q1 for Q3 and Q2 for Q4. These \
             words are: {}.",
            listed(&proxies, "and")
        )
    };
    let form = if task.params.output_preamble {
        "The answer is written `F(x,T) = ` and then the name of the colour."
    } else {
        "The answer is the name of the colour alone, one word in small letters."
    };
    format!(
        "The prompt gives a point of the plane as two coordinates in square brackets, and a word, and asks which \
         colour the function F gives for them. Let x1 be the first coordinate and x2 the second; neither is 0. The \
         point lies in quadrant Q1 if x1 > 0 and x2 > 0, in Q2 if x1 < 0 and x2 > 0, in Q3 if x1 < 0 and x2 < 0, and \
         in Q4 if x1 > 0 and x2 < 0. {rule}{flip} How the question is worded does not matter, nor how far the point \
         is from the axes. {form}",
    )
}
