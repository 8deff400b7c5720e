//! How fast the distance of a layer grows, and the warning where it leaves a random walk.
//!
//! Updates of healthy edits are nearly orthogonal, so that the distance is a random walk and grows as the root of the number of
//! edits: 0.49 to 0.53 on the published runs of GPT-2 XL over edits 50 to 500. In the catastrophic phase the exponent was 0.77,
//! then 1.95 and 2.45.
//!
//! ```text
//! growth     ln D over ln n from a tenth of the last edit on, with a 95 % interval (stats::power_law)
//! warning    the first n, from the 20th point, where over the window 2n/3 … n, of at least 8 points,
//!            the exponent is above the threshold (0.75) and above 0.5 with 99.9 % confidence;
//!            looked for whenever n has grown by 2 %
//! ```
//!
//! The second condition holds false alarms down: on simulated pure random walks of 1,000 edits in 4 to 256 dimensions at most 2 %
//! gave a warning where the spread of log step lengths is up to 0.5, and 5 to 11 % where it is 1. The price is delay: a
//! drift of 15 % of a step that begins at edit 400 is told after some 100 edits in 256 dimensions and after some 200 in 16.

use super::{Growth, Warning};
use crate::stats::{FEWEST_POINTS, power_law};

/// The exponent of a random walk.
pub const WALK_EXPONENT: f64 = 0.5;
/// How sure a warning is of each of its windows that it is above [`WALK_EXPONENT`].
pub const WARNING_CONFIDENCE: f64 = 0.999;
/// The window of a warning ends at n and begins at this share of it.
const WINDOW: f64 = 2.0 / 3.0;
/// Points before the first warning.
const FIRST: usize = 20;
/// How much n grows between two looks.
const STRIDE: f64 = 1.02;

/// Growth of a distance over the edits up to `upto`, or the reason why it has none.
pub fn growth(layer: &str, distance: &[(u64, f64)], upto: u64) -> Growth {
    let walk = walk(distance, upto);
    let to_edit = walk.last().map_or(0, |(edit, _)| *edit);
    let fitted = walk.iter().filter(|(edit, _)| edit.saturating_mul(10) >= to_edit);
    let (from_edit, points) = (fitted.clone().next().map_or(0, |(edit, _)| *edit), fitted.count());
    let fit = power_law(&plane(&walk), from_edit as f64).map(|law| (law, law.interval(0.95)));
    let fit = fit.ok_or_else(|| {
        format!("{points} distances above 0 in the last decade of edits, where {FEWEST_POINTS} are the least")
    });
    Growth { layer: layer.to_owned(), from_edit, to_edit, fit }
}

/// The first warning of a distance; `threshold` is the exponent that has to be passed.
pub fn early_warning(layer: &str, distance: &[(u64, f64)], threshold: f64) -> Option<Warning> {
    let walk = walk(distance, u64::MAX);
    let plane = plane(&walk);
    let mut looked = 0.0;
    for (at, (edit, _)) in walk.iter().enumerate().skip(FIRST - 1) {
        let n = *edit as f64;
        if n < looked * STRIDE {
            continue;
        }
        looked = n;
        let Some(law) = power_law(plane.get(..=at)?, n * WINDOW) else { continue };
        let lower_bound = law.lower_bound(WARNING_CONFIDENCE);
        if law.exponent > threshold && lower_bound > WALK_EXPONENT {
            return Some(Warning {
                edit: *edit,
                layer: layer.to_owned(),
                exponent: law.exponent,
                lower_bound,
            });
        }
    }
    None
}

/// Whether there are points enough for a warning.
pub(super) fn can_warn(distance: &[(u64, f64)]) -> bool {
    walk(distance, u64::MAX).len() >= FIRST
}

/// The distance as a walk: without the model before it, from the first edit that moved anything to the last that left a finite
/// distance.
fn walk(distance: &[(u64, f64)], upto: u64) -> Vec<(u64, f64)> {
    let within = distance.iter().filter(|(edit, _)| (1..=upto).contains(edit));
    within.skip_while(|(_, d)| *d == 0.0).take_while(|(_, d)| d.is_finite() && *d > 0.0).copied().collect()
}

fn plane(walk: &[(u64, f64)]) -> Vec<(f64, f64)> {
    walk.iter().map(|(edit, d)| (*edit as f64, *d)).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::SeedableRng as _;

    use super::*;
    use crate::stats::simulate::{Walk, shaped_walk};

    fn distance(walk: &[(f64, f64)]) -> Vec<(u64, f64)> {
        (1..).zip(walk).map(|(edit, (_, d))| (edit, *d)).collect()
    }

    #[test]
    fn power_laws_have_their_exponents_over_their_last_decade() {
        for exponent in [0.5, 0.75, 2.0] {
            let law: Vec<(u64, f64)> =
                (0..=300_u32).map(|n| (n.into(), f64::from(n).powf(exponent))).collect();
            let found = growth("17", &law, 300);
            assert_eq!((found.from_edit, found.to_edit), (30, 300));
            assert!((found.fit.unwrap().0.exponent - exponent).abs() < 1e-10);
        }
        let short: Vec<(u64, f64)> = (1..=7_u32).map(|n| (n.into(), f64::from(n))).collect();
        assert!(growth("17", &short, 7).fit.unwrap_err().contains("7 distances above 0"));
        let broken = [(1, 0.0), (2, f64::NAN)];
        assert!(growth("17", &broken, 9).fit.is_err() && early_warning("17", &broken, 0.75).is_none());
    }

    /// Warnings in 200 walks of 400 edits, with this seed.
    fn alarms(dimensions: usize, spread: f64) -> usize {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(31);
        let shape = Walk { steps: 400, dimensions, spread };
        let runs = (0..200).map(|_| distance(&shaped_walk(&mut random, shape, |_| (1.0, 0.0))));
        runs.filter(|run| early_warning("0", run, 0.75).is_some()).count()
    }

    #[test]
    fn pure_random_walks_give_few_warnings() {
        // Said: at most 2 %, and about 10 % with heavy tails. Three standard deviations of 200 runs are allowed above.
        for (dimensions, spread, most) in [(4, 0.0, 10), (16, 0.5, 10), (64, 0.5, 10), (64, 1.0, 22)] {
            let alarms = alarms(dimensions, spread);
            assert!(alarms <= most, "{alarms} of 200 in {dimensions} dimensions, spread {spread}");
        }
    }

    #[test]
    fn a_walk_that_begins_to_drift_is_told_soon_after() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
        let shape = Walk { steps: 1_000, dimensions: 256, spread: 0.0 };
        for _ in 0..10 {
            let drifting = shaped_walk(&mut random, shape, |n| (1.0, if n > 400 { 0.15 } else { 0.0 }));
            let warning = early_warning("0", &distance(&drifting), 0.75).unwrap();
            assert!((401..=620).contains(&warning.edit), "{warning:?}");
            assert!(warning.exponent > 0.75 && warning.lower_bound > 0.5);
        }
    }
}
