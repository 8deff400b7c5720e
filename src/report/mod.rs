//! Documented, versioned records of what was found, and the formats they are written in.
//!
//! A folder a command (`deltas/`), in it the record and a file a format. Invariant: formats only, no number is made
//! here that the record's room did not give; and the only room that derives `Serialize`.

mod checkpoint;
mod checks;
mod collection;
mod correlate;
mod deltas;
mod doctor;
mod edit;
mod error;
mod escape;
mod evaluate;
mod field;
mod figures;
mod first_token;
mod format;
mod html;
mod json;
mod junit;
mod keys;
mod ledger;
mod moments;
mod number;
mod paint;
mod parquet;
mod parts;
mod perplexity;
mod plot;
mod refused;
mod regress;
mod replay;
mod reproduce;
mod sarif;
#[cfg(test)]
mod schema;
mod screen;
mod second_moment;
mod sequence;
mod sheet;
mod text;
mod trace;
mod unwritable;
mod verdict;

pub use checkpoint::{check_destination, write_checkpoint};
pub use collection::{CollectionReport, Unread};
pub use correlate::{CorrelatePlot, CorrelateReport};
pub use deltas::{DeltasReport, Page, level_name};
pub use doctor::{Component, CudaState, DeviceState, DoctorReport};
pub use edit::EditReport;
pub use error::ErrorRecord;
pub use evaluate::EvaluateReport;
pub use first_token::FirstTokenReport;
pub use format::{Format, UnknownFormat};
pub use keys::{KeysReport, risk_name};
pub use ledger::{LedgerWriter, settings};
pub use moments::MomentsReport;
pub use number::{bytes, count, significant};
pub use paint::{Paint, Tone};
pub use perplexity::{PerplexityReport, ResampledBy};
pub use plot::{KeysPlot, PlotFormat};
pub use regress::RegressReport;
pub use replay::ReplayReport;
pub use reproduce::{ReproduceReport, write_reproduction};
pub use screen::ScreenReport;
pub use second_moment::write_second_moments;
pub use sequence::{SequencePlot, SequenceReport};
pub use text::width;
pub use trace::{TracePlot, TraceReport};
pub use unwritable::Unwritable;
