//! Leading singular values of a matrix that is never materialised, and how many stand above an edge.

use super::engine::{self, EngineError, Svd};
use super::lanczos::Lanczos;
use super::operator::{Block, LANES, RowSource, materialise, multiply};

/// What is asked of [`leading_singular_values`].
#[derive(Clone, Copy, Debug)]
pub struct SpectrumOptions {
    /// Leading values to report at most.
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
    /// Eight values to 10⁻⁷, edge 0, rank counted to 64, at most 48 steps.
    fn default() -> Self {
        Self { top: 8, tolerance: 1e-7, rounding_edge: 0.0, rank_cap: 64, max_steps: 48, seed: 0x5eed }
    }
}

/// The leading end of a spectrum.
#[derive(Clone, Debug, PartialEq)]
pub struct LeadingSpectrum {
    /// The largest, descending: those above the edge (σ₁ where none is), or all that were asked for where the
    /// matrix was decomposed as a whole.
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
/// Small matrices are decomposed by the engine; larger ones by block Lanczos. The values are
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
    let mut search = Search::start(a, options)?;
    search.run(options)?;
    search.report(options)
}

/// σ₁ of an `(m, n)` matrix: a lower bound, to 10⁻³ where σ₁ stands clear enough of the rest for 8 steps, else
/// within a few percent; exact to rounding for a matrix that is decomposed as a whole.
///
/// # Errors
/// As [`leading_singular_values`].
pub fn spectral_norm<S: RowSource>(a: &S, seed: u64) -> Result<f64, SpectrumError<S::Error>> {
    let options =
        SpectrumOptions { top: 1, tolerance: 1e-3, rank_cap: 1, max_steps: 8, seed, ..Default::default() };
    let spectrum = leading_singular_values(a, &options)?;
    Ok(spectrum.singular_values.first().copied().unwrap_or(0.0))
}

/// A search for leading singular values that can be asked for more, and goes on from where it is.
pub(super) struct Search<'a, S> {
    a: &'a S,
    work: Work<'a, S>,
    /// Singular values found so far, and those of the look before.
    pub(super) values: Vec<f64>,
    previous: Vec<f64>,
    /// Whether the count above the edge of the last goal is final.
    counted: bool,
}

enum Work<'a, S> {
    Full(Svd),
    Lanczos { lanczos: Box<Lanczos<'a, S>>, svd: Option<Svd>, max_steps: usize },
}

impl<'a, S: RowSource> Search<'a, S> {
    /// Decomposes a small matrix as a whole; starts an iteration on a larger one.
    pub(super) fn start(a: &'a S, options: &SpectrumOptions) -> Result<Self, SpectrumError<S::Error>> {
        let (m, n) = (a.rows(), a.cols());
        if m.min(n) <= FULL_SIDE && m.saturating_mul(n) <= FULL_ELEMENTS {
            let svd = engine::thin_svd(&materialise(a).map_err(SpectrumError::Source)?)?;
            let values = svd.s.clone();
            return Ok(Self { a, work: Work::Full(svd), values, previous: Vec::new(), counted: true });
        }
        let max_steps = options.max_steps.min(BASIS_BYTES / (8 * LANES * (m + n))).max(2);
        let lanczos = Lanczos::start(a, (&[], &[]), options.seed).map_err(SpectrumError::Source)?;
        let work = Work::Lanczos { lanczos: Box::new(lanczos), svd: None, max_steps };
        Ok(Self { a, work, values: Vec::new(), previous: Vec::new(), counted: false })
    }

    /// Goes on until the values and the count that the goal asks for are settled, or no step is left.
    pub(super) fn run(&mut self, goal: &SpectrumOptions) -> Result<(), SpectrumError<S::Error>> {
        let Work::Lanczos { lanczos, svd, max_steps } = &mut self.work else { return Ok(()) };
        loop {
            self.counted = count_is_settled(&self.values, &self.previous, goal);
            if let (true, Some(svd)) = (self.counted, &*svd) {
                lanczos.measure().map_err(SpectrumError::Source)?;
                if values_are_settled(&self.values, &lanczos.residuals(svd), goal) {
                    return Ok(());
                }
            }
            let mut grown = lanczos.steps() < *max_steps;
            while grown {
                grown = lanczos.grow().map_err(SpectrumError::Source)?;
                self.counted |= !grown;
                if worth_a_look(lanczos.steps()) || lanczos.steps() >= *max_steps {
                    break;
                }
            }
            let newest = lanczos.ritz()?;
            self.previous = std::mem::replace(&mut self.values, newest.s.clone());
            *svd = Some(newest);
            if !grown {
                return Ok(());
            }
        }
    }

    /// Values above the edge of the goal, at most its cap.
    pub(super) fn rank(&self, goal: &SpectrumOptions) -> usize {
        rank(&self.values, goal)
    }

    /// Left and right singular vectors of the first `count` values, in blocks with zeros beyond `count`.
    pub(super) fn vectors(&self, count: usize) -> (Vec<Block>, Vec<Block>) {
        match &self.work {
            Work::Full(svd) => {
                let side = |length: usize, component: &dyn Fn(usize, usize) -> Option<f64>| -> Vec<Block> {
                    let one = |row, vector| component(row, vector).filter(|_| vector < count).unwrap_or(0.0);
                    let lanes = |group, row| std::array::from_fn(|lane| one(row, group * LANES + lane));
                    let block = |group| (0..length).map(|row| lanes(group, row)).collect();
                    (0..count.div_ceil(LANES)).map(block).collect()
                };
                let left = side(svd.u.nrows(), &|row, vector| svd.u.get((row, vector)).copied());
                (left, side(svd.vt.ncols(), &|row, vector| svd.vt.get((vector, row)).copied()))
            }
            Work::Lanczos { lanczos, svd: Some(svd), .. } => lanczos.vectors(svd, count),
            Work::Lanczos { svd: None, .. } => (Vec::new(), Vec::new()),
        }
    }

    /// Measures the residuals on the matrix itself and puts the answer to the goal together.
    pub(super) fn report(&self, goal: &SpectrumOptions) -> Result<LeadingSpectrum, SpectrumError<S::Error>> {
        let rank = self.rank(goal);
        let mut singular_values = self.values.clone();
        singular_values.truncate(goal.top);
        if singular_values.is_empty() {
            singular_values.resize(goal.top.min(self.a.rows()).min(self.a.cols()), 0.0);
        }
        let largest = self.values.first().copied().unwrap_or(0.0);
        let checked = singular_values.len().min(rank.max(1));
        let complete = largest == 0.0 || self.values.len() >= self.a.rows().min(self.a.cols());
        if !complete {
            // Below the edge the iteration has no reason to converge: what it has there is not reported.
            singular_values.truncate(checked);
        }
        let (mut worst, mut checks) = (0.0_f64, 0);
        if largest > 0.0 {
            let (left, right) = self.vectors(checked);
            for ((values, left), right) in self.values.chunks(LANES).zip(&left).zip(&right) {
                let image = multiply(self.a, right).map_err(SpectrumError::Source)?;
                worst = worst.max(largest_residual(&image, left, values) / largest);
                checks += 1;
            }
        }
        let next = self.values.get(rank).copied().unwrap_or(0.0);
        let (steps, passes, method) = match &self.work {
            Work::Full(_) => (0, 1, "full SVD (engine)".to_owned()),
            Work::Lanczos { lanczos, .. } => {
                let method = format!("block Lanczos, {} steps of {LANES}", lanczos.steps());
                (lanczos.steps(), lanczos.passes, method)
            }
        };
        Ok(LeadingSpectrum {
            singular_values,
            rank,
            rank_is_lower_bound: next > edge(&self.values, goal)
                || !complete && (!self.counted || rank >= goal.rank_cap),
            energy_above_edge: self.values.iter().take(rank).map(|value| value * value).sum(),
            steps,
            passes: passes + checks,
            residual: worst,
            method,
        })
    }
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
/// has stopped growing since the look before, or would stay below the edge if it grew as much again.
fn count_is_settled(values: &[f64], previous: &[f64], goal: &SpectrumOptions) -> bool {
    let rank = rank(values, goal);
    if rank >= goal.rank_cap {
        return true;
    }
    let (Some(&next), Some(&before)) = (values.get(rank), previous.get(rank)) else { return false };
    let growth = next - before;
    growth <= SETTLED_GROWTH * next || next + growth < goal.rounding_edge
}

/// Whether the reported values above the edge are as exact as was asked for.
///
/// A residual r puts a singular value within r of the computed one, and within r²/gap where the others are
/// at least a gap away (Parlett, The Symmetric Eigenvalue Problem, §11.7).
fn values_are_settled(values: &[f64], residuals: &[f64], goal: &SpectrumOptions) -> bool {
    let largest = values.first().copied().unwrap_or(0.0);
    let rank = rank(values, goal);
    let wanted = goal.top.min(rank).max(1).min(values.len());
    let tolerance = if rank == 0 { goal.tolerance.max(BELOW_EDGE_TOLERANCE) } else { goal.tolerance };
    (0..wanted).all(|index| error_of(index, values, residuals) <= tolerance * largest)
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

#[cfg(test)]
mod tests;
