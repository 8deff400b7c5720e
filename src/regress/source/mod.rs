//! Metrics of every file of results: one file here a kind of file.

mod evaluation;
mod lm_eval;
mod perplexity;
mod record;
mod summaries;
mod table;

pub use lm_eval::of_lm_eval;
pub use record::of_record;
pub use table::{of_table, repeated};

use std::collections::BTreeSet;
use std::path::Path;

use super::error::RegressError;
use super::metric::{Metric, Metrics};

/// The metrics of a file, unless a name stands twice.
fn gathered(
    path: &Path,
    kind: String,
    rows: Vec<Metric>,
    notes: Vec<String>,
) -> Result<Metrics, RegressError> {
    let mut seen = BTreeSet::new();
    if let Some(twice) = rows.iter().find(|metric| !seen.insert(&metric.name)) {
        return Err(RegressError::Twice { path: path.to_owned(), metric: twice.name.clone() });
    }
    Ok(Metrics { path: path.to_string_lossy().into_owned(), kind, rows, notes })
}
