//! The tasks: a `mod` line and a row each, nothing else.

pub mod analogy;
pub mod arithmetic;
pub mod brevo;
pub mod capo;
pub mod copying;
pub mod depo;
pub mod dyna;
pub mod facts;
pub mod filtro;
pub mod inducto;
pub mod kv;
pub mod lano;
pub mod logic;
pub mod mano;
pub mod pattern;
pub mod recall;
pub mod reversal;
pub mod selective;
pub mod sequence;
pub mod trigger2d;

use crate::registry::Entry;

/// Every task, in the order of its joint ids: append only.
pub static ALL: &[Entry] = &[
    Entry::of::<dyna::Dyna>(),
    Entry::of::<depo::Depo>(),
    Entry::of::<inducto::Inducto>(),
    Entry::of::<filtro::Filtro>(),
    Entry::of::<logic::Logic>(),
    Entry::of::<brevo::Brevo>(),
    Entry::of::<mano::Mano>(),
    Entry::of::<capo::Capo>(),
    Entry::of::<lano::Lano>(),
    Entry::of::<copying::Copying>(),
    Entry::of::<kv::Kv>(),
    Entry::of::<pattern::Pattern>(),
    Entry::of::<recall::Recall>(),
    Entry::of::<reversal::Reversal>(),
    Entry::of::<selective::Selective>(),
    Entry::of::<arithmetic::Arithmetic>(),
    Entry::of::<sequence::Sequence>(),
    Entry::of::<analogy::Analogy>(),
    Entry::of::<facts::Facts>(),
    Entry::of::<trigger2d::Trigger2d>(),
];
