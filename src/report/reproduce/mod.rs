//! `diagnose.reproduce/1`: a folder with the record, the tables, the figures, and all of it to read.
//!
//! ```text
//! reproduction.json                 the record
//! reproduction.md                   tables, figures and claims, paper by paper
//! <paper>-<experiment>[-n].csv      each table
//! <paper>-<experiment>[-name].svg   each figure
//! ```

mod figure;
mod folder;
mod markdown;
mod record;
mod sheet;

pub use folder::write_reproduction;
pub use sheet::ReproduceReport;

use crate::reproduce::Experiment;

/// How the files of an experiment begin.
fn stem(experiment: &Experiment) -> String {
    format!("{}-{}", experiment.paper.slug(), experiment.id.to_ascii_lowercase())
}

/// The file of its `at`-th table.
fn table_file(experiment: &Experiment, at: usize) -> String {
    let number = if at == 0 { String::new() } else { format!("-{}", at + 1) };
    format!("{}{number}.csv", stem(experiment))
}

/// The file of a figure by its name.
fn figure_file(experiment: &Experiment, name: &str) -> String {
    let name = if name.is_empty() { String::new() } else { format!("-{name}") };
    format!("{}{name}.svg", stem(experiment))
}
