//! Synthetic pre-training tasks: deterministic random-access generation, validation and solving.
//!
//! ```
//! use serde_json::Map;
//! use synthgen::{Form, registry};
//!
//! let dyna = registry::find("dyna")?.task(&Map::new(), Some(2))?;
//! let mut rows = dyna.cursor(42, None, None);
//! let row = rows.draw(7.into())?.clone();
//! println!("{}", dyna.vocab().decode(&row.ids));
//! assert!(dyna.read(&row.ids, Form::Row).is_ok());
//! # Ok::<(), synthgen::Error>(())
//! ```
//!
//! The crate does no I/O, prints nothing, knows no Python, and has no unsafe code.

#![forbid(unsafe_code)]

pub mod audit;
pub mod batch;
pub mod block;
pub mod dataset;
pub mod error;
pub mod export;
pub mod metadata;
pub mod mix;
pub mod pack;
pub mod params;
pub mod pool;
pub mod reading;
pub mod registry;
pub mod rng;
pub mod row;
pub mod sampling;
pub mod score;
pub mod split;
pub mod tally;
pub mod task;
pub mod tasks;
pub mod validate;
pub mod vocab;

pub use error::Error;
pub use reading::{Flaw, Form, Reading, Tokens};
pub use rng::{Index, StreamKey, TaskRng};
pub use row::{Query, Row};
pub use split::{Content, Split};
pub use task::{AnyTask, Rows, Source, Task};
pub use vocab::Vocab;
