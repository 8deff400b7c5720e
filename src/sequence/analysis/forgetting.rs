//! Forgetting of earlier edits, as Gupta et al. (2024) publish it, and how long half of them last.
//!
//! ```text
//! learnt(t)      edits up to t that were right when they were first tested
//! forgotten(t)   those of them that were found wrong at some test after at most t edits; the first loss is final
//! share(t)       forgotten(t) / learnt(t), 0 of nothing
//! half-life      median of Kaplan and Meier, of the edits from an edit to the test that found it lost; what was never found lost
//!                lasted at least to its last test
//! ```
//!
//! Tests come at checkpoints: a loss lies between the test that found it and the one before, and the half-life is late by
//! up to that much.

use std::collections::{BTreeMap, BTreeSet};

use super::{Forgetting, ForgettingPoint, HalfLife};
use crate::reader::EditTest;
use crate::stats::{Lifetime, kaplan_meier, median_interval, median_lifetime};

/// What tests of edits say of forgetting.
///
/// # Errors
/// In words, why they say nothing: no edit was tested again.
pub fn forgetting(tests: &[EditTest]) -> Result<Forgetting, String> {
    let mut by_edit: BTreeMap<u64, BTreeMap<u64, bool>> = BTreeMap::new();
    for test in tests.iter().filter(|test| test.after >= test.edit) {
        *by_edit.entry(test.edit).or_default().entry(test.after).or_insert(true) &= test.correct;
    }
    let first = |tests: &BTreeMap<u64, bool>| tests.first_key_value().is_some_and(|(_, correct)| *correct);
    let learnt: Vec<(u64, Fate)> =
        by_edit.iter().filter(|(_, tests)| first(tests)).map(|(edit, tests)| (*edit, fate(tests))).collect();
    let checkpoints: BTreeSet<u64> =
        by_edit.values().flat_map(|tests| tests.keys().skip(1).copied()).collect();
    if checkpoints.is_empty() {
        return Err("no edit was tested again after later ones".to_owned());
    }
    let point = |t: u64| {
        let learnt_then = learnt.iter().filter(|(edit, _)| *edit <= t);
        let (learnt, forgotten) = learnt_then.fold((0, 0), |(learnt, forgotten), (_, fate)| {
            (learnt + 1, forgotten + usize::from(fate.lost.is_some_and(|lost| lost <= t)))
        });
        let share = |of: usize| if of == 0 { 0.0 } else { forgotten as f64 / of as f64 };
        let all = by_edit.range(..=t).count();
        ForgettingPoint { edit: t, learnt, forgotten, share: share(learnt), share_of_all: share(all) }
    };
    let lifetimes: Vec<Lifetime> = learnt
        .iter()
        .map(|(edit, fate)| Lifetime {
            time: fate.lost.unwrap_or(fate.last).saturating_sub(*edit) as f64,
            ended: fate.lost.is_some(),
        })
        .collect();
    let survival = kaplan_meier(&lifetimes);
    Ok(Forgetting {
        curve: checkpoints.into_iter().map(point).collect(),
        learnt: learnt.len(),
        forgotten: learnt.iter().filter(|(_, fate)| fate.lost.is_some()).count(),
        half_life: HalfLife { edits: median_lifetime(&survival), interval: median_interval(&survival) },
    })
}

/// When an edit was found lost, and its last test.
struct Fate {
    lost: Option<u64>,
    last: u64,
}

fn fate(tests: &BTreeMap<u64, bool>) -> Fate {
    let lost = tests.iter().find(|(_, correct)| !**correct).map(|(after, _)| *after);
    Fate { lost, last: tests.last_key_value().map_or(0, |(after, _)| *after) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]
mod tests {
    use super::*;

    fn tests(rows: &[(u64, u64, bool)]) -> Vec<EditTest> {
        rows.iter().map(|&(edit, after, correct)| EditTest { edit, after, correct }).collect()
    }

    #[test]
    fn shares_and_half_life_are_those_counted_by_hand() {
        // Edit 1 is lost at 20 and found again at 30, which does not count; 2 was never learnt; 3 lasts; 4 is lost at 30.
        let found = forgetting(&tests(&[
            (1, 1, true),
            (1, 20, false),
            (1, 30, true),
            (2, 2, false),
            (2, 20, false),
            (3, 3, true),
            (3, 20, true),
            (3, 30, true),
            (4, 4, true),
            (4, 20, true),
            (4, 30, false),
            (25, 25, true),
            (25, 30, true),
        ]))
        .unwrap();
        let rows: Vec<(u64, usize, usize)> =
            found.curve.iter().map(|point| (point.edit, point.learnt, point.forgotten)).collect();
        assert_eq!(rows, [(20, 3, 1), (30, 4, 2)]);
        assert_eq!((found.curve[0].share, found.curve[0].share_of_all), (1.0 / 3.0, 0.25));
        assert_eq!((found.learnt, found.forgotten), (4, 2));
        // Lost after 19 and 26 edits, still there after 27 and 5: S = 2/3 at 19, 1/3 at 26.
        assert_eq!(found.half_life.edits, Some(26.0));
    }

    #[test]
    fn what_is_never_tested_again_has_no_curve_and_what_is_never_lost_no_half_life() {
        assert!(forgetting(&tests(&[(1, 1, true), (2, 2, true)])).unwrap_err().contains("tested again"));
        assert!(forgetting(&[]).is_err());
        let kept = forgetting(&tests(&[(1, 1, true), (1, 9, true)])).unwrap();
        assert_eq!((kept.half_life.edits, kept.curve[0].share), (None, 0.0));
        let never = forgetting(&tests(&[(1, 1, false), (1, 9, false)])).unwrap();
        assert_eq!((never.learnt, never.curve[0].share), (0, 0.0));
    }
}
