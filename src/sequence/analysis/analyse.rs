//! All that is found of a run, in one call.

use super::disabling::disabling;
use super::growth::can_warn;
use super::{Course, Growth, RunAnalysis, Warning, course, early_warning, forgetting, growth, together};
use crate::reader::{Measure, Run, RunSeries};

/// What an analysis asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AnalysisPlan {
    /// The exponent above which a distance grows faster than healthy ones do.
    pub warn_exponent: f64,
}

impl Default for AnalysisPlan {
    fn default() -> Self {
        Self { warn_exponent: 0.75 }
    }
}

/// Analyses a run.
pub fn analyse(run: Run, plan: &AnalysisPlan) -> RunAnalysis {
    let distances: Vec<(&str, &RunSeries)> = run
        .series
        .iter()
        .filter_map(|series| match &series.measure {
            Measure::Distance { layer } => Some((layer.as_str(), series)),
            _ => None,
        })
        .collect();
    let disabling = disabling(&run);
    let warning = warning(&distances, *plan);
    let jumps = disabling.as_deref().unwrap_or_default();
    let first_jump = jumps.first().map(|jump| jump.edit);
    let warned = warning.as_ref().ok().and_then(Option::as_ref);
    let courses: Vec<Result<Course, String>> = run.series.iter().map(course).collect();
    let judged: Vec<&Course> = courses.iter().filter_map(|course| course.as_ref().ok()).collect();
    let onset = together::onset(&judged, judged.len(), jumps);
    let edits: Vec<u64> = distances
        .iter()
        .map(|(_, series)| &series.points)
        .max_by_key(|points| points.len())
        .map_or_else(Vec::new, |points| points.iter().map(|(edit, _)| *edit).collect());
    let phases = together::phases(&judged, &edits, first_jump, warned.map(|warning| warning.edit));
    let level = together::level(&phases, onset.as_ref().ok(), warned, jumps);
    let left = [first_jump, warned.map(|warning| warning.edit)].into_iter().flatten().min();
    let growth = growths(&distances, left);
    let forgetting = forgetting(&run.tests);
    RunAnalysis { run, growth, disabling, warning, courses, onset, phases, forgetting, level }
}

/// The first warning of any layer; of several at one edit the one of the largest exponent.
fn warning(distances: &[(&str, &RunSeries)], plan: AnalysisPlan) -> Result<Option<Warning>, String> {
    if !distances.iter().any(|(_, series)| can_warn(&series.points)) {
        return Err(match distances.iter().map(|(_, series)| series.points.len()).max() {
            None => "no distances".to_owned(),
            Some(points) => format!("{points} distances, where 20 are the least"),
        });
    }
    let of_layer =
        |(layer, series): &(&str, &RunSeries)| early_warning(layer, &series.points, plan.warn_exponent);
    let warnings = distances.iter().filter_map(of_layer);
    Ok(warnings.min_by(|a, b| a.edit.cmp(&b.edit).then(b.exponent.total_cmp(&a.exponent))))
}

/// Over the whole run, and before what ended the walk where something did.
fn growths(distances: &[(&str, &RunSeries)], left: Option<u64>) -> Vec<Growth> {
    let of = |(layer, series): &(&str, &RunSeries)| {
        let before = left.and_then(|left| left.checked_sub(1)).filter(|last| *last > 0);
        let before =
            before.map(|last| growth(layer, &series.points, last)).filter(|growth| growth.fit.is_ok());
        [Some(growth(layer, &series.points, u64::MAX)), before]
    };
    distances.iter().flat_map(of).flatten().collect()
}
