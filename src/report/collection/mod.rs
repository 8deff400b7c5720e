//! Records of several runs as one page: what they come to, then each of them, with nothing that it holds left out.
//!
//! ```text
//! write       the page: what all of it comes to, the records in the order of a story, the files that were none
//! outline     what is told of a record in words: a file a command
//! generic     all that a record holds beside that: scalars as facts, lists of objects as tables
//! column      a list of objects as a table, by named fields
//! ```
//!
//! No number and no verdict is made here. A field that is absent is not told; a record of an unknown command, or of a later
//! version, is shown by `generic` alone.

mod column;
mod experiments;
mod generic;
mod keys;
mod measured;
mod outline;
mod statistics;
mod weights;
mod write;

pub use write::{CollectionReport, Unread};
