//! `diagnose.deltas/1`: the record and a file a format.

mod checks;
mod csv;
mod histogram;
mod jsonl;
mod markdown;
mod overview;
mod ranking;
mod record;
mod sheet;
mod table;
mod tensor_record;
mod words;
mod write;

pub use words::level_name;
pub(super) use words::{level_meaning, level_tone};
pub use write::{DeltasReport, Page};
