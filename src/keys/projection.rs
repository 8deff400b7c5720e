//! Keys in two dimensions, for a plot.
//!
//! ```text
//! PCA     the two directions of largest variance, by singular values; reproducible; distances keep their meaning
//! t-SNE   neighbours stay neighbours (linfa-tsne); on request; not reproducible, and only neighbourhoods mean something
//! ```
//!
//! linfa-reduction 0.8.1 has a PCA too, and the tests hold the two to each other. It is not used: its iteration panics on
//! some sound matrices, and it shares the variance out over the kept components alone. linfa-tsne 0.8.1 takes a generator and
//! does not use it, so no seed makes a layout come twice.

use linfa::ParamGuard as _;
use linfa::traits::Transformer as _;
use linfa_tsne::TSneParams;
use ndarray::{Array2, Axis};

use super::Level;
use super::outcome::{CaseOutcome, KeptKeys};
use crate::compute::{Svd, thin_svd};
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

/// Vectors in the plane of their first two principal components.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    /// One each, in their order.
    pub points: Vec<(f64, f64)>,
    /// Share of the variance along each axis.
    pub explained: [f64; 2],
}

/// Brings vectors of one length to the plane of their first two principal components; signs as in [`project`].
///
/// # Errors
/// [`ProjectionError`], where there are fewer than 3 or a number is not finite.
pub fn plane(vectors: &[Vec<f64>]) -> Result<Plane, ProjectionError> {
    let (found, length) = (vectors.len(), vectors.first().map_or(0, Vec::len));
    if found < FEWEST {
        return Err(ProjectionError::TooFew { found, needed: FEWEST });
    }
    let library = |error: ndarray::ShapeError| ProjectionError::Library(error.to_string());
    let (plane, explained) =
        principal(&Array2::from_shape_vec((found, length), vectors.concat()).map_err(library)?)?;
    let (x, y) = (plane.column(0), plane.column(1));
    Ok(Plane { points: x.iter().copied().zip(y.iter().copied()).collect(), explained })
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

/// Coordinates along the first two principal components, `U diag(s)` of the centred keys, and the share of the variance along each.
fn principal(keys: &Matrix) -> Result<(Matrix, [f64; 2]), ProjectionError> {
    let mean = keys.mean_axis(Axis(0)).ok_or(ProjectionError::TooFew { found: 0, needed: FEWEST })?;
    let Svd { u, s, vt } =
        thin_svd(&(keys - &mean)).map_err(|error| ProjectionError::Library(error.to_string()))?;
    let total: f64 = s.iter().map(|value| value * value).sum();
    let mut plane = Matrix::zeros((keys.nrows(), 2));
    let mut explained = [0.0; 2];
    let axes = u.axis_iter(Axis(1)).zip(vt.axis_iter(Axis(0))).zip(&s);
    for ((slot, share), ((left, right), &value)) in
        plane.axis_iter_mut(Axis(1)).zip(&mut explained).zip(axes).filter(|_| total > 0.0)
    {
        let by_size = |largest: f64, &x: &f64| if x.abs() > largest.abs() { x } else { largest };
        let sign = right.iter().fold(0.0, by_size).signum();
        left.iter().zip(slot).for_each(|(x, slot)| *slot = x * value * sign);
        *share = value * value / total;
    }
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
    use linfa::DatasetBase;
    use linfa::traits::Fit as _;
    use linfa_reduction::Pca;

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

    #[test]
    fn vectors_that_lie_in_a_plane_keep_their_distances_in_it() {
        let flat = [(0.0, 0.0), (3.0, 0.0), (0.0, 4.0), (-1.0, 2.0)];
        let vectors: Vec<Vec<f64>> = flat.iter().map(|&(x, y)| vec![x, 1.0, 0.6 * y, 0.8 * y]).collect();
        let Plane { points, explained } = plane(&vectors).unwrap();
        let apart = |points: &[(f64, f64)], i: usize, j: usize| {
            (points[i].0 - points[j].0).hypot(points[i].1 - points[j].1)
        };
        for (i, j) in [(0, 1), (0, 2), (1, 2), (1, 3)] {
            assert!((apart(&points, i, j) - apart(&flat, i, j)).abs() < 1e-14);
        }
        assert!((explained[0] + explained[1] - 1.0).abs() < 1e-14);
        assert_eq!(plane(&vectors[..2]), Err(ProjectionError::TooFew { found: 2, needed: 3 }));
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

    /// Points of a case whose two keys both lie at the mean, so that they change no deviation.
    fn projected(keys: &Array2<f32>) -> Projection {
        let mean: Vec<f64> = keys.mapv(f64::from).mean_axis(Axis(0)).unwrap().to_vec();
        project(&[case(&mean, &mean, keys.clone())], ProjectionMethod::Pca).unwrap()
    }

    #[test]
    fn the_axes_are_those_of_another_implementation() {
        let keys = Array2::from_shape_fn((40, 60), |(row, col)| {
            let x = ((row * 131 + col * 71 + 7) * 2_654_435 % 1009) as f32 / 1009.0 - 0.5;
            x * 20.0 / (1 + col) as f32
        });
        let wide = keys.mapv(f64::from);
        let theirs = Pca::params(2).fit(&DatasetBase::from(wide.clone())).unwrap();
        let plane = (&wide - theirs.mean()).dot(&theirs.components().t());
        let ours = projected(&keys);
        for axis in 0..2 {
            let of = |point: &Projected| if axis == 0 { point.x } else { point.y };
            let sign = (of(&ours.points[0]) * plane[(0, axis)]).signum();
            for (row, point) in ours.points.iter().take(40).enumerate() {
                assert!((of(point) - sign * plane[(row, axis)]).abs() < 1e-3, "{point:?} at {row}");
            }
        }
    }

    #[test]
    fn the_shares_of_variance_are_of_the_whole() {
        // Variances 50, 18 and 8 along three axes of their own: shares 50/76 and 18/76.
        let keys = Array2::from_shape_fn((6, 5), |(row, col)| {
            let size = [5.0, 3.0, 2.0].get(row / 2).copied().unwrap_or_default();
            if col == row / 2 { if row % 2 == 0 { size } else { -size } } else { 0.0 }
        });
        let found = projected(&keys);
        let explained = found.explained.unwrap();
        assert!((explained[0] - 50.0 / 76.0).abs() < 1e-12 && (explained[1] - 18.0 / 76.0).abs() < 1e-12);
        assert_eq!((found.points.len(), found.nonfinite), (8, 0));
        assert!((found.points[0].x - 5.0).abs() < 1e-12 && (found.points[3].y + 3.0).abs() < 1e-12);
        assert!(matches!(found.points[7].role, Role::Unprefixed(_)));
        assert!(found.points[7].x.abs() < 1e-12, "the mean lies in the middle");
        assert_eq!(found, projected(&keys));
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
