//! `diagnose.edit/1`: the record and a file a format.

mod csv;
mod record;
mod sheet;
mod write;

pub use write::EditReport;
