//! What activations at each position of many texts are like.

use rayon::prelude::*;

use super::Largest;

/// What the v vectors of length f at one position are like, over the texts that reach it.
///
/// A NaN is the least, the largest and the largest in size of what it stands among. Degenerate: where v = 0, every f64 is NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PositionSummary {
    /// v.
    pub vectors: u64,
    /// Σ x / (v f); NaN where a value is not finite, as the next one.
    pub mean: f64,
    /// Σ (x − mean)² / (v f).
    pub variance: f64,
    /// The least x.
    pub least: f64,
    /// The largest x.
    pub largest: f64,
    /// The largest |x|.
    pub largest_size: f64,
    /// Its component, the lowest of several; of a NaN likewise. `None` where v = 0.
    pub largest_component: Option<usize>,
    /// Mean of ‖x‖.
    pub mean_norm: f64,
    /// The largest ‖x‖.
    pub largest_norm: f64,
    /// Values that are NaN, +∞ and −∞.
    pub nonfinite: [u64; 3],
}

/// A summary a position.
///
/// Shapes: activations `(texts, positions, length)`, row-major, and how many positions each text has; those at or beyond it do not
/// count. Variance is taken about the mean, in two passes of f64: with n = v f, it is off by less than 2 n · 2⁻⁵³ of itself, and
/// the mean by less than n · 2⁻⁵³ of the mean size. Degenerate: a length of 0 gives positions without numbers.
pub fn position_stats(
    activations: &[f32],
    lengths: &[u32],
    positions: usize,
    length: usize,
) -> Vec<PositionSummary> {
    let of_position = |position: usize| {
        let rows = activations.chunks_exact((positions * length).max(1)).zip(lengths);
        let reaching = rows.filter(|(_, texts_own)| position < **texts_own as usize);
        let vectors = reaching.filter_map(|(text, _)| text.get(position * length..(position + 1) * length));
        summary(&vectors.collect::<Vec<_>>())
    };
    (0..positions).into_par_iter().map(of_position).collect()
}

fn summary(vectors: &[&[f32]]) -> PositionSummary {
    let values = || vectors.iter().flat_map(|vector| vector.iter().map(|&x| f64::from(x)));
    let count = values().count() as f64;
    let mean = values().sum::<f64>() / count;
    let squares: f64 = values().map(|x| (x - mean).powi(2)).sum();
    let norms: Vec<f64> = vectors
        .iter()
        .map(|vector| vector.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt())
        .collect();
    let finite = values().all(f64::is_finite);
    let moment = |value: f64| if finite { value } else { f64::NAN };
    let largest = largest_of(vectors);
    PositionSummary {
        vectors: vectors.len() as u64,
        mean: moment(mean),
        variance: moment(squares / count),
        least: extreme(values(), |x, least| x < least),
        largest: extreme(values(), |x, largest| x > largest),
        largest_size: largest.map_or(f64::NAN, |largest| largest.magnitude),
        largest_component: largest.and_then(|largest| usize::try_from(largest.position).ok()),
        mean_norm: norms.iter().sum::<f64>() / norms.len() as f64,
        largest_norm: extreme(norms.into_iter(), |x, largest| x > largest),
        nonfinite: [f64::is_nan, |x: f64| x == f64::INFINITY, |x: f64| x == f64::NEG_INFINITY]
            .map(|is: fn(f64) -> bool| values().filter(|&x| is(x)).count() as u64),
    }
}

/// NaN where a value is, or where there is none.
fn extreme(values: impl Iterator<Item = f64>, beats: fn(f64, f64) -> bool) -> f64 {
    let further = |found: f64, x: f64| if x.is_nan() || beats(x, found) { x } else { found };
    values.reduce(|found, x| if found.is_nan() { found } else { further(found, x) }).unwrap_or(f64::NAN)
}

/// The largest |x| of all, and the lowest component that has it in some vector.
fn largest_of(vectors: &[&[f32]]) -> Option<Largest> {
    let sizes = vectors.iter().flat_map(|vector| vector.iter().enumerate());
    let sizes = sizes.map(|(at, x)| Largest { magnitude: f64::from(x.abs()), position: at as u64 });
    sizes.reduce(|found, next| {
        let lower = next.position < found.position && !found.exceeds(&next);
        if lower || next.exceeds(&found) { next } else { found }
    })
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn a_position_on_paper_has_its_numbers() {
        // Two texts, two positions, three components; the second text is one token long.
        let activations =
            [3.0, 0.0, -4.0, 1.0, 1.0, 1.0, /* */ 0.0, 12.0, 5.0, f32::NAN, f32::NAN, f32::NAN];
        let found = position_stats(&activations, &[2, 1], 2, 3);
        let first = found[0];
        assert_eq!((first.vectors, first.least, first.largest), (2, -4.0, 12.0));
        assert_eq!((first.largest_size, first.largest_component), (12.0, Some(1)));
        assert_eq!((first.mean_norm, first.largest_norm), (9.0, 13.0));
        assert!((first.mean - 16.0 / 6.0).abs() < 1e-15);
        // Σ x² = 194.
        assert!((first.variance - (194.0 / 6.0 - (16.0_f64 / 6.0).powi(2))).abs() < 1e-13);
        assert_eq!((found[1].vectors, found[1].mean, found[1].variance), (1, 1.0, 0.0));
        assert_eq!((found[1].largest_component, found[1].nonfinite), (Some(0), [0; 3]));
    }

    #[test]
    fn what_is_not_finite_is_counted_and_spoils_no_other_position() {
        let activations = [1.0, f32::INFINITY, -2.0, f32::NAN, /* */ f32::NEG_INFINITY, 0.0, 1.0, 2.0];
        let found = position_stats(&activations, &[2, 2], 2, 2);
        assert_eq!(
            (found[0].nonfinite, found[0].least, found[0].largest),
            ([0, 1, 1], f64::NEG_INFINITY, f64::INFINITY)
        );
        assert_eq!((found[0].largest_size, found[0].largest_component), (f64::INFINITY, Some(0)));
        assert!(found[0].mean.is_nan() && found[0].variance.is_nan() && found[0].mean_norm.is_infinite());
        assert_eq!((found[1].nonfinite, found[1].largest_component), ([1, 0, 0], Some(1)));
        assert!(found[1].least.is_nan() && found[1].largest.is_nan() && found[1].largest_norm.is_nan());
    }

    #[test]
    fn a_position_that_no_text_reaches_has_no_numbers() {
        let found = position_stats(&[0.0; 4], &[1], 2, 2)[1];
        assert_eq!((found.vectors, found.largest_component, found.nonfinite), (0, None, [0; 3]));
        assert!([found.mean, found.variance, found.least, found.mean_norm].iter().all(|x| x.is_nan()));
        assert!(position_stats(&[], &[], 0, 5).is_empty());
    }
}
