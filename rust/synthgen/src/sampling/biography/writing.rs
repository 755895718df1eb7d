//! Writing biographies and questions: the words are chosen before, nothing is changed afterwards.

use std::ops::Range;

use super::lists::{HE, LISTS, Lists, PERSON, POSSESSIVE, Phrase, Question, THE, THEIR, THEIR_FIRST, Template};
use super::people::{Facts, Name, Wording};
use super::{ATTRIBUTES, NAME, TOPICS};
use crate::row::{Query, Row};

/// Who a sentence begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// `The person`.
    Unnamed,
    /// The full name.
    Named,
    /// `He`, `She`, `Their`, `His`, `Her`.
    Pronoun,
}

/// A template ready for writing, its ` their` put into the right form.
#[derive(Clone, Copy, Debug)]
struct Spoken {
    possessive: bool,
    before: [u16; 16],
    after: [u16; 12],
    lengths: [u8; 2],
}

impl Spoken {
    fn new(template: &Template, their: u16) -> Self {
        fn put<const N: usize>(words: &[u16], their: u16) -> [u16; N] {
            let mut ids = [0; N];
            for (to, &word) in ids.iter_mut().zip(words) {
                *to = if word == THEIR { their } else { word };
            }
            ids
        }
        Self {
            possessive: template.possessive,
            before: put(&template.before, their),
            after: put(&template.after, their),
            lengths: [template.before.len() as u8, template.after.len() as u8],
        }
    }
}

/// Everything about the way people are written about.
pub struct Writer {
    lists: &'static Lists,
    /// Sentences about him and about her, by topic.
    spoken: [[Vec<Spoken>; TOPICS.len()]; 2],
    /// Pronouns for him and for her, as subject and as possessive.
    pronouns: [[u16; 2]; 2],
    /// What each sentence begins with: six, or seven where the name comes last.
    pub subjects: Vec<Subject>,
    /// Are dates written with the day first?
    pub day_first: bool,
    /// Are possessives his and her?
    pub gendered: bool,
}

impl Writer {
    /// The full name begins every sentence, or comes after `unnamed` sentences (more than six: at the end).
    pub fn new(unnamed: usize, every: bool, day_first: bool, gendered: bool) -> Self {
        let lists: &Lists = &LISTS;
        // Neutral, his or her.
        let form = |she: u16| if gendered { 1 + she } else { 0 };
        let spoken = [0, 1].map(|she| {
            lists.templates.each_ref().map(|all| all.iter().map(|t| Spoken::new(t, THEIR + form(she))).collect())
        });
        let pronouns = [0, 1].map(|she| [HE + she, THEIR_FIRST + form(she)]);
        let subject = |place: usize| {
            if place < unnamed {
                Subject::Unnamed
            } else if place == unnamed || every {
                Subject::Named
            } else {
                Subject::Pronoun
            }
        };
        let subjects = (0..ATTRIBUTES.max(unnamed)).map(subject).collect();
        Self { lists, spoken, pronouns, subjects, day_first, gendered }
    }

    /// The longest biography and the longest question with its answer, in tokens.
    pub fn longest(&self) -> (usize, usize) {
        let longest = |topic: usize| match topic {
            NAME => 3,
            // Dates are in no list.
            _ => self.lists.values[topic].iter().map(|phrase| phrase.ids().len()).max().unwrap_or(5),
        };
        let words = |t: &Template| t.before.len() + t.after.len();
        let sentence = |topic: usize| self.lists.templates[topic].iter().map(words).max().unwrap_or(0) + longest(topic);
        let subjects = self.subjects.iter().map(|subject| match subject {
            Subject::Unnamed => 3,
            Subject::Named => 4,
            Subject::Pronoun => 1,
        });
        let topics = 0..self.subjects.len();
        let questions = self.lists.questions.iter().enumerate().flat_map(|(topic, questions)| {
            questions.iter().map(move |q: &Question| q.before.len() + 3 + q.after.len() + longest(topic))
        });
        (subjects.sum::<usize>() + topics.map(sentence).sum::<usize>(), questions.max().unwrap_or(0))
    }

    /// What a topic says about someone.
    #[inline]
    pub fn value(&self, topic: usize, name: Name, facts: &Facts) -> Phrase {
        self.lists.value(topic, name, facts, self.day_first)
    }

    /// Write a biography; `mark` is told where names (by the topic of names) and values stand.
    #[inline]
    pub fn biography(
        &self,
        row: &mut Row,
        (name, facts): (Name, &Facts),
        wording: &Wording,
        mut mark: impl FnMut(usize, Range<u32>),
    ) {
        let she = usize::from(facts.she);
        let full_name = self.value(NAME, name, facts);
        let order = self.lists.order(wording.order);
        let mut known = false;
        for (place, &subject) in self.subjects.iter().enumerate() {
            let topic = order.get(place).map_or(NAME, |&topic| usize::from(topic));
            let sentence = &self.spoken[she][topic][usize::from(wording.templates[topic])];
            let start = row.here();
            let possessive = usize::from(sentence.possessive);
            match subject {
                Subject::Pronoun => row.push(self.pronouns[she][possessive]),
                Subject::Unnamed => row.extend_cut([THE, PERSON, POSSESSIVE], 2 + possessive),
                Subject::Named => {
                    full_name.write_to(row);
                    mark(NAME, start..row.here());
                    row.extend_cut([POSSESSIVE], possessive);
                }
            }
            row.extend_cut(sentence.before, usize::from(sentence.lengths[0]));
            let answer = row.here();
            self.value(topic, name, facts).write_to(row);
            let answer = answer..row.here();
            row.extend_cut(sentence.after, usize::from(sentence.lengths[1]));
            // What is told before the name cannot be known.
            known |= subject == Subject::Named || topic == NAME;
            if known {
                row.queries.push(Query { start, prompt: answer.start, answer: answer.clone() });
            }
            mark(topic, answer);
        }
    }

    /// Write a question and its answer.
    pub fn question(
        &self,
        row: &mut Row,
        (name, facts): (Name, &Facts),
        (topic, wording): (usize, usize),
        mut mark: impl FnMut(usize, Range<u32>),
    ) {
        let start = row.here();
        let question = &self.lists.questions[topic][wording];
        row.extend(&question.before);
        let named = row.here();
        self.value(NAME, name, facts).write_to(row);
        mark(NAME, named..row.here());
        row.extend(&question.after);
        let answer = row.here();
        self.value(topic, name, facts).write_to(row);
        mark(topic, answer..row.here());
        row.query(start, answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_and_values_fit_their_width() {
        for template in LISTS.templates.iter().flatten() {
            assert!(template.before.len() <= 16 && template.after.len() <= 12);
        }
        for phrase in LISTS.values.iter().flatten() {
            assert!((1..=8).contains(&phrase.ids().len()));
        }
    }
}
