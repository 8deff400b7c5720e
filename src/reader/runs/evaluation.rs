//! The steps of `diagnose.evaluate/1`: the model after each edit of a ledger.

use std::path::PathBuf;

use serde_json::Value;

use super::read::unknown;
use super::{Measure, Run, RunError, RunKind};
use crate::reader::{ReadError, RecordFile, recorded_number};

/// Metrics of a step's own cases: name, and whether the model before the run is a point of the series. Before any edit no
/// new answer is given, which is no fall.
const OF_CASES: [(&str, bool); 7] = [
    ("efficacy_success", false),
    ("efficacy_correct", false),
    ("generalization_success", false),
    ("generalization_correct", false),
    ("specificity_success", true),
    ("specificity_correct", true),
    ("locality_agreement", false),
];

/// A run from the record of an evaluation.
pub(super) fn run(record: &RecordFile) -> Result<Run, ReadError> {
    let refused = |cause| ReadError::Run { path: record.path.clone(), cause };
    if record.command != "evaluate" {
        return Err(unknown(&record.path, format!("a record of 'diagnose {}'", record.command)));
    }
    let steps =
        record.value.get("steps").and_then(Value::as_array).ok_or_else(|| refused(RunError::NoSteps))?;
    if record.value.get("schedule").and_then(Value::as_str) == Some("single") {
        return Err(refused(RunError::Single));
    }
    let mut run = Run::new(&record.path, RunKind::Evaluation);
    run.ledger = record.value.get("ledger").and_then(Value::as_str).map(PathBuf::from);
    let mut edits = 0;
    for (index, step) in steps.iter().enumerate() {
        let is_base = step.get("index").is_some_and(Value::is_null);
        let Some(cases) = step.get("case_ids").and_then(Value::as_array) else {
            run.refuse(index, "no list of `case_ids`");
            continue;
        };
        if !is_base {
            edits += cases.len() as u64;
            if let ([case], edits) = (cases.as_slice(), edits) {
                run.names.extend(case.as_str().map(|name| (edits, name.to_owned())));
            }
        }
        let at = if is_base { 0 } else { edits };
        for (name, with_base) in OF_CASES {
            if let Some(value) = recorded_number(step, name).filter(|_| with_base || !is_base) {
                run.put(name, Measure::Score, at, value);
            }
        }
        if let Some(value) = recorded_number(step, "perplexity") {
            run.put("perplexity", Measure::Perplexity, at, value);
        }
        let accuracies = step.get("accuracies").and_then(Value::as_array).into_iter().flatten();
        for (task, value) in accuracies.enumerate() {
            if let Some(value) = value.as_f64() {
                run.put(&format!("accuracy of task {}", task + 1), Measure::Score, at, value);
            }
        }
    }
    run.ordered()
}
