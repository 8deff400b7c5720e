//! The spectrum of a stored change, and how much of it rounding explains.

use std::convert::Infallible;

use super::engine::EngineError;
use super::lanczos::Lanczos;
use super::operator::{Block, LANES, RowSource};
use super::rounding::{RoundedUpdate, rounding_noise_edge};
use super::spectrum::{LeadingSpectrum, SpectrumError, SpectrumOptions, Triplets, leading_triplets};
use super::stored::{StoredDelta, StoredMatrix};
use crate::tensor::Dtype;

/// The leading spectrum of `after − before`, with the edge that its rank was counted against.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeSpectrum {
    /// Values, rank and residual.
    pub spectrum: LeadingSpectrum,
    /// The largest singular value that rounding to the stored dtype alone would give.
    pub rounding_edge: f64,
}

/// How far the structure of the rounding of an update may exceed that of the update found in its place.
///
/// The found update has itself been through the rounding: at small norms it is shorter than the one that was
/// made. Over the planted updates below, the true structure was at most 1.2 of the simulated wherever
/// that was above the noise.
const SLACK: f64 = 1.5;
/// Block steps given to the simulation: its structure stands clear of the noise, or does not matter.
const SIMULATION_STEPS: usize = 3;

/// The leading singular values of a stored change, and its rank beyond what rounding explains.
///
/// Rounding leaves more than noise. The stored change is `round(W + U) − W`, an elementwise function of the
/// update U and of the steps of W; where U spans few steps that function is a staircase, and a staircase of a
/// rank-one matrix has singular values of its own that grow with √(m n), past any bound for independent
/// errors, which grows with √m + √n. So the edge is found by doing the rounding:
///
/// ```text
/// edge(k) = max(noise, 1.5 · ‖(I − L Lᵀ) (round(W + L Σ Rᵀ) − W) (I − R Rᵀ)‖₂)
/// rank    = #{ i : σᵢ > edge(k) }   for the first k of 1, #{σᵢ > edge(1)}, … with rank ≤ k
/// ```
///
/// where L Σ Rᵀ are the k leading triplets of the change and `noise` is [`rounding_noise_edge`]: if an update
/// of rank k leaves, once rounded, what is seen beyond k, then no more than k is claimed.
///
/// `options.rounding_edge` is a floor for the edge. Integers are rounded to step 1. Degenerate: as
/// [`leading_singular_values`](super::leading_singular_values).
///
/// # Errors
/// [`EngineError`] where the matrices hold non-finite numbers.
pub fn spectrum_of_change(
    before: StoredMatrix<'_>,
    after: StoredMatrix<'_>,
    options: &SpectrumOptions,
) -> Result<ChangeSpectrum, EngineError> {
    let noise = match rounding_noise_edge((before.dtype, &before), (after.dtype, &after)) {
        Ok(edge) => edge.max(options.rounding_edge),
        Err(never) => match never {},
    };
    let options = SpectrumOptions { rounding_edge: noise, ..*options };
    let (mut spectrum, triplets) = leading_triplets(&StoredDelta { before, after }, &options).map_err(engine_error)?;
    let counted = spectrum.rank;
    let (mut rank, mut edge, mut explained) = (counted, noise, 1);
    while counted > 1 && rank < options.rank_cap {
        let structure = rounded_structure(&before, after.dtype, &triplets, explained, options.seed)?;
        edge = noise.max(SLACK * structure);
        rank = triplets.values.iter().take_while(|&&value| value > edge).count().min(counted);
        if rank <= explained {
            break;
        }
        explained = rank;
    }
    spectrum.rank_is_lower_bound &= rank == counted;
    spectrum.energy_above_edge = triplets.values.iter().take(rank).map(|value| value * value).sum();
    spectrum.rank = rank;
    Ok(ChangeSpectrum { spectrum, rounding_edge: edge })
}

/// The largest singular value that the rounded update of the first `rank` triplets has beyond them.
fn rounded_structure<B: RowSource<Error = Infallible>>(
    before: &B,
    dtype: Dtype,
    triplets: &Triplets,
    rank: usize,
    seed: u64,
) -> Result<f64, EngineError> {
    let (left, right) = (first_vectors(&triplets.left, rank), first_vectors(&triplets.right, rank));
    let rounded = RoundedUpdate::new(before, dtype, (&triplets.values, &left, &right), rank);
    let never = |never: Infallible| -> EngineError { match never {} };
    let mut lanczos = Lanczos::start(&rounded, (&left, &right), seed).map_err(never)?;
    while lanczos.steps() < SIMULATION_STEPS && lanczos.grow().map_err(never)? {}
    Ok(lanczos.ritz()?.values.first().copied().unwrap_or(0.0))
}

/// The blocks of the first `count` vectors, with zeros for those beyond.
fn first_vectors(blocks: &[Block], count: usize) -> Vec<Block> {
    let kept = |group: usize| move |lane: usize, component: f64| if group * LANES + lane < count { component } else { 0.0 };
    blocks
        .iter()
        .take(count.div_ceil(LANES))
        .enumerate()
        .map(|(group, block)| {
            let keep = kept(group);
            block.iter().map(|lanes| std::array::from_fn(|lane| keep(lane, lanes.get(lane).copied().unwrap_or(0.0)))).collect()
        })
        .collect()
}

fn engine_error(error: SpectrumError<Infallible>) -> EngineError {
    match error {
        SpectrumError::Engine(error) => error,
        SpectrumError::Source(never) => match never {},
    }
}
