//! The first line of a ledger: the base that is edited, and the settings that decide what the edits are.

use serde::Serialize;
use serde_json::{Value, json};

use crate::edit::{HparamValue, Hparams, PruneForm, RectKind};
use crate::keys::MeanOver;
use crate::reader::{BaseTensor, ScheduleKind};
use crate::report::json::Tool;
use crate::sequence::{GuardMode, MomentOf, RunFacts};

/// Name and version of the record.
const SCHEMA: &str = "diagnose.ledger/1";

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct HeaderRecord<'a> {
    schema: &'static str,
    tool: Tool,
    base: BaseRecord<'a>,
    schedule: &'static str,
    settings: Value,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct BaseRecord<'a> {
    /// As typed.
    path: String,
    /// Those that the run may change.
    tensors: Vec<TensorRecord<'a>>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct TensorRecord<'a> {
    name: &'a str,
    dtype: &'a str,
    shape: &'a [u64],
    sha256: &'a str,
}

impl<'a> From<&'a RunFacts> for HeaderRecord<'a> {
    fn from(run: &'a RunFacts) -> Self {
        let tensors = run.base.iter().map(|BaseTensor { name, dtype, shape, sha256 }| TensorRecord {
            name,
            dtype,
            shape,
            sha256,
        });
        Self {
            schema: SCHEMA,
            tool: Tool::THIS,
            base: BaseRecord { path: run.model.to_string_lossy().into_owned(), tensors: tensors.collect() },
            schedule: schedule_name(run.schedule),
            settings: settings(run),
        }
    }
}

pub(in crate::report) const fn schedule_name(schedule: ScheduleKind) -> &'static str {
    match schedule {
        ScheduleKind::Single => "single",
        ScheduleKind::Sequential => "sequential",
    }
}

/// All that decides what the edits of a run are, and nothing else: two runs of one base with equal settings give equal edits.
///
/// The record `diagnose.edit/1` and the header of a ledger have it alike.
pub fn settings(run: &RunFacts) -> Value {
    let contexts = &run.contexts;
    json!({
        "method": run.method.name(),
        "hparams": hparams(&run.hparams),
        "rect": run.rect.map(rect),
        "null_space": run.null_space,
        "prune": run.prune.map(prune_name),
        "contexts": {
            "count": contexts.count,
            "prefixed": contexts.prefixed,
            "hash": contexts.hash,
            "mean_over": match contexts.over { MeanOver::Every => "all", MeanOver::Prefixed => "prefixed" },
        },
        "second_moments": run.moments.iter().map(moment).collect::<Vec<_>>(),
        "schedule": schedule_name(run.schedule),
        "batch": run.batch,
        "guard": run.guard.map(guard_name),
        "cases": {"records": run.records, "sha256": run.cases_sha256},
    })
}

/// The guard as `--guard` names it.
pub(in crate::report) const fn guard_name(guard: GuardMode) -> &'static str {
    match guard {
        GuardMode::Refuse => "refuse",
        GuardMode::Fix => "fix",
    }
}

/// PRUNE's form as `--prune` names it.
const fn prune_name(form: PruneForm) -> &'static str {
    match form {
        PruneForm::Intended => "intended",
        PruneForm::AsCoded => "as-coded",
    }
}

fn rect(kind: RectKind) -> Value {
    match kind {
        RectKind::Relative(share) => json!({"kind": "relative", "share": share}),
        RectKind::Shifted(share) => json!({"kind": "shifted", "share": share}),
    }
}

fn moment(of: &MomentOf) -> Value {
    let facts = &of.facts;
    json!({
        "layer": of.layer,
        "adjusted": facts.adjusted,
        "sha256": of.sha256,
        "tokens": facts.tokens,
        "ridge": facts.ridge,
    })
}

/// Every hyper-parameter in rome's field names; one that is not finite is `null`.
fn hparams(hparams: &Hparams) -> Value {
    let value = |value| match value {
        HparamValue::Number(number) => json!(number),
        HparamValue::Count(count) => json!(count),
        HparamValue::Layers(layers) => json!(layers),
        HparamValue::Switch(on) => json!(on),
        HparamValue::Word(word) => json!(word),
        HparamValue::Absent => Value::Null,
    };
    let values = hparams.values().into_iter().map(|(name, found)| (name.to_owned(), value(found)));
    Value::Object(values.collect())
}

/// A line of a ledger: the first is a header, every other a step.
#[cfg(test)]
#[derive(schemars::JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is asked for")]
enum Line {
    Header(HeaderRecord<'static>),
    Step(super::line::LineRecord<'static>),
}

#[cfg(test)]
crate::report::schema::published!(SCHEMA, Line);
