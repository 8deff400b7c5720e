//! Disabling edits: single steps that are far longer than the others of their run (Gupta et al. 2024).
//!
//! ```text
//! ℓₙ = ln ‖ΔWₙ‖                   where update norms are known; else of the step that distances imply,
//!                                 ½ ln((D²ₙ − D²ₘ) / (n − m)), m the edits done before it
//! disabling  ⇔  (ℓₙ − median ℓ) / (1.4826 (Q₃ ℓ − median ℓ)) > 5      and      Dₙ / Dₘ ≥ 3 √(n / m)
//! ```
//!
//! Logarithms, because lengths of updates are skewed; median and quartile of the steps before (of all, for the first 20), because
//! neither the outliers that are looked for nor what they do to later distances may set the threshold; the upper quartile,
//! because implied lengths are noisy below. The second condition asks that the weights go far: √(n / m) is what a random walk
//! would do. On the published runs no healthy step after the 20th had more than 1.044 times; C-ROME and r-ROME make steps
//! with the very cases that disable ROME which are long too, 1.8 times on a small model, and harm little; disabling edits
//! of ROME had 7 to 100 times. A second jump behind a first that was far larger can be missed: the model is broken by then.
//! The scale is held to at least 0.05. A step without a finite length or distance is disabling whatever the others are.
//!
//! On simulated pure random walks of 200 steps, 4 to 256 dimensions, at most 3 % have such a step where log step lengths spread by up to
//! 0.5, and at most 8 % where they spread by 1. One that takes the weights 7 times as far is found where update norms are
//! known in 97 % of runs and more; from distances alone in 90 % in 64 dimensions, and in few in 16 or below.

use super::Disabling;
use crate::reader::{Measure, Run};
use crate::stats::UpperSpread;

/// Robust standard deviations above the median from which on a step stands out.
pub const OUTLIER: f64 = 5.0;
/// How many times further than a random walk a disabling step goes.
pub const JUMP: f64 = 3.0;
/// The least scale of log lengths: five hundredths.
const LEAST_SCALE: f64 = 0.05;
/// Fewest steps that say what is usual.
const FEWEST: usize = 8;
/// Steps before one that say alone what was usual.
const ENOUGH: usize = 20;

/// One step of a layer.
struct Step {
    after: u64,
    edit: u64,
    /// ln of its length for one edit.
    length: f64,
    /// Dₙ / Dₘ.
    ratio: f64,
}

/// The disabling edits of a run, each with the layer where it stands out most.
pub(super) fn disabling(run: &Run) -> Result<Vec<Disabling>, String> {
    let mut layers: Vec<&str> = run.series.iter().filter_map(|series| series.measure.layer()).collect();
    layers.sort_unstable();
    layers.dedup();
    if layers.is_empty() {
        return Err("no distances and no norms of updates".to_owned());
    }
    let mut found: Vec<Disabling> = Vec::new();
    let mut judged = false;
    for layer in layers {
        let steps = steps(run, layer);
        judged |= steps.len() >= FEWEST;
        for jump in of_layer(run, layer, &steps) {
            match found.iter_mut().find(|other| other.edit == jump.edit) {
                Some(other) if other.z < jump.z => *other = jump,
                Some(_) => {}
                None => found.push(jump),
            }
        }
    }
    found.sort_by_key(|jump| jump.edit);
    if !judged && found.is_empty() {
        return Err(format!("fewer than {FEWEST} steps, too few to say what is usual"));
    }
    Ok(found)
}

fn of_layer(run: &Run, layer: &str, steps: &[Step]) -> Vec<Disabling> {
    let jump = |(at, step): (usize, &Step)| {
        let broken = step.length.is_nan() || step.length == f64::INFINITY || step.ratio.is_nan();
        let walked = JUMP * (step.edit as f64 / step.after as f64).sqrt();
        if !broken && step.ratio < walked {
            return None;
        }
        let usual = usual(steps, at);
        let z = usual.map_or(f64::NAN, |usual| (step.length - usual.median) / usual.scale.max(LEAST_SCALE));
        (broken || z > OUTLIER).then(|| Disabling {
            edit: step.edit,
            after: step.after,
            layer: layer.to_owned(),
            ratio: step.ratio,
            update_ratio: usual.map_or(f64::NAN, |usual| (step.length - usual.median).exp()),
            z: if broken { f64::INFINITY } else { z },
            name: run.names.get(&step.edit).filter(|_| step.edit - step.after == 1).cloned(),
        })
    };
    steps.iter().enumerate().filter_map(jump).collect()
}

/// What log lengths are usual for a step: those before it, or all where there are few; none where most steps have no length.
fn usual(steps: &[Step], at: usize) -> Option<UpperSpread> {
    let reference = steps.get(..at).filter(|before| before.len() >= ENOUGH).unwrap_or(steps);
    // A step that seems to have had no length counts as the shortest there is.
    let length =
        |step: &Step| if step.length == f64::NEG_INFINITY { f64::MIN_POSITIVE.ln() } else { step.length };
    let lengths: Vec<f64> = reference.iter().map(length).filter(|length| length.is_finite()).collect();
    let none = |usual: &UpperSpread| usual.median > f64::MIN_POSITIVE.ln();
    UpperSpread::of(&lengths).filter(|_| lengths.len() >= FEWEST).filter(none)
}

/// The steps of a layer, by its update norms where there are any.
fn steps(run: &Run, layer: &str) -> Vec<Step> {
    let of = |measure: Measure| run.series.iter().find(|series| series.measure == measure);
    let layer = || layer.to_owned();
    let distance = of(Measure::Distance { layer: layer() });
    let Some(updates) = of(Measure::UpdateNorm { layer: layer() }) else {
        return distance.map_or_else(Vec::new, |distance| of_distances(&distance.points));
    };
    let (mut after, mut walked, mut steps) = (0, 0.0_f64, Vec::new());
    for (edit, norm) in updates.points.iter().filter(|(edit, _)| *edit > 0) {
        let at = |edit: u64| Some(distance?.points.iter().find(|(n, _)| *n == edit)?.1);
        // Without distances, steps are taken to be orthogonal.
        let before = at(after).unwrap_or(walked);
        walked = at(*edit).unwrap_or_else(|| before.hypot(*norm));
        steps.push(Step { after, edit: *edit, length: norm.ln(), ratio: walked / before });
        after = *edit;
    }
    steps
}

fn of_distances(points: &[(u64, f64)]) -> Vec<Step> {
    let (mut after, mut before, mut steps) = (0, 0.0_f64, Vec::new());
    for (edit, distance) in points.iter().filter(|(edit, _)| *edit > 0) {
        let longer = (distance / before).powi(2) - 1.0;
        let square = if before == 0.0 { distance.powi(2) } else { before.powi(2) * longer.max(0.0) };
        let length = if distance.is_nan() { f64::NAN } else { (square / (edit - after) as f64).ln() / 2.0 };
        steps.push(Step { after, edit: *edit, length, ratio: distance / before });
        (after, before) = (*edit, *distance);
    }
    steps
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]
mod tests {
    use std::path::Path;

    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::SeedableRng as _;

    use super::*;
    use crate::reader::RunKind;
    use crate::stats::simulate::{Walk, shaped_walk, walk};

    fn run(distance: &[(f64, f64)]) -> Run {
        let mut run = Run::new(Path::new("r"), RunKind::Table);
        for (edit, (_, d)) in (1..).zip(distance) {
            run.put("distance of 5", Measure::Distance { layer: "5".into() }, edit, *d);
        }
        run.names.insert(60, "Kolpisoft".into());
        run
    }

    #[test]
    fn a_step_of_seven_times_the_distance_is_found_and_named_and_no_other() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(3);
        let shape = Walk { steps: 100, dimensions: 64, spread: 0.3 };
        let jumping = shaped_walk(&mut random, shape, |n| (if n == 60 { 55.0 } else { 1.0 }, 0.0));
        let found = disabling(&run(&jumping)).unwrap();
        let [jump] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((jump.edit, jump.after, jump.name.as_deref()), (60, 59, Some("Kolpisoft")));
        assert!(jump.ratio > 3.0 && jump.update_ratio > 20.0 && jump.z > OUTLIER, "{jump:?}");
    }

    #[test]
    fn pure_random_walks_have_none() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(4);
        let mut with_one = 0;
        for (dimensions, spread) in [(16, 0.0), (64, 0.5), (256, 1.0)] {
            for _ in 0..100 {
                let walk = walk(&mut random, Walk { steps: 200, dimensions, spread });
                with_one += usize::from(!disabling(&run(&walk)).unwrap().is_empty());
            }
        }
        // Said: at most 3 % of the first two, and 8 % of the last; three standard deviations are allowed above.
        assert!(with_one <= 26, "{with_one} of 300");
    }

    #[test]
    fn a_step_that_is_no_number_is_disabling_and_few_steps_say_nothing() {
        let nan = disabling(&run(&[(1.0, 1.0), (2.0, 1.4), (3.0, f64::INFINITY)])).unwrap();
        assert_eq!(nan.iter().map(|jump| jump.edit).collect::<Vec<_>>(), [3]);
        assert!(disabling(&run(&[(1.0, 1.0), (2.0, 1.4)])).unwrap_err().contains("fewer than 8 steps"));
        assert!(disabling(&Run::new(Path::new("r"), RunKind::Table)).unwrap_err().contains("no distances"));
    }
}
