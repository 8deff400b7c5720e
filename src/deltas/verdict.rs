//! How a change is judged.
//!
//! Only scale-free quantities decide: the update over the norm of its matrix, its largest singular value over the
//! matrix's own, values that stopped being numbers. An absolute norm says nothing: 20 is a harmless edit of one
//! matrix and the end of another. What the thresholds rest on, and what no norm can see, stands in `calibration`.

use super::calibration::{
    COLLAPSED_RELATIVE, COLLAPSED_SPECTRAL, SUSPECT_RELATIVE, SUSPECT_SPECTRAL, basis, no_threshold,
};
use super::mismatch::{structure, unrelated};
use super::{Change, Level, SpectrumOutcome, Status, Summary, TensorDelta, Verdict};
use crate::model::MatrixKind;
use crate::tensor::{Printable, counted, figure, listed};

/// One thing that was noticed: the level it speaks for, and why.
pub(super) struct Finding {
    pub(super) level: Level,
    pub(super) reason: String,
}

impl Finding {
    pub(super) fn new(level: Level, reason: String) -> Self {
        Self { level, reason }
    }

    /// Something a reader should know that decides nothing.
    fn note(reason: String) -> Self {
        Self::new(Level::Identical, reason)
    }
}

/// Judges the change of a pair of checkpoints.
///
/// The level is that of the gravest finding, and the reasons stand in that order. Matrices (two extents above 1)
/// decide by `relative_delta` and `relative_spectral_norm`. Vectors never do: a norm's weight or a bias that began
/// at zero grows many times in healthy training; nor do buffers, adapters and matrices that were zero before.
/// New non-finite values are `Invalid` whatever the norms say. A norm that is itself not finite is named: `Collapsed`
/// where the change overflows, `Suspect` where the tensor held non-finite values before, as its change has no measure.
/// Two models that share little but their names are `Suspect`, as are tensors that came, went or changed shape.
pub fn verdict(summary: &Summary, tensors: &[TensorDelta]) -> Verdict {
    let mut findings = nonfinite_values(summary, tensors);
    findings.extend(unmeasured(tensors));
    findings.extend(oversized(tensors));
    findings.extend(unrelated(tensors));
    findings.extend(structure(summary, tensors));
    findings.extend(notes(summary, tensors));
    // Stable: findings of one level stay in the order of the rules.
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    let floor = if summary.tensors_changed == 0 { Level::Identical } else { Level::Healthy };
    let level = findings.iter().map(|finding| finding.level).fold(floor, Level::max);
    if level == Level::Identical {
        findings.insert(0, Finding::note("no value differs".into()));
    }
    let reasons = findings.into_iter().map(|finding| finding.reason).collect();
    let calibration = match level {
        Level::Identical | Level::Invalid => no_threshold(),
        _ => basis(tensors.iter().filter(|tensor| judged(tensor).is_some()).count()),
    };
    Verdict { level, reasons, calibration }
}

/// The change of a tensor that norms may judge: a changed matrix of weights that were not all zero.
pub(super) fn judged(tensor: &TensorDelta) -> Option<&Change> {
    let change = changed(tensor)?;
    let kind = tensor.role.as_ref().map(|role| role.kind);
    let weights =
        !matches!(kind, Some(MatrixKind::Norm | MatrixKind::Bias | MatrixKind::Buffer | MatrixKind::Adapter));
    (weights && is_matrix(tensor) && change.before_norm != 0.0).then_some(change)
}

/// The change of a tensor that has one.
fn changed(tensor: &TensorDelta) -> Option<&Change> {
    tensor.change.as_ref().filter(|_| tensor.status == Status::Changed)
}

/// Whether a tensor is a matrix, or a stack of matrices: a single row or column is a vector.
fn is_matrix(tensor: &TensorDelta) -> bool {
    tensor.shape.0.iter().filter(|&&extent| extent > 1).count() >= 2
}

/// Values that were numbers and are none now.
fn nonfinite_values(summary: &Summary, tensors: &[TensorDelta]) -> Vec<Finding> {
    if summary.new_nonfinite == 0 {
        return Vec::new();
    }
    let broken = tensors.iter().filter(|t| changed(t).is_some_and(|change| change.new_nonfinite > 0));
    let names = listed(broken.map(|tensor| tensor.name.as_str()));
    let values = if summary.new_nonfinite == 1 { "value is" } else { "values are" };
    let reason = format!(
        "{} {values} no longer a finite number: {names}; the model cannot compute",
        summary.new_nonfinite
    );
    vec![Finding::new(Level::Invalid, reason)]
}

/// Changes whose size cannot be told although no value stopped being finite.
fn unmeasured(tensors: &[TensorDelta]) -> Vec<Finding> {
    let unmeasured = |tensor: &TensorDelta| {
        let change = changed(tensor)?;
        if change.relative_delta.is_finite() || change.before_norm == 0.0 || change.new_nonfinite > 0 {
            return None;
        }
        let name = Printable(&tensor.name);
        let before = change.nonfinite_before.total();
        Some(if before > 0 {
            let reason = format!(
                "the change of {name} has no finite norm: {before} of its values were not finite before"
            );
            Finding::new(Level::Suspect, reason)
        } else {
            let reason = format!(
                "the norm of the change of {name} is not finite: its values are beyond any trained weight"
            );
            Finding::new(Level::Collapsed, reason)
        })
    };
    tensors.iter().filter_map(unmeasured).collect()
}

/// Updates that are large against their matrix; where none is, the largest and how far it is from suspicion.
fn oversized(tensors: &[TensorDelta]) -> Vec<Finding> {
    let mut sizes: Vec<(Level, f64, &TensorDelta)> = tensors
        .iter()
        .filter_map(|tensor| {
            let relative = judged(tensor)?.relative_delta;
            relative.is_finite().then(|| (size_level(tensor, relative), relative, tensor))
        })
        .collect();
    sizes.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)));
    match sizes.as_slice() {
        [] => Vec::new(),
        [(Level::Healthy, relative, tensor), ..] => vec![Finding::new(
            Level::Healthy,
            format!(
                "the largest update, of {}, is {} times the norm of the matrix; healthy single edits stay below {}",
                Printable(&tensor.name),
                figure(*relative),
                SUSPECT_RELATIVE,
            ),
        )],
        [(level, relative, tensor), rest @ ..] => {
            let mut findings = vec![Finding::new(*level, size_reason(tensor, *relative))];
            let more: Vec<&str> =
                rest.iter().filter(|size| size.0 > Level::Healthy).map(|size| size.2.name.as_str()).collect();
            if !more.is_empty() {
                let reason =
                    format!("{} larger than healthy single edits: {}", further(more.len()), listed(more));
                findings.push(Finding::new(Level::Suspect, reason));
            }
            findings
        }
    }
}

/// `1 further update is`, `2 further updates are`.
fn further(count: usize) -> String {
    format!(
        "{} {}",
        counted(count, "further update", "further updates"),
        if count == 1 { "is" } else { "are" }
    )
}

/// The level that the size of one update speaks for.
fn size_level(tensor: &TensorDelta, relative: f64) -> Level {
    let spectral = relative_spectral_norm(tensor);
    if relative >= COLLAPSED_RELATIVE || spectral >= COLLAPSED_SPECTRAL {
        Level::Collapsed
    } else if relative >= SUSPECT_RELATIVE || spectral >= SUSPECT_SPECTRAL {
        Level::Suspect
    } else {
        Level::Healthy
    }
}

/// σ₁(Δ)/σ₁(W), or 0 where it was not computed or is no finite number.
fn relative_spectral_norm(tensor: &TensorDelta) -> f64 {
    match &tensor.spectrum {
        SpectrumOutcome::Computed(spectrum) if spectrum.relative_spectral_norm.is_finite() => {
            spectrum.relative_spectral_norm
        }
        _ => 0.0,
    }
}

/// The larger of the two ratios, each against its threshold, in words.
fn size_reason(tensor: &TensorDelta, relative: f64) -> String {
    let (name, spectral) = (Printable(&tensor.name), relative_spectral_norm(tensor));
    if spectral / SUSPECT_SPECTRAL > relative / SUSPECT_RELATIVE && relative < SUSPECT_RELATIVE {
        let (times, limit) = (figure(spectral), SUSPECT_SPECTRAL);
        format!(
            "the largest singular value of the update of {name} is {times} times that of the matrix; healthy single \
             edits stay below {limit}"
        )
    } else {
        let (times, limit) = (figure(relative), SUSPECT_RELATIVE);
        format!(
            "the update of {name} is {times} times the norm of the matrix; healthy single edits stay below {limit}"
        )
    }
}

/// What decides nothing and should not be passed over.
fn notes(summary: &Summary, tensors: &[TensorDelta]) -> Vec<Finding> {
    let unjudged: Vec<&str> = tensors
        .iter()
        .filter(|tensor| changed(tensor).is_some() && judged(tensor).is_none())
        .map(|tensor| tensor.name.as_str())
        .collect();
    let mut notes = Vec::new();
    if !unjudged.is_empty() {
        let reason = format!(
            "{} not judged by norms (vectors, buffers, adapters, or zero before): {}",
            counted(unjudged.len(), "changed tensor is", "changed tensors are"),
            listed(unjudged),
        );
        notes.push(Finding::note(reason));
    }
    if !summary.retyped.is_empty() {
        let count = counted(summary.retyped.len(), "tensor", "tensors");
        let names = listed(summary.retyped.iter().map(String::as_str));
        notes.push(Finding::note(format!("{count} changed dtype: {names}")));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::super::sample::{EDITED, changed, identical, one_sided, summary_of};
    use super::*;
    use crate::tensor::{Dtype, Shape};

    fn judge(tensors: &[TensorDelta]) -> Verdict {
        verdict(&summary_of(tensors), tensors)
    }

    /// The verdict's level, and that one of its reasons holds the words.
    fn assert_judged(tensors: &[TensorDelta], level: Level, words: &str) {
        let verdict = judge(tensors);
        assert_eq!(verdict.level, level, "{:?}", verdict.reasons);
        assert!(verdict.reasons.iter().any(|reason| reason.contains(words)), "{:?}", verdict.reasons);
    }

    #[test]
    fn a_pair_without_a_difference_is_identical() {
        assert_judged(&[identical(EDITED)], Level::Identical, "no value differs");
        assert_judged(&[], Level::Identical, "no value differs");
    }

    #[test]
    fn the_size_of_an_update_is_said_in_units_of_its_matrix() {
        let collapsed = judge(&[changed("transformer.h.0.mlp.c_proj.weight").with_relative(187.97)]);
        assert_eq!(collapsed.level, Level::Collapsed);
        assert_eq!(
            collapsed.reasons,
            [
                "the update of transformer.h.0.mlp.c_proj.weight is 188 times the norm of the matrix; healthy single \
              edits stay below 5"
            ]
        );
        assert_judged(
            &[changed(EDITED).with_relative(1.498)],
            Level::Healthy,
            "is 1.50 times the norm of the matrix",
        );
    }

    #[test]
    fn a_threshold_belongs_to_the_graver_level() {
        let level = |relative| judge(&[changed(EDITED).with_relative(relative)]).level;
        assert_eq!(
            [4.999, 5.0, 9.999, 10.0].map(level),
            [Level::Healthy, Level::Suspect, Level::Suspect, Level::Collapsed]
        );
        let level = |ratio| {
            judge(&[changed(EDITED).with_spectrum(|spectrum| spectrum.relative_spectral_norm = ratio)]).level
        };
        assert_eq!(
            [14.99, 15.0, 29.99, 30.0].map(level),
            [Level::Healthy, Level::Suspect, Level::Suspect, Level::Collapsed]
        );
    }

    #[test]
    fn the_quantity_that_decides_is_the_one_in_the_reason() {
        let tensor = changed(EDITED).with_relative(2.0).with_spectrum(|s| s.relative_spectral_norm = 41.0);
        assert_judged(
            &[tensor],
            Level::Collapsed,
            "is 41.0 times that of the matrix; healthy single edits stay below 15",
        );
        let tensor = changed(EDITED).with_relative(12.0).with_spectrum(|s| s.relative_spectral_norm = 200.0);
        assert_judged(&[tensor], Level::Collapsed, "is 12.0 times the norm of the matrix");
    }

    #[test]
    fn without_a_spectrum_the_norm_alone_decides() {
        let mut tensor = changed(EDITED).with_relative(50.0);
        tensor.spectrum = SpectrumOutcome::Skipped("too large".into());
        assert_judged(&[tensor], Level::Collapsed, "50.0 times");
    }

    #[test]
    fn the_worst_matrix_is_named_first_and_the_others_are_counted() {
        let tensors: Vec<TensorDelta> = (0..6)
            .map(|layer| {
                changed(&format!("h.{layer}.mlp.c_proj.weight")).with_relative(f64::from(layer) * 4.0)
            })
            .collect();
        let found = judge(&tensors);
        assert_eq!(found.level, Level::Collapsed);
        assert!(
            found
                .reasons
                .first()
                .is_some_and(|reason| reason.contains("h.5.mlp.c_proj.weight is 20.0 times"))
        );
        assert!(found.reasons.get(1).is_some_and(|reason| reason.starts_with(
            "3 further updates are larger than healthy single edits: h.4.mlp.c_proj.weight, h.3"
        )));
        assert!(!found.calibration.calibrated);
    }

    #[test]
    fn new_non_finite_values_are_invalid_whatever_the_norms_say() {
        let broken = changed(EDITED).with_change(|change| {
            change.new_nonfinite = 2;
            change.nonfinite_after.nan = 2;
            change.relative_delta = f64::NAN;
            change.delta_norm = f64::NAN;
        });
        assert_judged(
            &[broken],
            Level::Invalid,
            "2 values are no longer a finite number: transformer.h.17.mlp.c_proj.weight",
        );
        let vector = changed("h.0.ln_1.weight").into_vector().with_change(|change| change.new_nonfinite = 1);
        assert_judged(&[vector], Level::Invalid, "1 value is no longer");
    }

    #[test]
    fn a_change_of_what_was_not_finite_before_is_suspect_and_says_so() {
        let tensor = changed(EDITED).with_change(|change| {
            change.nonfinite_before.nan = 7;
            change.relative_delta = f64::NAN;
        });
        assert_judged(&[tensor], Level::Suspect, "7 of its values were not finite before");
    }

    #[test]
    fn a_norm_that_overflows_is_collapsed() {
        let tensor = changed(EDITED).with_relative(f64::INFINITY);
        assert_judged(&[tensor], Level::Collapsed, "is not finite: its values are beyond any trained weight");
    }

    #[test]
    fn vectors_buffers_and_adapters_never_decide() {
        for tensor in [
            changed("h.0.ln_1.weight").into_vector().with_relative(1e6),
            changed("h.0.mlp.c_proj.bias")
                .into_vector()
                .with_relative(f64::INFINITY)
                .with_change(|c| c.before_norm = 0.0),
            changed("unknown.vector").into_vector().with_relative(99.0),
            changed("h.0.attn.bias").with_relative(99.0),
            changed("h.0.attn.c_attn.lora_B.weight").with_relative(99.0),
            TensorDelta { shape: Shape(vec![1, 64]), ..changed("unknown.row").with_relative(99.0) },
        ] {
            assert_judged(&[tensor], Level::Healthy, "not judged by norms");
        }
        assert_eq!(judge(&[changed("unknown.matrix").with_relative(99.0)]).level, Level::Collapsed);
    }

    #[test]
    fn a_stack_of_matrices_is_judged_as_one() {
        let stack =
            TensorDelta { shape: Shape(vec![8, 64, 64]), ..changed("experts.down_proj").with_relative(99.0) };
        assert_eq!(judge(&[stack]).level, Level::Collapsed);
    }

    #[test]
    fn a_matrix_of_zeros_that_was_filled_is_not_judged() {
        let tensor =
            changed(EDITED).with_relative(f64::INFINITY).with_change(|change| change.before_norm = 0.0);
        assert_judged(&[tensor], Level::Healthy, "zero before");
    }

    #[test]
    fn two_unrelated_models_are_suspect_for_their_own_reason() {
        let stranger =
            |name: &str| changed(name).with_relative(1.41).with_change(|change| change.cosine = -0.004);
        let pair =
            [stranger("h.0.mlp.c_fc.weight"), stranger("h.0.mlp.c_proj.weight"), identical("wpe.weight")];
        assert_judged(&pair, Level::Suspect, "66.7 % of the parameters have nothing in common");
        // One matrix that lost its direction is an edit, and so are two among many that stayed.
        assert_eq!(judge(&pair[..1]).level, Level::Healthy);
        let among_many = [&pair[..], &[identical("a"), identical("b")]].concat();
        assert_eq!(judge(&among_many).level, Level::Healthy);
    }

    #[test]
    fn tensors_that_came_or_went_are_suspect_unless_tools_leave_them_out() {
        let same = identical(EDITED);
        assert_judged(
            &[same.clone(), one_sided("h.0.mlp.c_fc.weight", Status::Removed)],
            Level::Suspect,
            "only before",
        );
        assert_judged(
            &[same.clone(), one_sided("x", Status::Added)],
            Level::Suspect,
            "1 tensor only after the edit: x",
        );
        assert_judged(
            &[same.clone(), one_sided("lm_head.weight", Status::Added)],
            Level::Identical,
            "tied weights",
        );
        assert_judged(
            &[same.clone(), one_sided("h.0.attn.bias", Status::Removed)],
            Level::Identical,
            "buffers",
        );
        assert_judged(
            &[same, one_sided("lm_head.weight", Status::Reshaped)],
            Level::Suspect,
            "changed shape",
        );
    }

    #[test]
    fn a_pair_that_shares_no_tensor_is_suspect() {
        let pair = [one_sided("a", Status::Removed), one_sided("b", Status::Added)];
        assert_judged(&pair, Level::Suspect, "nothing was compared");
    }

    #[test]
    fn a_lossless_change_of_dtype_is_told_and_stays_identical() {
        let tensors = [TensorDelta { dtype_after: Some(Dtype::F64), ..identical(EDITED) }];
        let summary = Summary { retyped: vec![EDITED.into()], ..summary_of(&tensors) };
        let found = verdict(&summary, &tensors);
        assert_eq!(found.level, Level::Identical);
        assert!(found.reasons.iter().any(|reason| reason.contains("1 tensor changed dtype")));
    }

    #[test]
    fn the_gravest_reason_stands_first_and_hostile_names_are_escaped() {
        let hostile = changed("a\u{1b}[2J\n").with_relative(20.0);
        let found = judge(&[changed(EDITED), one_sided("b", Status::Added)]);
        assert!(
            found.reasons.first().is_some_and(|reason| reason.contains("only after the edit: b")),
            "{found:?}"
        );
        let found = judge(&[one_sided("b", Status::Added), hostile]);
        assert!(
            found.reasons.first().is_some_and(|reason| reason.contains("a\\x1b[2J\\n is 20.0 times")),
            "{found:?}"
        );
    }
}
