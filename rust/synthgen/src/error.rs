//! One error type. Every message names the task, the field, the value, what is allowed and the way out.

/// Everything that can go wrong because of what a caller asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No task of that name is registered.
    #[error("unknown task {name:?}; known tasks: {known}{hint}")]
    UnknownTask {
        /// The name asked for.
        name: String,
        /// All names, comma-separated.
        known: String,
        /// "did you mean", or empty.
        hint: String,
    },
    /// A parameter or argument is unknown, of the wrong type, out of range, or clashes with another.
    #[error("task {task}: {field} = {value}; {allowed}")]
    Param {
        /// Task name.
        task: String,
        /// Parameter or argument.
        field: String,
        /// The value given, as JSON.
        value: String,
        /// What is allowed, and the way out.
        allowed: String,
    },
    /// No instance of the wanted split was found within the bound on attempts.
    #[error("task {task}: split {split:?} holds no instance within {attempts} attempts at these parameters; {hint}")]
    SplitExhausted {
        /// Task name.
        task: String,
        /// Split asked for.
        split: String,
        /// Attempts made.
        attempts: u32,
        /// Parameters that work, or the way out.
        hint: String,
    },
    /// A text could not be solved.
    #[error("task {task}: {reason} (at character {position})")]
    Solve {
        /// Task name.
        task: String,
        /// What is wrong.
        reason: String,
        /// Offset in the text, in characters.
        position: usize,
    },
    /// The caller's check asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// A [`Error::Param`].
    pub fn param(task: &str, field: &str, value: impl ToString, allowed: impl Into<String>) -> Self {
        Self::Param {
            task: task.to_owned(),
            field: field.to_owned(),
            value: value.to_string(),
            allowed: allowed.into(),
        }
    }
}

/// `; did you mean "x"?` for the nearest of `known`, or nothing when none is near.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(&name.to_lowercase(), k), k))
        .filter(|(distance, k)| *distance <= 2.max(k.len() / 3))
        .min()
        .map_or_else(String::new, |(_, k)| format!("; did you mean {k:?}?"))
}
