//! Generated regions of the docs pages, between `<!-- gen:name -->` and `<!-- /gen -->`.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, Value};
use synthgen::registry::{self, Entry, LEVELS};
use synthgen::vocab::SPECIALS;

use crate::Page;

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
    let regions = [("params", params(entry)), ("sample", sample(entry)?), ("pieces", pieces(entry))];
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

fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
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
