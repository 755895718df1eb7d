//! Trigger2d: a point of the plane and a word; a colour decided by the quadrant and by what kind of word it is.
//!
//! Source: the 2-D trigger classification of a study of selective generalisation (`selective-generalization`). It tests
//! how a rule learnt for some words carries over to others of the same kind, and to points never seen.
//!
//! ```text
//! x = [-1.250, 0.731] and T = otter -> F green
//! ```

mod instructions;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::Serialize;
use serde_json::json;

use crate::error::{Error, did_you_mean};
use crate::object;
use crate::params;
use crate::params::Field;
use crate::reading::{Flaw, Form, Reading, Tokens};
use crate::rng::TaskRng;
use crate::row::Row;
use crate::sampling::triggers::{
    self, COLOUR_NAMES, COLOURS, Category, Frame, LabelRule, Labels, PER_CATEGORY, PREAMBLE, SYSTEM, Shown, TEMPLATES,
    Templates, Trigger, category_name, half_turned, own_map,
};
use crate::split::Content;
use crate::task::Task;
use crate::vocab::{EOS, Vocab};

params! {
    /// Parameters of Trigger2d. Coordinates are in thousandths.
    pub struct Params {
        /// Category of the triggers, or all seven.
        category: Category = Category::All;
        /// Triggers chosen for training, the rest, or both.
        triggers: Shown = Shown::Seen;
        /// Triggers of each category that are chosen for training, of 16.
        n_train_triggers: u32 = 10 => 0..=16;
        /// Decides which triggers are chosen for training.
        trigger_seed: u32 = 0 => 0..=4_294_967_295;
        /// Colours of the quadrants; not consulted when custom_labels is given.
        labels: Labels = Labels::FourColours;
        /// Four colours for Q1 to Q4 with commas between them, for all categories: "orange,orange,green,green".
        custom_labels: Option<String> = None;
        /// May some triggers turn the colours around?
        label_rule: LabelRule = LabelRule::CategoryMap;
        /// Proxy triggers with commas between them, consulted with label_rule="proxy_flip". None: every second of each category, in the order of choice.
        proxy_triggers: Option<String> = None;
        /// Wording of the prompt.
        templates: Templates = Templates::Plain;
        /// Largest first coordinate, either sign, in thousandths.
        x1_max: u32 = 3000 => 1..=9999;
        /// Largest second coordinate, either sign, in thousandths.
        x2_max: u32 = 3000 => 1..=9999;
        /// Smallest coordinate, either sign, in thousandths.
        margin: u32 = 50 => 1..=9999;
        /// Answer with "F(x,T) = " before the colour.
        output_preamble: bool = false;
    }
}

/// Trigger2d with checked parameters.
pub struct Trigger2d {
    params: Params,
    /// The triggers that may be drawn.
    drawn: Vec<Trigger>,
    /// By trigger that may be drawn, template that may be, and signs of the point: the row but for the coordinates.
    frames: Vec<Frame>,
    /// By category and number of a trigger: is it seen, and is it a proxy?
    status: Vec<(bool, bool)>,
    /// By category, the colours of Q1 to Q4.
    maps: Vec<[u8; 4]>,
    /// Colours to be learnt, over all maps in use.
    map_entries: usize,
}

/// A point in thousandths, and trigger and template as a frame.
#[derive(Default)]
pub struct Instance {
    x: [i32; 2],
    frame: usize,
}

impl Params {
    fn shows(&self, seen: bool) -> bool {
        self.triggers == Shown::All || (self.triggers == Shown::Seen) == seen
    }

    fn covers(&self, category: usize) -> bool {
        self.category == Category::All || self.category.write() == category_name(category)
    }

    fn templates(&self) -> std::ops::Range<usize> {
        match self.templates {
            Templates::Plain => 0..4,
            Templates::Terse => 4..5,
            Templates::Verbose => 5..6,
            Templates::Chat => 6..10,
        }
    }

    fn map(&self, category: usize, custom: Option<[u8; 4]>) -> [u8; 4] {
        match (custom, self.labels) {
            (Some(map), _) => map,
            (None, Labels::HalfPlane) => [3, 3, 1, 1],
            (None, Labels::FourColours) => [0, 1, 2, 3],
            (None, Labels::PerCategory) => own_map(category),
        }
    }

    fn custom(&self) -> Result<Option<[u8; 4]>, Error> {
        let Some(text) = &self.custom_labels else {
            return Ok(None);
        };
        let colour = |name: &str| COLOUR_NAMES.iter().position(|known| *known == name.trim());
        let found: Option<Vec<usize>> = text.split(',').map(colour).collect();
        if let Some(&[a, b, c, d]) = found.as_deref() {
            return Ok(Some([a, b, c, d].map(|colour| colour as u8)));
        }
        let allowed = format!("allowed: None or four of {COLOUR_NAMES:?}, with commas between them");
        Err(Error::param(Trigger2d::NAME, "custom_labels", json!(text), allowed))
    }

    fn proxies(&self) -> Result<Option<Vec<(usize, usize)>>, Error> {
        let Some(text) = &self.proxy_triggers else {
            return Ok(None);
        };
        let find = |name: &str| {
            triggers::find(name.trim()).ok_or_else(|| {
                let hint = did_you_mean(name.trim(), triggers::TRIGGERS.iter().flatten().copied());
                let allowed = format!("allowed: None or triggers with commas between them; {name:?} is none{hint}");
                Error::param(Trigger2d::NAME, "proxy_triggers", json!(text), allowed)
            })
        };
        if text.is_empty() {
            return Ok(Some(Vec::new()));
        }
        text.split(',').map(find).collect::<Result<_, _>>().map(Some)
    }
}

impl Task for Trigger2d {
    const NAME: &'static str = "trigger2d";
    const VERSION: u32 = 1;
    const SUMMARY: &'static str =
        "Selective generalisation: a colour from the quadrant of a point and the kind of a word.";
    const SALT: u64 = 0x7472_6967_0000_0001;
    const SPLIT_KEY: &'static str = "the two coordinates; trigger, wording and colour left out";
    const AXES: &'static [&'static str] = &["map_entries"];
    const MARKERS: &'static [u16] = &[PREAMBLE];
    const ENCODING: &'static [&'static str] = &["output_preamble"];
    const LEADS: &'static [&'static str] = &["colour", "color"];
    type Params = Params;
    type Instance = Instance;

    fn new(params: Params) -> Result<Self, Error> {
        let p = &params;
        let (custom, proxies) = (p.custom()?, p.proxies()?);
        let least = p.x1_max.min(p.x2_max);
        if p.margin > least {
            let allowed = format!("allowed: at most the smaller of x1_max and x2_max = {least}");
            return Err(Error::param(Self::NAME, "margin", p.margin, allowed));
        }
        let empty = match p.triggers {
            Shown::Seen => p.n_train_triggers == 0,
            Shown::Unseen => p.n_train_triggers as usize == PER_CATEGORY,
            Shown::All => false,
        };
        if empty {
            let allowed = format!(
                "leaves no trigger with triggers = {}; allowed: 1..={} here",
                p.triggers.write(),
                PER_CATEGORY - 1
            );
            return Err(Error::param(Self::NAME, "n_train_triggers", p.n_train_triggers, allowed));
        }
        let mut status = Vec::new();
        let mut drawn = Vec::new();
        let maps: Vec<[u8; 4]> = (0..triggers::CATEGORIES).map(|category| p.map(category, custom)).collect();
        for (category, &map) in maps.iter().enumerate() {
            let ranks = triggers::ranks(Self::SALT, p.trigger_seed, category);
            for (number, &rank) in ranks.iter().enumerate() {
                let seen = rank < p.n_train_triggers as usize;
                let proxy = p.label_rule == LabelRule::ProxyFlip
                    && proxies.as_ref().map_or(rank % 2 == 1, |listed| listed.contains(&(category, number)));
                status.push((seen, proxy));
                if p.covers(category) && p.shows(seen) {
                    drawn.push(Trigger::new(category, number, if proxy { half_turned(map) } else { map }));
                }
            }
        }
        let mut frames = Vec::new();
        for trigger in &drawn {
            for template in p.templates() {
                frames.extend([0, 1, 2, 3].map(|signs| Frame::new(template, trigger, p.output_preamble, signs)));
            }
        }
        let mut task = Self { params, drawn, frames, status, maps, map_entries: 0 };
        task.map_entries = task.count_entries();
        Ok(task)
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn preset(level: u8) -> Params {
        let base = Params::default();
        match level {
            1 => Params { category: Category::Objects, labels: Labels::HalfPlane, ..base },
            2 => Params { category: Category::Objects, labels: Labels::FourColours, ..base },
            _ => Params { labels: Labels::PerCategory, label_rule: LabelRule::ProxyFlip, ..base },
        }
    }

    fn extremes() -> [Params; 2] {
        let small = Params { category: Category::Objects, x1_max: 1, x2_max: 1, margin: 1, ..Params::default() };
        let large = Params {
            triggers: Shown::All,
            label_rule: LabelRule::ProxyFlip,
            labels: Labels::PerCategory,
            templates: Templates::Chat,
            x1_max: 9999,
            x2_max: 9999,
            margin: 1,
            output_preamble: true,
            ..Params::default()
        };
        [small, large]
    }

    fn wider(params: &Params) -> Option<Params> {
        let (x1_max, x2_max) = ((params.x1_max + 1).min(9999), (params.x2_max + 1).min(9999));
        let margin = if (x1_max, x2_max) == (9999, 9999) { params.margin.max(2) - 1 } else { params.margin };
        let wider = Params { x1_max, x2_max, margin, ..params.clone() };
        (wider != *params).then_some(wider)
    }

    fn drawn(params: &Params) -> Params {
        let mut drawn = params.clone();
        if drawn.custom_labels.is_some() {
            drawn.labels = Labels::FourColours;
        }
        if drawn.label_rule == LabelRule::CategoryMap {
            drawn.proxy_triggers = None;
        }
        drawn
    }

    fn instructions(&self) -> String {
        instructions::text(self)
    }

    fn vocab() -> &'static Vocab {
        triggers::vocab()
    }

    fn max_len(&self) -> usize {
        let longest = self.drawn.iter().map(Trigger::len).max().unwrap_or_default();
        14 + longest + usize::from(self.params.output_preamble)
    }

    fn sample(&self, rng: &mut TaskRng, it: &mut Instance) {
        let p = &self.params;
        let [a, b] = [p.x1_max, p.x2_max].map(|most| 2 * (most - p.margin + 1));
        let [a, b, frame] = rng.below_each([a, b, self.frames.len() as u32 / 4]);
        // The last bit is the sign.
        it.x = [a, b].map(|draw| {
            let (size, negative) = ((p.margin + draw / 2) as i32, (draw % 2) as i32);
            (size ^ -negative) + negative
        });
        it.frame = (4 * frame + a % 2 + 2 * (b % 2)) as usize;
    }

    fn content(&self, it: &Instance) -> u64 {
        content(it.x)
    }

    fn encode(&self, it: &Instance, row: &mut Row) {
        self.frames[it.frame].write(row, it.x);
    }

    fn metadata(&self, it: &Instance) -> impl Serialize {
        let templates = self.params.templates();
        let trigger = &self.drawn[it.frame / 4 / templates.len()];
        let (seen, proxy) = self.status[trigger.category * PER_CATEGORY + trigger.number];
        let quadrant = quadrant(it.x[0] < 0, it.x[1] < 0);
        let map = self.maps[trigger.category];
        let output = COLOUR_NAMES[usize::from(if proxy { half_turned(map) } else { map }[quadrant])];
        let (template, user, system) = triggers::spell(templates.start + it.frame / 4 % templates.len(), it.x, trigger);
        let assistant = if self.params.output_preamble { format!("F(x,T) = {output}") } else { output.to_owned() };
        let nearest = it.x.iter().map(|x| x.unsigned_abs()).min().unwrap_or_default();
        let turn = |role: &'static str, content: String| object! { "content": content, "role": role };
        let system = system.then(|| turn("system", SYSTEM.to_owned()));
        let messages: Vec<_> = system.into_iter().chain([turn("user", user), turn("assistant", assistant)]).collect();
        object! {
            "category": category_name(trigger.category),
            "input_trigger": trigger.name(),
            "input_x": it.x.map(|x| f64::from(x) / 1000.0),
            "measured": object! { "distance": f64::from(nearest) / 1000.0, "map_entries": self.map_entries },
            "messages": messages,
            "output": output,
            "proxy": proxy,
            "quadrant": ["Q1", "Q2", "Q3", "Q4"][quadrant],
            "seen": seen,
            "template": template,
        }
    }

    fn is_answer(text: &str) -> bool {
        COLOUR_NAMES.iter().any(|colour| bare(text).eq_ignore_ascii_case(colour))
    }

    fn spelled(text: &str) -> Option<String> {
        Some(bare(text).to_ascii_lowercase()).filter(|text| Self::is_answer(text))
    }

    fn subjects(_prompt: &str) -> Vec<String> {
        vec!["F".to_owned(), "F(x,T)".to_owned()]
    }

    /// The preamble says nothing: with it or without, the answer is the colour.
    fn accepts(&self, _prompt: &str, target: &str, given: &str) -> bool {
        bare(given) == bare(target)
    }

    fn read(rules: Option<&Self>, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
        static DEFAULT: LazyLock<Option<Trigger2d>> = LazyLock::new(|| Trigger2d::new(Params::default()).ok());
        match (rules, DEFAULT.as_ref()) {
            (Some(task), _) => task.judge(ids, form, true),
            (None, Some(task)) => task.judge(ids, form, false),
            (None, None) => Err(Flaw::at(0, "no parameters to judge by")),
        }
    }

    /// A text does not say which colours its quadrants have, nor which triggers are proxies.
    fn read_any(&self, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
        self.judge(ids, form, false)
    }
}

impl Trigger2d {
    /// Read under these colours and proxies, and, if `strict`, within all other parameters too.
    fn judge(&self, ids: &[u16], form: Form, strict: bool) -> Result<Reading, Flaw> {
        let p = &self.params;
        let mut tokens = Tokens::after_bos(ids)?;
        let at = tokens.at();
        let template = tokens.expect_family(triggers::OPEN, TEMPLATES as u16, "the opening of a prompt")? as usize;
        if strict && !p.templates().contains(&template) {
            return Err(Flaw::at(at, "a wording that the parameters exclude"));
        }
        let at = tokens.at();
        let (x1, left) = triggers::read_number(&mut tokens, triggers::FIRST)?;
        let (x2, below) = triggers::read_number(&mut tokens, triggers::SECOND)?;
        let (least, most) = if strict { (p.margin, [p.x1_max, p.x2_max]) } else { (1, [9999; 2]) };
        if x1.min(x2) < least || x1 > most[0] || x2 > most[1] {
            return Err(Flaw::at(at, "a point on an axis, or outside of the parameters' ranges"));
        }
        tokens.expect(triggers::middle(template), "what stands between point and trigger")?;
        let at = tokens.at();
        let (category, number) = triggers::read_trigger(&mut tokens)?;
        tokens.expect(triggers::AFTER + template as u16, "what stands after the trigger")?;
        let (seen, proxy) = self.status[category * PER_CATEGORY + number];
        if strict && !(p.shows(seen) && p.covers(category)) {
            return Err(Flaw::at(at, "a trigger that the parameters exclude"));
        }
        // A proxy moves the point to the opposite quadrant, instead of moving the colours.
        let right = COLOURS + u16::from(self.maps[category][quadrant(left != proxy, below != proxy)]);
        let signed = |size: u32, negative: bool| if negative { -(size as i32) } else { size as i32 };
        let content = content([signed(x1, left), signed(x2, below)]);
        let mut reading = Reading { content, answer: vec![right], ..Reading::default() };
        if form == Form::Prompt {
            return if tokens.is_done() { Ok(reading) } else { tokens.fail("the prompt ends here") };
        }
        let start = tokens.at() as u32;
        if !tokens.accept(PREAMBLE) && strict && p.output_preamble {
            return tokens.fail("expected ' F(x,T) ='");
        }
        if strict && !p.output_preamble && tokens.at() as u32 > start {
            return Err(Flaw::at(start as usize, "an opening of the answer without output_preamble"));
        }
        tokens.expect(right, "the right colour")?;
        tokens.expect(EOS, "<eos>")?;
        reading.loss.push(start..tokens.at() as u32);
        if tokens.is_done() { Ok(reading) } else { tokens.fail("nothing may follow <eos>") }
    }

    fn is_proxy(&self, trigger: &Trigger) -> bool {
        self.status[trigger.category * PER_CATEGORY + trigger.number].1
    }

    /// Entries of the rule: a region of one colour for each map in use, proxies apart; a map of all categories is one.
    fn count_entries(&self) -> usize {
        let used = self.drawn.iter().map(|trigger| (self.maps[trigger.category], self.is_proxy(trigger)));
        let regions = |map: [u8; 4]| map.into_iter().collect::<BTreeSet<_>>().len();
        used.collect::<BTreeSet<_>>().into_iter().map(|(map, _)| regions(map)).sum()
    }
}

/// Number of the quadrant, from 0, by the signs.
fn quadrant(left: bool, below: bool) -> usize {
    match (left, below) {
        (false, false) => 0,
        (true, false) => 1,
        (true, true) => 2,
        (false, true) => 3,
    }
}

/// The points are split; what is asked about them has no say.
#[inline]
fn content(x: [i32; 2]) -> u64 {
    let [x1, x2] = x.map(|x| u64::from((x + 10_000) as u32));
    Content::new(Trigger2d::SALT).fact(x1 << 32 | x2).finish()
}

fn bare(text: &str) -> &str {
    text.strip_prefix("F(x,T) = ").unwrap_or(text)
}
