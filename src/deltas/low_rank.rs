//! What a change of low rank says about its editor: one edit, a batch over layers, or an adapter.

use std::collections::BTreeSet;

use super::{SignatureKind, Spectrum, TensorDelta};
use crate::model::MatrixKind;
use crate::tensor::{Printable, counted, figure, listed, percent};

/// Layers in a row that an editor of the MEMIT family writes to at most: published settings use 5 or 6.
const MEMIT_LAYERS: usize = 8;

/// A matrix whose change has low rank, and its spectrum.
pub(super) type Low<'a> = (&'a TensorDelta, &'a Spectrum);

/// Layers of some tensors, ascending, each once.
pub(super) fn layers_of<'a>(tensors: impl Iterator<Item = &'a TensorDelta>) -> Vec<u32> {
    let mut layers: Vec<u32> = tensors.filter_map(|tensor| tensor.role.as_ref()?.layer).collect();
    layers.sort_unstable();
    layers.dedup();
    layers
}

/// Kind, number of edits and reasons where the matrices that decide are of low rank: one tensor, one module in
/// consecutive layers, or many modules.
///
/// Changed matrices without a spectrum (`unknown`) say nothing of the rank, but where they stand counts: an adapter
/// whose largest eight updates alone were measured must not pass for an edit of eight layers.
pub(super) fn low_rank(
    low: &[Low<'_>],
    unknown: &[&TensorDelta],
) -> (SignatureKind, Option<usize>, Vec<String>) {
    if let ([(tensor, spectrum)], []) = (low, unknown) {
        let one = spectrum.numerical_rank == 1 && !spectrum.numerical_rank_is_lower_bound;
        let kind = if one { SignatureKind::RankOne } else { SignatureKind::LowRank };
        return (kind, Some(spectrum.numerical_rank), one_tensor(tensor, spectrum, one));
    }
    let places: Vec<&TensorDelta> =
        low.iter().map(|(tensor, _)| *tensor).chain(unknown.iter().copied()).collect();
    let layers = layers_of(places.iter().copied());
    match same_down_projection(&places) {
        Some(module) if consecutive(&layers) && layers.len() <= MEMIT_LAYERS => {
            (SignatureKind::LowRank, Some(median_rank(low)), consecutive_layers(low, module, &layers))
        }
        Some(module) => (SignatureKind::LowRank, None, vec![scattered_layers(low, module, &layers)]),
        None => (SignatureKind::LowRank, None, vec![several_modules(low, &places, &layers)]),
    }
}

/// Reasons for one module in a few layers in a row.
fn consecutive_layers(low: &[Low<'_>], module: &str, layers: &[u32]) -> Vec<String> {
    let at_least = if any_lower_bound(low) { "at least " } else { "" };
    vec![
        format!(
            "{module} changed in {} consecutive layers, {}, {} each: the MEMIT family spreads its edits like this",
            layers.len(),
            span(layers),
            rank_range(low),
        ),
        format!(
            "an edit adds at most one direction, so the median rank of {at_least}{} speaks for as many edits or more",
            median_rank(low),
        ),
    ]
}

/// The reason for one module in layers that the MEMIT family would not choose.
fn scattered_layers(low: &[Low<'_>], module: &str, layers: &[u32]) -> String {
    let odd =
        if consecutive(layers) { "more layers than the MEMIT family uses" } else { "layers not in a row" };
    format!(
        "{module} changed in {} layers, {}, {} each: {odd}; merged adapters (LoRA) and separate edits of several layers \
         leave this alike, and it cannot be told which",
        layers.len(),
        span(layers),
        rank_range(low),
    )
}

/// The reason for low rank in other modules than the MLP's down projection, or in several.
fn several_modules(low: &[Low<'_>], places: &[&TensorDelta], layers: &[u32]) -> String {
    let (count, ranks) = (places.len(), rank_range(low));
    let modules: BTreeSet<&str> =
        places.iter().filter_map(|tensor| Some(tensor.role.as_ref()?.module.as_str())).collect();
    if modules.is_empty() {
        return format!(
            "{count} matrices changed with {ranks}, and their names belong to no known family: whether this is the \
             MEMIT family or a merged adapter (LoRA) cannot be told"
        );
    }
    format!(
        "{count} matrices changed with {ranks}, layers {}, modules {}: merged adapters (LoRA) leave this, or a learned \
         editor (MEND); ROME and MEMIT write to one module alone, the down projection of the MLP",
        span(layers),
        listed(modules),
    )
}

/// Reasons for one low-rank tensor.
fn one_tensor(tensor: &TensorDelta, spectrum: &Spectrum, one: bool) -> Vec<String> {
    let rank = if spectrum.numerical_rank_is_lower_bound { "at least " } else { "" };
    let stored = tensor.dtype_after.map_or_else(String::new, |dtype| format!(" to {dtype}"));
    let mut reasons = vec![format!(
        "the change of {} has rank {rank}{} above what rounding{stored} gives ({} of its energy, stable rank {})",
        Printable(&tensor.name),
        spectrum.numerical_rank,
        percent(spectrum.top_energy),
        figure(spectrum.stable_rank),
    )];
    let role = tensor.role.as_ref();
    reasons.push(match role.map(|role| (role.kind, role.layer)) {
        Some((MatrixKind::MlpDown, Some(layer))) if one => {
            format!("it is the down projection of the MLP of layer {layer}: the ROME family writes there, one rank an edit")
        }
        Some((MatrixKind::MlpDown, Some(layer))) => format!(
            "it is the down projection of the MLP of layer {layer}: MEMIT or EMMET on one layer, or as many ROME edits \
             one after the other"
        ),
        Some(_) => "an unusual place for an edit: ROME and MEMIT write to the down projection of the MLP".into(),
        None => "its name belongs to no known family: whether the place is usual cannot be told".into(),
    });
    let moved = tensor.change.as_ref().map_or(0, |change| change.changed_elements);
    let longest = tensor.shape.0.iter().copied().max().unwrap_or(0);
    if moved <= longest {
        let elements = counted(usize::try_from(moved).unwrap_or(usize::MAX), "element", "elements");
        reasons.push(format!("only {elements} changed: one row or column has low rank whoever wrote it"));
    }
    reasons
}

/// The module, where all are the MLP's down projection of one stack.
fn same_down_projection<'a>(places: &[&'a TensorDelta]) -> Option<&'a str> {
    let mut roles = places.iter().map(|tensor| tensor.role.as_ref());
    let first = roles.next()??;
    let same = roles.all(|role| role.is_some_and(|role| role.module == first.module));
    (same && first.kind == MatrixKind::MlpDown).then_some(&first.module)
}

/// Whether ascending layers have no gap.
fn consecutive(layers: &[u32]) -> bool {
    layers.is_sorted_by(|a, b| a.checked_add(1) == Some(*b))
}

/// `13–17`, or one number.
fn span(layers: &[u32]) -> String {
    match layers {
        [] => "unknown".into(),
        [only] => only.to_string(),
        [first, .., last] => format!("{first}–{last}"),
    }
}

/// Ranks in ascending order.
fn ranks(low: &[Low<'_>]) -> Vec<usize> {
    let mut ranks: Vec<usize> = low.iter().map(|(_, spectrum)| spectrum.numerical_rank).collect();
    ranks.sort_unstable();
    ranks
}

fn any_lower_bound(low: &[Low<'_>]) -> bool {
    low.iter().any(|(_, spectrum)| spectrum.numerical_rank_is_lower_bound)
}

/// The middle rank, the smaller of two middle ones.
fn median_rank(low: &[Low<'_>]) -> usize {
    let ranks = ranks(low);
    ranks.get(ranks.len().saturating_sub(1) / 2).copied().unwrap_or(0)
}

/// `rank 1`, `ranks 3 to 8`, with `or more` where a count stopped at its cap.
fn rank_range(low: &[Low<'_>]) -> String {
    let more = if any_lower_bound(low) { " or more" } else { "" };
    match ranks(low).as_slice() {
        [] => "no rank".into(),
        [first, .., last] if first != last => format!("ranks {first} to {last}{more}"),
        [first, ..] => format!("rank {first}{more}"),
    }
}
