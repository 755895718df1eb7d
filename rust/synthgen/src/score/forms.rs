//! Spellings that tasks share: numbers, lists, bits, dates, and what a prompt asks about.

use crate::sampling::biography::lists::MONTHS;

/// A number in its one spelling: digits, without a sign or a zero in front.
pub fn number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'))
}

/// Items between spaces, commas or arrows, each perhaps in quotes, in the task's spelling: between single spaces.
pub fn list(text: &str, is_item: fn(&str) -> bool) -> Option<String> {
    const ARROWS: [&str; 7] = ["->", "=>", "→", "⇒", "\\to", "\\rightarrow", ","];
    let joints = ARROWS.iter().filter(|arrow| text.contains(**arrow)).collect::<Vec<_>>();
    let item = |part: &str| -> Option<String> {
        let part = part.trim();
        let inner = ['\'', '"', '`', '*'].iter().find_map(|&mark| part.strip_prefix(mark)?.strip_suffix(mark));
        let part = inner.unwrap_or(part);
        is_item(part).then(|| part.to_owned())
    };
    let items: Option<Vec<String>> = match joints.as_slice() {
        [] => text.split_whitespace().map(item).collect(),
        [mark] => text.split(**mark).map(item).collect(),
        // Two kinds of joints make no list.
        _ => None,
    };
    items.filter(|items| !items.is_empty()).map(|items| items.join(" "))
}

/// A truth value as `0` or `1`.
pub fn bit(text: &str) -> Option<String> {
    let is = |words: [&str; 4]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is(["1", "true", "yes", "one"]) {
        Some("1".to_owned())
    } else if is(["0", "false", "no", "zero"]) {
        Some("0".to_owned())
    } else {
        None
    }
}

/// A date in words with its month in letters, or in the order of ISO 8601, as `July 20, 2005`. Of two numbers none says
/// which is the month.
pub fn date(text: &str) -> Option<String> {
    let write = |day: &str, month: usize, year: &str| {
        let day: u32 = day.parse().ok().filter(|day| (1..=31).contains(day))?;
        let full = year.len() == 4 && number(year);
        full.then(|| format!("{} {day}, {year}", MONTHS[month]))
    };
    if text.len() > 40 || !text.is_ascii() {
        return None;
    }
    if let [year, month, day] = text.split('-').collect::<Vec<_>>()[..]
        && [year.len(), month.len(), day.len()] == [4, 2, 2]
        && [year, month, day].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()))
    {
        let month: usize = month.parse().ok().filter(|month| (1..=12).contains(month))?;
        return write(day, month - 1, year);
    }
    let words = text.split([' ', ',']).filter(|word| !word.is_empty() && !["of", "the"].contains(word));
    let [a, b, year] = words.collect::<Vec<_>>()[..] else {
        return None;
    };
    let month = |word: &str| {
        let word = word.strip_suffix('.').unwrap_or(word);
        MONTHS.iter().position(|name| {
            name.eq_ignore_ascii_case(word)
                || name[..3].eq_ignore_ascii_case(word)
                || (*name == "September" && word.eq_ignore_ascii_case("sept"))
        })
    };
    let day = |word: &str| {
        let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let suffix = &word[digits.len()..];
        let known = suffix.is_empty() || ["st", "nd", "rd", "th"].contains(&suffix);
        (known && number(digits)).then(|| digits.to_owned())
    };
    match (month(a), month(b)) {
        (Some(month), None) => write(&day(b)?, month, year),
        (None, Some(month)) => write(&day(a)?, month, year),
        _ => None,
    }
}

/// What stands in the prompt between the last `from` and the next `to` behind it.
pub fn asked<'a>(prompt: &'a str, from: &str, to: &str) -> Option<&'a str> {
    let rest = &prompt[prompt.rfind(from)? + from.len()..];
    Some(rest[..rest.find(to)?].trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_where_they_have_one_meaning() {
        for text in [
            "July 20, 2005",
            "20 July 2005",
            "20th of July, 2005",
            "2005-07-20",
            "Jul. 20 2005",
            "July 20th, 2005",
            "the 20th of july 2005",
            "20 of July, 2005",
        ] {
            assert_eq!(date(text).as_deref(), Some("July 20, 2005"), "{text}");
        }
        for text in
            ["07/20/2005", "20-07-2005", "July 2005", "July 32, 2005", "July 20, 05", "July July 2005", "", "é-1-1"]
        {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn lists_have_one_kind_of_joint() {
        let letters = |text| list(text, |item| item.len() == 1 && item.is_ascii());
        for text in ["A B C", "A, B, C", "A,B,C", "'A', 'B', 'C'", "A -> B -> C", "A→B→C", " A  B C"] {
            assert_eq!(letters(text).as_deref(), Some("A B C"), "{text}");
        }
        for text in ["A, B or C", "A,,B", "A, B -> C", "", ",", "AB C"] {
            assert_eq!(letters(text), None, "{text}");
        }
    }
}
