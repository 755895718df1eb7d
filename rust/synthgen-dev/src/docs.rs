//! Generated regions of the docs pages, between `<!-- gen:name -->` and `<!-- /gen -->`.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, Value};
use synthgen::registry::{self, Entry, LEVELS};
use synthgen::vocab::SPECIALS;

use crate::Page;
use crate::python::wrap;

const END: &str = "<!-- /gen -->";

fn fill(root: &Path, path: &str, regions: &[(&str, String)]) -> Result<Page, String> {
    let mut text = std::fs::read_to_string(root.join(path)).map_err(|error| format!("{path}: {error}"))?;
    for (name, body) in regions {
        let begin = format!("<!-- gen:{name} -->");
        let start = text.find(&begin).ok_or_else(|| format!("{path} has no region {begin}"))? + begin.len();
        let end = start + text[start..].find(END).ok_or_else(|| format!("{path}: {begin} has no {END}"))?;
        text.replace_range(start..end, &format!("\n{}\n", body.trim_end()));
    }
    Ok((path.into(), text))
}

/// The page of a task.
pub fn task(root: &Path, entry: &Entry) -> Result<Page, String> {
    let regions = [
        ("params", params(entry)),
        ("sample", sample(entry)?),
        ("pieces", pieces(entry)),
        ("instructions", instructions(entry)?),
    ];
    fill(root, &format!("docs/tasks/{}.md", entry.name), &regions)
}

/// The table of tasks.
pub fn index(root: &Path) -> Result<Page, String> {
    let mut table = String::from("| task | version | what it tests | pieces |\n|---|---|---|---|\n");
    for entry in registry::all() {
        let (name, size) = (entry.name, (entry.vocab)().len());
        let _ = writeln!(table, "| [{name}](tasks/{name}.md) | {} | {} | {size} |", entry.version, entry.summary);
    }
    fill(root, "docs/index.md", &[("tasks", table)])
}

/// Rows that a mean of the tables is taken over.
const MEASURED_ROWS: u64 = 400;

/// Levels, measured difficulty, vocabularies and split keys of all tasks.
pub fn levels(root: &Path) -> Result<Page, String> {
    let mut presets = String::from("| task | level 1 | level 2 | level 3 |\n|---|---|---|---|\n");
    let mut measured = String::from("| task | level | mean tokens | measured, mean |\n|---|---|---|---|\n");
    let mut keys = String::from("| task | pieces | split key |\n|---|---|---|\n");
    for entry in registry::all() {
        let name = entry.name;
        let _ = write!(presets, "| [{name}](tasks/{name}.md) |");
        for level in LEVELS {
            let changes: Vec<String> =
                (entry.preset)(level).iter().map(|(name, value)| format!("`{name}={}`", python(value))).collect();
            let shown = if changes.is_empty() { "the defaults".to_owned() } else { changes.join(" ") };
            let _ = write!(presets, " {shown} |");
            let _ = writeln!(measured, "| {name} | {level} | {} |", measure(entry, level)?);
        }
        presets.push('\n');
        let _ = writeln!(keys, "| {name} | {} | {} |", (entry.vocab)().len(), entry.split_key);
    }
    fill(root, "docs/levels.md", &[("presets", presets), ("measured", measured), ("keys", keys)])
}

/// Mean tokens of a row and means of the axes of difficulty, as two cells.
fn measure(entry: &Entry, level: u8) -> Result<String, String> {
    let task = entry.task(&Map::new(), Some(level)).map_err(|error| error.to_string())?;
    let mut rows = task.cursor(42, None, None);
    let mut tokens = 0;
    let mut sums = vec![0.0; entry.axes.len()];
    for index in 0..MEASURED_ROWS {
        tokens += rows.draw(index.into()).map_err(|error| error.to_string())?.len();
        let facts = rows.metadata();
        for (sum, axis) in sums.iter_mut().zip(entry.axes) {
            let found = facts["measured"].get(axis).or_else(|| facts.get(*axis));
            *sum += found.and_then(mean).ok_or_else(|| format!("{}: no number {axis} in the metadata", entry.name))?;
        }
    }
    let of_rows = |sum: f64| sum / MEASURED_ROWS as f64;
    let axes = entry.axes.iter().zip(sums).map(|(axis, sum)| format!("{axis} {}", short(of_rows(sum))));
    Ok(format!("{} | {}", short(of_rows(tokens as f64)), axes.collect::<Vec<_>>().join(", ")))
}

/// A number as a table wants it: about three digits.
fn short(number: f64) -> String {
    match number {
        n if n >= 1e6 => format!("{:.1}M", n / 1e6),
        n if n >= 100.0 => format!("{n:.0}"),
        n => format!("{n:.2}"),
    }
}

/// Mean of a number, or of a list of numbers.
fn mean(value: &Value) -> Option<f64> {
    match value {
        Value::Array(items) => Some(items.iter().map(Value::as_f64).sum::<Option<f64>>()? / items.len() as f64),
        number => number.as_f64(),
    }
}

/// A row of every task at every level, as text.
pub fn gallery(root: &Path) -> Result<Page, String> {
    let mut text = String::new();
    for entry in registry::all() {
        let name = entry.name;
        let _ = writeln!(text, "### [{name}](tasks/{name}.md)\n\n{}\n", entry.summary);
        for level in LEVELS {
            let task = entry.task(&Map::new(), Some(level)).map_err(|error| error.to_string())?;
            let mut rows = task.cursor(42, None, None);
            let row = rows.draw(0.into()).map_err(|error| error.to_string())?;
            let whole = task.vocab().decode(&row.ids);
            let _ = writeln!(text, "Level {level}, {} tokens:\n\n```text\n{}\n```\n", row.len(), cut(whole.trim()));
        }
    }
    fill(root, "docs/gallery.md", &[("gallery", text)])
}

/// The beginning and the end of a long text.
fn cut(text: &str) -> String {
    const SHOWN: usize = 280;
    let chars: Vec<char> = text.chars().collect();
    if chars.len() <= 2 * SHOWN {
        return text.to_owned();
    }
    let part = |chars: &[char]| chars.iter().collect::<String>();
    let left_out = chars.len() - 2 * SHOWN;
    format!("{}\n  ... {left_out} characters ...\n{}", part(&chars[..SHOWN]), part(&chars[chars.len() - SHOWN..]))
}

fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Array(one) if one.len() == 1 => format!("({},)", python(&one[0])),
        Value::Array(pair) => format!("({})", pair.iter().map(python).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

fn params(entry: &Entry) -> String {
    let defaults = (entry.defaults)();
    let presets: Vec<Map<String, Value>> = LEVELS.map(|level| (entry.preset)(level)).collect();
    let mut table =
        String::from("| parameter | default | level 1 | level 2 | level 3 | meaning |\n|---|---|---|---|---|---|\n");
    for field in entry.fields {
        let default = &defaults[field.name];
        let _ = write!(table, "| `{}` | `{}` |", field.name, python(default));
        for preset in &presets {
            let value = preset.get(field.name);
            let _ = write!(table, " {} |", value.map_or(String::new(), |value| format!("`{}`", python(value))));
        }
        let allowed = field.allowed().replace("allowed: ", "");
        let _ = writeln!(table, " {} ({}) |", field.doc.trim().trim_end_matches('.'), allowed);
    }
    table
}

/// The instructions of level 1, in lines that fit.
fn instructions(entry: &Entry) -> Result<String, String> {
    let task = entry.task(&Map::new(), Some(1)).map_err(|error| error.to_string())?;
    let lines: Vec<String> = task.instructions().lines().map(|line| wrap(line, 110, "")).collect();
    Ok(format!("```text\n{}\n```", lines.join("\n")))
}

fn sample(entry: &Entry) -> Result<String, String> {
    let small = (entry.extremes)()[0].clone();
    let small_enough = |map: &Map<String, Value>| entry.task(map, None).map_err(|error| error.to_string());
    // The smallest parameters make the shortest row; level 1 shows a real one.
    let mut text = String::new();
    for (title, task) in [
        ("The smallest parameters", small_enough(&small)?),
        ("Level 1", entry.task(&Map::new(), Some(1)).map_err(|error| error.to_string())?),
    ] {
        let mut rows = task.cursor(42, None, None);
        let mut shortest = rows.draw(0.into()).map_err(|error| error.to_string())?.clone();
        for index in 1..64u64 {
            let row = rows.draw(index.into()).map_err(|error| error.to_string())?;
            if row.len() < shortest.len() {
                shortest = row.clone();
            }
        }
        let mask = shortest.mask();
        let vocab = task.vocab();
        let _ =
            writeln!(text, "{title} (the shortest of rows 0 to 63, seed 42); predicted tokens in brackets:\n\n```text");
        let _ = writeln!(text, "{}", vocab.decode(&shortest.ids).trim_end());
        let tokens: Vec<String> = shortest
            .ids
            .iter()
            .zip(mask)
            .map(|(&id, mask)| if mask == 1 { format!("[{}]", vocab.piece(id)) } else { vocab.piece(id).to_owned() })
            .map(|token| token.replace(' ', "·"))
            .collect();
        let _ = writeln!(text, "\n{}\n```\n", tokens.join(" "));
    }
    Ok(text)
}

fn pieces(entry: &Entry) -> String {
    let pieces = (entry.vocab)().pieces();
    let shown = |id: usize| format!("`{}`", pieces[id].replace(' ', "·").replace('|', "\\|"));
    let mut text = format!(
        "{} pieces (`·` is a space). First and last ids of the table:\n\n| id | piece |\n|---|---|\n",
        pieces.len()
    );
    let head = 0..(SPECIALS.len() + 24).min(pieces.len());
    for id in head.clone().chain((pieces.len() - 4).max(head.end)..pieces.len()) {
        if id == pieces.len() - 4 && id > head.end {
            text.push_str("| ... | |\n");
        }
        let _ = writeln!(text, "| {id} | {} |", shown(id));
    }
    text
}
