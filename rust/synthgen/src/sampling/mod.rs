//! Machinery that several tasks share; nothing here knows a task.

pub mod dag;
pub mod moves;
pub mod permutation;
pub mod residues;
pub mod size;
pub mod symbols;
pub mod words;
