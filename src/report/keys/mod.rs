//! `diagnose.keys/1`: the record and a file a format.

mod checks;
mod csv;
mod projection;
mod record;
mod sheet;
mod words;
mod write;

pub use words::risk_name;
pub use write::KeysReport;
