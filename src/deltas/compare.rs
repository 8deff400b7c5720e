//! The comparison of two checkpoints from end to end.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::change::relative;
use super::pairing::{self, Pairing};
use super::pass::{self, Found, Pair, Progress};
use super::{
    Change, Deltas, NamePattern, Receipt, Side, SpectrumOutcome, Status, Summary, TensorDelta, receipt,
    signature, spectra, verdict,
};
use crate::compute::{Device, GpuError};
use crate::model::role_of;
use crate::tensor::{Dtype, Entry, Printable, Source};

/// What to compute of a pair.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Only tensors whose name matches one of these; all where there are none.
    pub only: Vec<NamePattern>,
    /// Which singular values.
    pub spectrum: SpectrumPlan,
    /// Whether the norms of identical tensors are wanted too.
    pub norms: bool,
    /// What is expected of the pair.
    pub receipt: Receipt,
    /// Where numbers are made.
    pub device: Device,
}

/// Which singular values of the changes are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpectrumPlan {
    /// None.
    Skip,
    /// So many leading values of every changed matrix.
    Every(usize),
    /// So many leading values of the matrices that changed most, as many matrices as a reader can take in.
    MostChanged(usize),
}

impl Default for SpectrumPlan {
    fn default() -> Self {
        Self::MostChanged(8)
    }
}

/// Why a comparison has no result.
#[derive(Debug, thiserror::Error)]
pub enum DeltasError<E: std::error::Error + 'static> {
    /// A file could not be read, or changed while it was.
    #[error(transparent)]
    Read(#[from] E),
    /// The device that was to make the numbers.
    #[error(transparent)]
    Device(GpuError),
    /// `--only` leaves nothing to compare.
    #[error("no tensor of either side matches {0}")]
    NothingSelected(String),
    /// No tensor of that name is on both sides.
    #[error("no tensor named {} is on both sides", Printable(.0))]
    NoSuchTensor(String),
    /// The tensor has no numbers to count.
    #[error("{} has dtype {dtype}, which is compared as bytes only", Printable(.name))]
    NotNumeric {
        /// Its name.
        name: String,
        /// Its dtype.
        dtype: Dtype,
    },
}

/// Compares two checkpoints.
///
/// Every tensor of either side is in the result. Bytes are compared first; only a tensor with a
/// differing byte is read as numbers, in f64, in a fixed order: the result is the same to the last bit
/// for any number of threads. Both sources are verified at the end, so a file that changed on the way
/// gives an error and never a result.
///
/// What is not read: a pair that is one storage on disk (unless norms are asked for), and a tensor that
/// came, went or changed its shape. Two dtypes of one shape are compared by value. The summary's norms add
/// up squares over the tensors that count, `‖Δ‖ = √(Σ ‖Δ_t‖²)`, so they are those of the whole model's
/// difference.
///
/// # Errors
/// [`DeltasError::Read`] where a source fails; [`DeltasError::NothingSelected`] where the plan's `only`
/// matches nothing.
pub fn compare<S: Source>(
    before: &S,
    after: &S,
    plan: &Plan,
    progress: &dyn Progress,
) -> Result<Deltas, DeltasError<S::Error>> {
    let sides = (before.entries(), after.entries());
    let pairing = pairing::pair(sides.0.keys().map(String::as_str), sides.1.keys().map(String::as_str));
    let pairing = select(pairing, &plan.only)?;
    let mut pairs = Vec::with_capacity(pairing.pairs.len());
    let mut tensors = Vec::with_capacity(pairing.pairs.len());
    for (name, name_after) in pairing.pairs {
        let (Some(a), Some(b)) = (sides.0.get(name), sides.1.get(name_after)) else { continue };
        if a.shape == b.shape {
            pairs.push(Pair { before: (before, a), after: (after, b) });
        } else {
            let shape_after = Some(b.shape.clone());
            tensors.push(TensorDelta { shape_after, ..blank(a, Some(a), Some(b), Status::Reshaped) });
        }
    }
    let removed = pairing.removed.iter().filter_map(|&name| sides.0.get(name));
    tensors.extend(removed.map(|entry| blank(entry, Some(entry), None, Status::Removed)));
    let added = pairing.added.iter().filter_map(|&name| sides.1.get(name));
    tensors.extend(added.map(|entry| blank(entry, None, Some(entry), Status::Added)));
    tensors.extend(measure(&mut pairs, plan, progress)?);
    tensors.sort_by(most_changed_first);
    let summary = Summary { renamed_prefix: pairing.renamed_prefix, ..summarise(&tensors, plan.norms) };
    before.verify_unchanged()?;
    after.verify_unchanged()?;
    Ok(Deltas {
        before: side(before),
        after: side(after),
        verdict: verdict(&summary, &tensors),
        expectations: receipt::check(&plan.receipt, &summary, &tensors),
        signature: signature(&tensors),
        summary,
        tensors,
    })
}

/// What the patterns leave: a pair stays where either of its names matches.
fn select<'a, E: std::error::Error>(
    mut pairing: Pairing<'a>,
    only: &[NamePattern],
) -> Result<Pairing<'a>, DeltasError<E>> {
    if only.is_empty() {
        return Ok(pairing);
    }
    let wanted = |name: &str| only.iter().any(|pattern| pattern.matches(name));
    pairing.pairs.retain(|(before, after)| wanted(before) || wanted(after));
    pairing.added.retain(|name| wanted(name));
    pairing.removed.retain(|name| wanted(name));
    if pairing.pairs.is_empty() && pairing.added.is_empty() && pairing.removed.is_empty() {
        let patterns: Vec<String> = only.iter().map(|p| Printable(p.as_str()).to_string()).collect();
        return Err(DeltasError::NothingSelected(patterns.join(", ")));
    }
    Ok(pairing)
}

/// Every pair, compared and measured.
fn measure<S: Source>(
    pairs: &mut [Pair<'_, S>],
    plan: &Plan,
    progress: &dyn Progress,
) -> Result<Vec<TensorDelta>, DeltasError<S::Error>> {
    // In the order of the file, so that a disk is read forwards.
    pairs.sort_by_key(|pair| (pair.before.1.file, pair.before.1.offset));
    let (unread, read): (Vec<Pair<'_, S>>, Vec<Pair<'_, S>>) =
        pairs.iter().partition(|pair| !plan.norms && pair.is_same_storage());
    let found = pass::run(&read, plan.norms, &plan.device, progress)?;
    let mut measured = Vec::with_capacity(read.len());
    for (pair, found) in read.into_iter().zip(found) {
        let delta = conclude(&pair, found);
        measured.push((pair, delta));
    }
    spectra::fill(&mut measured, (plan.spectrum, &plan.device), progress)?;
    let unread = unread.iter().map(|pair| blank_pair(pair, Status::Identical));
    Ok(unread.chain(measured.into_iter().map(|(_, delta)| delta)).collect())
}

fn conclude<S: Source>(pair: &Pair<'_, S>, found: Found) -> TensorDelta {
    match found {
        Found::Identical => blank_pair(pair, Status::Identical),
        Found::DifferentBytes => blank_pair(pair, Status::Changed),
        Found::Numbers(change) => {
            let status = if change.changed_elements == 0 { Status::Identical } else { Status::Changed };
            TensorDelta { change: Some(*change), ..blank_pair(pair, status) }
        }
    }
}

/// A tensor of which nothing is known but what the headers say.
fn blank(named: &Entry, before: Option<&Entry>, after: Option<&Entry>, status: Status) -> TensorDelta {
    TensorDelta {
        name: named.name.clone(),
        shape: named.shape.clone(),
        shape_after: None,
        dtype_before: before.map(|entry| entry.dtype),
        dtype_after: after.map(|entry| entry.dtype),
        status,
        role: role_of(&named.name),
        elements: named.elements,
        change: None,
        spectrum: SpectrumOutcome::NotApplicable,
    }
}

fn blank_pair<S>(pair: &Pair<'_, S>, status: Status) -> TensorDelta {
    blank(pair.before.1, Some(pair.before.1), Some(pair.after.1), status)
}

/// By relative delta, largest first (NaN above all), then changed before the rest, then by name.
///
/// Tensors without numbers rank as 0: those that came, went or changed shape stand after the changed ones of
/// any size above zero, and before the identical ones.
fn most_changed_first(a: &TensorDelta, b: &TensorDelta) -> Ordering {
    let rank = |tensor: &TensorDelta| match &tensor.change {
        Some(change) if change.relative_delta.is_nan() => f64::INFINITY,
        Some(change) => change.relative_delta,
        None => 0.0,
    };
    let settled = |tensor: &TensorDelta| tensor.status == Status::Identical;
    rank(b).total_cmp(&rank(a)).then(settled(a).cmp(&settled(b))).then_with(|| a.name.cmp(&b.name))
}

fn summarise(tensors: &[TensorDelta], norms: bool) -> Summary {
    let named = |status: Status| {
        let mut names: Vec<String> =
            tensors.iter().filter(|t| t.status == status).map(|t| t.name.clone()).collect();
        names.sort_unstable();
        names
    };
    let is_retyped = |t: &&TensorDelta| t.dtype_before.zip(t.dtype_after).is_some_and(|(a, b)| a != b);
    let mut retyped: Vec<String> = tensors.iter().filter(is_retyped).map(|t| t.name.clone()).collect();
    retyped.sort_unstable();
    let count = |status: Status| tensors.iter().filter(|t| t.status == status).count();
    let (changed, identical) = (count(Status::Changed), count(Status::Identical));
    let counts = |t: &&TensorDelta| norms || t.status == Status::Changed;
    let changes = || tensors.iter().filter(counts).filter_map(|t| t.change.as_ref());
    let norm =
        |part: fn(&Change) -> f64| changes().fold(0.0, |sum, change| sum + part(change).powi(2)).sqrt();
    let (delta_norm, before_norm) = (norm(|change| change.delta_norm), norm(|change| change.before_norm));
    Summary {
        tensors_compared: changed + identical,
        tensors_changed: changed,
        tensors_identical: identical,
        added: named(Status::Added),
        removed: named(Status::Removed),
        reshaped: named(Status::Reshaped),
        retyped,
        delta_norm,
        before_norm,
        relative_delta: relative(delta_norm, before_norm),
        new_nonfinite: changes().map(|change| change.new_nonfinite).sum(),
        renamed_prefix: None,
    }
}

fn side<S: Source>(source: &S) -> Side {
    let entries = source.entries();
    Side {
        path: source.path().to_owned(),
        files: entries.values().map(|entry| entry.file).collect::<BTreeSet<_>>().len(),
        tensors: entries.len(),
        parameters: entries.values().map(|entry| entry.elements).fold(0, u64::saturating_add),
        bytes: entries.values().map(|entry| entry.bytes).fold(0, u64::saturating_add),
        sha256: Vec::new(),
    }
}
