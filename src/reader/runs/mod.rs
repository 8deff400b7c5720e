//! Runs of many edits as others have recorded them: numbers over the number of edits done.
//!
//! ```text
//! what a run holds        series by name, tests of earlier edits, names of edits            run, error
//! which kind it is        by content: a ledger, a record, a folder, a document, a table     read
//! evaluations             the steps of diagnose.evaluate/1                                  evaluation
//! GCF                     result files of gradual-catastrophic-forgetting                   forgetting, python
//! rome and its heirs      folders of case_*.json, with histories and tasks beside them      case_folder, case_file
//! tables                  a column of edits, and any others                                 columns
//! ```
//!
//! A record that is bad is a row of its own and stops no other. Edits are counted from 1; 0 is the model before any.

mod case_file;
mod case_folder;
mod columns;
mod error;
mod evaluation;
mod forgetting;
mod python;
mod read;
mod run;

pub use error::RunError;
pub use read::{RunSource, read_run};
pub use run::{EditTest, Measure, Run, RunKind, RunSeries};
