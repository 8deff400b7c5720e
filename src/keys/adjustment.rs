//! From a key to the adjusted key C⁻¹k: the second moment factored once, then solved with.
//!
//! ```text
//! C = ½ (S + Sᵀ) / count          S = Σ k kᵀ as it is stored, (f, f); not centred
//! C + R · (tr C / f) · I = L Lᵀ   R is the ridge, 0 unless asked for
//! r = C⁻¹ k̄                       two triangular solves, in f64
//! ```
//!
//! Published code inverts C in f32, multiplies by the inverse, and says nothing of the condition. Here the
//! inverse is never formed, and condition number and residual ‖C r − k̄‖ / ‖k̄‖ go with every result: the relative
//! error of r is at most their product (Golub & Van Loan, Matrix Computations, §2.6).
//!
//! Memory: two matrices of f² f64, the moment and its factor; 0.6 GiB at f = 6,400.

use ndarray::{Array1, Axis};

use crate::compute::{Cholesky, Device, EngineError, condition_number};
use crate::reader::SecondMoment;
use crate::tensor::{Matrix, counted, figure};

/// Largest |S − Sᵀ| against the largest |S| that rounding of f32 sums explains; measured ones stay below 10⁻⁵.
const ASYMMETRY: f64 = 1e-3;

/// Why a second moment cannot adjust a key.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages say of them")]
pub enum AdjustmentError {
    /// No token was counted.
    #[error("the second moment counts no token, so there is no mean to take")]
    NoTokens,
    /// Fewer keys than components: the rank of C is at most their number.
    #[error(
        "the second moment is singular: it was summed over {} for keys of length {dimension}, at least {} more are needed",
        counted(*tokens, "token", "tokens"), dimension - tokens
    )]
    TooFewTokens { tokens: usize, dimension: usize },
    /// A component that is zero in every key.
    #[error("the second moment is singular: component {component} is zero in all of its {tokens} keys")]
    SilentComponent { component: usize, tokens: u64 },
    /// Elimination met a pivot that is not positive.
    #[error(
        "the second moment is not positive definite: elimination of {dimension} components stopped at component {pivot} \
         (summed over {tokens} tokens)"
    )]
    Indefinite { pivot: usize, dimension: usize, tokens: u64 },
    /// Factored, but only because rounding stands where zeros belong.
    #[error(
        "the second moment is singular to working precision: condition number {} (summed over {tokens} tokens for keys of \
         length {dimension})",
        figure(*condition_number)
    )]
    IllConditioned { condition_number: f64, dimension: usize, tokens: u64 },
    /// A sum of k kᵀ is symmetric; this is something else.
    #[error("the second moment is not symmetric: ({row}, {col}) holds {}, ({col}, {row}) holds {}", figure(*lower), figure(*upper))]
    Asymmetric { row: usize, col: usize, lower: f64, upper: f64 },
    /// NaN or infinity in the sum.
    #[error("element ({row}, {col}) of the second moment is not a finite number")]
    NotFinite { row: usize, col: usize },
    /// Not square.
    #[error("the second moment is {rows} × {cols}, a square one is needed")]
    NotSquare { rows: usize, cols: usize },
    /// Keys of another length than the moment's.
    #[error("the keys have {keys} components, the second moment is {moment} × {moment}")]
    WrongLength { keys: usize, moment: usize },
    /// A ridge that is no ridge.
    #[error("a ridge of {ridge} makes no sense: it is a share of the mean diagonal, 0 or more")]
    BadRidge { ridge: f64 },
    /// The solver's own refusal.
    #[error("the second moment could not be solved with: {0}")]
    Engine(#[from] EngineError),
    /// What the device says that was to make the sums.
    #[error("{0}")]
    Device(String),
}

impl AdjustmentError {
    /// What would help.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoTokens => Some("collect it again, or give --no-moments for the variant without C"),
            Self::TooFewTokens { .. }
            | Self::SilentComponent { .. }
            | Self::Indefinite { .. }
            | Self::IllConditioned { .. } => Some(
                "collect it over more tokens (forty times the length of a key is plenty), or add --ridge 0.01 to lift the \
                 diagonal; the report then says so",
            ),
            Self::WrongLength { .. } => Some("take the moment of this model and of this layer"),
            Self::Asymmetric { .. } | Self::NotFinite { .. } | Self::NotSquare { .. } => {
                Some("the file does not hold a sum of k kᵀ; collect it again")
            }
            Self::Device(_) => Some("run it on the processor with --device cpu"),
            Self::BadRidge { .. } | Self::Engine(_) => None,
        }
    }
}

/// What an adjustment rests on, for the report.
#[derive(Clone, Debug, PartialEq)]
pub struct MomentFacts {
    /// The file, as it was named; none where C = I.
    pub source: Option<String>,
    /// Tokens that were summed; none where C = I.
    pub tokens: Option<u64>,
    /// Documents that the tokens came from, where the file says.
    pub documents: Option<u64>,
    /// Length f of a key.
    pub dimension: usize,
    /// κ₂ of what was factored, ridge included; 1 where C = I.
    pub condition_number: f64,
    /// Share of the mean diagonal that was added to the diagonal.
    pub ridge: f64,
    /// Whether C⁻¹ is applied at all.
    pub adjusted: bool,
}

/// C, ready to solve with; or the identity.
pub struct Adjustment {
    factored: Option<Factored>,
    facts: MomentFacts,
    device: Device,
}

struct Factored {
    matrix: Matrix,
    factor: Cholesky,
}

/// Adjusted keys with how well they fulfil their equation.
#[derive(Clone, Debug)]
pub struct Adjusted {
    /// C⁻¹ k, one a column, `(f, n)`.
    pub keys: Matrix,
    /// ‖C r − k‖ / ‖k‖ of each; 0 where k is zero.
    pub residuals: Vec<f64>,
}

impl Adjustment {
    /// Factors C of a stored sum.
    ///
    /// `ridge` is a share of the mean diagonal that is added to the diagonal: 0 for the published formula.
    ///
    /// # Errors
    /// [`AdjustmentError`]: the sum is no second moment, or C has no inverse. With a ridge above 0 only the former.
    pub fn new(moment: SecondMoment, ridge: f64) -> Result<Self, AdjustmentError> {
        if !(ridge.is_finite() && ridge >= 0.0) {
            return Err(AdjustmentError::BadRidge { ridge });
        }
        let SecondMoment { sum, count: tokens, documents, source, .. } = moment;
        let mut matrix = mean(sum, tokens)?;
        let dimension = matrix.nrows();
        if ridge == 0.0 {
            require_rank(&matrix, tokens)?;
        }
        let lift = ridge * matrix.diag().mean().unwrap_or(0.0);
        matrix.diag_mut().iter_mut().for_each(|value| *value += lift);
        let factor = Cholesky::factor(&matrix).map_err(|error| match error {
            EngineError::NotPositiveDefinite { pivot } => {
                AdjustmentError::Indefinite { pivot, dimension, tokens }
            }
            other => AdjustmentError::Engine(other),
        })?;
        let condition_number = condition_number(&matrix, &factor)?;
        let noise = condition_number * dimension as f64 * f64::EPSILON;
        if noise.is_nan() || noise >= 1.0 {
            return Err(AdjustmentError::IllConditioned { condition_number, dimension, tokens });
        }
        let facts = MomentFacts {
            source: Some(source),
            tokens: Some(tokens),
            documents,
            dimension,
            condition_number,
            ridge,
            adjusted: true,
        };
        Ok(Self { factored: Some(Factored { matrix, factor }), facts, device: Device::default() })
    }

    /// C = I, as in published configurations that switch the second moment off: the adjusted key is the key.
    pub fn none(dimension: usize) -> Self {
        let facts = MomentFacts {
            source: None,
            tokens: None,
            documents: None,
            dimension,
            condition_number: 1.0,
            ridge: 0.0,
            adjusted: false,
        };
        Self { factored: None, facts, device: Device::default() }
    }

    /// The same with the sums of its fractions made there.
    #[must_use]
    pub fn on(self, device: Device) -> Self {
        Self { device, ..self }
    }

    /// Where the sums of its fractions are made.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// What it rests on.
    pub fn facts(&self) -> &MomentFacts {
        &self.facts
    }

    /// C as it was factored, ridge included, `(f, f)`; none where C = I.
    pub fn matrix(&self) -> Option<&Matrix> {
        self.factored.as_ref().map(|Factored { matrix, .. }| matrix)
    }

    /// Adjusts keys, one a column of `(f, n)`, all in one solve.
    ///
    /// # Errors
    /// [`AdjustmentError::WrongLength`]; [`AdjustmentError::Engine`] where a key is not finite.
    pub fn adjust(&self, keys: &Matrix) -> Result<Adjusted, AdjustmentError> {
        let (rows, count) = keys.dim();
        if rows != self.facts.dimension {
            return Err(AdjustmentError::WrongLength { keys: rows, moment: self.facts.dimension });
        }
        let Some(Factored { matrix, factor }) = &self.factored else {
            return Ok(Adjusted { keys: keys.clone(), residuals: vec![0.0; count] });
        };
        let adjusted = factor.solve(keys)?;
        let missed = matrix.dot(&adjusted) - keys;
        let residuals = missed
            .axis_iter(Axis(1))
            .zip(keys.axis_iter(Axis(1)))
            .map(|(missed, key)| {
                let scale = key.dot(&key).sqrt();
                if scale > 0.0 { missed.dot(&missed).sqrt() / scale } else { 0.0 }
            })
            .collect();
        Ok(Adjusted { keys: adjusted, residuals })
    }
}

/// C = ½ (S + Sᵀ) / count, in the memory of S.
fn mean(mut sum: Matrix, tokens: u64) -> Result<Matrix, AdjustmentError> {
    let (rows, cols) = sum.dim();
    if rows != cols {
        return Err(AdjustmentError::NotSquare { rows, cols });
    }
    if let Some(((row, col), _)) = sum.indexed_iter().find(|(_, value)| !value.is_finite()) {
        return Err(AdjustmentError::NotFinite { row, col });
    }
    if tokens == 0 {
        return Err(AdjustmentError::NoTokens);
    }
    let largest = sum.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let count = tokens as f64;
    for row in 0..rows {
        for col in 0..=row {
            let at = |place| sum.get(place).copied().unwrap_or(f64::NAN);
            let (lower, upper) = (at((row, col)), at((col, row)));
            if (lower - upper).abs() > ASYMMETRY * largest {
                return Err(AdjustmentError::Asymmetric { row, col, lower, upper });
            }
            let value = f64::midpoint(lower, upper) / count;
            for place in [(row, col), (col, row)] {
                if let Some(slot) = sum.get_mut(place) {
                    *slot = value;
                }
            }
        }
    }
    Ok(sum)
}

/// Causes of a singular C that can be named before anything is factored.
fn require_rank(moment: &Matrix, tokens: u64) -> Result<(), AdjustmentError> {
    let dimension = moment.nrows();
    if let Some(few) = usize::try_from(tokens).ok().filter(|&tokens| tokens < dimension) {
        return Err(AdjustmentError::TooFewTokens { tokens: few, dimension });
    }
    let diagonal: Array1<f64> = moment.diag().to_owned();
    match diagonal.iter().position(|&value| value == 0.0) {
        Some(component) => Err(AdjustmentError::SilentComponent { component, tokens }),
        None => Ok(()),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]
mod tests {
    use ndarray::array;

    use super::*;

    fn moment(sum: Matrix, count: u64) -> SecondMoment {
        SecondMoment { sum, count, documents: None, module: None, source: "m.npz".into() }
    }

    fn refusal(sum: Matrix, count: u64) -> AdjustmentError {
        Adjustment::new(moment(sum, count), 0.0).err().unwrap()
    }

    #[test]
    fn the_sum_is_divided_by_its_count_once() {
        let adjustment = Adjustment::new(moment(array![[8.0, 4.0], [4.0, 10.0]], 2), 0.0).unwrap();
        // C = [[4, 2], [2, 5]], C⁻¹ (8, 9)ᵀ = (1.375, 1.25)ᵀ.
        let adjusted = adjustment.adjust(&array![[8.0, 0.0], [9.0, 0.0]]).unwrap();
        assert!((adjusted.keys - array![[1.375, 0.0], [1.25, 0.0]]).iter().all(|off| off.abs() < 1e-15));
        assert!(adjusted.residuals.iter().all(|&residual| residual < 1e-15));
        let facts = adjustment.facts();
        assert_eq!((facts.tokens, facts.dimension, facts.adjusted), (Some(2), 2, true));
        // Eigenvalues of C: (9 ± √17) / 2.
        let expected = (9.0 + 17.0_f64.sqrt()) / (9.0 - 17.0_f64.sqrt());
        assert!((facts.condition_number / expected - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_residual_and_the_condition_bound_the_error_of_a_solve() {
        let order = 10;
        let hilbert = Matrix::from_shape_fn((order, order), |(i, j)| 1.0 / (i + j + 1) as f64);
        // κ ≈ 1.6e13: at the edge of what f64 can do.
        let adjustment = Adjustment::new(moment(&hilbert * 1e6, 1_000_000), 0.0).unwrap();
        let truth = Matrix::from_shape_fn((order, 1), |(i, _)| if i % 2 == 0 { 1.0 } else { -1.0 });
        let adjusted = adjustment.adjust(&hilbert.dot(&truth)).unwrap();
        let off = &adjusted.keys - &truth;
        let relative = (off.iter().map(|x| x * x).sum::<f64>() / order as f64).sqrt();
        // The right-hand side is rounded as well, which counts like a residual of one unit.
        let bound = adjustment.facts().condition_number * (adjusted.residuals[0] + f64::EPSILON);
        assert!(relative <= bound && relative > 0.0, "{relative} against {bound}");
    }

    #[test]
    fn rounding_asymmetry_is_averaged_out_and_more_is_refused() {
        let adjustment = Adjustment::new(moment(array![[2.0, 1.000_001], [0.999_999, 2.0]], 2), 0.0).unwrap();
        let adjusted = adjustment.adjust(&array![[1.5], [1.5]]).unwrap();
        assert!((adjusted.keys - array![[1.0], [1.0]]).iter().all(|off| off.abs() < 1e-15));
        assert_eq!(
            refusal(array![[2.0, 1.0], [0.5, 2.0]], 2),
            AdjustmentError::Asymmetric { row: 1, col: 0, lower: 0.5, upper: 1.0 }
        );
    }

    #[test]
    fn too_few_tokens_are_told_with_how_many_are_missing() {
        assert_eq!(
            refusal(Matrix::eye(5), 3).to_string(),
            "the second moment is singular: it was summed over 3 tokens for keys of length 5, at least 2 more are needed"
        );
    }

    #[test]
    fn each_other_kind_of_singular_moment_has_its_own_error() {
        assert_eq!(refusal(Matrix::eye(2), 0), AdjustmentError::NoTokens);
        assert_eq!(
            refusal(Matrix::from_diag(&array![1.0, 0.0, 2.0]), 9),
            AdjustmentError::SilentComponent { component: 1, tokens: 9 }
        );
        assert_eq!(
            refusal(array![[1.0, 2.0], [2.0, 1.0]], 9),
            AdjustmentError::Indefinite { pivot: 1, dimension: 2, tokens: 9 }
        );
        let nearly = Matrix::from_diag(&array![1.0, 1e-17]);
        assert!(matches!(refusal(nearly, 9), AdjustmentError::IllConditioned { .. }));
        let mut nan = Matrix::eye(3);
        nan[(1, 2)] = f64::NAN;
        assert_eq!(refusal(nan, 9), AdjustmentError::NotFinite { row: 1, col: 2 });
        assert_eq!(refusal(Matrix::zeros((2, 3)), 9), AdjustmentError::NotSquare { rows: 2, cols: 3 });
        assert!(refusal(Matrix::eye(5), 3).hint().unwrap().contains("--ridge"));
    }

    #[test]
    fn a_ridge_is_a_share_of_the_mean_diagonal_and_the_way_out() {
        let singular = || moment(Matrix::from_diag(&array![2.0, 0.0]), 1);
        let adjustment = Adjustment::new(singular(), 0.5).unwrap();
        // C + 0.5 · 1 · I = diag(2.5, 0.5).
        let adjusted = adjustment.adjust(&array![[5.0], [1.0]]).unwrap().keys;
        assert!((adjusted - 2.0).iter().all(|off| off.abs() < 1e-14));
        assert_eq!(adjustment.facts().ridge, 0.5);
        assert!(matches!(Adjustment::new(singular(), -0.1).err(), Some(AdjustmentError::BadRidge { .. })));
    }

    #[test]
    fn without_a_moment_the_adjusted_key_is_the_key() {
        let adjustment = Adjustment::none(2);
        assert_eq!(adjustment.adjust(&array![[3.0], [4.0]]).unwrap().keys, array![[3.0], [4.0]]);
        assert!(!adjustment.facts().adjusted);
        let error = adjustment.adjust(&Matrix::zeros((3, 1))).unwrap_err();
        assert_eq!(error.to_string(), "the keys have 3 components, the second moment is 2 × 2");
    }
}
