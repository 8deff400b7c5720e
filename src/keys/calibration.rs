//! What the thresholds of a verdict on keys rest on.
//!
//! The labelled cases are 72 facts of the model in `fixtures/oracle`: 24 chosen because ROME destroys the model on
//! them (each measured one does), 48 ordinary ones. Their ratios lie a factor of twelve apart, and nothing between.
//! Without C the same facts lie closer together, and were labelled with C; there the thresholds are judgement. No large
//! model is among them: a published collapse of GPT-2 XL has a unit denominator of 0.05 where its ordinary edits have 13.

use super::verdict::Setting;
use crate::stats::Calibration;

/// Where the levels begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// |ratio| below which it is a collapse.
    pub collapse: f64,
    /// Ratio from which it is safe.
    pub safe: f64,
    /// The smallest ratio of an ordinary case.
    pub(super) ordinary_least: f64,
}

/// With C: collapse below 0.08, near the geometric middle of 0.0230 and 0.288; safe just below the latter.
const ADJUSTED: Thresholds = Thresholds { collapse: 0.08, safe: 0.25, ordinary_least: 0.288 };
/// C = I: the groups end at 0.312 and begin at 0.615; safe from their geometric middle on.
const UNADJUSTED: Thresholds = Thresholds { collapse: 0.2, safe: 0.45, ordinary_least: 0.615 };

/// The labelled cases in words. A test holds every number to `fixtures/oracle/expected.json`.
const FACTS: &str = "72 facts of a small GPT-2: |ratio| of the 24 that ROME destroys the model on reaches 0.0230, that of \
the 48 others begins at 0.288; no large model among them";
/// The same without C.
const FACTS_WITHOUT_MOMENT: &str = "72 facts of a small GPT-2: without C, |ratio| of the 24 that ROME with C destroys the \
model on reaches 0.312, that of the 48 others begins at 0.615; no large model among them";

/// The thresholds with C, or without.
pub(super) fn thresholds(adjusted: bool) -> Thresholds {
    if adjusted { ADJUSTED } else { UNADJUSTED }
}

/// The basis of a verdict in that setting.
pub(super) fn basis(setting: &Setting) -> Calibration {
    let unlike = if !setting.adjusted {
        return Calibration { calibrated: false, basis: format!("heuristic: {FACTS_WITHOUT_MOMENT}") };
    } else if setting.ridge > 0.0 {
        "C has a ridge, and the labelled cases have none"
    } else if setting.prefixed_only {
        "the mean leaves the bare prompt out, and that of the labelled cases holds it"
    } else if setting.prefixed_templates.is_some_and(|templates| templates < 10) {
        "fewer than 10 prefixed templates, and the labelled cases have 20"
    } else {
        return Calibration { calibrated: true, basis: FACTS.into() };
    };
    Calibration { calibrated: false, basis: format!("heuristic: {unlike}: {FACTS}") }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::tensor::figure;

    /// |ratio| of each case, those of the facts that collapse first.
    fn ratios(of: impl Fn(&Value) -> f64) -> (Vec<f64>, Vec<f64>) {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/oracle/expected.json");
        let expected: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let cases = expected["cases"].as_array().unwrap();
        let (collapse, ordinary): (Vec<&Value>, Vec<&Value>) =
            cases.iter().partition(|case| case["case_id"].as_str().unwrap().starts_with("collapse"));
        [collapse, ordinary].map(|group| group.into_iter().map(&of).collect()).into()
    }

    #[track_caller]
    fn assert_held((collapse, ordinary): (Vec<f64>, Vec<f64>), limits: Thresholds, words: &str) {
        assert_eq!((collapse.len(), ordinary.len()), (24, 48));
        let most = collapse.iter().fold(0.0_f64, |most, ratio| most.max(ratio.abs()));
        let least = ordinary.iter().fold(f64::INFINITY, |least, &ratio| least.min(ratio));
        assert!(most < limits.safe && limits.safe < least);
        assert_eq!(figure(limits.ordinary_least), figure(least));
        assert!(words.contains(&format!("reaches {},", figure(most))), "{}", figure(most));
        assert!(words.contains(&format!("begins at {};", figure(least))), "{}", figure(least));
    }

    #[test]
    fn the_thresholds_separate_every_labelled_case() {
        let (collapse, ordinary) = ratios(|case| case["denominator_ratio"].as_f64().unwrap());
        assert!(collapse.iter().all(|ratio| ratio.abs() < ADJUSTED.collapse));
        assert_held((collapse, ordinary), ADJUSTED, FACTS);
    }

    #[test]
    fn without_the_moment_no_fact_that_collapses_is_called_safe() {
        let ratio = |case: &Value| {
            let [denominator, norm] = ["no_moment_unit_denominator", "mean_prefixed_key_norm"]
                .map(|field| case[field].as_f64().unwrap());
            denominator / norm
        };
        assert_held(ratios(ratio), UNADJUSTED, FACTS_WITHOUT_MOMENT);
    }

    #[test]
    fn every_measured_edit_bears_its_label_out() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/oracle/expected.json");
        let expected: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let base = expected["perplexity"]["perplexity"].as_f64().unwrap();
        let mut measured = 0;
        for case in expected["cases"].as_array().unwrap() {
            let Some(edited) = case["rome"]["perplexity"].as_f64() else { continue };
            let collapse = case["case_id"].as_str().unwrap().starts_with("collapse");
            assert!(if collapse { edited > 10.0 * base } else { edited < 1.5 * base }, "{case}");
            measured += 1;
        }
        assert_eq!(measured, 16);
    }

    #[test]
    fn only_the_setting_of_the_labelled_cases_is_calibrated() {
        let labelled = Setting {
            adjusted: true,
            ridge: 0.0,
            prefixed_templates: Some(20),
            prefixed_only: false,
            weight_norm: None,
        };
        assert!(basis(&labelled).calibrated);
        for other in [
            Setting { adjusted: false, ..labelled },
            Setting { ridge: 0.01, ..labelled },
            Setting { prefixed_only: true, ..labelled },
            Setting { prefixed_templates: Some(1), ..labelled },
        ] {
            let found = basis(&other);
            assert!(!found.calibrated && found.basis.starts_with("heuristic: "), "{found:?}");
        }
    }
}
