//! Everything that one evaluation found, before it becomes a report.

use std::path::PathBuf;

use super::generation::Written;
use super::quality::Quality;
use super::summary::{QualitySummary, Spread};
use super::tasks::TaskScores;
use super::{Paired, Perplexity, Summary};

/// What was found on a model, and on a baseline where one was given.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The model, as typed.
    pub model: PathBuf,
    /// The model before, as typed.
    pub baseline: Option<PathBuf>,
    /// SHA-256 of the model's `tokenizer.json`.
    pub tokenizer_sha256: String,
    /// Cases, where some were given.
    pub cases: Option<CaseEvaluation>,
    /// Task files in the order in which they were given.
    pub tasks: Vec<TaskEvaluation>,
    /// Texts, where some were given.
    pub texts: Option<TextEvaluation>,
    /// The edits of a ledger, where one was walked: the model is then its base, every case was scored right after its own
    /// edit, and texts and tasks stand here alone.
    pub walk: Option<Walk>,
}

/// The edits of a ledger, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Walk {
    /// The ledger, as typed.
    pub ledger: PathBuf,
    /// Whether each edit was made on top of those before it, or from the original.
    pub sequential: bool,
    /// Names of the task files, in the order of [`StepEvaluation::accuracies`].
    pub tasks: Vec<String>,
    /// The base first, then step after step.
    pub steps: Vec<StepEvaluation>,
}

/// The model after one step of a ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct StepEvaluation {
    /// Its number, from 0; none for the base.
    pub index: Option<usize>,
    /// The method; empty for the base.
    pub method: String,
    /// The cases that it edited.
    pub case_ids: Vec<String>,
    /// ‖ΔW‖_F over the layers of the step.
    pub update_norm: f64,
    /// Its own cases, right after it.
    pub quality: QualitySummary,
    /// Of the texts, where some were given.
    pub texts: Option<Summary>,
    /// Of each task file; none where no item could be tested.
    pub accuracies: Vec<Option<f64>>,
}

/// Cases on the model.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseEvaluation {
    /// Where they came from.
    pub source: String,
    /// Texts that were tried before prompts, where that was asked for.
    pub contexts: Option<TestContexts>,
    /// The scores of each.
    pub quality: Quality,
    /// All together.
    pub summary: QualitySummary,
    /// The same cases on the baseline.
    pub before: Option<QualitySummary>,
    /// What the model wrote about them, where that was asked for.
    pub written: Option<Generation>,
}

/// Contexts before prompts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestContexts {
    /// Where they came from.
    pub source: String,
    /// The templates that were used, each with one `{}`.
    pub templates: Vec<String>,
    /// The seed that chose them, where not all were taken.
    pub seed: Option<u64>,
}

/// What was written about cases.
#[derive(Clone, Debug, PartialEq)]
pub struct Generation {
    /// The seed of the draws.
    pub seed: u64,
    /// A row a scored case, in their order.
    pub cases: Vec<Written>,
    /// All together.
    pub summary: GenerationSummary,
    /// The same on the baseline.
    pub before: Option<GenerationSummary>,
}

/// Means over cases of what their texts are like; none where no case has the number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GenerationSummary {
    /// Of [`Written::fluency`], in bits.
    pub fluency: Option<Spread>,
    /// Of [`Written::normalized_entropy`].
    pub normalized_entropy: Option<Spread>,
    /// Of [`Written::consistency`].
    pub consistency: Option<Spread>,
}

impl GenerationSummary {
    /// Sums up.
    pub fn of(written: &[Written]) -> Self {
        let spread =
            |of: fn(&Written) -> Option<f64>| Spread::of(&written.iter().filter_map(of).collect::<Vec<_>>());
        Self {
            fluency: spread(|written| written.fluency),
            normalized_entropy: spread(|written| written.normalized_entropy),
            consistency: spread(|written| written.consistency),
        }
    }
}

/// A task file on the model.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskEvaluation {
    /// The file, as typed.
    pub source: String,
    /// What the model made of it.
    pub scores: TaskScores,
    /// What the baseline made of it.
    pub before: Option<TaskScores>,
}

/// Texts on the model.
#[derive(Clone, Debug, PartialEq)]
pub struct TextEvaluation {
    /// The file, as typed.
    pub source: String,
    /// Records of it that could not be used.
    pub bad_records: usize,
    /// The model's.
    pub perplexity: Perplexity,
    /// The baseline's, and how the two compare.
    pub before: Option<(Perplexity, Paired)>,
}
