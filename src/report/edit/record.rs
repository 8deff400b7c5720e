//! The record `diagnose.edit/1`, field by field in the order in which it is written.

use serde::Serialize;
use serde_json::Value;

use crate::edit::NullSpaceFacts;
use crate::report::json::{NonFiniteFields, Tool};
use crate::report::ledger::{LineRecord, settings};
use crate::sequence::{MomentOf, Outcome};

/// Name and version of the record.
const SCHEMA: &str = "diagnose.edit/1";

/// The whole document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Record<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    /// A step each, in their order: as the lines of a ledger.
    edits: Vec<LineRecord<'a>>,
}

/// All but the steps.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Head<'a> {
    schema: &'static str,
    tool: Tool,
    model: ModelRecord,
    inputs: InputsRecord<'a>,
    /// What decides the edits: `method`, `hparams`, `rect`, `null_space`, `contexts`, `second_moments`, `schedule`, `batch`, `guard`,
    /// `cases`; as in the header of a ledger.
    settings: Value,
    summary: SummaryRecord,
    /// The ledger, as typed; null where none was written.
    ledger: Option<String>,
    /// The edited checkpoint, as typed; null where none was written.
    written: Option<String>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ModelRecord {
    path: String,
    architecture: &'static str,
}

/// Where the inputs come from.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct InputsRecord<'a> {
    cases: &'a str,
    hparams: &'a str,
    contexts: &'a str,
    second_moments: Vec<MomentRecord<'a>>,
    /// Where the projector of each layer cuts the spectrum of C; empty without `--null-space`.
    null_spaces: Vec<NullSpaceRecord>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct NullSpaceRecord {
    layer: usize,
    /// Eigenvalues below the threshold.
    rank: usize,
    dimension: usize,
    threshold: f64,
    /// The eigenvalues on both sides of it, and the largest of all.
    below: f64,
    above: Option<f64>,
    largest: f64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct MomentRecord<'a> {
    layer: usize,
    /// Null where C = I.
    source: Option<&'a str>,
    documents: Option<u64>,
    dimension: usize,
    condition_number: Option<f64>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SummaryRecord {
    steps: usize,
    /// Of those, taken from the ledger of an interrupted run.
    resumed: usize,
    /// Cases.
    edited: usize,
    /// Their update is not finite, and was not made.
    unmade: usize,
    refused: usize,
    /// Of those refused, by the guard.
    refused_by_guard: usize,
    /// Of those edited, by C-ROME because of the guard.
    switched_by_guard: usize,
}

impl<'a> From<&'a Outcome> for Record<'a> {
    fn from(outcome: &'a Outcome) -> Self {
        Self { head: outcome.into(), edits: outcome.lines.iter().map(LineRecord::from).collect() }
    }
}

impl<'a> From<&'a Outcome> for Head<'a> {
    fn from(outcome: &'a Outcome) -> Self {
        let run = &outcome.run;
        let typed =
            |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
        Self {
            schema: SCHEMA,
            tool: Tool::THIS,
            model: ModelRecord {
                path: run.model.to_string_lossy().into_owned(),
                architecture: run.architecture.name(),
            },
            inputs: InputsRecord {
                cases: &run.cases,
                hparams: &run.hparams_source,
                contexts: &run.contexts.source,
                second_moments: run.moments.iter().map(MomentRecord::from).collect(),
                null_spaces: run.null_spaces.iter().map(NullSpaceRecord::from).collect(),
            },
            settings: settings(run),
            summary: SummaryRecord {
                steps: outcome.lines.len(),
                resumed: outcome.resumed,
                edited: outcome.edited(),
                unmade: outcome.unmade(),
                refused: outcome.refused(),
                refused_by_guard: outcome.guarded(),
                switched_by_guard: outcome.switched(),
            },
            ledger: typed(&outcome.ledger),
            written: typed(&outcome.written),
        }
    }
}

impl From<&(usize, NullSpaceFacts)> for NullSpaceRecord {
    fn from((layer, facts): &(usize, NullSpaceFacts)) -> Self {
        let NullSpaceFacts { threshold, rank, dimension, below, above, largest } = *facts;
        Self { layer: *layer, rank, dimension, threshold, below, above, largest }
    }
}

impl<'a> From<&'a MomentOf> for MomentRecord<'a> {
    fn from(MomentOf { layer, facts, .. }: &'a MomentOf) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        Self {
            layer: *layer,
            source: facts.source.as_deref(),
            documents: facts.documents,
            dimension: facts.dimension,
            condition_number: nonfinite.keep("condition_number", facts.condition_number),
            nonfinite,
        }
    }
}

#[cfg(test)]
crate::report::schema::published!(SCHEMA, Record<'static>);
