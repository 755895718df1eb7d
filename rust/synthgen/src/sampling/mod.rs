//! Machinery that several tasks share; nothing here knows a task.

pub mod bijection;
pub mod biography;
pub mod circuit;
pub mod dag;
pub mod fewshot;
pub mod grammar;
pub mod induction;
pub mod interleave;
pub mod moves;
pub mod pair;
pub mod permutation;
pub mod prose;
pub mod relation;
pub mod residues;
pub mod rules;
pub mod size;
pub mod strings;
pub mod symbols;
pub mod triggers;
pub mod wiring;
pub mod words;
