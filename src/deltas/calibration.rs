//! What the thresholds of a verdict rest on.
//!
//! What norms cannot see. An update of ordinary size may still do harm: p-ROME on facts that break ROME doubles the
//! perplexity at the norm of a healthy edit, and ROME without the second moment can break a model at a norm below
//! ten times the matrix. A `healthy` here is no proof; measure the perplexity. Nor do the labelled cases reach large
//! models, whose scales differ: published collapses of GPT-2 XL begin at a norm near 1,640 where its ordinary edits
//! have 3 to 20, and the norm of the matrix itself was not published with them.

use crate::stats::Calibration;
use crate::tensor::counted;

/// ‖Δ‖/‖W‖ from which an update is larger than every healthy single edit seen (4.8).
pub(super) const SUSPECT_RELATIVE: f64 = 5.0;
/// ‖Δ‖/‖W‖ of the collapsed: near the geometric middle of 4.8 and 25, the smallest that broke a model.
pub(super) const COLLAPSED_RELATIVE: f64 = 10.0;
/// σ₁(Δ)/σ₁(W): as far above the largest healthy edit (5.16) as `SUSPECT_RELATIVE` is above its own (1.82).
pub(super) const SUSPECT_SPECTRAL: f64 = 15.0;
/// σ₁(Δ)/σ₁(W) of the collapsed: the same factor of two as between the relative norms; the smallest seen is 150.
pub(super) const COLLAPSED_SPECTRAL: f64 = 30.0;

/// The labelled cases in words. A test holds every number to `fixtures/calibration/single-edits.json`.
const SINGLE_EDITS: &str = "48 single edits of a small GPT-2, labelled by perplexity: 36 healthy ones (up to 1.5 \
times the base) reach 1.82 × the norm of the matrix and 5.16 × its σ₁, 6 collapsed ones (from 10 times on) begin at \
53.0 and 150; 6 harmed ones (up to 2.45 times) lie at 0.904 to 1.33, where norms cannot see them; 3 other trainings: \
4.8 and 25; no large model among them";

/// The basis of a verdict about the size of so many changed matrices.
///
/// The labelled cases are edits of one matrix. A change of several is held to the same thresholds, as judgement.
pub(super) fn basis(matrices: usize) -> Calibration {
    let changed = counted(matrices, "matrix", "matrices");
    match matrices {
        0 => Calibration {
            calibrated: false,
            basis: "heuristic: no matrix changed, no labelled case applies".into(),
        },
        1 => Calibration { calibrated: true, basis: SINGLE_EDITS.into() },
        _ => Calibration {
            calibrated: false,
            basis: format!(
                "heuristic: {changed} changed, and the labelled cases are edits of one: {SINGLE_EDITS}"
            ),
        },
    }
}

/// The basis of a verdict that states a fact.
pub(super) fn no_threshold() -> Calibration {
    Calibration { calibrated: true, basis: "no threshold was needed".into() }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::super::sample::{EDITED, changed, summary_of};
    use super::super::{Level, verdict};
    use std::slice;

    use super::*;
    use crate::tensor::figure;

    use serde_json::Value;

    fn single_edits() -> Value {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/calibration/single-edits.json");
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    fn number(value: &Value) -> f64 {
        value.as_f64().unwrap()
    }

    #[test]
    fn the_thresholds_separate_every_labelled_case() {
        let cases = single_edits();
        for edit in cases["edits"].as_array().unwrap() {
            let relative = number(&edit["relative_delta"]);
            let tensor = changed(EDITED).with_relative(relative).with_spectrum(|spectrum| {
                spectrum.relative_spectral_norm = number(&edit["relative_spectral_norm"]);
            });
            let level = verdict(&summary_of(slice::from_ref(&tensor)), slice::from_ref(&tensor)).level;
            let expected = match edit["label"].as_str().unwrap() {
                "collapsed" => Level::Collapsed,
                // Harmed edits are as small as healthy ones: the basis says that norms cannot see them.
                "healthy" | "harmed" => Level::Healthy,
                other => unreachable!("label {other}"),
            };
            assert_eq!(level, expected, "{edit}");
        }
    }

    #[test]
    fn each_threshold_alone_lies_between_the_healthy_and_the_collapsed() {
        let margins = &single_edits()["margins"];
        for (quantity, suspect, collapsed) in [
            ("relative_delta", SUSPECT_RELATIVE, COLLAPSED_RELATIVE),
            ("relative_spectral_norm", SUSPECT_SPECTRAL, COLLAPSED_SPECTRAL),
        ] {
            let margin = &margins[quantity];
            assert!(number(&margin["healthy_max"]) < suspect, "{quantity}");
            assert!(suspect < collapsed && collapsed < number(&margin["collapsed_min"]), "{quantity}");
        }
    }

    #[test]
    fn the_other_trainings_are_separated_too() {
        for training in single_edits()["other_trainings"].as_array().unwrap() {
            assert!(number(&training["ordinary_max"]) < SUSPECT_RELATIVE, "{training}");
            assert!(number(&training["collapse_prone_min"]) > COLLAPSED_RELATIVE, "{training}");
        }
    }

    #[test]
    fn the_numbers_of_the_basis_are_those_of_the_file() {
        let file = single_edits();
        let (counts, relative) = (&file["counts"], &file["margins"]["relative_delta"]);
        let spectral = &file["margins"]["relative_spectral_norm"];
        let edits = file["edits"].as_array().unwrap();
        let harmed = edits.iter().filter(|edit| edit["label"] == "harmed");
        let worst_harm = harmed.map(|edit| number(&edit["perplexity_ratio"])).fold(0.0, f64::max);
        let others = file["other_trainings"].as_array().unwrap();
        let of_others =
            |field: &str| others.iter().map(|training| number(&training[field])).collect::<Vec<_>>();
        let sentence = format!(
            "{} single edits of a small GPT-2, labelled by perplexity: {} healthy ones (up to {:.1} times the base) \
             reach {} × the norm of the matrix and {} × its σ₁, {} collapsed ones (from {:.0} times on) begin at {} \
             and {}; {} harmed ones (up to {} times) lie at {} to {}, where norms cannot see them; {} other \
             trainings: {:.1} and {:.0}; no large model among them",
            edits.len(),
            counts["healthy"],
            number(&file["labels"]["healthy_at_most"]),
            figure(number(&relative["healthy_max"])),
            figure(number(&spectral["healthy_max"])),
            counts["collapsed"],
            number(&file["labels"]["collapsed_at_least"]),
            figure(number(&relative["collapsed_min"])),
            figure(number(&spectral["collapsed_min"])),
            counts["harmed"],
            figure(worst_harm),
            figure(number(&relative["harmed_min"])),
            figure(number(&relative["harmed_max"])),
            others.len(),
            of_others("ordinary_max").into_iter().fold(0.0, f64::max),
            of_others("collapse_prone_min").into_iter().fold(f64::INFINITY, f64::min),
        );
        assert_eq!(basis(1), Calibration { calibrated: true, basis: sentence });
    }

    #[test]
    fn a_change_of_several_matrices_or_none_is_called_a_heuristic() {
        assert!(!basis(0).calibrated);
        let several = basis(3);
        assert!(!several.calibrated);
        assert!(several.basis.starts_with("heuristic: 3 matrices changed"), "{}", several.basis);
    }
}
