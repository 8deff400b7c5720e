//! The report of `diagnose evaluate`: its record, and a file a format.

mod csv;
mod record;
mod sheet;
mod steps;
mod task_record;
mod write;

pub use write::EvaluateReport;
