//! One course from those of all series.
//!
//! ```text
//! catastrophic    at least half of the series that have a course are broken; the onset is that of the series that makes it half
//! gradual         any of them has declined or is broken
//! stable          none
//! ```
//!
//! Where no series has a course, distances tell: catastrophic from the first disabling edit on, gradual from a warning on.

use std::collections::BTreeSet;

use super::course::runs;
use super::{Course, Disabling, Level, Onset, OnsetMethod, Phase, PhaseKind, Warning};

/// The phases of all courses together, at every edit that any of them has a value for.
pub(super) fn phases(
    courses: &[&Course],
    edits: &[u64],
    jump: Option<u64>,
    warning: Option<u64>,
) -> Vec<Phase> {
    if courses.is_empty() {
        let kind = |edit: u64| match (jump, warning) {
            (Some(jump), _) if edit >= jump => PhaseKind::Catastrophic,
            (_, Some(warning)) if edit >= warning => PhaseKind::Gradual,
            _ => PhaseKind::Stable,
        };
        return runs(edits.iter().map(|edit| (*edit, kind(*edit))));
    }
    let places: BTreeSet<u64> =
        courses.iter().flat_map(|course| course.points.iter().map(|(edit, _)| *edit)).collect();
    let kind = |edit: u64| {
        let now: Vec<PhaseKind> = courses.iter().map(|course| phase_at(course, edit)).collect();
        let broken = now.iter().filter(|kind| **kind == PhaseKind::Catastrophic).count();
        match now.iter().max() {
            Some(PhaseKind::Catastrophic) if 2 * broken >= courses.len() => PhaseKind::Catastrophic,
            Some(PhaseKind::Gradual | PhaseKind::Catastrophic) => PhaseKind::Gradual,
            _ => PhaseKind::Stable,
        }
    };
    runs(places.into_iter().map(|edit| (edit, kind(edit))))
}

/// The phase of a course at an edit: that of its last value until then.
fn phase_at(course: &Course, edit: u64) -> PhaseKind {
    let begun = course.phases.iter().rev().find(|phase| phase.from_edit <= edit);
    begun.map_or(PhaseKind::Stable, |phase| phase.kind)
}

/// Where half of the courses are broken; without courses, the first jump.
pub(super) fn onset(courses: &[&Course], judged: usize, disabling: &[Disabling]) -> Result<Onset, String> {
    if judged == 0 {
        let jump = disabling.first().ok_or("no series of scores has a course, and no step jumps")?;
        return Ok(Onset {
            edit: jump.edit,
            interval: Some((jump.after + 1, jump.edit)),
            statistic: Some(jump.z).filter(|z| z.is_finite()),
            series: format!("distance of {}", jump.layer),
            method: OnsetMethod::Jump,
        });
    }
    let mut onsets: Vec<&Onset> = courses.iter().filter_map(|course| course.onset.as_ref()).collect();
    onsets.sort_by_key(|onset| onset.edit);
    let broken = onsets.len();
    match onsets.into_iter().nth(judged.div_ceil(2) - 1) {
        Some(onset) => Ok(onset.clone()),
        None if broken == 0 => Err(format!("none of {judged} series breaks")),
        None => Err(format!("only {broken} of {judged} series break")),
    }
}

/// The worst that is to be said.
pub(super) fn level(
    phases: &[Phase],
    onset: Option<&Onset>,
    warning: Option<&Warning>,
    disabling: &[Disabling],
) -> Level {
    let has = |kind| phases.iter().any(|phase| phase.kind == kind);
    if onset.is_some() || has(PhaseKind::Catastrophic) {
        Level::Collapse
    } else if warning.is_some() || !disabling.is_empty() {
        Level::Warning
    } else if has(PhaseKind::Gradual) {
        Level::Gradual
    } else {
        Level::Stable
    }
}
