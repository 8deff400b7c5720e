//! `diagnose.regress/1`: the record and a file a format.

mod benchmark;
mod csv;
mod record;
mod sheet;
mod words;
mod write;

pub use write::RegressReport;
