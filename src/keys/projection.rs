//! Keys in two dimensions, for a plot.
//!
//! ```text
//! PCA     the two directions of largest variance (linfa-reduction); reproducible; distances keep their meaning
//! t-SNE   neighbours stay neighbours (linfa-tsne); on request; not reproducible, and only neighbourhoods mean something
//! ```
//!
//! The variance explained is worked out here, as a share of the whole: linfa-reduction 0.8.1 shares it out over the kept
//! components alone. linfa-tsne 0.8.1 takes a generator and does not use it, so no seed makes a layout come twice.

use linfa::traits::{Fit as _, Transformer as _};
use linfa::{DatasetBase, ParamGuard as _};
use linfa_reduction::Pca;
use linfa_tsne::TSneParams;
use ndarray::{Array2, Axis};

use super::Level;
use super::outcome::{CaseOutcome, KeptKeys};
use crate::tensor::Matrix;

/// Fewest points that a plane can be laid through.
const FEWEST: usize = 3;
/// Fewest points that have neighbourhoods.
const FEWEST_FOR_TSNE: usize = 7;
/// Neighbours that t-SNE looks at, where there are enough points.
const NEIGHBOURS: usize = 30;

/// How keys are brought to two dimensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProjectionMethod {
    /// Principal components.
    #[default]
    Pca,
    /// t-distributed stochastic neighbour embedding.
    Tsne,
}

/// What a point is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A key behind one prefix.
    Prefixed,
    /// k̄ of a case.
    Mean,
    /// kᵘ of a case, with the case's level.
    Unprefixed(Level),
}

/// A key in the plane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Projected {
    /// First coordinate.
    pub x: f64,
    /// Second coordinate.
    pub y: f64,
    /// What it is.
    pub role: Role,
}

/// Keys in the plane.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    /// The points: prefixed keys first, so that the others are drawn over them.
    pub points: Vec<Projected>,
    /// How they came there.
    pub method: ProjectionMethod,
    /// Share of the whole variance along each axis; none for t-SNE.
    pub explained: Option<[f64; 2]>,
    /// Keys left out because they are not finite.
    pub nonfinite: usize,
}

/// Why there is nothing to draw.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProjectionError {
    /// Too few points.
    #[error("{found} finite keys are too few for a plot, {needed} are needed")]
    TooFew {
        /// Finite keys.
        found: usize,
        /// Keys needed.
        needed: usize,
    },
    /// The library's own refusal.
    #[error("the keys could not be brought to two dimensions: {0}")]
    Library(String),
}

/// Brings the kept keys of cases to the plane.
///
/// The sign of a principal component is free; here its largest entry is positive. Degenerate: keys that do not vary
/// along an axis lie at 0 on it, and explain 0.
///
/// # Errors
/// [`ProjectionError`], where fewer than 3 keys (7 for t-SNE) are finite, or the library fails.
pub fn project(cases: &[CaseOutcome], method: ProjectionMethod) -> Result<Projection, ProjectionError> {
    let (keys, roles): (Vec<Vec<f64>>, Vec<Role>) = collect(cases).into_iter().unzip();
    let all = keys.len();
    let (keys, roles): (Vec<Vec<f64>>, Vec<Role>) =
        keys.into_iter().zip(roles).filter(|(key, _)| key.iter().all(|x| x.is_finite())).unzip();
    let needed = if method == ProjectionMethod::Tsne { FEWEST_FOR_TSNE } else { FEWEST };
    let found = keys.len();
    if found < needed {
        return Err(ProjectionError::TooFew { found, needed });
    }
    let length = keys.first().map_or(0, Vec::len);
    let matrix = Array2::from_shape_vec((found, length), keys.concat())
        .map_err(|error| ProjectionError::Library(error.to_string()))?;
    let (plane, explained) = match method {
        ProjectionMethod::Pca => {
            let (plane, explained) = principal(&matrix)?;
            (plane, Some(explained))
        }
        ProjectionMethod::Tsne => (neighbours(matrix)?, None),
    };
    let at = |row: usize, col: usize| plane.get((row, col)).copied().unwrap_or(0.0);
    let points =
        roles.into_iter().enumerate().map(|(row, role)| Projected { x: at(row, 0), y: at(row, 1), role });
    Ok(Projection { points: points.collect(), method, explained, nonfinite: all - found })
}

/// Prefixed keys, then means, then unprefixed keys.
fn collect(cases: &[CaseOutcome]) -> Vec<(Vec<f64>, Role)> {
    let kept = || cases.iter().filter_map(|case| Some((case.keys.as_ref()?, case.verdict.level)));
    let prefixed = kept().flat_map(|(keys, _)| {
        let rows = keys.prefixed.axis_iter(Axis(0));
        rows.map(|row| (row.iter().copied().map(f64::from).collect(), Role::Prefixed))
    });
    let means = kept().map(|(KeptKeys { mean, .. }, _)| (mean.clone(), Role::Mean));
    let bare = kept().map(|(keys, level)| (keys.unprefixed.clone(), Role::Unprefixed(level)));
    prefixed.chain(means).chain(bare).collect()
}

/// Coordinates along the first two principal components, and the share of the variance along each.
fn principal(keys: &Matrix) -> Result<(Matrix, [f64; 2]), ProjectionError> {
    let failed = |error: &dyn std::fmt::Display| ProjectionError::Library(error.to_string());
    let mean = keys.mean_axis(Axis(0)).ok_or(ProjectionError::TooFew { found: 0, needed: FEWEST })?;
    let centred = keys - &mean;
    let total: f64 = centred.iter().map(|x| x * x).sum();
    if total == 0.0 {
        return Ok((Matrix::zeros((keys.nrows(), 2)), [0.0; 2]));
    }
    let fitted = Pca::params(2).fit(&DatasetBase::from(keys.clone())).map_err(|error| failed(&error))?;
    let mut components = fitted.components().clone();
    for mut component in components.axis_iter_mut(Axis(0)) {
        let largest =
            component.iter().fold(0.0_f64, |largest, &x| if x.abs() > largest.abs() { x } else { largest });
        component *= largest.signum();
    }
    let plane = centred.dot(&components.t());
    let along = |axis: usize| plane.column(axis).iter().map(|x| x * x).sum::<f64>() / total;
    let explained = [0, 1].map(|axis| if axis < plane.ncols() { along(axis) } else { 0.0 });
    Ok((plane, explained))
}

fn neighbours(keys: Matrix) -> Result<Matrix, ProjectionError> {
    let perplexity = NEIGHBOURS.min((keys.nrows() - 1) / 3) as f64;
    let params = TSneParams::embedding_size(2).perplexity(perplexity).approx_threshold(0.1);
    let failed = |error: linfa_tsne::TSneError| ProjectionError::Library(error.to_string());
    params.check().map_err(failed)?.transform(keys).map_err(failed)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]
mod tests {
    use super::super::{KeyMeans, Setting, of_adjusted, verdict};
    use super::*;
    use crate::compute::thin_svd;

    fn case(unprefixed: &[f64], mean: &[f64], prefixed: Array2<f32>) -> CaseOutcome {
        let keys = KeptKeys { unprefixed: unprefixed.to_vec(), mean: mean.to_vec(), prefixed };
        let means = KeyMeans {
            unprefixed: keys.unprefixed.clone(),
            mean: keys.mean.clone(),
            spread: None,
            value_norm: None,
            value_norm_ratio: None,
        };
        let fraction = of_adjusted(&means, &means.mean, 4.0);
        let setting = Setting {
            adjusted: false,
            ridge: 0.0,
            prefixed_templates: None,
            prefixed_only: false,
            weight_norm: None,
        };
        let verdict = verdict(&fraction, false, &setting);
        CaseOutcome { case_id: String::new(), fact: None, fraction, verdict, keys: Some(keys) }
    }

    /// Thirty keys of length 12 with three directions of decreasing variance.
    fn population() -> Array2<f32> {
        Array2::from_shape_fn((30, 12), |(row, col)| {
            let (row, col) = (row as f32, col as f32);
            5.0 * (row * 0.7).sin() * (col + 1.0)
                + 2.0 * (row * 1.3).cos() * (6.0 - col)
                + (row * col * 2.1).sin()
        })
    }

    #[test]
    fn the_axes_explain_the_variance_that_the_singular_values_say() {
        let keys = population();
        let wide = keys.mapv(f64::from);
        let mean: Vec<f64> = wide.mean_axis(Axis(0)).unwrap().to_vec();
        let found = project(&[case(&mean, &mean, keys)], ProjectionMethod::Pca).unwrap();
        // Two more points in the middle change no deviation.
        let centred = &wide - &ndarray::Array1::from(mean);
        let values = thin_svd(&centred).unwrap().s;
        let total: f64 = values.iter().map(|s| s * s).sum();
        let explained = found.explained.unwrap();
        for (axis, share) in explained.into_iter().enumerate() {
            assert!((share - values[axis].powi(2) / total).abs() < 1e-6, "{share}");
        }
        assert!(explained[0] > explained[1] && explained[0] + explained[1] < 1.0);
        assert_eq!((found.points.len(), found.nonfinite), (32, 0));
        assert_eq!(found.points[31].role, Role::Unprefixed(Level::Safe));
        assert!(found.points[31].x.abs() < 1e-9, "the mean lies in the middle");
        let again = project(&[case(&[0.0; 12], &[0.0; 12], population())], ProjectionMethod::Pca).unwrap();
        assert_eq!(
            again,
            project(&[case(&[0.0; 12], &[0.0; 12], population())], ProjectionMethod::Pca).unwrap()
        );
    }

    #[test]
    fn keys_that_are_not_finite_are_counted_and_too_few_are_refused() {
        let nan = [case(&[f64::NAN, 0.0], &[1.0, 0.0], Array2::zeros((0, 2)))];
        assert_eq!(
            project(&nan, ProjectionMethod::Pca),
            Err(ProjectionError::TooFew { found: 1, needed: 3 })
        );
        let same = [case(&[1.0, 0.0], &[1.0, 0.0], Array2::from_elem((2, 2), 0.0))];
        assert!(project(&same, ProjectionMethod::Tsne).is_err());
        let mut spoilt = population();
        spoilt[(3, 3)] = f32::INFINITY;
        let found = project(&[case(&[0.0; 12], &[0.0; 12], spoilt)], ProjectionMethod::Pca).unwrap();
        assert_eq!((found.points.len(), found.nonfinite), (31, 1));
    }

    #[test]
    fn keys_that_do_not_vary_lie_on_one_point() {
        let same = case(&[1.0, 2.0], &[1.0, 2.0], Array2::from_shape_fn((3, 2), |(_, col)| col as f32 + 1.0));
        let found = project(&[same], ProjectionMethod::Pca).unwrap();
        assert_eq!(found.explained, Some([0.0, 0.0]));
        assert!(found.points.iter().all(|point| (point.x, point.y) == (0.0, 0.0)));
    }

    #[test]
    fn neighbours_get_a_layout_of_finite_points() {
        let found = project(&[case(&[0.0; 12], &[0.0; 12], population())], ProjectionMethod::Tsne).unwrap();
        assert_eq!((found.points.len(), found.explained), (32, None));
        assert!(found.points.iter().all(|point| point.x.is_finite() && point.y.is_finite()));
    }
}
