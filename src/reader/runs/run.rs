//! What a recorded run holds, whatever wrote it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::RunError;
use crate::reader::{BadRecord, ReadError};

/// A run of edits: series over the number of edits done.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The file or folder, as typed; the first of a list of checkpoints.
    pub path: PathBuf,
    /// What wrote it.
    pub kind: RunKind,
    /// The ledger whose steps were evaluated, as it was typed then.
    pub ledger: Option<PathBuf>,
    /// In the order in which they were found; no name stands twice.
    pub series: Vec<RunSeries>,
    /// Tests of edits right after they were made and later.
    pub tests: Vec<EditTest>,
    /// What some edits are called: a case's name or its subject.
    pub names: BTreeMap<u64, String>,
    /// Records that could not be used.
    pub bad: Vec<BadRecord>,
    /// What is to be known of how it was read, in sentences.
    pub notes: Vec<String>,
}

/// What a run was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunKind {
    /// A ledger of `diagnose edit`.
    Ledger,
    /// A record of `diagnose evaluate --ledger`.
    Evaluation,
    /// A result file of gradual-catastrophic-forgetting.
    Forgetting,
    /// A folder of `case_*.json`.
    CaseFolder,
    /// A table with named columns.
    Table,
    /// Checkpoints in order.
    Checkpoints,
}

/// One number over the run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunSeries {
    /// What it is, as reports call it.
    pub name: String,
    /// How it is to be read.
    pub measure: Measure,
    /// `(edits done, value)`, edits rising; values may be NaN or infinite.
    pub points: Vec<(u64, f64)>,
}

/// How the numbers of a series are to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measure {
    /// How far the weights of a layer are from those before the run, in a unit that is the same throughout.
    Distance {
        /// The layer's number, or the name of a tensor.
        layer: String,
    },
    /// How long each update of a layer was.
    UpdateNorm {
        /// The layer.
        layer: String,
    },
    /// More is better, and 0 is the worst.
    Score,
    /// A perplexity.
    Perplexity,
    /// A mean negative log-likelihood a token, in nats.
    Nll,
    /// A share of failures: less is better.
    Cost,
}

/// A test of one edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EditTest {
    /// Which edit, from 1.
    pub edit: u64,
    /// How many edits were done when it was tested.
    pub after: u64,
    /// Whether the model then answered as the edit wants.
    pub correct: bool,
}

impl RunKind {
    /// The word for it in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Evaluation => "evaluation",
            Self::Forgetting => "gradual-catastrophic-forgetting",
            Self::CaseFolder => "case-folder",
            Self::Table => "table",
            Self::Checkpoints => "checkpoints",
        }
    }
}

impl Measure {
    /// The word for it in records.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Distance { .. } => "distance",
            Self::UpdateNorm { .. } => "update-norm",
            Self::Score => "score",
            Self::Perplexity => "perplexity",
            Self::Nll => "nll",
            Self::Cost => "cost",
        }
    }

    /// The layer that it is of.
    pub fn layer(&self) -> Option<&str> {
        match self {
            Self::Distance { layer } | Self::UpdateNorm { layer } => Some(layer),
            Self::Score | Self::Perplexity | Self::Nll | Self::Cost => None,
        }
    }
}

impl Run {
    /// A run without anything in it.
    pub fn new(path: &Path, kind: RunKind) -> Self {
        Self {
            path: path.to_owned(),
            kind,
            ledger: None,
            series: Vec::new(),
            tests: Vec::new(),
            names: BTreeMap::new(),
            bad: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The largest number of edits that anything is said of; 0 of an empty run.
    pub fn edits(&self) -> u64 {
        let of_series = self.series.iter().filter_map(|series| series.points.last()).map(|(edit, _)| *edit);
        of_series.chain(self.tests.iter().map(|test| test.after)).max().unwrap_or(0)
    }

    /// Puts a value behind those of its series.
    pub fn put(&mut self, name: &str, measure: Measure, edit: u64, value: f64) {
        match self.series.iter_mut().find(|series| series.name == name) {
            Some(series) => series.points.push((edit, value)),
            None => {
                self.series.push(RunSeries { name: name.to_owned(), measure, points: vec![(edit, value)] });
            }
        }
    }

    /// Takes in what another record tells of the same run.
    pub fn unite(&mut self, other: Self) {
        let known: Vec<String> = self.series.iter().map(|series| series.name.clone()).collect();
        self.series.extend(other.series.into_iter().filter(|series| !known.contains(&series.name)));
        self.tests.extend(other.tests);
        self.notes.extend(other.notes);
        self.bad.extend(other.bad);
    }

    /// Puts a distance of a layer.
    pub(super) fn put_distance(&mut self, layer: &str, edit: u64, value: f64) {
        self.put(&format!("distance of {layer}"), Measure::Distance { layer: layer.to_owned() }, edit, value);
    }

    /// Notes a record that cannot be used.
    pub(super) fn refuse(&mut self, index: usize, reason: impl Into<String>) {
        self.bad.push(BadRecord { index, line: None, reason: reason.into() });
    }

    /// Puts every series into the order of edits; of several values at one place the first stays, and others are told of.
    ///
    /// # Errors
    /// [`RunError::Empty`], where neither a series nor a test is there.
    pub(super) fn ordered(mut self) -> Result<Self, ReadError> {
        for series in &mut self.series {
            series.points.sort_by_key(|(edit, _)| *edit);
            let (mut dropped, before) = (0, series.points.len());
            series.points.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                dropped += usize::from(same && next.1.to_bits() != kept.1.to_bits());
                same
            });
            if dropped > 0 {
                let (name, left) = (&series.name, series.points.len());
                self.notes.push(format!(
                    "{name}: {before} values at {left} numbers of edits; the first at each is taken, {dropped} others differ"
                ));
            }
        }
        self.tests.sort_unstable();
        self.tests.dedup();
        if self.series.is_empty() && self.tests.is_empty() {
            let bad = self.bad.first().map(|bad| (self.bad.len(), bad.to_string()));
            return Err(ReadError::Run { path: self.path, cause: RunError::Empty { bad } });
        }
        Ok(self)
    }
}
