//! Writing of ledgers: what a run was, and after each step what it did; a kill at any moment loses nothing that was told of.

mod header;
mod line;
mod writer;

pub use header::settings;
pub(super) use header::{guard_name, schedule_name};
pub(super) use line::LineRecord;
pub use writer::LedgerWriter;
