//! Metadata described once, as values that borrow from the instance: printed straight into memory for datasets, and made
//! into a tree for examples.
//!
//! ```
//! use synthgen::metadata::{list, print, tree};
//! use synthgen::object;
//!
//! let numbers = [3, 1, 2];
//! let facts = object! {
//!     "largest"?: numbers.iter().max(),
//!     "measured": object! { "count": numbers.len() },
//!     "words": list(numbers.iter().map(|n| ["none", "one", "two", "three"][*n])),
//! };
//! let mut text = Vec::new();
//! print(&facts, &mut text);
//! assert_eq!(text, br#"{"largest":3,"measured":{"count":3},"words":["three","one","two"]}"#);
//! assert_eq!(tree(&facts)["measured"]["count"], 3);
//! ```

use std::fmt::{self, Display};
use std::io;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, Serializer as Printer};
use serde_json::{Map, Value};

/// An object of named values, in the order of their names: a law compares the text with the tree, whose keys are sorted.
/// A value named with a `?` is an `Option`, left out where it is `None`.
#[macro_export]
macro_rules! object {
    (@) => { () };
    (@ $key:literal : $value:expr $(, $($rest:tt)*)?) => {
        $crate::metadata::Entry { key: $key, value: Some($value), rest: $crate::object!(@ $($($rest)*)?) }
    };
    (@ $key:literal ? : $value:expr $(, $($rest:tt)*)?) => {
        $crate::metadata::Entry { key: $key, value: $value, rest: $crate::object!(@ $($($rest)*)?) }
    };
    ($($entries:tt)*) => { $crate::metadata::Object($crate::object!(@ $($entries)*)) };
}

/// What [`object!`] makes.
pub struct Object<E>(pub E);

/// An entry and those after it.
pub struct Entry<V, R> {
    /// Name.
    pub key: &'static str,
    /// Value, if it is there.
    pub value: Option<V>,
    /// The entries after it.
    pub rest: R,
}

/// Entries of an object.
pub trait Entries {
    /// Write them.
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;
}

impl Entries for () {
    #[inline]
    fn write<M: SerializeMap>(&self, _: &mut M) -> Result<(), M::Error> {
        Ok(())
    }
}

impl<V: Serialize, R: Entries> Entries for Entry<V, R> {
    #[inline]
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        if let Some(value) = &self.value {
            map.serialize_entry(self.key, value)?;
        }
        self.rest.write(map)
    }
}

impl<E: Entries> Serialize for Object<E> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.0.write(&mut map)?;
        map.end()
    }
}

/// A list of what an iterator gives, which is not kept anywhere.
pub fn list<I: IntoIterator<IntoIter: Clone, Item: Serialize>>(items: I) -> List<I::IntoIter> {
    List(items.into_iter())
}

/// What [`list`] makes.
pub struct List<I>(I);

impl<I: Iterator<Item: Serialize> + Clone> Serialize for List<I> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone())
    }
}

/// An object of the entries that an iterator gives, in the order of their names.
pub fn entries<K: Serialize, V: Serialize, I: IntoIterator<IntoIter: Clone, Item = (K, V)>>(
    items: I,
) -> Dict<I::IntoIter> {
    Dict(items.into_iter())
}

/// What [`entries`] makes.
pub struct Dict<I>(I);

impl<K: Serialize, V: Serialize, I: Iterator<Item = (K, V)> + Clone> Serialize for Dict<I> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.clone())
    }
}

/// The text that a value is shown as.
pub struct Shown<T>(pub T);

impl<T: Display> Serialize for Shown<T> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Texts, one after another.
#[derive(Clone, Copy)]
pub struct Joined<'a, const N: usize>(pub [&'a str; N]);

impl<const N: usize> Display for Joined<'_, N> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|text| f.write_str(text))
    }
}

impl<const N: usize> Serialize for Joined<'_, N> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Append a description as compact JSON.
pub fn print(facts: &impl Serialize, out: &mut Vec<u8>) {
    // Memory takes everything, and a description has no keys but strings.
    let _ = facts.serialize(&mut Printer::new(out));
}

/// Append a description as a JSON string whose value is the compact JSON: what lines carry, without a second pass.
pub fn print_quoted(facts: &impl Serialize, out: &mut Vec<u8>) {
    out.push(b'"');
    let _ = facts.serialize(&mut Printer::with_formatter(&mut *out, Quoted));
    out.push(b'"');
}

/// A description as a tree, empty if it is not an object.
pub fn tree(facts: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(facts) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

/// Compact JSON inside a JSON string. Quotes and escapes are all that needs another backslash.
struct Quoted;

impl Formatter for Quoted {
    #[inline]
    fn begin_string<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"\\\"")
    }

    #[inline]
    fn end_string<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"\\\"")
    }

    fn write_char_escape<W: ?Sized + io::Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        let mut plain = Vec::new();
        CompactFormatter.write_char_escape(&mut plain, escape)?;
        for byte in plain {
            if byte == b'\\' || byte == b'"' {
                writer.write_all(b"\\")?;
            }
            writer.write_all(&[byte])?;
        }
        Ok(())
    }
}

/// Append a JSON string.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &str) {
    let special = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        // A block is looked at as a whole, without a branch for each of its bytes.
        let blocks = rest.as_chunks::<16>().0.iter();
        let clean = 16 * blocks.take_while(|block| !block.iter().fold(false, |any, &byte| any | special(byte))).count();
        let at = clean + rest[clean..].iter().take_while(|&&byte| !special(byte)).count();
        out.extend_from_slice(&rest[..at]);
        let Some(&byte) = rest.get(at) else { break };
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            _ => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
        rest = &rest[at + 1..];
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_is_the_printed_text_as_a_string() {
        let all: String = (0..0x180).filter_map(char::from_u32).collect();
        let bytes: Vec<char> = all.chars().collect();
        for width in [1, 2, 15, 16, 17, 40, 400] {
            for text in bytes.chunks(width).map(|chunk| chunk.iter().collect::<String>()) {
                let facts = object! { "a\"b": &text, "n": [Some(1.5), None], "none"?: None::<u8> };
                let (mut printed, mut quoted, mut string) = (Vec::new(), Vec::new(), Vec::new());
                print(&facts, &mut printed);
                print_quoted(&facts, &mut quoted);
                let printed = String::from_utf8(printed).expect("text");
                assert_eq!(printed, Value::Object(tree(&facts)).to_string());
                push_string(&mut string, &printed);
                assert_eq!(String::from_utf8(quoted), String::from_utf8(string.clone()));
                assert_eq!(serde_json::from_slice::<String>(&string).ok(), Some(printed));
            }
        }
    }
}
