//! How far the vectors of one group lie from those of another.

use ndarray::{ArrayView1, Axis, s};

use crate::compute::{Cholesky, EngineError, add_gram, mirror_lower, thin_svd};
use crate::stats;
use crate::tensor::Matrix;

/// The ridge on the covariance, in parts of its mean diagonal: it keeps a covariance of few tokens invertible.
pub(super) const RIDGE: f64 = 1e-3;
/// Vectors of each group that the principal component is taken of, at most.
const BALANCED: usize = 512;
/// Vectors whose distances are solved for together.
const BLOCK: usize = 512;

/// What tells first vectors x₀ from later vectors x, all of length f.
#[derive(Clone, Debug, PartialEq)]
pub struct Separation {
    /// f.
    pub dimension: usize,
    /// Number of first vectors.
    pub first_tokens: usize,
    /// Number of later vectors.
    pub later_tokens: usize,
    /// Mean of ‖x₀‖.
    pub first_norm: f64,
    /// Mean of ‖x‖.
    pub later_norm: f64,
    /// Their ratio, first over later.
    pub norm_ratio: f64,
    /// Mean cosine of x₀ to the mean of x; NaN where a vector is zero, as the next two.
    pub first_cosine: f64,
    /// Mean cosine of x to the mean of x.
    pub later_cosine: f64,
    /// Mean cosine of x₀ to the mean of x₀: 1 where all point one way.
    pub mutual_cosine: f64,
    /// Distances in the distribution of later vectors.
    pub mahalanobis: Mahalanobis,
    /// Along the first principal component.
    pub principal: Principal,
}

/// Distances from the mean of the later vectors in their covariance.
///
/// ```text
/// d(y) = √((y − x̄)ᵀ Σ⁻¹ (y − x̄)),   Σ = mean of (x − x̄)(x − x̄)ᵀ + 10⁻³ · (mean diagonal) · 1
/// ```
///
/// The later vectors are measured in their own covariance, so their mean square distance is near f, and below it by the
/// ridge. With fewer than some ten times f of them Σ fits them too well, and every other vector looks far away.
#[derive(Clone, Debug, PartialEq)]
pub struct Mahalanobis {
    /// Mean of d(x₀).
    pub first_mean: f64,
    /// Least d(x₀).
    pub first_min: f64,
    /// Mean of d(x).
    pub later_mean: f64,
    /// 99th percentile of d(x).
    pub later_p99: f64,
    /// Probability that d(x₀) > d(x).
    pub auroc: f64,
}

/// Projection on the first principal component of a balanced sample: as many later vectors as first ones, taken at even
/// distances, at most 512 of each.
#[derive(Clone, Debug, PartialEq)]
pub struct Principal {
    /// How well it separates the groups, from 0.5 to 1: its sign means nothing.
    pub auroc: f64,
    /// Share of the sample's variance that lies along it.
    pub explained_variance: f64,
}

/// Why there are no numbers.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Unmeasured {
    /// Vectors with NaN or infinite entries.
    #[error("{first} first and {later} later vectors are not finite")]
    NonFinite {
        /// Among the first.
        first: usize,
        /// Among the later.
        later: usize,
    },
    /// A group with fewer than two vectors.
    #[error("{first} first and {later} later vectors, two of each are the least")]
    TooFew {
        /// First ones.
        first: usize,
        /// Later ones.
        later: usize,
    },
    /// The later vectors do not vary.
    #[error("later vectors are all the same")]
    Constant,
    /// A factorisation failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Measures `first` `(n₀, f)` against `later` `(n, f)`.
pub(super) fn separation(first: &Matrix, later: &Matrix) -> Result<Separation, Unmeasured> {
    let broken =
        |group: &Matrix| group.rows().into_iter().filter(|x| x.iter().any(|x| !x.is_finite())).count();
    let (broken_first, broken_later) = (broken(first), broken(later));
    if broken_first + broken_later > 0 {
        return Err(Unmeasured::NonFinite { first: broken_first, later: broken_later });
    }
    let (Some(first_mean), Some(later_mean)) = (first.mean_axis(Axis(0)), later.mean_axis(Axis(0))) else {
        return Err(Unmeasured::TooFew { first: first.nrows(), later: later.nrows() });
    };
    if first.nrows() < 2 || later.nrows() < 2 {
        return Err(Unmeasured::TooFew { first: first.nrows(), later: later.nrows() });
    }
    let mean_norm = |group: &Matrix| average(group, |x| norm(&x));
    let (first_norm, later_norm) = (mean_norm(first), mean_norm(later));
    Ok(Separation {
        dimension: later.ncols(),
        first_tokens: first.nrows(),
        later_tokens: later.nrows(),
        first_norm,
        later_norm,
        norm_ratio: first_norm / later_norm,
        first_cosine: average(first, |x| cosine(&x, &later_mean.view())),
        later_cosine: average(later, |x| cosine(&x, &later_mean.view())),
        mutual_cosine: average(first, |x| cosine(&x, &first_mean.view())),
        mahalanobis: mahalanobis(first, later, &later_mean.view())?,
        principal: principal(first, later)?,
    })
}

fn norm(x: &ArrayView1<'_, f64>) -> f64 {
    x.dot(x).sqrt()
}

fn cosine(x: &ArrayView1<'_, f64>, y: &ArrayView1<'_, f64>) -> f64 {
    x.dot(y) / (norm(x) * norm(y))
}

fn average(group: &Matrix, of: impl Fn(ArrayView1<'_, f64>) -> f64) -> f64 {
    group.rows().into_iter().map(of).sum::<f64>() / group.nrows() as f64
}

fn mahalanobis(
    first: &Matrix,
    later: &Matrix,
    mean: &ArrayView1<'_, f64>,
) -> Result<Mahalanobis, Unmeasured> {
    let mut covariance = Matrix::zeros((later.ncols(), later.ncols()));
    for rows in later.axis_chunks_iter(Axis(0), BLOCK) {
        add_gram(&mut covariance, &(&rows - mean))?;
    }
    mirror_lower(&mut covariance);
    covariance /= later.nrows() as f64;
    let mean_diagonal = covariance.diag().mean().unwrap_or(0.0);
    if mean_diagonal <= 0.0 {
        return Err(Unmeasured::Constant);
    }
    covariance.diag_mut().mapv_inplace(|x| x + RIDGE * mean_diagonal);
    let factor = Cholesky::factor(&covariance)?;
    let (of_first, of_later) = (distances(&factor, first, mean)?, distances(&factor, later, mean)?);
    let known = |x: Option<f64>| x.unwrap_or(f64::NAN);
    Ok(Mahalanobis {
        first_mean: known(stats::mean(&of_first)),
        first_min: known(stats::quantile(&of_first, 0.0)),
        later_mean: known(stats::mean(&of_later)),
        later_p99: known(stats::quantile(&of_later, 0.99)),
        auroc: known(stats::auroc(&of_first, &of_later)),
    })
}

fn distances(factor: &Cholesky, group: &Matrix, mean: &ArrayView1<'_, f64>) -> Result<Vec<f64>, EngineError> {
    let mut distances = Vec::with_capacity(group.nrows());
    for rows in group.axis_chunks_iter(Axis(0), BLOCK) {
        let centred = &rows - mean;
        let solved = factor.solve(&centred.t().to_owned())?;
        let squares = centred.rows().into_iter().zip(solved.columns()).map(|(x, y)| x.dot(&y));
        // Rounding can leave a distance of nothing below zero.
        distances.extend(squares.map(|square| square.max(0.0).sqrt()));
    }
    Ok(distances)
}

fn principal(first: &Matrix, later: &Matrix) -> Result<Principal, Unmeasured> {
    let size = first.nrows().min(later.nrows()).min(BALANCED);
    let mut sample = Matrix::zeros((2 * size, later.ncols()));
    for (start, group) in [(0, first), (size, later)] {
        for i in 0..size {
            sample.row_mut(start + i).assign(&group.row(i * group.nrows() / size));
        }
    }
    let mean = sample.mean_axis(Axis(0)).unwrap_or_default();
    let svd = thin_svd(&(&sample - &mean))?;
    let total: f64 = svd.s.iter().map(|s| s * s).sum();
    let along: Vec<f64> = svd.u.slice(s![.., 0]).to_vec();
    let (of_first, of_later) = along.split_at(size);
    let auroc = stats::auroc(of_first, of_later).unwrap_or(f64::NAN);
    let explained_variance = svd.s.first().map_or(f64::NAN, |s| s * s / total);
    Ok(Principal { auroc: auroc.max(1.0 - auroc), explained_variance })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use ndarray::{array, concatenate};

    use super::*;

    /// Later vectors of which mean and covariance are known on paper: the corners of a box around (1, 0).
    fn corners() -> Matrix {
        array![[3.0, 1.0], [3.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]
    }

    #[test]
    fn distances_in_a_diagonal_covariance_are_those_on_paper() {
        // Σ = diag(4, 1) + 10⁻³ · 2.5.
        let (a, b) = (4.0 + 0.0025, 1.0 + 0.0025);
        let found = separation(&array![[1.0, 10.0], [21.0, 0.0]], &corners()).unwrap().mahalanobis;
        let expected = [(100.0_f64 / b).sqrt(), (400.0_f64 / a).sqrt()];
        assert!((found.first_min - expected.into_iter().fold(f64::INFINITY, f64::min)).abs() < 1e-12);
        assert!((found.first_mean - f64::midpoint(expected[0], expected[1])).abs() < 1e-12);
        assert!((found.later_mean - (4.0 / a + 1.0 / b).sqrt()).abs() < 1e-12);
        assert_eq!(found.auroc, 1.0);
    }

    #[test]
    fn norms_and_cosines_are_those_on_paper() {
        let found = separation(&array![[0.0, 3.0], [4.0, 0.0]], &corners()).unwrap();
        assert_eq!(
            (found.first_norm, found.first_tokens, found.later_tokens, found.dimension),
            (3.5, 2, 4, 2)
        );
        // To (1, 0): 0 and 1. To their own mean (2, 1.5): 0.6 and 0.8.
        assert!((found.first_cosine - 0.5).abs() < 1e-15 && (found.mutual_cosine - 0.7).abs() < 1e-15);
        assert!((found.later_norm - f64::midpoint(10.0_f64.sqrt(), 2.0_f64.sqrt())).abs() < 1e-15);
    }

    #[test]
    fn a_group_far_away_is_found_by_the_first_component_whatever_its_sign() {
        for side in [1.0, -1.0] {
            let far = corners() + array![[0.0, side * 50.0]];
            let found = separation(&far, &corners()).unwrap().principal;
            assert_eq!(found.auroc, 1.0);
            assert!(found.explained_variance > 0.99 && found.explained_variance <= 1.0);
        }
        let later = concatenate![Axis(0), corners(), corners()];
        assert!(separation(&corners(), &later).unwrap().principal.auroc < 0.9);
    }

    #[test]
    fn what_cannot_be_measured_says_why() {
        let nan = array![[f64::NAN, 0.0], [1.0, 1.0]];
        assert_eq!(separation(&nan, &corners()), Err(Unmeasured::NonFinite { first: 1, later: 0 }));
        let one = array![[1.0, 1.0]];
        assert_eq!(separation(&one, &corners()), Err(Unmeasured::TooFew { first: 1, later: 4 }));
        let none = Matrix::zeros((0, 2));
        assert_eq!(separation(&corners(), &none), Err(Unmeasured::TooFew { first: 4, later: 0 }));
        assert_eq!(separation(&corners(), &Matrix::ones((5, 2))), Err(Unmeasured::Constant));
    }
}
