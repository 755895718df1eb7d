//! The registry: find a task by name, build it from names and values.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::error::{Error, did_you_mean};
use crate::params::{FieldInfo, ParamSet, apply};
use crate::task::{AnyTask, Configured, Task};
use crate::tasks;
use crate::vocab::Vocab;

/// Difficulty levels every task has presets for.
pub const LEVELS: std::ops::RangeInclusive<u8> = 1..=3;

type Build = fn(&Map<String, Value>, Option<u8>) -> Result<Arc<dyn AnyTask>, Error>;

/// What the registry knows about a task.
pub struct Entry {
    /// Name, as in Python.
    pub name: &'static str,
    /// Version of its output.
    pub version: u32,
    /// One sentence.
    pub summary: &'static str,
    /// Which facts decide the split.
    pub split_key: &'static str,
    /// Numbers of the metadata that rise with the level.
    pub axes: &'static [&'static str],
    /// Does it have a reference id layout?
    pub has_compat: bool,
    /// Declared parameters.
    pub fields: &'static [FieldInfo],
    /// Default values.
    pub defaults: fn() -> Map<String, Value>,
    /// What the presets of a level change.
    pub preset: fn(u8) -> Map<String, Value>,
    /// Smallest and largest parameters, for the laws.
    pub extremes: fn() -> [Map<String, Value>; 2],
    /// The piece table.
    pub vocab: fn() -> &'static Vocab,
    /// Holds the task to the law of bounded work.
    #[cfg(test)]
    pub(crate) check_work: fn(),
    build: Build,
}

impl Entry {
    /// The row of a task in the registration list.
    pub const fn of<T: Task>() -> Self {
        Self {
            name: T::NAME,
            version: T::VERSION,
            summary: T::SUMMARY,
            split_key: T::SPLIT_KEY,
            axes: T::AXES,
            has_compat: T::HAS_COMPAT,
            fields: T::Params::FIELDS,
            defaults: || T::Params::default().to_map(),
            preset: preset_changes::<T>,
            extremes: || T::extremes().map(|p| p.to_map()),
            vocab: T::vocab,
            #[cfg(test)]
            check_work: crate::task::check_work::<T>,
            build: build::<T>,
        }
    }

    /// Fix the parameters: those given, over the preset of `level` if there is one, over the defaults.
    pub fn task(&self, given: &Map<String, Value>, level: Option<u8>) -> Result<Arc<dyn AnyTask>, Error> {
        (self.build)(given, level)
    }
}

fn preset_changes<T: Task>(level: u8) -> Map<String, Value> {
    let preset = T::preset(level).to_map();
    let default = T::Params::default().to_map();
    preset.into_iter().filter(|(name, value)| default[name] != *value).collect()
}

/// Names that a preset governs: any level changes them.
fn governed<T: Task>() -> Vec<String> {
    LEVELS.flat_map(|level| preset_changes::<T>(level).into_iter().map(|(name, _)| name)).collect()
}

fn build<T: Task>(given: &Map<String, Value>, level: Option<u8>) -> Result<Arc<dyn AnyTask>, Error> {
    let base = match level {
        None => T::Params::default(),
        Some(level) if LEVELS.contains(&level) => T::preset(level),
        Some(level) => {
            return Err(Error::param(T::NAME, "difficulty", level, "allowed: None, 1, 2 or 3"));
        }
    };
    let params = apply(T::NAME, base, given)?;
    if let Some(level) = level
        && let Some((name, value)) = given.iter().find(|(name, _)| governed::<T>().contains(name))
    {
        let allowed = format!("not together with difficulty={level}, which sets it; give one of them");
        return Err(Error::param(T::NAME, name, value, allowed));
    }
    Ok(Arc::new(Configured::<T>::new(params, level)?))
}

/// All tasks, in joint-id order.
pub fn all() -> &'static [Entry] {
    tasks::ALL
}

/// Find a task.
pub fn find(name: &str) -> Result<&'static Entry, Error> {
    all().iter().find(|entry| entry.name == name).ok_or_else(|| {
        let names: Vec<&str> = all().iter().map(|entry| entry.name).collect();
        let hint = did_you_mean(name, names.iter().copied());
        Error::UnknownTask { name: name.to_owned(), known: names.join(", "), hint }
    })
}

/// The registry as data: what command lines, docs and tests need to know about every task.
pub fn describe() -> Value {
    let entry = |entry: &Entry| {
        let defaults = (entry.defaults)();
        let field = |field: &FieldInfo| {
            json!({
                "name": field.name,
                "doc": field.doc.trim(),
                "default": defaults[field.name],
                "allowed": field.allowed(),
            })
        };
        let presets: Vec<_> = LEVELS.map(|level| (entry.preset)(level)).collect();
        json!({
            "name": entry.name,
            "version": entry.version,
            "summary": entry.summary,
            "params": entry.fields.iter().map(field).collect::<Vec<_>>(),
            "presets": presets,
            "extremes": (entry.extremes)(),
            "compat_ids": entry.has_compat,
            "split_key": entry.split_key,
            "axes": entry.axes,
        })
    };
    all().iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Arguments of the Python calls, which a parameter must not shadow.
    const RESERVED: [&str; 14] = [
        "n",
        "seed",
        "start",
        "split",
        "difficulty",
        "dtype",
        "seq_len",
        "overflow",
        "threads",
        "policy",
        "length",
        "loss_mask",
        "compat_ids",
        "order",
    ];

    #[test]
    fn entries_keep_the_house_rules() {
        let mut names = BTreeSet::new();
        for entry in all() {
            assert!(names.insert(entry.name), "{} is registered twice", entry.name);
            assert!(entry.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()), "{}", entry.name);
            assert!(entry.summary.ends_with('.'), "{}", entry.name);
            assert!(u16::try_from((entry.vocab)().len()).is_ok(), "{}", entry.name);
            let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/tasks/");
            assert!(std::path::Path::new(&format!("{page}{}.md", entry.name)).exists(), "{} has no page", entry.name);
            for field in entry.fields {
                assert!(!RESERVED.contains(&field.name), "{}.{} is reserved", entry.name, field.name);
                assert!(field.doc.trim().len() > 10, "{}.{} has no doc line", entry.name, field.name);
            }
            assert!(!(entry.preset)(2).is_empty(), "{}: level 2 must differ from the defaults", entry.name);
        }
        let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/tasks")).unwrap();
        let files: BTreeSet<String> = folder
            .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .filter(|stem| stem != "mod")
            .collect();
        assert_eq!(files, names.iter().map(|&n| n.to_owned()).collect(), "a task file is not registered");
    }

    #[test]
    fn instructions_are_whole_sentences_at_all_parameters() {
        for entry in all() {
            let [small, large] = (entry.extremes)();
            let given = [Map::new(), small, large].into_iter().map(|params| (params, None));
            for (params, level) in given.chain(LEVELS.map(|level| (Map::new(), Some(level)))) {
                let text = entry.task(&params, level).unwrap().instructions();
                assert!(text.len() > entry.summary.len() / 2 && text.ends_with('.'), "{}: {text}", entry.name);
                assert!(!text.contains("  ") && text.trim() == text, "{}: {text}", entry.name);
            }
        }
    }

    #[test]
    fn pieces_are_distinct_within_a_task() {
        for entry in all() {
            let pieces: BTreeSet<&String> = (entry.vocab)().pieces().iter().collect();
            assert_eq!(pieces.len(), (entry.vocab)().len(), "{}", entry.name);
        }
    }

    #[test]
    fn unknown_names_suggest_near_ones() {
        let message = find("dinah").map(|e| e.name).unwrap_err().to_string();
        assert!(message.contains("did you mean \"dyna\""), "{message}");
    }
}
