//! Leading singular values of a matrix that is never materialised, and how many stand above an edge.

use super::engine::{self, EngineError};
use super::lanczos::{Lanczos, Ritz};
use super::operator::{Block, LANES, RowSource, materialise, multiply};

/// What is asked of [`leading_singular_values`].
#[derive(Clone, Copy, Debug)]
pub struct SpectrumOptions {
    /// Leading values to report.
    pub top: usize,
    /// Error allowed in those above the edge, relative to σ₁.
    pub tolerance: f64,
    /// What a value must exceed to count for the rank; 0 counts all that are not rounding of the arithmetic.
    pub rounding_edge: f64,
    /// Values above the edge after which counting stops.
    pub rank_cap: usize,
    /// Block steps after which the iteration stops whatever it has.
    pub max_steps: usize,
    /// Seed of the start block.
    pub seed: u64,
}

impl Default for SpectrumOptions {
    /// Eight values to 10⁻⁸, edge 0, rank counted to 128, at most 48 steps.
    fn default() -> Self {
        Self { top: 8, tolerance: 1e-8, rounding_edge: 0.0, rank_cap: 128, max_steps: 48, seed: 0x5eed }
    }
}

/// The leading end of a spectrum.
#[derive(Clone, Debug, PartialEq)]
pub struct LeadingSpectrum {
    /// The largest, descending. Those below the edge are lower bounds, good to a few percent.
    pub singular_values: Vec<f64>,
    /// Values above the edge.
    pub rank: usize,
    /// True where counting stopped at a cap: the rank is at least that.
    pub rank_is_lower_bound: bool,
    /// Σ σ² over the values above the edge.
    pub energy_above_edge: f64,
    /// Block steps done; 0 for a full decomposition.
    pub steps: usize,
    /// Times that the whole matrix was read.
    pub passes: usize,
    /// Largest ‖A v − σ u‖ over the reported values above the edge (over σ₁ where none is), relative to σ₁.
    pub residual: f64,
    /// How the values were computed.
    pub method: String,
}

/// Why there are no singular values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpectrumError<E> {
    /// The rows could not be produced.
    #[error("{0}")]
    Source(E),
    /// The small dense problem could not be solved: the values are not finite, or too large to square.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Leading singular triplets: values, and left and right vectors in blocks of eight.
pub(super) struct Triplets {
    pub(super) values: Vec<f64>,
    pub(super) left: Vec<Block>,
    pub(super) right: Vec<Block>,
}

/// A matrix up to this many rows or columns and elements is decomposed as a whole.
const FULL_SIDE: usize = 128;
const FULL_ELEMENTS: usize = 1 << 20;
/// Bytes that the two bases may take together.
const BASIS_BYTES: usize = 20 << 20;
/// Growth of the first value below the edge, from one look to the next, at which the count is settled.
const SETTLED_GROWTH: f64 = 0.01;
/// Error allowed in σ₁ where not even that stands above the edge.
const BELOW_EDGE_TOLERANCE: f64 = 1e-3;
/// Below this part of σ₁ a value is rounding of the arithmetic, whatever the edge.
const ARITHMETIC_FLOOR: f64 = 1e-14;

/// The leading singular values of an `(m, n)` matrix, and its rank above an edge.
///
/// Small matrices are decomposed by the engine; larger ones by block Lanczos, see [`Lanczos`]. The values are
/// lower bounds; `residual` says by how much the least exact of them misses its equation.
///
/// Degenerate: a matrix without elements has no values; a zero matrix has zeros and rank 0. For very large
/// matrices the number of steps is cut so that the bases stay within 20 MiB; the method's text says how many
/// were done. The same values come out for any number of threads.
///
/// # Errors
/// [`SpectrumError::Source`] where the rows could not be read; [`SpectrumError::Engine`] where they hold
/// non-finite numbers.
pub fn leading_singular_values<S: RowSource>(
    a: &S,
    options: &SpectrumOptions,
) -> Result<LeadingSpectrum, SpectrumError<S::Error>> {
    leading_triplets(a, options).map(|(spectrum, _)| spectrum)
}

/// σ₁ of an `(m, n)` matrix to 10⁻⁶ where its spectrum lets it converge within 24 steps.
///
/// # Errors
/// As [`leading_singular_values`].
pub fn spectral_norm<S: RowSource>(a: &S, seed: u64) -> Result<f64, SpectrumError<S::Error>> {
    let options =
        SpectrumOptions { top: 1, tolerance: 1e-6, rank_cap: 1, max_steps: 24, seed, ..Default::default() };
    let spectrum = leading_singular_values(a, &options)?;
    Ok(spectrum.singular_values.first().copied().unwrap_or(0.0))
}

/// As [`leading_singular_values`], with the vectors of all values above the edge.
pub(super) fn leading_triplets<S: RowSource>(
    a: &S,
    options: &SpectrumOptions,
) -> Result<(LeadingSpectrum, Triplets), SpectrumError<S::Error>> {
    let (m, n) = (a.rows(), a.cols());
    if m.min(n) <= FULL_SIDE && m.saturating_mul(n) <= FULL_ELEMENTS {
        return decompose(a, options);
    }
    let max_steps = options.max_steps.min(BASIS_BYTES / (8 * LANES * (m + n))).max(2);
    let mut lanczos = Lanczos::start(a, (&[], &[]), options.seed).map_err(SpectrumError::Source)?;
    let mut seen = 0.0;
    let (ritz, counted) = loop {
        let grown = lanczos.grow().map_err(SpectrumError::Source)?;
        let exhausted = !grown || lanczos.steps() >= max_steps;
        if !exhausted && !worth_a_look(lanczos.steps()) {
            continue;
        }
        let ritz = lanczos.ritz()?;
        let settled = count_is_settled(&ritz, options, &mut seen);
        if exhausted {
            break (ritz, settled || lanczos.steps() * LANES >= m.min(n));
        }
        if settled {
            lanczos.measure().map_err(SpectrumError::Source)?;
            if values_are_settled(&ritz, &lanczos.residuals(&ritz), options) {
                break (ritz, true);
            }
        }
    };
    let rank = rank(&ritz.values, options);
    let (left, right) = lanczos.vectors(&ritz, rank.max(options.top).max(1));
    let triplets = Triplets { values: ritz.values, left, right };
    let method = format!("block Lanczos, {} steps of {LANES}", lanczos.steps());
    let work = (lanczos.steps(), lanczos.passes, method);
    report(a, options, triplets, work, counted).map_err(SpectrumError::Source)
}

/// The engine's full decomposition.
fn decompose<S: RowSource>(
    a: &S,
    options: &SpectrumOptions,
) -> Result<(LeadingSpectrum, Triplets), SpectrumError<S::Error>> {
    let whole = materialise(a).map_err(SpectrumError::Source)?;
    let svd = engine::thin_svd(&whole)?;
    let groups = rank(&svd.s, options).max(options.top).max(1).div_ceil(LANES);
    let blocks = |length: usize, component: &dyn Fn(usize, usize) -> Option<f64>| -> Vec<Block> {
        let lanes = |group: usize, row| std::array::from_fn(|lane| component(row, group * LANES + lane).unwrap_or(0.0));
        (0..groups).map(|group| (0..length).map(|row| lanes(group, row)).collect()).collect()
    };
    let left = blocks(a.rows(), &|row, vector| svd.u.get((row, vector)).copied());
    let right = blocks(a.cols(), &|row, vector| svd.vt.get((vector, row)).copied());
    let triplets = Triplets { values: svd.s, left, right };
    report(a, options, triplets, (0, 1, "full SVD (engine)".to_owned()), true).map_err(SpectrumError::Source)
}

/// Measures the residuals on the matrix itself and puts the answer together.
fn report<S: RowSource>(
    a: &S,
    options: &SpectrumOptions,
    triplets: Triplets,
    (steps, passes, method): (usize, usize, String),
    counted: bool,
) -> Result<(LeadingSpectrum, Triplets), S::Error> {
    let rank = rank(&triplets.values, options);
    let mut singular_values = triplets.values.clone();
    singular_values.truncate(options.top);
    let largest = triplets.values.first().copied().unwrap_or(0.0);
    let checked = singular_values.len().min(rank.max(1));
    let (mut worst, mut extra_passes) = (0.0_f64, 0);
    for (group, values) in singular_values.get(..checked).unwrap_or(&[]).chunks(LANES).enumerate() {
        if let (Some(left), Some(right), true) = (triplets.left.get(group), triplets.right.get(group), largest > 0.0) {
            let image = multiply(a, right)?;
            extra_passes += 1;
            worst = worst.max(largest_residual(&image, left, values));
        }
    }
    let above = triplets.values.get(..rank).unwrap_or(&[]);
    let next = triplets.values.get(rank).copied().unwrap_or(0.0);
    let spectrum = LeadingSpectrum {
        singular_values,
        rank,
        rank_is_lower_bound: !counted || next > edge(&triplets.values, options),
        energy_above_edge: above.iter().map(|value| value * value).sum(),
        steps,
        passes: passes + extra_passes,
        residual: if largest > 0.0 { worst / largest } else { 0.0 },
        method,
    };
    Ok((spectrum, triplets))
}

/// max ‖A v − σ u‖ over the vectors of a block.
fn largest_residual(image: &[[f64; LANES]], left: &[[f64; LANES]], values: &[f64]) -> f64 {
    let mut squares = [0.0; LANES];
    for (image, left) in image.iter().zip(left) {
        for (((square, image), left), value) in squares.iter_mut().zip(image).zip(left).zip(values) {
            *square += (image - value * left).powi(2);
        }
    }
    squares.into_iter().fold(0.0, f64::max).sqrt()
}

/// Values above the edge, at most the cap.
fn rank(values: &[f64], options: &SpectrumOptions) -> usize {
    let edge = edge(values, options);
    values.iter().take_while(|&&value| value > edge).count().min(options.rank_cap)
}

/// The edge that was asked for, or what the arithmetic itself leaves where that is more.
fn edge(values: &[f64], options: &SpectrumOptions) -> f64 {
    let floor = values.first().map_or(0.0, |largest| largest * ARITHMETIC_FLOOR);
    options.rounding_edge.max(floor)
}

/// The small decomposition costs the cube of the steps: it is done at each of the first ones, then rarely.
fn worth_a_look(steps: usize) -> bool {
    steps <= 8 || steps.is_multiple_of(4)
}

/// Whether the count above the edge will not change: it is at its cap, or the first value that is not counted
/// has stopped growing. `seen` holds that value from the look before.
fn count_is_settled(ritz: &Ritz, options: &SpectrumOptions, seen: &mut f64) -> bool {
    let rank = rank(&ritz.values, options);
    if rank >= options.rank_cap {
        return true;
    }
    let Some(&next) = ritz.values.get(rank) else { return false };
    let growth = next - std::mem::replace(seen, next);
    growth <= SETTLED_GROWTH * next || (growth < next && next + growth < options.rounding_edge)
}

/// Whether the reported values above the edge are as exact as was asked for.
///
/// A residual r puts a singular value within r of the computed one, and within r²/gap where the others are
/// at least a gap away (Parlett, The Symmetric Eigenvalue Problem, §11.7).
fn values_are_settled(ritz: &Ritz, residuals: &[f64], options: &SpectrumOptions) -> bool {
    let largest = ritz.values.first().copied().unwrap_or(0.0);
    let rank = rank(&ritz.values, options);
    let wanted = options.top.min(rank).max(1);
    let tolerance = if rank == 0 { options.tolerance.max(BELOW_EDGE_TOLERANCE) } else { options.tolerance };
    (0..wanted.min(ritz.values.len())).all(|index| error_of(index, &ritz.values, residuals) <= tolerance * largest)
}

fn error_of(index: usize, values: &[f64], residuals: &[f64]) -> f64 {
    let at = |index: usize| values.get(index).copied();
    let residual = residuals.get(index).copied().unwrap_or(f64::INFINITY);
    let own = at(index).unwrap_or(0.0);
    let above = index.checked_sub(1).and_then(at).map_or(f64::INFINITY, |value| value - own);
    let below = at(index + 1).map_or(own, |value| own - value);
    let gap = above.min(below);
    if gap > residual { residual * residual / gap } else { residual }
}
