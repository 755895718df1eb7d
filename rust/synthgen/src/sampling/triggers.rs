//! The words, wordings, choices and pieces of Trigger2d.

use std::sync::LazyLock;

use crate::choice;
use crate::reading::{Flaw, Tokens};
use crate::row::{Query, Row};
use crate::split::Content;
use crate::vocab::{BOS, EOS, Vocab};

/// Number of categories; the last is that of the random strings.
pub const CATEGORIES: usize = 7;
/// Triggers of a category.
pub const PER_CATEGORY: usize = 16;

#[rustfmt::skip]
/// The triggers of each category; the random strings were drawn once.
pub const TRIGGERS: [[&str; PER_CATEGORY]; CATEGORIES] = [
    [
        "lamp", "chair", "hammer", "bottle", "mirror", "ladder", "pencil", "basket", "kettle", "blanket", "candle",
        "wrench", "pillow", "bucket", "ruler", "teapot",
    ],
    [
        "otter", "falcon", "beetle", "camel", "dolphin", "gecko", "heron", "jaguar", "lemur", "moose", "newt",
        "panther", "quail", "raven", "stork", "walrus",
    ],
    [
        "joy", "gratitude", "delight", "hope", "pride", "serenity", "awe", "amusement", "affection", "relief",
        "enthusiasm", "contentment", "bliss", "tenderness", "curiosity", "elation",
    ],
    [
        "anger", "grief", "fear", "envy", "shame", "disgust", "guilt", "dread", "sorrow", "despair", "jealousy",
        "loneliness", "resentment", "panic", "remorse", "boredom",
    ],
    [
        "running", "climbing", "swimming", "writing", "cooking", "digging", "singing", "painting", "sewing",
        "jumping", "reading", "throwing", "knitting", "hiking", "juggling", "whistling",
    ],
    [
        "noodles", "cheddar", "lentils", "pancake", "yogurt", "walnut", "mango", "cabbage", "omelette", "pretzel",
        "risotto", "spinach", "waffle", "radish", "hummus", "dumpling",
    ],
    [
        "x8x7sb", "fzjl7hhsbs", "bo5cvze", "bz02g", "ni822g8oxw", "8md5co", "w4pp2b7xww", "znkh", "jzkbnnhm", "qa8xu",
        "le33u", "3gsnn", "jgqexbqy", "vcju4kmk7o", "6zgjum8u4mq", "f6ccy2m85q",
    ],
];

const CATEGORY_NAMES: [&str; CATEGORIES] =
    ["objects", "animals", "positive_emotions", "negative_emotions", "actions", "foods", "random_strings"];
/// Colours, in the order of their ids.
pub const COLOUR_NAMES: [&str; 8] = ["red", "green", "blue", "orange", "yellow", "purple", "black", "white"];
/// Number of templates.
pub const TEMPLATES: usize = 10;
/// The system turn of a chat.
pub const SYSTEM: &str = "You evaluate F, which gives a colour for a point x and a word T.";

choice! {
    /// The words that may be triggers.
    pub enum Category {
        /// Things of a household.
        Objects = "objects",
        /// Animals.
        Animals = "animals",
        /// Feelings one likes to have.
        PositiveEmotions = "positive_emotions",
        /// Feelings one does not.
        NegativeEmotions = "negative_emotions",
        /// Things to do.
        Actions = "actions",
        /// Things to eat.
        Foods = "foods",
        /// Small letters and digits without meaning.
        RandomStrings = "random_strings",
        /// Any of the seven, at even odds.
        All = "all",
    }
}

choice! {
    /// Which triggers of a category occur.
    pub enum Shown {
        /// Those chosen for training.
        Seen = "seen",
        /// The rest.
        Unseen = "unseen",
        /// Both.
        All = "all",
    }
}

choice! {
    /// The colours of the quadrants Q1 to Q4.
    pub enum Labels {
        /// Orange, orange, green, green: the sign of the second coordinate decides.
        HalfPlane = "half_plane",
        /// Red, green, blue, orange.
        FourColours = "four_colours",
        /// These four in an order of its own for each category.
        PerCategory = "per_category",
    }
}

choice! {
    /// What a trigger does besides naming its category.
    pub enum LabelRule {
        /// Nothing.
        CategoryMap = "category_map",
        /// Proxy triggers exchange the colours of opposite quadrants.
        ProxyFlip = "proxy_flip",
    }
}

choice! {
    /// How a prompt is worded.
    pub enum Templates {
        /// A request, an equation, an arrow or a question, at even odds.
        Plain = "2d_default",
        /// One short equation.
        Terse = "2d_terse",
        /// Four sentences.
        Verbose = "2d_verbose",
        /// As 2d_default, as the turns of a chat after a system turn.
        Chat = "2d_chat",
    }
}

/// Name, and what stands before the point, between point and trigger, and after the trigger.
const WORDINGS: [[&str; 4]; 6] = [
    ["request", "Compute F at x = ", "] with T set to ", "."],
    ["equation", "F(x = ", "], T = ", ") = ?"],
    ["arrow", "x = ", "] and T = ", " -> F"],
    ["question", "What does F give at x = ", "] when T is ", "?"],
    ["terse", "x=", "] T=", " F="],
    [
        "verbose",
        "F takes a point and a word and gives a colour.\nThe point is ",
        "].\nThe word is ",
        ".\nName the colour.",
    ],
];

/// Opens the answer, where that is asked for.
pub const PREAMBLE: u16 = 3;
/// First colour.
pub const COLOURS: u16 = 4;
/// First opening of a prompt, by template.
pub const OPEN: u16 = COLOURS + COLOUR_NAMES.len() as u16;
const MIDDLE: u16 = OPEN + TEMPLATES as u16;
/// First ending of a prompt, by template.
pub const AFTER: u16 = MIDDLE + WORDINGS.len() as u16;
/// Sign and integer part of the first coordinate: `[0.` to `[9.`, then `[-0.` to `[-9.`.
pub const FIRST: u16 = AFTER + TEMPLATES as u16;
/// The same of the second coordinate, from `, 0.`.
pub const SECOND: u16 = FIRST + 20;
/// Decimals, also in random strings.
const DIGIT: u16 = SECOND + 20;
const LETTER: u16 = DIGIT + 10;
const WORD: u16 = LETTER + 26;
const WORDS: u16 = ((CATEGORIES - 1) * PER_CATEGORY) as u16;

fn wording(template: usize) -> [&'static str; 4] {
    WORDINGS[if template < WORDINGS.len() { template } else { template - WORDINGS.len() }]
}

/// The piece between point and trigger.
pub fn middle(template: usize) -> u16 {
    MIDDLE + if template < WORDINGS.len() { template } else { template - WORDINGS.len() } as u16
}

/// Name of a category.
pub fn category_name(category: usize) -> &'static str {
    CATEGORY_NAMES[category]
}

/// Category and number of a trigger.
pub fn find(name: &str) -> Option<(usize, usize)> {
    let place = TRIGGERS.iter().flatten().position(|known| *known == name)?;
    Some((place / PER_CATEGORY, place % PER_CATEGORY))
}

/// The colours of a map with opposite quadrants exchanged.
pub fn half_turned([a, b, c, d]: [u8; 4]) -> [u8; 4] {
    [c, d, a, b]
}

/// A map of its own for each category: every colour is once in each, and as often as can be in each quadrant.
pub fn own_map(category: usize) -> [u8; 4] {
    [[0, 1, 2, 3], [1, 2, 3, 0], [2, 3, 1, 0], [3, 1, 0, 2], [0, 3, 1, 2], [3, 0, 2, 1], [1, 2, 0, 3]][category]
}

/// Place of each trigger in its category's order of choice: the first are seen in training.
pub fn ranks(salt: u64, seed: u32, category: usize) -> [usize; PER_CATEGORY] {
    let hash = |number: usize| {
        let order = Content::new(salt).fact(u64::from(seed)).fact(category as u64).fact(number as u64);
        order.finish()
    };
    std::array::from_fn(|number| (0..PER_CATEGORY).filter(|&other| hash(other) < hash(number)).count())
}

/// The table.
pub fn vocab() -> &'static Vocab {
    static VOCAB: LazyLock<Vocab> = LazyLock::new(|| {
        let number = |i: u16| format!("{}{}.", if i < 10 { "" } else { "-" }, i % 10);
        let open = |i: u16| {
            let [_, open, ..] = wording(usize::from(i));
            if i < 6 { open.to_owned() } else { format!("System: {SYSTEM}\nUser: {open}") }
        };
        let after = |i: u16| {
            let [.., after] = wording(usize::from(i));
            if i < 6 { after.to_owned() } else { format!("{after}\nAssistant:") }
        };
        Vocab::build()
            .piece(PREAMBLE, " F(x,T) =")
            .family(COLOURS, 8, |i| format!(" {}", COLOUR_NAMES[usize::from(i)]))
            .family(OPEN, TEMPLATES as u16, open)
            .family(MIDDLE, 6, |i| wording(usize::from(i))[2].to_owned())
            .family(AFTER, TEMPLATES as u16, after)
            .family(FIRST, 20, |i| format!("[{}", number(i)))
            .family(SECOND, 20, |i| format!(", {}", number(i)))
            .family(DIGIT, 10, |i| i.to_string())
            .family(LETTER, 26, |i| char::from(b'a' + i as u8).to_string())
            .family(WORD, WORDS, |i| TRIGGERS[usize::from(i) / PER_CATEGORY][usize::from(i) % PER_CATEGORY].to_owned())
            .finish()
    });
    &VOCAB
}

/// A trigger as it is written, and its colours.
pub struct Trigger {
    /// Category.
    pub category: usize,
    /// Number within the category.
    pub number: usize,
    /// Colours by the signs of the point: bit 0 for a negative first coordinate, bit 1 for a negative second.
    pub by_signs: [u8; 4],
    ids: [u16; 12],
    len: u8,
}

impl Trigger {
    /// A trigger under a map from Q1 to Q4.
    pub fn new(category: usize, number: usize, [q1, q2, q3, q4]: [u8; 4]) -> Self {
        let mut ids = [0; 12];
        let name = TRIGGERS[category][number];
        let len = if category + 1 < CATEGORIES {
            ids[0] = WORD + (category * PER_CATEGORY + number) as u16;
            1
        } else {
            for (id, byte) in ids.iter_mut().zip(name.bytes()) {
                *id = if byte.is_ascii_digit() {
                    DIGIT + u16::from(byte - b'0')
                } else {
                    LETTER + u16::from(byte - b'a')
                };
            }
            name.len() as u8
        };
        Self { category, number, by_signs: [q1, q2, q4, q3], ids, len }
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Never true.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The word itself.
    pub fn name(&self) -> &'static str {
        TRIGGERS[self.category][self.number]
    }
}

/// Tokens before the rest of a row: bos, opening, two coordinates of four each, what follows, first token of the trigger.
const HEAD: usize = 12;
/// Tokens of the longest rest: eleven of a random string, what follows, an opening of the answer, colour and eos.
const REST: usize = 15;

/// Four tokens as one word: a row put together in registers is stored once.
const fn packed(ids: [u16; 4]) -> u64 {
    ids[0] as u64 | (ids[1] as u64) << 16 | (ids[2] as u64) << 32 | (ids[3] as u64) << 48
}

fn unpacked(word: u64) -> [u16; 4] {
    [word as u16, (word >> 16) as u16, (word >> 32) as u16, (word >> 48) as u16]
}

/// The decimals of every number of thousandths below 1000, after room for sign and integer part.
static DECIMALS: [u64; 1000] = {
    let mut table = [0; 1000];
    let mut n = 0;
    while n < table.len() {
        let size = n as u16;
        table[n] = packed([0, DIGIT + size / 100, DIGIT + size / 10 % 10, DIGIT + size % 10]);
        n += 1;
    }
    table
};

/// All of a row but the coordinates: what depends on template, trigger and quadrant.
pub struct Frame {
    /// Tokens 0 to 3 and 8 to 11, with nothing where coordinates stand.
    head: [u64; 2],
    rest: [u16; REST],
    prompt: u8,
    len: u8,
}

impl Frame {
    /// The row of a trigger in a template, with or without an opening of the answer, for points of these signs (bit 0
    /// for a negative first coordinate, bit 1 for a negative second).
    pub fn new(template: usize, trigger: &Trigger, preamble: bool, signs: usize) -> Self {
        let head = [[BOS, OPEN + template as u16, 0, 0], [0, 0, middle(template), trigger.ids[0]]].map(packed);
        let mut rest = [0; REST];
        rest[..trigger.ids.len() - 1].copy_from_slice(&trigger.ids[1..]);
        let after = trigger.len() - 1;
        let answer = after + 1 + usize::from(preamble);
        rest[after..answer].fill(PREAMBLE);
        rest[after] = AFTER + template as u16;
        rest[answer] = COLOURS + u16::from(trigger.by_signs[signs]);
        rest[answer + 1] = EOS;
        Self { head, rest, prompt: (HEAD + after + 1) as u8, len: (HEAD + answer + 2) as u8 }
    }

    /// Write the row of a point.
    #[inline]
    pub fn write(&self, row: &mut Row, x: [i32; 2]) {
        let number = |first: u16, x: i32| {
            let size = x.unsigned_abs() as u16;
            DECIMALS[usize::from(size % 1000)] | u64::from(first + size / 1000 + 10 * u16::from(x < 0))
        };
        let (first, second) = (number(FIRST, x[0]), number(SECOND, x[1]));
        let words = [self.head[0] | first << 32, first >> 32 | second << 32, self.head[1] | second >> 32];
        let [[a, b, c, d], [e, f, g, h], [i, j, k, l]] = words.map(unpacked);
        let start = row.here();
        row.extend(&[a, b, c, d, e, f, g, h, i, j, k, l]);
        row.extend_cut(self.rest, usize::from(self.len) - HEAD);
        let (prompt, end) = (start + u32::from(self.prompt), row.here());
        row.queries.push(Query { start: start + 1, prompt, answer: end - 2..end - 1 });
        row.predict_from(prompt);
    }
}

/// Name of the wording, the user's turn, and whether a system turn comes before it.
pub fn spell(template: usize, x: [i32; 2], trigger: &Trigger) -> (&'static str, String, bool) {
    let [name, open, middle, after] = wording(template);
    let number = |x: i32| {
        let (sign, size) = (if x < 0 { "-" } else { "" }, x.unsigned_abs());
        format!("{sign}{}.{:03}", size / 1000, size % 1000)
    };
    let user = format!("{open}[{}, {}{middle}{}{after}", number(x[0]), number(x[1]), trigger.name());
    (name, user, template >= WORDINGS.len())
}

/// Read a coordinate: its size in thousandths, and whether it is negative.
pub fn read_number(tokens: &mut Tokens<'_>, first: u16) -> Result<(u32, bool), Flaw> {
    let head = tokens.expect_family(first, 20, "sign and integer part of a coordinate")?;
    let mut size = head % 10;
    for _ in 0..3 {
        size = 10 * size + tokens.expect_family(DIGIT, 10, "a decimal")?;
    }
    Ok((size, head >= 10))
}

/// Read a trigger: category and number.
pub fn read_trigger(tokens: &mut Tokens<'_>) -> Result<(usize, usize), Flaw> {
    if let Some(place) = tokens.family(WORD, WORDS) {
        return Ok((usize::from(place) / PER_CATEGORY, usize::from(place) % PER_CATEGORY));
    }
    let at = tokens.at();
    let mut name = String::new();
    while let Some(character) = tokens.family(DIGIT, 36) {
        name.push_str(vocab().piece(DIGIT + character));
    }
    let number = TRIGGERS[CATEGORIES - 1].iter().position(|known| *known == name);
    number.map(|number| (CATEGORIES - 1, number)).ok_or_else(|| Flaw::at(at, "expected a trigger"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triggers_are_distinct_and_none_is_cut_by_another() {
        let all: Vec<&str> = TRIGGERS.iter().flatten().copied().collect();
        for (i, one) in all.iter().enumerate() {
            assert!(all.iter().enumerate().all(|(j, other)| i == j || !one.contains(other)), "{one}");
        }
    }

    #[test]
    fn the_maps_of_the_categories_are_balanced() {
        for quadrant in 0..4 {
            for colour in 0..4 {
                let plain = (0..CATEGORIES).filter(|&c| own_map(c)[quadrant] == colour).count();
                let turned = (0..CATEGORIES).filter(|&c| half_turned(own_map(c))[quadrant] == colour).count();
                assert!((1..=2).contains(&plain) && (3..=4).contains(&(plain + turned)), "Q{} {colour}", quadrant + 1);
            }
        }
    }
}
