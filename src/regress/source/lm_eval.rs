//! Results of lm-evaluation-harness: `task/metric`, with the samples of the run where they were logged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::gathered;
use crate::reader::{LmEval, LmEvalSamples, LmEvalScore};
use crate::regress::error::RegressError;
use crate::regress::metric::{Direction, Metric, Metrics};

/// The scores of runs, of which no two have the same task of one model; of several models each name begins with its model.
///
/// Protocol of a score is the version of its task and the number of worked examples: others are not compared.
///
/// # Errors
/// [`RegressError::Twice`], where two runs give one name.
pub fn of_lm_eval(path: &Path, runs: &[(LmEval, Vec<LmEvalSamples>)]) -> Result<Metrics, RegressError> {
    let (mut rows, mut notes) = (Vec::new(), Vec::new());
    let folder = |run: &LmEval| run.path.parent().unwrap_or(Path::new("")).display().to_string();
    let named = |run: &LmEval| run.model.clone().unwrap_or_else(|| folder(run));
    let models: BTreeSet<String> = runs.iter().map(|(run, _)| named(run)).collect();
    for (run, samples) in runs {
        let model = if models.len() == 1 { String::new() } else { format!("{}/", named(run)) };
        for score in &run.scores {
            rows.push(metric(&model, score, samples));
        }
        notes.extend(run.unreadable.iter().map(|name| format!("{model}{name} is no number")));
        let bad: usize = samples.iter().map(|of| of.bad.len()).sum();
        if bad > 0 {
            notes.push(format!("{}: {bad} lines of samples could not be read", run.path.display()));
        }
    }
    gathered(path, "lm-evaluation-harness".to_owned(), rows, notes)
}

fn metric(model: &str, score: &LmEvalScore, samples: &[LmEvalSamples]) -> Metric {
    let version = score.version.as_deref().unwrap_or("unknown");
    let shots = score.shots.map_or(String::new(), |shots| format!(", {shots} examples"));
    let metric = Metric {
        name: format!("{model}{}", score.name()),
        value: score.value,
        standard_error: score.standard_error,
        n: score.samples,
        direction: score
            .higher_is_better
            .map(|higher| if higher { Direction::Higher } else { Direction::Lower }),
        protocol: Some(format!("task version {version}{shots}")),
        samples: BTreeMap::new(),
    };
    let own = samples.iter().find(|of| of.task == score.task);
    match own.and_then(|of| of.scores.get(&(score.metric.clone(), score.filter.clone()))) {
        Some(values) => metric.with_samples(values.clone()),
        None => metric,
    }
}
