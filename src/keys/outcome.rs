//! What a diagnosis of keys gives: the cases, those that could not be diagnosed, and what all of it rests on.

use std::path::PathBuf;

use ndarray::Array2;

use super::calibration::{Thresholds, thresholds};
use super::{Fraction, Level, MeanOver, MomentFacts, Verdict};
use crate::model::Architecture;
use crate::reader::RefusedCase;

/// One case, diagnosed.
#[derive(Clone, Debug)]
pub struct CaseOutcome {
    /// As the dataset has it; of dumped keys their number.
    pub case_id: String,
    /// The prompt as written, and the subject; none of dumped keys.
    pub fact: Option<Fact>,
    /// The numbers.
    pub fraction: Fraction,
    /// What they mean.
    pub verdict: Verdict,
    /// Its keys, where a plot is wanted.
    pub keys: Option<KeptKeys>,
}

/// The keys of a case, for a plot.
#[derive(Clone, Debug)]
pub struct KeptKeys {
    /// kᵘ.
    pub unprefixed: Vec<f64>,
    /// k̄.
    pub mean: Vec<f64>,
    /// The keys behind a prefix, one a row; no rows where there are too many cases to show them all.
    pub prefixed: Array2<f32>,
}

/// What a case is about, and where its subject stands in the bare prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The prompt as written.
    pub prompt: String,
    /// The subject.
    pub subject: String,
    /// Number of the subject's tokens.
    pub subject_tokens: usize,
    /// Position of the first of them.
    pub subject_first_index: usize,
    /// Position of the last of them: where the key is read.
    pub subject_last_index: usize,
    /// Whether the key is read at the first token of the text, special tokens apart.
    pub first_token: bool,
    /// Whether special tokens stand before the text.
    pub bos: bool,
}

impl Fact {
    /// Whether the key is read at the very first position of the model's input: a BOS token takes that place itself.
    pub fn at_first_position(&self) -> bool {
        self.first_token && !self.bos
    }
}

/// The cases of one run in their order, and those that were refused.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// Diagnosed.
    pub cases: Vec<CaseOutcome>,
    /// Refused.
    pub refused: Vec<RefusedCase>,
}

/// Where the keys come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// From a model that was run.
    Model {
        /// Where it was opened.
        path: PathBuf,
        /// Its architecture.
        architecture: Architecture,
        /// The layer, from 0.
        layer: usize,
        /// The module whose input is the key.
        module: String,
    },
    /// From a dump.
    Dump {
        /// Where it was read.
        path: PathBuf,
    },
}

/// The context templates, for the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextFacts {
    /// Templates, the bare one included.
    pub count: usize,
    /// Those with a prefix.
    pub prefixed: usize,
    /// SHA-256 of the list.
    pub hash: String,
    /// The file they were read from, or how they were drawn.
    pub source: String,
    /// Which of them k̄ is a mean of.
    pub over: MeanOver,
}

/// A whole diagnosis.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// Where the keys come from.
    pub origin: Origin,
    /// The templates; none of dumped keys.
    pub contexts: Option<ContextFacts>,
    /// What the keys were adjusted with; none where each dumped C⁻¹k̄ was taken as it is.
    pub moment: Option<MomentFacts>,
    /// Factor of the value's norm that the update's bound rests on.
    pub clamp: f64,
    /// The cases.
    pub scan: Scan,
}

impl Diagnosis {
    /// Where the levels of the cases begin; none where each case has a C⁻¹k̄ of its own, which may be k̄ itself.
    pub fn thresholds(&self) -> Option<Thresholds> {
        self.moment.as_ref().map(|facts| thresholds(facts.adjusted))
    }
}

/// Numbers of cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Diagnosed.
    pub cases: usize,
    /// Of those, safe.
    pub safe: usize,
    /// Of those, at risk.
    pub at_risk: usize,
    /// Of those, collapse.
    pub collapse: usize,
    /// Of those, with the key read at the first token of the text.
    pub first_token_cases: usize,
    /// Not diagnosed.
    pub refused: usize,
}

impl Scan {
    /// Counts.
    pub fn summary(&self) -> Summary {
        let at = |level| self.cases.iter().filter(|case| case.verdict.level == level).count();
        let first_token = |case: &&CaseOutcome| case.fact.as_ref().is_some_and(|fact| fact.first_token);
        Summary {
            cases: self.cases.len(),
            safe: at(Level::Safe),
            at_risk: at(Level::AtRisk),
            collapse: at(Level::Collapse),
            first_token_cases: self.cases.iter().filter(first_token).count(),
            refused: self.refused.len(),
        }
    }

    /// The gravest level; none where no case was diagnosed.
    pub fn worst(&self) -> Option<Level> {
        self.cases.iter().map(|case| case.verdict.level).max()
    }

    /// The largest residual of a solve; 0 where there was none.
    pub fn residual(&self) -> f64 {
        self.cases.iter().map(|case| case.fraction.residual).fold(0.0, f64::max)
    }
}
