//! Why a run of edits cannot go on, or cannot be done again.

use crate::edit::EditError;
use crate::keys::ScanError;
use crate::model::ModelError;
use crate::reader::ReadError;

/// Why a run of edits ends; cases that cannot be edited are rows and end nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are what the messages say of them")]
pub enum SequenceError {
    /// No case can be edited in this way.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The guard cannot judge.
    #[error(transparent)]
    Guard(#[from] ScanError),
    /// The model cannot be run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Factors of a ledger cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The model is not the one that the ledger began with.
    #[error("the ledger is of another base: {tensor} {difference}")]
    OtherBase { tensor: String, difference: String },
    /// A run that is to be taken up with other settings.
    #[error("the ledger was begun with other settings: {field} is {ledger} there and {this} here")]
    OtherSettings { field: String, ledger: String, this: String },
    /// A step that gives another matrix than it gave when it was recorded.
    #[error("step {index} gives another {tensor} than it gave: SHA-256 {found}, in the ledger {needed}")]
    OtherResult { index: usize, tensor: String, found: String, needed: String },
    /// A ledger that ends before the step that is asked for.
    #[error("the ledger has {steps} steps, step {asked} is asked for")]
    NoStep { steps: usize, asked: usize },
    /// One checkpoint of edits that were each made from the original.
    #[error("{edits} edits were made, each from the original model: no one checkpoint holds them")]
    NotOne { edits: usize },
    /// One step alone of edits that add up.
    #[error("the edits of the ledger add up: step {asked} was never made alone")]
    NotAlone { asked: usize },
    /// A word of a ledger that means nothing here.
    #[error("step {index} was masked by `{kind}`, which is no form of RECT")]
    UnknownMask { index: usize, kind: String },
}
