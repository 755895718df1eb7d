//! The tasks: a `mod` line and a row each, nothing else.

pub mod brevo;
pub mod depo;
pub mod dyna;
pub mod mano;

use crate::registry::Entry;

/// Every task, in the order of its joint ids: append only.
pub static ALL: &[Entry] =
    &[Entry::of::<dyna::Dyna>(), Entry::of::<depo::Depo>(), Entry::of::<brevo::Brevo>(), Entry::of::<mano::Mano>()];
