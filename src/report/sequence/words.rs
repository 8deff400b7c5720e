//! What happened to a run, in words, and the rules behind it.

use crate::report::number::{count, significant};
use crate::sequence::analysis::{
    Disabling, JUMP, Level, OUTLIER, Onset, OnsetMethod, PhaseKind, RunAnalysis, Warning,
};

pub(super) const GROWTH: &str = "least squares of ln distance over ln edits, over the last decade of edits; 95 % interval from increments of the \
squared distance (sandwich, Student's t with Satterthwaite's degrees of freedom)";
pub(super) const WARNING: &str = "the first number of edits n, from the 20th value, where over 2n/3 … n the exponent is above warn_exponent, \
and above walk_exponent with warning_confidence; false on at most 2 % of simulated random walks of 1,000 edits, on about 10 % where the logarithms of \
step lengths spread by 1";
pub(super) const ONSET: &str = "change points of level and slope by dynamic programming, their number by Liu, Wu & Zidek (1997); 95 % set of a \
change by inverting the likelihood ratio (Eo & Morley 2015)";
pub(super) const PHASES: &str = "of a series: stable at 95 % of the base or above, gradual below, catastrophic from a change on that halves the score \
within a tenth of the edits done, or below a tenth of the base; of all: catastrophic where half of the series are, gradual where any \
declines";
pub(super) const FORGETTING: &str = "of edits that were right when first tested, the share found wrong at a later test, the first loss being final; \
half-life by Kaplan and Meier with Brookmeyer and Crowley's 95 % interval";

/// The rule of disabling edits.
pub(super) fn disabling() -> String {
    format!(
        "ln of the step's length above the median by {OUTLIER} scaled MADs, and the distance {JUMP} times further than a random walk would take it; \
ratio is the distance after over that before"
    )
}

/// The worst level of all runs.
pub(super) fn worst(runs: &[RunAnalysis]) -> Level {
    runs.iter().map(|run| run.level).max().unwrap_or(Level::Stable)
}

/// What happened, in one sentence.
pub(super) fn summary(found: &RunAnalysis) -> String {
    let onset = found.onset.as_ref().ok();
    let warning = found.warning.as_ref().ok().and_then(Option::as_ref);
    let jumps = found.disabling.as_deref().unwrap_or_default();
    let mut parts = course(found, onset);
    if let Some(warning) = warning {
        parts.push(warned(warning, found));
    }
    if let Some(jump) = jumps.first() {
        parts.push(jumped(jump, jumps.len()));
    }
    if parts.is_empty() {
        parts.push(quiet(found));
    }
    parts.join("; ")
}

/// When it declined, and when it broke.
fn course(found: &RunAnalysis, onset: Option<&Onset>) -> Vec<String> {
    let broken = onset.map(|onset| match onset.method {
        OnsetMethod::ChangePoint => format!("catastrophic at {}", place(onset)),
        OnsetMethod::FirstEdits => format!("catastrophic from its first edits on ({})", place(onset)),
        OnsetMethod::Decline => format!("nothing left at {}, without a break", place(onset)),
        OnsetMethod::Jump => {
            format!("the weights jump at {} (no scores to tell what that did)", place(onset))
        }
    });
    let kind = |phase: &&crate::sequence::analysis::Phase| phase.kind == PhaseKind::Gradual;
    let gradual = found.phases.iter().find(kind).map(|phase| phase.from_edit);
    let first = onset.map_or(u64::MAX, |onset| onset.edit);
    let judged = found.courses.iter().any(Result::is_ok);
    let gradual = gradual.filter(|edit| judged && *edit < first);
    let sentence = match (gradual, broken) {
        (Some(edit), Some(broken)) => Some(format!("gradual from edit {}, {broken}", count(edit))),
        (Some(edit), None) => Some(format!("gradual from edit {}, without a break", count(edit))),
        (None, broken) => broken,
    };
    sentence.into_iter().collect()
}

/// An edit with its interval: `1,210 [1,190, 1,230]`.
pub(super) fn place(onset: &Onset) -> String {
    match onset.interval {
        Some((low, high)) => format!("{} [{}, {}]", count(onset.edit), count(low), count(high)),
        None => count(onset.edit),
    }
}

fn warned(warning: &Warning, found: &RunAnalysis) -> String {
    let ahead = match (found.ahead(), &found.onset) {
        (Some(ahead), _) => format!(", {} edits earlier", count(ahead)),
        (None, Ok(_)) => ", not before the break".to_owned(),
        (None, Err(_)) => String::new(),
    };
    let exponent = significant(warning.exponent, 3);
    format!(
        "the exponent left the band at {} ({exponent}, layer {}){ahead}",
        count(warning.edit),
        warning.layer
    )
}

fn jumped(jump: &Disabling, jumps: usize) -> String {
    let name = jump.name.as_ref().map_or(String::new(), |name| format!(" ({name})"));
    let more = if jumps > 1 { format!(", and {} more", jumps - 1) } else { String::new() };
    let far = if jump.ratio.is_finite() {
        format!("{} times the distance", significant(jump.ratio, 3))
    } else if jump.update_ratio.is_finite() {
        format!("{} times the usual update", significant(jump.update_ratio, 3))
    } else {
        "no finite distance".to_owned()
    };
    format!("disabling edit {}{name}: {far}{more}", step(jump))
}

/// The edit of a jump, or the edits that it lies among.
pub(super) fn step(jump: &Disabling) -> String {
    match jump.edit - jump.after {
        1 => count(jump.edit),
        _ => format!("{}…{}", count(jump.after + 1), count(jump.edit)),
    }
}

/// What is to be said where nothing happened.
fn quiet(found: &RunAnalysis) -> String {
    let exponent = found.growth.iter().find_map(|growth| growth.fit.as_ref().ok());
    let walk = exponent.map(|(law, interval)| {
        let [exponent, low, high] = [law.exponent, interval.low, interval.high].map(|x| significant(x, 3));
        format!("distances grow with exponent {exponent} [{low}, {high}]")
    });
    let judged = found.courses.iter().filter(|course| course.is_ok()).count();
    let scores = if judged > 0 { "no score declines" } else { "no scores to judge" };
    format!(
        "stable over {} edits: {scores}{}",
        count(found.run.edits()),
        walk.map_or(String::new(), |walk| format!(", {walk}"))
    )
}
