//! Keys of many cases, and how far they point the same way.

use ndarray::{Array2, ArrayView1};

use crate::model::{At, Model, ModelError, Patch, Site, Tap};

/// Keys, each of length f.
pub(super) type Keys = Vec<Vec<f64>>;

/// The keys of a layer as they are captured, one position a row: `(rows, f)`.
pub(super) fn captured(
    model: &Model,
    layer: usize,
    rows: &[Vec<u32>],
    positions: &[usize],
    patches: &[Patch],
) -> Result<Array2<f32>, ModelError> {
    if rows.is_empty() {
        return Ok(Array2::default((0, 0)));
    }
    let tap = [Tap { layer, site: Site::Key }];
    Ok(model.capture(rows, At::One(positions), &tap, patches)?.pop().unwrap_or_default())
}

/// The same, each by itself.
pub(super) fn keys_at(
    model: &Model,
    layer: usize,
    rows: &[Vec<u32>],
    positions: &[usize],
) -> Result<Keys, ModelError> {
    let widened = |row: ArrayView1<'_, f32>| row.iter().copied().map(f64::from).collect();
    Ok(captured(model, layer, rows, positions, &[])?.outer_iter().map(widened).collect())
}

/// Each over its norm; those that are not finite or zero are left out.
pub(super) fn directions(keys: &[Vec<f64>]) -> Keys {
    let direction = |key: &Vec<f64>| {
        let norm = key.iter().map(|x| x * x).sum::<f64>().sqrt();
        (norm > 0.0 && norm.is_finite()).then(|| key.iter().map(|x| x / norm).collect())
    };
    keys.iter().filter_map(direction).collect()
}

/// Mean cosine over all pairs of one key of each group: the product of the two mean directions. NaN where a group is empty.
pub(super) fn cosine_between(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    let ((sum_a, n_a), (sum_b, n_b)) = (summed(a), summed(b));
    sum_a.iter().zip(&sum_b).map(|(x, y)| x * y).sum::<f64>() / (n_a * n_b)
}

/// Mean cosine over all pairs of different keys of a group. NaN of fewer than two.
pub(super) fn cosine_within(group: &[Vec<f64>]) -> f64 {
    let (sum, n) = summed(group);
    if n < 2.0 {
        return f64::NAN;
    }
    (sum.iter().map(|x| x * x).sum::<f64>() - n) / (n * (n - 1.0))
}

/// Share of the variance of directions that lies between two groups, from their mean cosines: 0 where both lie alike.
///
/// ```text
/// c₁₁, c₂₂ within, c₁₂ between      ¼ (c₁₁ + c₂₂ − 2 c₁₂) / (1 − ¼ (c₁₁ + c₂₂ + 2 c₁₂))
/// ```
///
/// Pairs are of different keys, so few keys do not look apart by chance alone; the estimate may be a little below 0.
pub(super) fn share_between(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    let (within, between) = (cosine_within(a) + cosine_within(b), 2.0 * cosine_between(a, b));
    0.25 * (within - between) / (1.0 - 0.25 * (within + between))
}

/// Cosine of the mean directions of two groups. NaN where one is empty.
pub(super) fn cosine_of_means(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    let ((a, _), (b, _)) = (summed(a), summed(b));
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
}

/// The sum of directions, and how many there are.
fn summed(keys: &[Vec<f64>]) -> (Vec<f64>, f64) {
    let directions = directions(keys);
    let mut sum = vec![0.0; directions.first().map_or(0, Vec::len)];
    for direction in &directions {
        sum.iter_mut().zip(direction).for_each(|(sum, x)| *sum += x);
    }
    (sum, directions.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_cosines_are_those_over_all_pairs() {
        let [a, b] = [vec![vec![3.0, 0.0], vec![0.0, 2.0]], vec![vec![1.0, 1.0], vec![f64::NAN, 1.0]]];
        assert!((cosine_between(&a, &b) - 0.5_f64.sqrt()).abs() < 1e-15);
        assert_eq!((cosine_within(&a), cosine_within(&[vec![1.0, 0.0], vec![5.0, 0.0]])), (0.0, 1.0));
        assert!((cosine_of_means(&a, &b) - 1.0).abs() < 1e-15 && cosine_of_means(&a, &[]).is_nan());
        // Two groups of one direction each, at right angles: all of the variance lies between them.
        let (x, y) = (vec![vec![1.0, 0.0]; 2], vec![vec![0.0, 3.0]; 3]);
        assert_eq!((share_between(&x, &y), share_between(&x, &x).is_nan()), (1.0, true));
        assert!(cosine_within(&b).is_nan() && cosine_between(&a, &[]).is_nan());
    }
}
