//! The tasks: a `mod` line and a row each, nothing else.

pub mod depo;
pub mod dyna;
pub mod inducto;

use crate::registry::Entry;

/// Every task, in the order of its joint ids: append only.
pub static ALL: &[Entry] = &[Entry::of::<dyna::Dyna>(), Entry::of::<depo::Depo>(), Entry::of::<inducto::Inducto>()];
