//! Where a Capo row tells names, pronouns and facts, as metadata.

use serde::{Serialize, Serializer};

use crate::metadata::list;
use crate::object;
use crate::sampling::biography::{CITY, COMPANY, COMPANY_CITY, DATE, MAJOR, NAME, TOPICS, UNIVERSITY};

/// Where something is told.
pub(super) struct Span {
    pub(super) topic: usize,
    pub(super) chars: [usize; 2],
    pub(super) tokens: [u32; 2],
}

/// Topic of pronouns, which no sentence is about.
pub(super) const PRONOUN: usize = TOPICS.len();
/// Topics in the order of their names.
const SPANS: [usize; TOPICS.len() + 1] = [CITY, DATE, COMPANY, COMPANY_CITY, MAJOR, NAME, PRONOUN, UNIVERSITY];

/// By topic, where it is told.
pub(super) struct Spans(pub(super) Vec<Span>);

impl Serialize for Spans {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let name = |topic: usize| match topic {
            NAME => "name",
            PRONOUN => "pronoun",
            topic => TOPICS[topic],
        };
        let of = |topic: usize| {
            let spans = self.0.iter().filter(move |span| span.topic == topic);
            list(spans.map(|span| object! { "chars": span.chars, "tokens": span.tokens }))
        };
        serializer.collect_map(SPANS.into_iter().map(|topic| (name(topic), of(topic))))
    }
}
