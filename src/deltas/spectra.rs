//! The spectra of the changed matrices: which are worth computing, and what became of them.

use super::change::relative;
use super::pass::{Pair, Progress};
use super::{Change, Spectrum, SpectrumOutcome, SpectrumPlan, Status, TensorDelta};
use crate::compute::{
    ChangeSpectrum, Device, SpectrumOptions, StoredMatrix, spectral_norm, spectrum_of_change,
};
use crate::tensor::{Entry, NumberKind, Source};

/// Matrices that get a spectrum unless every one is asked for: an edit of facts changes a handful of
/// layers; where more changed (fine-tuning), the largest changes speak for the rest.
const MOST_CHANGED: usize = 16;

/// Computes the spectra that the plan asks for, largest relative change first.
///
/// A matrix is read as a whole: in place where it is mapped, else into memory.
///
/// Those beyond the limit become [`SpectrumOutcome::Skipped`] with the reason. What is no matrix of floats,
/// or did not move, keeps [`SpectrumOutcome::NotApplicable`]. The matrices come one after the other, and the
/// threads share the work on each, so memory is that of one pair of matrices and its bases.
pub(super) fn fill<S: Source>(
    changed: &mut [(Pair<'_, S>, TensorDelta)],
    (plan, device): (SpectrumPlan, &Device),
    progress: &dyn Progress,
) -> Result<(), S::Error> {
    let (top, limit) = match plan {
        SpectrumPlan::Skip => return Ok(()),
        SpectrumPlan::Every(top) => (top, usize::MAX),
        SpectrumPlan::MostChanged(top) => (top, MOST_CHANGED),
    };
    let size = |change: &TensorDelta| change.change.as_ref().map_or(f64::NAN, |change| change.relative_delta);
    let mut matrices: Vec<&mut (Pair<'_, S>, TensorDelta)> =
        changed.iter_mut().filter(|(pair, delta)| is_matrix_change(pair, delta)).collect();
    matrices.sort_by(|a, b| size(&b.1).total_cmp(&size(&a.1)).then_with(|| a.1.name.cmp(&b.1.name)));
    progress.begin("spectra", matrices.iter().take(limit).map(|(pair, _)| pair.bytes()).sum());
    let mut buffers = [Vec::new(), Vec::new()];
    for (rank, (pair, delta)) in matrices.into_iter().enumerate() {
        delta.spectrum = if rank < limit {
            let outcome = spectrum(pair, delta, (top, device), &mut buffers)?;
            progress.advance(pair.bytes());
            outcome
        } else {
            SpectrumOutcome::Skipped(format!("only the {limit} most changed matrices get one by default"))
        };
    }
    progress.end();
    Ok(())
}

/// A matrix of floats that moved; a matrix of integers is a table of indices, not an operator.
fn is_matrix_change<S: Source>(pair: &Pair<'_, S>, delta: &TensorDelta) -> bool {
    let is_matrix = pair.before.1.shape.matrix().is_some_and(|(rows, cols)| rows > 1 && cols > 1);
    let is_float = |entry: &Entry| matches!(entry.dtype.kind(), NumberKind::Float { .. });
    let moved = delta.change.as_ref().is_some_and(|change| change.delta_norm != 0.0);
    is_matrix && is_float(pair.before.1) && is_float(pair.after.1) && delta.status == Status::Changed && moved
}

/// The spectrum of one change, and σ₁ of the matrix before for the relative norm.
///
/// The sums have already told whether every element is finite: a norm that is not says so without a search.
fn spectrum<S: Source>(
    pair: &Pair<'_, S>,
    delta: &TensorDelta,
    (top, device): (usize, &Device),
    [buffer_before, buffer_after]: &mut [Vec<u8>; 2],
) -> Result<SpectrumOutcome, S::Error> {
    let Some(change) = &delta.change else { return Ok(SpectrumOutcome::NotApplicable) };
    if !(change.before_norm.is_finite() && change.after_norm.is_finite()) {
        return Ok(SpectrumOutcome::Skipped("the matrix holds values that are not finite".to_owned()));
    }
    let (Some(before), Some(after)) = (whole(pair.before, buffer_before)?, whole(pair.after, buffer_after)?)
    else {
        return Ok(SpectrumOutcome::Skipped("the matrix is too large for this machine".to_owned()));
    };
    let options = SpectrumOptions { top, ..SpectrumOptions::default() };
    let found = spectrum_of_change(device, before, after, &options);
    let before_norm = spectral_norm(&before, options.seed);
    Ok(match (found, before_norm) {
        (Ok(found), Ok(before_norm)) => SpectrumOutcome::Computed(describe(found, before_norm, change)),
        (Err(error), _) => SpectrumOutcome::Skipped(error.to_string()),
        (_, Err(error)) => SpectrumOutcome::Skipped(error.to_string()),
    })
}

/// All of a matrix; `None` where its extents do not fit this machine's words.
fn whole<'a, S: Source>(
    (source, entry): (&'a S, &Entry),
    buffer: &'a mut Vec<u8>,
) -> Result<Option<StoredMatrix<'a>>, S::Error> {
    let Some((rows, cols)) = entry.shape.matrix() else { return Ok(None) };
    let (Ok(rows), Ok(cols), Ok(len)) =
        (usize::try_from(rows), usize::try_from(cols), usize::try_from(entry.bytes))
    else {
        return Ok(None);
    };
    let bytes = source.read(entry, 0, len, buffer)?;
    Ok(Some(StoredMatrix { dtype: entry.dtype, bytes, rows, cols }))
}

/// The figures of a spectrum. `energy` is `delta_norm²` of the pass, over all elements, so that `top_energy`
/// is a share of the whole change and not of the values that were computed.
fn describe(found: ChangeSpectrum, before_norm: f64, change: &Change) -> Spectrum {
    let spectrum = found.spectrum;
    let spectral_norm = spectrum.singular_values.first().copied().unwrap_or(0.0);
    let energy = change.delta_norm.powi(2);
    Spectrum {
        relative_spectral_norm: relative(spectral_norm, before_norm),
        stable_rank: energy / spectral_norm.powi(2),
        numerical_rank: spectrum.rank,
        numerical_rank_is_lower_bound: spectrum.rank_is_lower_bound,
        rounding_edge: found.rounding_edge,
        top_energy: spectrum.energy_above_edge / energy,
        method: spectrum.method,
        residual: spectrum.residual,
        singular_values: spectrum.singular_values,
        spectral_norm,
    }
}
