//! `diagnose.trace/1`: the record, a file a format, and the heat map as text and as a picture.

mod csv;
mod heat;
mod picture;
mod record;
mod sheet;
mod write;

pub use picture::TracePlot;
pub use write::TraceReport;
