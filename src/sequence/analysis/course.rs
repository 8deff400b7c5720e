//! The course of a score: where it declines, and where it breaks.
//!
//! Everything is judged as a score of which more is better and 0 the worst: a perplexity as 1 / perplexity, the geometric mean of the
//! probability of a token, a mean NLL as e^−NLL, a share of failures as 1 − share. A value that is no finite number is that of a
//! broken model, 0, and is counted.
//!
//! ```text
//! lines           the score as straight lines over the edits, one after the other (stats::change_points)
//! base            the score before any edit where it is known, else the first line's beginning
//! stable          the lines are at 95 % of the base or above
//! gradual         they are below
//! catastrophic    from a change on after which they fall to half of what they were before it, and by a tenth of the base at
//!                 least, while the number of edits grows by a tenth or by one step; or from where they are below
//!                 a tenth of the base. It ends where they are back at three quarters of what was before
//! ```
//!
//! A share of the edits done, and not a number, because all else here goes with the logarithm of the number of edits.
//! The interval of the onset is that of the change: the edits it may lie at, counted from one behind the value before.

use super::{Course, Onset, OnsetMethod, Phase, PhaseKind};
use crate::reader::{Measure, RunSeries};
use crate::stats::{Change, MOST_POINTS, Segmentation, change_points, mean};

/// The share of the base below which a score has declined.
pub const GRADUAL: f64 = 0.95;
/// The share of its level that a score falls to where it breaks.
pub const FALL: f64 = 0.5;
/// The share of the base that a fall takes at least, and below which nothing is left.
const TENTH: f64 = 0.1;
/// The share of the level before a fall at which it is over.
const RECOVERED: f64 = 0.75;
/// Fewest values of a course.
const FEWEST: usize = 8;

/// The course of a series.
///
/// # Errors
/// In words, why it has none: a distance, too few values, nothing to lose, a cost that is no share.
pub fn course(series: &RunSeries) -> Result<Course, String> {
    let scores = scores(series)?;
    let nonfinite = series.points.iter().filter(|(_, value)| !value.is_finite()).count();
    let before = scores.iter().find(|(edit, _)| *edit == 0).map(|(_, score)| *score);
    let measured: Vec<(u64, f64)> = scores.into_iter().filter(|(edit, _)| *edit > 0).collect();
    if measured.len() < FEWEST {
        return Err(format!("{} values after edits, where {FEWEST} are the least", measured.len()));
    }
    let bucket = measured.len().div_ceil(MOST_POINTS);
    let points = bucketed(&measured, bucket);
    let plane: Vec<(f64, f64)> = points.iter().map(|(edit, score)| (*edit as f64, *score)).collect();
    let lines = change_points(&plane).ok_or("the values are too few or too large to be fitted")?;
    let fitted = lines.fitted(&plane);
    let base = before.or(fitted.first().copied()).filter(|base| *base > 0.0);
    let base = base.ok_or("it begins at 0: there is nothing to lose")?;
    let levels = Levels { points: &points, fitted: &fitted, base, before };
    let breaks = levels.breaks(&lines);
    let onset = breaks.first().map(|found| levels.onset(found, &lines, &series.name));
    Ok(Course { base, phases: levels.phases(&breaks), onset, nonfinite, bucket, fitted, points })
}

/// The values as scores.
fn scores(series: &RunSeries) -> Result<Vec<(u64, f64)>, String> {
    let of: fn(f64) -> f64 = match &series.measure {
        Measure::Score => |x| x,
        Measure::Perplexity => |x| 1.0 / x,
        Measure::Nll => |x| (-x).exp(),
        Measure::Cost => |x| 1.0 - x,
        Measure::Distance { .. } | Measure::UpdateNorm { .. } => {
            return Err("a distance is judged by its growth".to_owned());
        }
    };
    let finite = |x: &f64| x.is_finite();
    if series.measure == Measure::Cost
        && series.points.iter().any(|(_, x)| finite(x) && !(0.0..=1.0).contains(x))
    {
        return Err("values outside 0 … 1 are no share of failures".to_owned());
    }
    let score = |x: f64| Some(of(x)).filter(|_| x.is_finite()).filter(finite).unwrap_or(0.0);
    Ok(series.points.iter().map(|(edit, x)| (*edit, score(*x))).collect())
}

/// Means of so many values each, at the first edit of each.
fn bucketed(points: &[(u64, f64)], size: usize) -> Vec<(u64, f64)> {
    let of = |bucket: &[(u64, f64)]| {
        let scores: Vec<f64> = bucket.iter().map(|(_, score)| *score).collect();
        Some((bucket.first()?.0, mean(&scores)?))
    };
    points.chunks(size).filter_map(of).collect()
}

/// Lines at each point, beside the base.
struct Levels<'a> {
    points: &'a [(u64, f64)],
    fitted: &'a [f64],
    base: f64,
    /// The score before any edit.
    before: Option<f64>,
}

/// Where a score breaks: the change that tells, the first broken point, the one behind the last, and how it was told.
struct Break {
    change: usize,
    at: usize,
    to: usize,
    method: OnsetMethod,
}

impl Levels<'_> {
    fn edit(&self, at: usize) -> u64 {
        self.points.get(at).map_or(0, |point| point.0)
    }

    /// Level and edit before a point: for the first, those of the model before the run where they are known.
    fn previous(&self, at: usize) -> Option<(f64, u64)> {
        match at.checked_sub(1) {
            Some(before) => Some((*self.fitted.get(before)?, self.edit(before))),
            None => self.before.map(|before| (before, 0)),
        }
    }

    /// Whether the lines fall from a change on as a break does.
    fn falls(&self, at: usize) -> bool {
        let Some((level, edit)) = self.previous(at) else { return false };
        let step = self.edit(at).saturating_sub(edit);
        let soon = edit + step.max(edit / 10);
        let near = self.points.iter().zip(self.fitted).skip(at).take_while(|((edit, _), _)| *edit <= soon);
        near.into_iter().any(|(_, fit)| *fit <= FALL * level && level - fit >= TENTH * self.base)
    }

    /// All breaks, in order; one that is not over ends with the points.
    fn breaks(&self, lines: &Segmentation) -> Vec<Break> {
        let mut candidates: Vec<(usize, OnsetMethod)> =
            lines.changes.iter().map(|change| (change.at, OnsetMethod::ChangePoint)).collect();
        candidates.insert(0, (0, OnsetMethod::FirstEdits));
        candidates.retain(|(at, _)| self.falls(*at));
        let nothing = self.fitted.iter().position(|fit| *fit < TENTH * self.base);
        candidates.extend(nothing.map(|at| (at, OnsetMethod::Decline)));
        candidates.sort_by_key(|(at, _)| *at);
        let mut breaks: Vec<Break> = Vec::new();
        for (at, method) in candidates {
            if breaks.last().is_some_and(|last| at < last.to) {
                continue;
            }
            let level = self.previous(at).map_or(self.base, |(level, _)| level).max(2.0 * TENTH * self.base);
            let fit = || self.fitted.iter().enumerate().skip(at);
            // Where a line begins to fall at its first point, that point is still whole.
            let first = fit().find(|(_, fit)| **fit < GRADUAL * level).map_or(at, |(first, _)| first);
            let lowest = fit().find(|(_, fit)| **fit <= FALL * level).map_or(at, |(lowest, _)| lowest);
            let back = fit().skip(lowest - at).find(|(_, fit)| **fit >= RECOVERED * level);
            let to = back.map_or(self.points.len(), |(back, _)| back);
            breaks.push(Break { change: at, at: first, to, method });
        }
        breaks
    }

    fn onset(&self, found: &Break, lines: &Segmentation, series: &str) -> Onset {
        let change = |change: &&Change| change.at == found.change;
        let change = lines.changes.iter().find(change).filter(|_| found.method == OnsetMethod::ChangePoint);
        let behind = |at: usize| at.checked_sub(1).map_or(1, |before| self.edit(before) + 1);
        let interval = match (found.method, change) {
            (_, Some(change)) => Some((behind(change.low), self.edit(change.high.max(found.at)))),
            (OnsetMethod::FirstEdits, None) => Some((1, self.edit(0))),
            _ => None,
        };
        Onset {
            edit: self.edit(found.at),
            interval,
            statistic: change.map(|change| change.statistic),
            series: series.to_owned(),
            method: found.method,
        }
    }

    fn phases(&self, breaks: &[Break]) -> Vec<Phase> {
        let kinds = self.fitted.iter().enumerate().map(|(at, fit)| {
            if breaks.iter().any(|found| (found.at..found.to).contains(&at)) {
                PhaseKind::Catastrophic
            } else if *fit < GRADUAL * self.base {
                PhaseKind::Gradual
            } else {
                PhaseKind::Stable
            }
        });
        runs(self.points.iter().map(|(edit, _)| *edit).zip(kinds))
    }
}

/// Neighbours of one kind drawn together.
pub(super) fn runs(kinds: impl Iterator<Item = (u64, PhaseKind)>) -> Vec<Phase> {
    let mut phases: Vec<Phase> = Vec::new();
    for (edit, kind) in kinds {
        match phases.last_mut() {
            Some(last) if last.kind == kind => last.to_edit = edit,
            _ => phases.push(Phase { kind, from_edit: edit, to_edit: edit }),
        }
    }
    phases
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]
mod tests {
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::SeedableRng as _;

    use super::*;
    use crate::stats::simulate::gaussian;

    fn of(measure: Measure, points: Vec<(u64, f64)>) -> Result<Course, String> {
        course(&RunSeries { name: "s".into(), measure, points })
    }

    fn phases(course: &Course) -> Vec<(PhaseKind, u64, u64)> {
        course.phases.iter().map(|phase| (phase.kind, phase.from_edit, phase.to_edit)).collect()
    }

    /// The shape of a published run: slow decline to chance, a plateau, and 300 edits in which every answer becomes invalid.
    #[test]
    fn a_published_shape_is_gradual_and_then_catastrophic_where_it_was_seen_to_be() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(2);
        let of_edit = |edit: f64| match edit {
            ..500.0 => 773.0 - edit * 0.02,
            500.0..1_750.0 => 763.0 - (edit - 500.0) * 0.27,
            1_750.0..3_350.0 => 426.0,
            3_350.0..3_650.0 => 426.0 - (edit - 3_350.0) * 425.0 / 300.0,
            _ => 1.0,
        };
        let noise = |random: &mut Xoshiro256PlusPlus, mean: f64| {
            (mean + (mean * (872.0 - mean) / 872.0).sqrt() * gaussian(random)).clamp(0.0, 872.0) / 872.0
        };
        let mut points = vec![(0, 773.0 / 872.0)];
        points.extend((1..=90).map(|row| (row * 50, noise(&mut random, of_edit(row as f64 * 50.0)))));
        let found = of(Measure::Score, points).unwrap();
        let onset = found.onset.clone().unwrap();
        assert!((3_350..=3_500).contains(&onset.edit), "{onset:?}");
        let (low, high) = onset.interval.unwrap();
        assert!(low <= 3_400 && high >= 3_400 && high - low < 300, "{onset:?}");
        let kinds: Vec<PhaseKind> = found.phases.iter().map(|phase| phase.kind).collect();
        assert_eq!(
            kinds,
            [PhaseKind::Stable, PhaseKind::Gradual, PhaseKind::Catastrophic],
            "{:?}",
            found.phases
        );
        assert!((500..=900).contains(&found.phases[1].from_edit), "{:?}", found.phases);
    }

    #[test]
    fn a_known_onset_is_found_with_a_small_error_and_its_interval_holds_it() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(9);
        let (mut error, mut covered, mut found) = (0.0, 0, 0);
        for run in 0..100_u64 {
            let onset = 70 + run % 60;
            let level = |edit: u64| if edit < onset { 1.0 - 0.002 * edit as f64 } else { 0.1 };
            let points = (0..=200).map(|edit| (edit, level(edit) + 0.08 * gaussian(&mut random))).collect();
            let course = of(Measure::Score, points).unwrap();
            let Some(told) = course.onset else { continue };
            let (low, high) = told.interval.unwrap();
            error += told.edit.abs_diff(onset) as f64;
            covered += u32::from((low..=high).contains(&onset));
            found += 1;
        }
        assert_eq!(found, 100);
        assert!(error / 100.0 < 0.5, "{error}");
        assert!(covered >= 93, "{covered} of 100");
    }

    #[test]
    fn a_decline_without_a_break_is_gradual_until_nothing_is_left() {
        let points = (0..=300_u32).map(|edit| (edit.into(), (-f64::from(edit) / 100.0).exp())).collect();
        let found = of(Measure::Score, points).unwrap();
        let onset = found.onset.clone().unwrap();
        assert_eq!((onset.method, onset.interval), (OnsetMethod::Decline, None));
        assert!((225..=240).contains(&onset.edit), "{onset:?}");
        let flat = of(Measure::Score, (0..=60_u32).map(|edit| (edit.into(), 0.8)).collect()).unwrap();
        assert_eq!((phases(&flat), flat.onset), (vec![(PhaseKind::Stable, 1, 60)], None));
    }

    #[test]
    fn a_model_that_is_broken_by_its_first_edits_is_told() {
        let broken = |first: u64| {
            let perplexity = |edit: u64| if edit < first { 2.7 } else { 3_000.0 + edit as f64 };
            let points = (0..=12).map(|edit| (edit, perplexity(edit))).collect();
            of(Measure::Perplexity, points).unwrap().onset.unwrap()
        };
        let at_once = broken(1);
        assert_eq!(
            (at_once.edit, at_once.interval, at_once.method),
            (1, Some((1, 1)), OnsetMethod::FirstEdits)
        );
        for first in [3, 4, 9] {
            let later = broken(first);
            assert_eq!((later.edit, later.method), (first, OnsetMethod::ChangePoint), "{later:?}");
            assert_eq!(later.interval, Some((first, first)), "{later:?}");
        }
    }

    #[test]
    fn what_is_no_number_is_a_broken_model_and_is_counted() {
        let value = |edit: u32| match edit {
            0..10 => 3.0,
            10..15 => f64::INFINITY,
            _ => f64::NAN,
        };
        let found =
            of(Measure::Perplexity, (0..=20).map(|edit| (edit.into(), value(edit))).collect()).unwrap();
        assert_eq!((found.nonfinite, found.onset.unwrap().edit), (11, 10));
    }

    #[test]
    fn a_score_that_comes_back_ends_its_phase() {
        let level = |edit: u32| if (20..30).contains(&edit) { 0.1 } else { 0.9 };
        let found = of(Measure::Score, (0..=60).map(|edit| (edit.into(), level(edit))).collect()).unwrap();
        assert_eq!(
            phases(&found),
            [(PhaseKind::Stable, 1, 19), (PhaseKind::Catastrophic, 20, 29), (PhaseKind::Stable, 30, 60)]
        );
    }

    #[test]
    fn what_cannot_be_judged_says_why() {
        let why = |measure, points: Vec<(u64, f64)>| of(measure, points).unwrap_err();
        let distance = Measure::Distance { layer: "5".into() };
        assert!(why(distance, vec![]).contains("growth"));
        assert!(why(Measure::Score, vec![(1, 1.0); 7]).contains("7 values"));
        assert!(why(Measure::Score, (1..=9).map(|edit| (edit, 0.0)).collect()).contains("begins at 0"));
        assert!(why(Measure::Cost, (1..=9).map(|edit| (edit, 7.0)).collect()).contains("no share"));
    }
}
