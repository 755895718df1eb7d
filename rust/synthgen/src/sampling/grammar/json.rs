//! The reference's JSON form of grammars, read and written.

use serde_json::{Map, Value, json};

use super::{Grammar, Level, MAX_DEPTH, MAX_SYMBOLS};

/// Longer texts are no grammar.
const MAX_TEXT: usize = 1 << 22;

impl Grammar {
    /// Read the reference's form: `depth`, `sizes`, and `all[level][symbol].children`, lists of positions in the next
    /// level. Everything else is derived: symbol numbers follow the reference's rule, `vocab_size` may be absent as it is
    /// in older files. `Err` says what is wrong.
    pub fn from_json(text: &str) -> Result<Self, String> {
        if text.len() > MAX_TEXT {
            return Err(format!("{} bytes of JSON; allowed: at most {MAX_TEXT}", text.len()));
        }
        let value: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
        let file = value.as_object().ok_or("the JSON is no object")?;
        let depth = number(file, "depth")?.ok_or("no \"depth\"")?;
        if !(1..=MAX_DEPTH).contains(&depth) {
            return Err(format!("depth {depth}; allowed: 1..={MAX_DEPTH}"));
        }
        let sizes = sizes(file, depth)?;
        let terminals = sizes[depth];
        for key in ["vocab_size", "num_sym"] {
            // Where leaves have vocabularies of their own, the two differ: such files are not supported.
            if let Some(given) = number(file, key)?.filter(|&given| given != terminals) {
                return Err(format!("{key} is {given}, but the last of \"sizes\" is {terminals}"));
            }
        }
        let all = file.get("all").and_then(Value::as_array).ok_or("no list \"all\"")?;
        if all.len() != depth && all.len() != depth + 1 {
            return Err(format!("\"all\" has {} levels; depth {depth} wants {depth}, and one of leaves", all.len()));
        }
        let levels = (0..depth).map(|d| level(&all[d], sizes[d]).map_err(|reason| format!("level {d}: {reason}")));
        let levels = levels.collect::<Result<Vec<Level>, String>>()?;
        if let Some(leaves) = all.get(depth)
            && !level(leaves, terminals).is_ok_and(|leaves| leaves.iter().all(Vec::is_empty))
        {
            return Err(format!("level {depth} must be {terminals} leaves without children"));
        }
        Self::new("custom", levels, terminals)
    }

    /// Write the reference's form.
    pub fn to_json(&self) -> String {
        let sizes = self.sizes();
        let ids = |d: usize| (0..sizes[d]).map(|s| self.symbol_id(d, s)).collect::<Vec<_>>();
        let node = |d: usize, symbol: usize| {
            let id = self.symbol_id(d, symbol);
            let children = self.levels.get(d).map_or_else(Vec::new, |level| level[symbol].clone());
            json!({"depth": d, "id": id, "name": id.to_string(), "children": children})
        };
        let all: Vec<Vec<Value>> = (0..sizes.len()).map(|d| (0..sizes[d]).map(|s| node(d, s)).collect()).collect();
        let choices = self.levels.iter().flatten().map(Vec::len);
        let lengths = self.levels.iter().flatten().flatten().map(Vec::len);
        let t = self.terminals;
        json!({
            "depth": self.depth(), "num_sym": t, "vocab_size": t, "eos_token": t + 1, "mask_token": t + 2,
            "sep_token": t + 3, "sizes": sizes, "idx": (0..sizes.len()).map(ids).collect::<Vec<_>>(), "all": all,
            "count": self.symbol_id(0, 0), "deg_min": choices.clone().min(), "deg_max": choices.max(),
            "len_min": lengths.clone().min(), "len_max": lengths.max(),
        })
        .to_string()
    }
}

fn number(file: &Map<String, Value>, key: &str) -> Result<Option<usize>, String> {
    let read = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok());
    match file.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => read(value).map(Some).ok_or_else(|| format!("{key:?} is no whole number")),
    }
}

fn sizes(file: &Map<String, Value>, depth: usize) -> Result<Vec<usize>, String> {
    let list = file.get("sizes").and_then(Value::as_array).ok_or("no list \"sizes\"")?;
    if list.len() != depth + 1 {
        return Err(format!("\"sizes\" has {} entries; depth {depth} wants {}", list.len(), depth + 1));
    }
    let size = |value: &Value| value.as_u64().filter(|size| (1..=MAX_SYMBOLS as u64).contains(size));
    let read = |value: &Value| size(value).ok_or_else(|| format!("sizes; allowed: integers in 1..={MAX_SYMBOLS}"));
    list.iter().map(|value| read(value).map(|size| size as usize)).collect()
}

fn level(value: &Value, size: usize) -> Result<Level, String> {
    let nodes = value.as_array().ok_or("no list")?;
    if nodes.len() != size {
        return Err(format!("{} symbols, but \"sizes\" says {size}", nodes.len()));
    }
    nodes.iter().enumerate().map(|(at, node)| rules(node).map_err(|what| format!("symbol {at}: {what}"))).collect()
}

fn rules(node: &Value) -> Result<Vec<Vec<u8>>, String> {
    let children = node.get("children").and_then(Value::as_array).ok_or("no list \"children\"")?;
    let position = |value: &Value| value.as_u64().and_then(|at| u8::try_from(at).ok());
    let rule = |value: &Value| value.as_array()?.iter().map(position).collect::<Option<Vec<u8>>>();
    let bad = "\"children\" must be lists of positions in the next level";
    children.iter().map(|value| rule(value).ok_or_else(|| bad.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::grammar::{NAMES, shipped};

    #[test]
    fn shipped_grammars_survive_a_round_trip() {
        for name in NAMES {
            let grammar = shipped(name).unwrap();
            let read = Grammar::from_json(&grammar.to_json()).unwrap();
            assert_eq!((read.levels(), read.terminals()), (grammar.levels(), grammar.terminals()));
        }
    }

    #[test]
    fn older_files_and_files_without_leaves_load() {
        let text = r#"{"depth": 1, "sizes": [1, 2], "num_sym": 2, "all": [[{"children": [[0, 1], [1, 0, 0]]}]]}"#;
        let grammar = Grammar::from_json(text).unwrap();
        assert_eq!((grammar.shortest(), grammar.longest(), grammar.rule_count()), (2, 3, 2));
    }

    #[test]
    fn broken_files_are_refused_with_a_reason() {
        let one = |children: &str| format!(r#"{{"depth": 1, "sizes": [1, 2], "all": [[{{"children": {children}}}]]}}"#);
        for (text, part) in [
            ("{", "not JSON"),
            ("[]", "no object"),
            ("{}", "no \"depth\""),
            (r#"{"depth": -1}"#, "no whole number"),
            (r#"{"depth": 99}"#, "allowed: 1..=16"),
            (r#"{"depth": 1, "sizes": [1]}"#, "wants 2"),
            (r#"{"depth": 1, "sizes": [1, 0]}"#, "allowed: integers in 1..=256"),
            (r#"{"depth": 1, "sizes": [1, 2]}"#, "no list \"all\""),
            (r#"{"depth": 1, "sizes": [1, 2], "vocab_size": 9, "all": []}"#, "vocab_size is 9"),
            (r#"{"depth": 1, "sizes": [1, 2], "all": [[]]}"#, "0 symbols, but \"sizes\" says 1"),
            (r#"{"depth": 1, "sizes": [1, 2], "all": [[3]]}"#, "no list \"children\""),
            (&one("[[300]]"), "positions in the next level"),
            (&one("[[2]]"), "child 2, but the next level has 2"),
            (&one("[[0], [0]]"), "occurs twice"),
            (&one("[]"), "0 rules"),
            (&"[".repeat(100_000), "not JSON"),
        ] {
            let message = Grammar::from_json(text).unwrap_err();
            assert!(message.contains(part), "{message}");
        }
    }
}
