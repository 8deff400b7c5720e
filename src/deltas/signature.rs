//! Which kind of editor leaves such a change.
//!
//! A guess from the shape of the change alone: its rank, its mask, its bound and its place. It names no method's
//! code; several methods leave the same trace, and where two explanations fit the reasons give both.

use super::low_rank::{Low, layers_of, low_rank};
use super::trace::{Trace, trace_of, within_rounding};
use super::{Signature, SignatureKind, SpectrumOutcome, Status, TensorDelta};
use crate::model::MatrixKind;
use crate::tensor::{Printable, counted, figure, listed, percent};

/// Changed matrices by their trace.
#[derive(Default)]
struct Sorted<'a> {
    low: Vec<Low<'a>>,
    sparse: Vec<(&'a TensorDelta, f64, f64)>,
    bounded: Vec<&'a TensorDelta>,
    dense: Vec<(&'a TensorDelta, Option<(f64, f64)>)>,
    rounding: Vec<&'a TensorDelta>,
    unknown: Vec<&'a TensorDelta>,
    /// Changed tensors that are no matrix, beyond what rounding explains.
    others: Vec<&'a TensorDelta>,
}

/// Guesses the kind of editor from what changed.
///
/// Each changed matrix is one of: nothing beyond rounding, low rank (first, as a sparse factor also leaves
/// untouched elements), bounded, masked, dense, or unknown where it has no spectrum. The kind is that of most of
/// them, on a tie the less specific one; matrices of rounding only and unknown ones do not vote. `layers` are those
/// of all changed matrices. `estimated_edits` is the numerical rank (the median over the layers of one module): an
/// edit adds at most one direction, so it is at least that many. Nothing changed, only rounding, and nothing known
/// all give [`SignatureKind::None`] with a reason of its own.
///
/// ```text
/// some matrix has a vote                            the kind of most; of equals the last of low rank,
///                                                   bounded, masked, dense
/// none has, none is unknown, and vectors moved      dense: training of biases and norms
/// beyond rounding
/// else                                              none
/// ```
pub fn signature(tensors: &[TensorDelta]) -> Signature {
    let changed: Vec<&TensorDelta> =
        tensors.iter().filter(|tensor| tensor.status == Status::Changed).collect();
    let sorted = sort(&changed);
    let (kind, estimated_edits, mut reasons) = decide(&sorted, changed.len());
    reasons.extend(asides(&sorted, kind));
    let matrices = changed.iter().filter(|tensor| tensor.shape.matrix().is_some());
    Signature { kind, layers: layers_of(matrices.copied()), estimated_edits, reasons }
}

/// Puts every changed tensor where its trace belongs.
fn sort<'a>(changed: &[&'a TensorDelta]) -> Sorted<'a> {
    let mut sorted = Sorted::default();
    for &tensor in changed {
        match trace_of(tensor) {
            Trace::LowRank(spectrum) => sorted.low.push((tensor, spectrum)),
            Trace::Masked { moved, rounding_holds } => sorted.sparse.push((tensor, moved, rounding_holds)),
            Trace::Bounded => sorted.bounded.push(tensor),
            Trace::Dense { perhaps_masked } => sorted.dense.push((tensor, perhaps_masked)),
            Trace::Rounding => sorted.rounding.push(tensor),
            Trace::Unknown => sorted.unknown.push(tensor),
            Trace::NoMatrix if within_rounding(tensor) => sorted.rounding.push(tensor),
            Trace::NoMatrix => sorted.others.push(tensor),
        }
    }
    sorted
}

/// Kind, number of edits and the reasons for them.
fn decide(sorted: &Sorted<'_>, changed: usize) -> (SignatureKind, Option<usize>, Vec<String>) {
    // Of equal counts `max_by_key` keeps the last, so the least specific stands there.
    let votes = [
        (SignatureKind::LowRank, sorted.low.len()),
        (SignatureKind::Bounded, sorted.bounded.len()),
        (SignatureKind::Sparse, sorted.sparse.len()),
        (SignatureKind::Dense, sorted.dense.len()),
    ];
    let most = votes.into_iter().filter(|vote| vote.1 > 0).max_by_key(|vote| vote.1);
    match most.map(|vote| vote.0) {
        Some(SignatureKind::LowRank) => low_rank(&sorted.low, &sorted.unknown),
        Some(SignatureKind::Sparse) => (SignatureKind::Sparse, None, sparse(&sorted.sparse)),
        Some(SignatureKind::Bounded) => (SignatureKind::Bounded, None, bounded(&sorted.bounded)),
        Some(_) => (SignatureKind::Dense, None, dense(&sorted.dense)),
        None => (without_votes(sorted), None, vec![why_without_votes(sorted, changed)]),
    }
}

/// The kind where no matrix has a trace that tells.
fn without_votes(sorted: &Sorted<'_>) -> SignatureKind {
    let vectors_only = sorted.unknown.is_empty() && !sorted.others.is_empty();
    if vectors_only { SignatureKind::Dense } else { SignatureKind::None }
}

/// Why no matrix has a trace that tells.
fn why_without_votes(sorted: &Sorted<'_>, changed: usize) -> String {
    if changed == 0 {
        "no value changed".into()
    } else if !sorted.unknown.is_empty() {
        "it cannot be told which editor this was: no changed matrix has a spectrum that was computed".into()
    } else if sorted.others.is_empty() {
        let names = listed(sorted.rounding.iter().map(|tensor| tensor.name.as_str()));
        format!(
            "every change is of the size that rounding to the stored dtype gives, as a cast leaves it ({}: {names})",
            counted(changed, "tensor", "tensors"),
        )
    } else {
        "only tensors that are no matrices changed beyond rounding: training of biases and norms leaves this, editors \
         of facts write to matrices"
            .into()
    }
}

/// Reasons for masks.
fn sparse(sparse: &[(&TensorDelta, f64, f64)]) -> Vec<String> {
    let describe = |&(tensor, moved, held): &(&TensorDelta, f64, f64)| {
        format!(
            "only {} of the elements of {} changed, and rounding can explain at most {} that did not: a mask, as RECT \
             leaves it",
            percent(moved),
            Printable(&tensor.name),
            percent(held),
        )
    };
    let mut reasons: Vec<String> = sparse.first().map(describe).into_iter().collect();
    if let [_, more @ ..] = sparse
        && !more.is_empty()
    {
        reasons.push(format!("the same in {}", listed(more.iter().map(|(tensor, ..)| tensor.name.as_str()))));
    }
    if sparse.iter().any(|(tensor, ..)| kind_of(tensor) == Some(MatrixKind::Embedding)) {
        reasons.push("in an embedding, tokens that training never met are untouched too".into());
    }
    reasons
}

/// Reasons for a bound.
fn bounded(bounded: &[&TensorDelta]) -> Vec<String> {
    let bound = bounded.iter().filter_map(|tensor| tensor.change.as_ref()).map(|change| change.max_abs_delta);
    vec![format!(
        "at least 10 % of the elements of {} moved by the same largest amount, {}: training with a bound on each element \
         (FT-L) leaves this",
        listed(bounded.iter().map(|tensor| tensor.name.as_str())),
        figure(bound.fold(0.0, f64::max)),
    )]
}

/// Reasons for a change in every direction, and whether a mask may hide behind rounding.
fn dense(dense: &[(&TensorDelta, Option<(f64, f64)>)]) -> Vec<String> {
    let names = listed(dense.iter().map(|(tensor, _)| tensor.name.as_str()));
    let mut reasons = vec![format!(
        "the change of {} has no low rank, no mask and no bound: fine-tuning or merging leaves this ({names})",
        counted(dense.len(), "matrix", "matrices"),
    )];
    let unsure = dense.iter().find_map(|(tensor, perhaps)| perhaps.map(|shares| (tensor, shares)));
    if let Some((tensor, (moved, held))) = unsure {
        reasons.push(format!(
            "{} of the elements of {} did not change; rounding alone may explain {}, so a mask (RECT) cannot be told \
             from rounding here",
            percent(1.0 - moved),
            Printable(&tensor.name),
            percent(held),
        ));
    }
    reasons
}

/// What a tensor does, where its name tells.
fn kind_of(tensor: &TensorDelta) -> Option<MatrixKind> {
    tensor.role.as_ref().map(|role| role.kind)
}

/// What changed besides the matrices that decided.
fn asides(sorted: &Sorted<'_>, kind: SignatureKind) -> Vec<String> {
    let low = matches!(kind, SignatureKind::RankOne | SignatureKind::LowRank);
    let other_kinds = [
        (sorted.low.len(), low, "of low rank"),
        (sorted.sparse.len(), kind == SignatureKind::Sparse, "masked"),
        (sorted.bounded.len(), kind == SignatureKind::Bounded, "bounded"),
        (sorted.dense.len(), kind == SignatureKind::Dense, "dense"),
    ];
    let mut asides: Vec<String> = other_kinds
        .into_iter()
        .filter(|&(count, decided, _)| count > 0 && !decided)
        .map(|(count, _, what)| {
            format!("{} changed as well, {what}", counted(count, "other matrix", "other matrices"))
        })
        .collect();
    let told = kind != SignatureKind::None;
    for (group, what) in [
        (&sorted.rounding, "changed by no more than rounding gives"),
        (&sorted.unknown, "changed and could not be judged: no spectrum"),
        (&sorted.others, "changed and is no matrix"),
    ] {
        if told && !group.is_empty() {
            let names = listed(group.iter().map(|tensor| tensor.name.as_str()));
            asides.push(format!("{} {what}: {names}", counted(group.len(), "tensor", "tensors")));
        }
    }
    if let Some(SpectrumOutcome::Skipped(why)) = sorted.unknown.first().map(|tensor| &tensor.spectrum) {
        asides.push(format!("the spectrum was not computed: {why}"));
    }
    asides
}

#[cfg(test)]
mod tests {
    use super::super::sample::{EDITED, changed, identical};
    use super::*;
    use crate::tensor::{Dtype, Shape};

    /// Full rank: the count of singular values stopped at its cap with much energy left.
    fn dense(name: &str) -> TensorDelta {
        changed(name).with_spectrum(|spectrum| {
            spectrum.numerical_rank = 32;
            spectrum.numerical_rank_is_lower_bound = true;
            spectrum.top_energy = 0.6;
            spectrum.stable_rank = 21.0;
        })
    }

    fn down(layer: u32) -> TensorDelta {
        changed(&format!("model.layers.{layer}.mlp.down_proj.weight"))
    }

    /// The signature, after checking that one of its reasons holds the words.
    fn assert_kind(tensors: &[TensorDelta], kind: SignatureKind, words: &str) -> Signature {
        let found = signature(tensors);
        assert_eq!(found.kind, kind, "{:?}", found.reasons);
        assert!(found.reasons.iter().any(|reason| reason.contains(words)), "{:?}", found.reasons);
        found
    }

    #[test]
    fn nothing_changed_leaves_no_signature() {
        let found = assert_kind(&[identical(EDITED)], SignatureKind::None, "no value changed");
        assert_eq!((found.layers, found.estimated_edits), (vec![], None));
        assert_kind(&[], SignatureKind::None, "no value changed");
    }

    #[test]
    fn one_rank_in_one_down_projection_is_the_rome_family() {
        let found = assert_kind(
            &[changed(EDITED), identical("transformer.h.17.mlp.c_fc.weight")],
            SignatureKind::RankOne,
            "the down projection of the MLP of layer 17: the ROME family writes there",
        );
        assert_eq!((found.layers, found.estimated_edits), (vec![17], Some(1)));
        assert!(
            found.reasons.iter().any(|reason| reason.contains("has rank 1 above what rounding to F32 gives"))
        );
    }

    #[test]
    fn one_rank_elsewhere_is_called_unusual_or_untold() {
        assert_kind(&[changed("h.3.attn.c_attn.weight")], SignatureKind::RankOne, "an unusual place");
        assert_kind(&[changed("blocks.3.w2")], SignatureKind::RankOne, "cannot be told");
    }

    #[test]
    fn one_changed_row_is_not_taken_for_an_edit_without_saying_so() {
        let row = changed("wte.weight").with_change(|change| change.changed_elements = 64);
        assert_kind(&[row], SignatureKind::RankOne, "only 64 elements changed: one row or column");
    }

    #[test]
    fn several_ranks_in_one_tensor_estimate_the_edits() {
        let found = assert_kind(&[down(5).with_rank(7)], SignatureKind::LowRank, "EMMET on one layer");
        assert_eq!(found.estimated_edits, Some(7));
    }

    #[test]
    fn low_rank_in_layers_in_a_row_is_the_memit_family() {
        let layers: Vec<TensorDelta> = (4..9).map(|layer| down(layer).with_rank(layer as usize)).collect();
        let found = assert_kind(
            &layers,
            SignatureKind::LowRank,
            "in 5 consecutive layers, 4–8, ranks 4 to 8 each: the MEMIT",
        );
        assert_eq!((found.layers, found.estimated_edits), (vec![4, 5, 6, 7, 8], Some(6)));
    }

    #[test]
    fn a_rank_that_stopped_at_its_cap_is_at_least_that() {
        let capped = |layer| {
            down(layer).with_spectrum(|spectrum| {
                spectrum.numerical_rank = 64;
                spectrum.numerical_rank_is_lower_bound = true;
                spectrum.top_energy = 0.97;
            })
        };
        let one = down(4).with_spectrum(|spectrum| spectrum.numerical_rank_is_lower_bound = true);
        assert_kind(&[one], SignatureKind::LowRank, "has rank at least 1 above");
        let found =
            assert_kind(&[capped(4), capped(5)], SignatureKind::LowRank, "the median rank of at least 64");
        assert_eq!(found.estimated_edits, Some(64));
    }

    #[test]
    fn low_rank_in_many_modules_looks_like_an_adapter() {
        let modules = ["self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj"];
        let tensors: Vec<TensorDelta> = (0..4)
            .flat_map(|layer| {
                modules.map(|module| changed(&format!("model.layers.{layer}.{module}.weight")).with_rank(8))
            })
            .collect();
        let found = assert_kind(
            &tensors,
            SignatureKind::LowRank,
            "12 matrices changed with rank 8, layers 0–3, modules mlp.down_proj, self_attn.q_proj, self_attn.v_proj: merged",
        );
        assert!(found.reasons.iter().any(|reason| reason.contains("LoRA")));
        assert_eq!((found.layers, found.estimated_edits), (vec![0, 1, 2, 3], None));
    }

    #[test]
    fn one_module_that_is_no_down_projection_is_not_the_memit_family() {
        let queries =
            [4, 5, 6].map(|layer| changed(&format!("model.layers.{layer}.self_attn.q_proj.weight")));
        let found =
            assert_kind(&queries, SignatureKind::LowRank, "modules self_attn.q_proj: merged adapters");
        assert_eq!(found.estimated_edits, None);
    }

    #[test]
    fn matrices_whose_rank_was_not_computed_still_count_by_their_place() {
        let unmeasured = |name: &str| TensorDelta {
            spectrum: SpectrumOutcome::Skipped("only the most changed matrices were asked for".into()),
            ..changed(name)
        };
        // Measured alone, these two would be the MEMIT family, and one of them the ROME family.
        let queries = [unmeasured("model.layers.4.self_attn.q_proj.weight"), down(4), down(5)];
        assert_kind(
            &queries,
            SignatureKind::LowRank,
            "modules mlp.down_proj, self_attn.q_proj: merged adapters",
        );
        let found =
            assert_kind(&queries[..2], SignatureKind::LowRank, "1 tensor changed and could not be judged");
        assert_eq!(found.estimated_edits, None);
        let elsewhere = [down(4), unmeasured("model.layers.9.mlp.down_proj.weight")];
        assert_kind(&elsewhere, SignatureKind::LowRank, "layers not in a row");
    }

    #[test]
    fn layers_with_gaps_or_too_many_of_them_cannot_be_told_from_an_adapter() {
        assert_kind(&[down(3), down(9)], SignatureKind::LowRank, "layers not in a row");
        let all: Vec<TensorDelta> = (0..32).map(down).collect();
        assert_kind(&all, SignatureKind::LowRank, "more layers than the MEMIT family uses");
        assert_kind(&[changed("a.w"), changed("b.w")], SignatureKind::LowRank, "no known family");
    }

    #[test]
    fn encoder_and_decoder_of_one_number_are_not_one_module() {
        let t5 = [
            "encoder.block.3.layer.1.DenseReluDense.wo.weight",
            "decoder.block.4.layer.2.DenseReluDense.wo.weight",
        ];
        assert_kind(&t5.map(changed), SignatureKind::LowRank, "encoder.layer.1.DenseReluDense.wo: merged");
    }

    #[test]
    fn a_mask_in_full_precision_is_rect() {
        let found = assert_kind(
            &[dense(EDITED).with_share(0.4)],
            SignatureKind::Sparse,
            "only 40.0 % of the elements of transformer.h.17.mlp.c_proj.weight changed",
        );
        assert_eq!(found.layers, [17]);
    }

    #[test]
    fn a_mask_that_rounding_may_explain_is_not_claimed() {
        let small = dense(EDITED).with_dtype(Dtype::BF16).with_relative(0.003).with_share(0.4);
        assert_kind(&[small], SignatureKind::Dense, "a mask (RECT) cannot be told from rounding");
        // At the same share an update ten times as large would have moved far more of the elements.
        let large = dense(EDITED).with_dtype(Dtype::BF16).with_relative(0.03).with_share(0.4);
        assert_kind(&[large], SignatureKind::Sparse, "a mask");
    }

    #[test]
    fn an_update_of_low_rank_stays_one_however_many_elements_it_left() {
        assert_kind(&[changed(EDITED).with_share(0.1)], SignatureKind::RankOne, "ROME");
    }

    #[test]
    fn many_elements_at_one_largest_change_are_a_bound() {
        let clamped = dense("h.0.mlp.c_proj.weight").with_change(|change| {
            change.max_abs_delta = 5e-4;
            change.abs_delta_quantiles.p90 = 4.97e-4;
        });
        assert_kind(
            std::slice::from_ref(&clamped),
            SignatureKind::Bounded,
            "the same largest amount, 5.00e-4",
        );
        let loose = clamped.with_change(|change| change.abs_delta_quantiles.p90 = 4.8e-4);
        assert_kind(&[loose], SignatureKind::Dense, "no low rank, no mask and no bound");
    }

    #[test]
    fn many_directions_are_fine_tuning() {
        let tensors = [dense("h.0.mlp.c_proj.weight"), dense("h.1.mlp.c_fc.weight")];
        let found = assert_kind(&tensors, SignatureKind::Dense, "the change of 2 matrices has no low rank");
        assert_eq!((found.layers, found.estimated_edits), (vec![0, 1], None));
        // Exactly counted, but more than a quarter of the shorter side.
        assert_kind(&[changed(EDITED).with_rank(17)], SignatureKind::Dense, "fine-tuning");
        assert_kind(&[changed(EDITED).with_rank(16)], SignatureKind::LowRank, "rank 16");
    }

    #[test]
    fn a_cast_is_not_an_edit() {
        let cast = |name: &str| TensorDelta {
            dtype_after: Some(Dtype::BF16),
            ..changed(name).with_rank(0).with_relative(0.0017)
        };
        let tensors = [cast(EDITED), cast("h.0.ln_1.weight").into_vector()];
        assert_kind(&tensors, SignatureKind::None, "as a cast leaves it (2 tensors");
    }

    #[test]
    fn training_of_vectors_alone_is_dense_and_says_so() {
        let bias = changed("h.0.mlp.c_proj.bias").into_vector();
        assert_kind(&[bias], SignatureKind::Dense, "only tensors that are no matrices changed");
    }

    #[test]
    fn without_a_spectrum_nothing_is_claimed() {
        let mut tensor = changed(EDITED);
        tensor.spectrum = SpectrumOutcome::Skipped("the values are not finite".into());
        let found =
            assert_kind(&[tensor.clone()], SignatureKind::None, "it cannot be told which editor this was");
        assert!(found.reasons.iter().any(|reason| reason.contains("the values are not finite")));
        // Where others are known they decide, and the unknown one is named.
        let found =
            assert_kind(&[tensor, dense("h.1.mlp.c_fc.weight")], SignatureKind::Dense, "could not be judged");
        assert_eq!(found.layers, [1, 17]);
    }

    #[test]
    fn what_changed_beside_the_edit_is_told() {
        let tensors = [changed(EDITED), changed("h.0.ln_1.weight").into_vector(), down(3).with_rank(0)];
        let found = assert_kind(
            &tensors,
            SignatureKind::RankOne,
            "1 tensor changed and is no matrix: h.0.ln_1.weight",
        );
        assert!(
            found.reasons.iter().any(|reason| reason.contains("no more than rounding gives: model.layers.3"))
        );
        assert_kind(
            &[changed(EDITED), dense("a.b")],
            SignatureKind::Dense,
            "1 other matrix changed as well, of low rank",
        );
    }

    #[test]
    fn a_row_stored_as_a_matrix_is_a_vector() {
        let row = TensorDelta { shape: Shape(vec![1, 64]), ..changed("x") };
        assert_kind(&[row], SignatureKind::Dense, "only tensors that are no matrices changed");
    }
}
