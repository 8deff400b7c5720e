//! `diagnose.sequence/1`: the record, a file a format, and the plot.

mod checks;
mod course_record;
mod csv;
mod estimate_record;
mod panel;
mod plot;
mod record;
mod sheet;
mod words;
mod write;

pub use plot::SequencePlot;
pub use write::SequenceReport;
