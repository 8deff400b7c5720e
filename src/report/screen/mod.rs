//! `diagnose.screen/1`: where the subjects of a dataset stand, from the tokenizer alone.

mod record;
mod sheet;
mod write;

pub use write::ScreenReport;
