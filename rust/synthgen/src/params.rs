//! Parameters declared once: type, default, bounds and doc line in one place, enforced, and read by the press for the
//! Python types, the docs and the command line.
//!
//! ```
//! synthgen::params! {
//!     /// What the toy task needs.
//!     pub struct Params {
//!         /// Symbols in the list.
//!         length: u32 = 8 => 1..=64;
//!         /// Print it backwards.
//!         reverse: bool = false;
//!     }
//! }
//! use synthgen::params::ParamSet;
//! let mut params = Params::default();
//! params.set("length", &serde_json::json!(12)).unwrap();
//! assert_eq!(params.length, 12);
//! assert!(params.set("length", &serde_json::json!(65)).is_err());
//! ```

use serde_json::{Map, Value, json};

use crate::error::{Error, did_you_mean};

/// A closed range of integers; a single integer stands for the range of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Smallest value.
    pub lo: u32,
    /// Largest value.
    pub hi: u32,
}

impl Span {
    /// `lo..=hi`.
    pub const fn new(lo: u32, hi: u32) -> Self {
        Self { lo, hi }
    }

    /// Is `value` inside?
    pub fn contains(self, value: u32) -> bool {
        (self.lo..=self.hi).contains(&value)
    }
}

/// What the press and the error messages need to know about a field.
#[derive(Clone, Copy, Debug)]
pub struct FieldInfo {
    /// Name, as in Python.
    pub name: &'static str,
    /// One sentence.
    pub doc: &'static str,
    /// Type.
    pub kind: Kind,
    /// Smallest and largest integer, for the kinds that hold integers.
    pub bounds: Option<(u32, u32)>,
}

impl FieldInfo {
    /// What a value of this field may be, for people.
    pub fn allowed(&self) -> String {
        let (lo, hi) = self.bounds.unwrap_or_default();
        match self.kind {
            Kind::Int => format!("allowed: an integer in {lo}..={hi}"),
            Kind::OptionalInt => format!("allowed: None or an integer in {lo}..={hi}"),
            Kind::Span => format!("allowed: an integer or a (lo, hi) pair within {lo}..={hi}"),
            Kind::OptionalSpan => {
                format!("allowed: None, an integer or a (lo, hi) pair within {lo}..={hi}")
            }
            Kind::OptionalList => {
                format!("allowed: None, an integer or a non-empty list of integers in {lo}..={hi}")
            }
            Kind::OptionalText => "allowed: None or a string".to_owned(),
            Kind::Bool => "allowed: True or False".to_owned(),
            Kind::OptionalBool => "allowed: None, True or False".to_owned(),
            Kind::Choice(names) => format!("allowed: one of {names:?}"),
        }
    }
}

/// Types of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Int,
    OptionalInt,
    Span,
    OptionalSpan,
    OptionalList,
    OptionalText,
    Bool,
    OptionalBool,
    Choice(&'static [&'static str]),
}

/// A Rust type that a parameter can have.
pub trait Field: Sized + PartialEq {
    /// Its kind.
    const KIND: Kind;
    /// Read a value within the bounds, or `None` when it does not fit.
    fn read(value: &Value, bounds: (u32, u32)) -> Option<Self>;
    /// Write it back.
    fn write(&self) -> Value;
}

fn int_within(value: &Value, (lo, hi): (u32, u32)) -> Option<u32> {
    value.as_u64().and_then(|v| u32::try_from(v).ok()).filter(|v| (lo..=hi).contains(v))
}

impl Field for u32 {
    const KIND: Kind = Kind::Int;
    fn read(value: &Value, bounds: (u32, u32)) -> Option<Self> {
        int_within(value, bounds)
    }
    fn write(&self) -> Value {
        json!(self)
    }
}

impl Field for Span {
    const KIND: Kind = Kind::Span;
    fn read(value: &Value, bounds: (u32, u32)) -> Option<Self> {
        let (lo, hi) = match value {
            Value::Array(pair) if pair.len() == 2 => (int_within(&pair[0], bounds)?, int_within(&pair[1], bounds)?),
            single => (int_within(single, bounds)?, int_within(single, bounds)?),
        };
        (lo <= hi).then_some(Self { lo, hi })
    }
    fn write(&self) -> Value {
        json!([self.lo, self.hi])
    }
}

impl Field for bool {
    const KIND: Kind = Kind::Bool;
    fn read(value: &Value, _: (u32, u32)) -> Option<Self> {
        value.as_bool()
    }
    fn write(&self) -> Value {
        json!(self)
    }
}

impl Field for String {
    const KIND: Kind = Kind::OptionalText;
    fn read(value: &Value, _: (u32, u32)) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
    fn write(&self) -> Value {
        json!(self)
    }
}

impl Field for Vec<u32> {
    const KIND: Kind = Kind::OptionalList;
    fn read(value: &Value, bounds: (u32, u32)) -> Option<Self> {
        if let Some(single) = int_within(value, bounds) {
            return Some(vec![single]);
        }
        let list = value.as_array().filter(|list| !list.is_empty())?;
        list.iter().map(|v| int_within(v, bounds)).collect()
    }
    fn write(&self) -> Value {
        json!(self)
    }
}

impl<T: Field> Field for Option<T> {
    const KIND: Kind = match T::KIND {
        Kind::Int => Kind::OptionalInt,
        Kind::Span => Kind::OptionalSpan,
        Kind::Bool => Kind::OptionalBool,
        other => other,
    };
    fn read(value: &Value, bounds: (u32, u32)) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::read(value, bounds).map(Some) }
    }
    fn write(&self) -> Value {
        self.as_ref().map_or(Value::Null, Field::write)
    }
}

/// A checked set of parameters; written by [`params!`](crate::params!).
pub trait ParamSet: Clone + Default + PartialEq + Send + Sync + 'static {
    /// The declared fields, in order.
    const FIELDS: &'static [FieldInfo];
    /// Set one field; `Err` holds what is allowed.
    fn set(&mut self, name: &str, value: &Value) -> Result<(), String>;
    /// Read one field; `Null` for an unknown name.
    fn get(&self, name: &str) -> Value;

    /// All fields as JSON.
    fn to_map(&self) -> Map<String, Value> {
        Self::FIELDS.iter().map(|f| (f.name.to_owned(), self.get(f.name))).collect()
    }

    /// The fields that differ from their defaults, except some, as canonical text: part of the key of the generator.
    fn canonical(&self, except: &[&str]) -> String {
        let default = Self::default();
        let mut parts: Vec<String> = Self::FIELDS
            .iter()
            .filter(|f| !except.contains(&f.name) && self.get(f.name) != default.get(f.name))
            .map(|f| format!("{}={}", f.name, self.get(f.name)))
            .collect();
        parts.sort();
        parts.join(";")
    }
}

/// Start from `base` and apply the given values; every unknown name and bad value is refused.
pub fn apply<P: ParamSet>(task: &str, base: P, given: &Map<String, Value>) -> Result<P, Error> {
    let mut params = base;
    for (name, value) in given {
        params.set(name, value).map_err(|allowed| Error::param(task, name, value, allowed))?;
    }
    Ok(params)
}

/// What to say about a name that is no field.
pub fn unknown_field(name: &str, fields: &[FieldInfo]) -> String {
    let names: Vec<&str> = fields.iter().map(|f| f.name).collect();
    let hint = did_you_mean(name, names.iter().copied());
    format!("no such parameter; known: {}{hint}", names.join(", "))
}

/// Declare a parameter struct: `name: Type = default => lo..=hi;` with a doc line above each field.
#[macro_export]
macro_rules! params {
    ($(#[doc = $about:literal])* pub struct $Name:ident {
        $($(#[doc = $doc:literal])+ $field:ident : $ty:ty = $default:expr $(=> $lo:literal ..= $hi:literal)?;)+
    }) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $Name { $($(#[doc = $doc])+ pub $field: $ty,)+ }

        impl Default for $Name {
            fn default() -> Self { Self { $($field: $default,)+ } }
        }

        impl $crate::params::ParamSet for $Name {
            const FIELDS: &'static [$crate::params::FieldInfo] = &[$($crate::params::FieldInfo {
                name: stringify!($field),
                doc: concat!($($doc),+),
                kind: <$ty as $crate::params::Field>::KIND,
                bounds: $crate::params!(@bounds $($lo $hi)?),
            },)+];

            fn set(&mut self, name: &str, value: &serde_json::Value) -> Result<(), String> {
                let info = Self::FIELDS.iter().find(|f| f.name == name)
                    .ok_or_else(|| $crate::params::unknown_field(name, Self::FIELDS))?;
                let bounds = info.bounds.unwrap_or_default();
                match name {
                    $(stringify!($field) => {
                        self.$field = $crate::params::Field::read(value, bounds).ok_or_else(|| info.allowed())?;
                    })+
                    _ => {}
                }
                Ok(())
            }

            fn get(&self, name: &str) -> serde_json::Value {
                match name {
                    $(stringify!($field) => $crate::params::Field::write(&self.$field),)+
                    _ => serde_json::Value::Null,
                }
            }
        }
    };
    (@bounds) => { None };
    (@bounds $lo:literal $hi:literal) => { Some(($lo, $hi)) };
}

/// Declare an enum that is a choice of lower-case names.
#[macro_export]
macro_rules! choice {
    ($(#[doc = $about:literal])* pub enum $Name:ident { $($(#[doc = $doc:literal])+ $Variant:ident = $text:literal,)+ }) => {
        $(#[doc = $about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $Name { $($(#[doc = $doc])+ $Variant,)+ }

        impl $crate::params::Field for $Name {
            const KIND: $crate::params::Kind = $crate::params::Kind::Choice(&[$($text),+]);
            fn read(value: &serde_json::Value, _: (u32, u32)) -> Option<Self> {
                match value.as_str()? { $($text => Some(Self::$Variant),)+ _ => None }
            }
            fn write(&self) -> serde_json::Value {
                serde_json::Value::from(match self { $(Self::$Variant => $text),+ })
            }
        }
    };
}
