//! `diagnose.correlate/1`: the record, a file a format, and the picture.

mod csv;
mod picture;
mod record;
mod sheet;
mod words;
mod write;

pub use picture::CorrelatePlot;
pub use write::CorrelateReport;
