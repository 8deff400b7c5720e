//! Whether ROME would break the model on a fact, told before anything is edited.
//!
//! One scale-free number decides: `denominator_ratio`, what ROME divides by over what it would divide by with one key
//! in both places. Its inverse is how many times too far the update moves the prefixed key. Sizes of keys and values
//! differ from model to model and decide nothing; they stand in the reasons.

use super::Fraction;
use super::calibration::{Thresholds, basis, thresholds};
use crate::stats::Calibration;
use crate::tensor::figure;

/// How bad the edit would be, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The keys agree as those of ordinary edits do.
    Safe,
    /// They agree less than those of any ordinary edit seen.
    AtRisk,
    /// They agree as little as those of edits that destroyed a model.
    Collapse,
}

/// A level, why, and what that rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How bad.
    pub level: Level,
    /// Sentences, the weightiest first.
    pub reasons: Vec<String>,
    /// What the thresholds rest on.
    pub calibration: Calibration,
}

/// In which setting the numbers of a case were made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// Whether C⁻¹ was applied.
    pub adjusted: bool,
    /// Share of the mean diagonal that was added to C.
    pub ridge: f64,
    /// Templates with a prefix; none where that is not known, as with dumped keys.
    pub prefixed_templates: Option<usize>,
    /// Whether the bare template was left out of the mean.
    pub prefixed_only: bool,
    /// Frobenius norm of W, where it is known.
    pub weight_norm: Option<f64>,
}

/// Judges one case.
///
/// Degenerate: a ratio that is not finite is `Collapse`, because so would be every weight of the edited matrix. A
/// negative ratio is judged by its size, and is at least `AtRisk`: the update would push the prefixed key away from the
/// new value.
pub fn verdict(fraction: &Fraction, first_token: bool, setting: &Setting) -> Verdict {
    let limits = thresholds(setting.adjusted);
    let level = level(fraction.denominator_ratio, &limits);
    let mut reasons = vec![ratio_reason(fraction, level, &limits)];
    if level > Level::Safe {
        reasons.extend(causes(fraction, first_token));
        reasons.extend(consequence(fraction, setting));
    }
    reasons.extend(notes(fraction, setting));
    Verdict { level, reasons, calibration: basis(setting) }
}

fn level(ratio: f64, limits: &Thresholds) -> Level {
    if !ratio.is_finite() || ratio.abs() < limits.collapse {
        Level::Collapse
    } else if ratio < limits.safe {
        Level::AtRisk
    } else {
        Level::Safe
    }
}

fn ratio_reason(fraction: &Fraction, level: Level, limits: &Thresholds) -> String {
    let ratio = fraction.denominator_ratio;
    if !ratio.is_finite() {
        return if fraction.mean_prefixed_key_norm == 0.0 {
            "the mean key is zero: the update would divide zero by zero".into()
        } else {
            "a key is not a finite number: every weight of the edited matrix would stop being one".into()
        };
    }
    let share = format!("the denominator is {} of what one key in both places gives", figure(ratio));
    match level {
        Level::AtRisk if ratio < 0.0 => {
            format!("{share}: the update would turn the prefixed key the wrong way")
        }
        Level::AtRisk | Level::Safe => {
            format!("{share}; ordinary edits stay above {}", figure(limits.ordinary_least))
        }
        Level::Collapse if ratio == 0.0 => "the denominator is zero: the update has no finite size".into(),
        Level::Collapse => format!(
            "{share}: the update would move what stands behind a prefix {} times too far",
            figure(1.0 / ratio.abs())
        ),
    }
}

/// Why the two keys differ.
fn causes(fraction: &Fraction, first_token: bool) -> Vec<String> {
    let mut causes = Vec::new();
    if first_token {
        causes.push(
            "the subject is the first token of the prompt, where the key is unlike that of the same word behind a prefix"
                .to_owned(),
        );
    }
    if fraction.key_cosine.is_finite() {
        causes.push(format!(
            "cosine of the unprefixed key and the mean prefixed key: {}",
            figure(fraction.key_cosine)
        ));
    }
    if let Some(ratio) = fraction.value_norm_ratio.filter(|&ratio| ratio > 1.5) {
        causes.push(format!("its value is {} times as long as behind a prefix", figure(ratio)));
    }
    causes
}

/// How large the update may become.
fn consequence(fraction: &Fraction, setting: &Setting) -> Option<String> {
    let bound = fraction.delta_norm_bound.filter(|bound| bound.is_finite())?;
    let against = setting
        .weight_norm
        .filter(|&norm| norm > 0.0)
        .map_or_else(String::new, |norm| format!(", {} times the norm of the matrix", figure(bound / norm)));
    Some(format!("the update may reach a norm of {}{against}", figure(bound)))
}

/// What decides nothing and should be known.
fn notes(fraction: &Fraction, setting: &Setting) -> Vec<String> {
    let mut notes = Vec::new();
    if setting.prefixed_templates == Some(0) {
        notes.push("no template has a prefix, so the unprefixed key was compared with itself".to_owned());
    }
    if fraction.denominator < 0.0 {
        notes.push("the denominator is negative; published code prints its absolute value".to_owned());
    }
    notes
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test that cannot go on has failed")]
mod tests {
    use super::super::{KeyMeans, of_adjusted};
    use super::*;

    const SETTING: Setting = Setting {
        adjusted: true,
        ridge: 0.0,
        prefixed_templates: Some(20),
        prefixed_only: false,
        weight_norm: Some(10.0),
    };

    fn with_ratio(ratio: f64) -> Fraction {
        let case = KeyMeans {
            unprefixed: vec![1.0, 1.0],
            mean: vec![1.0, 0.0],
            spread: None,
            value_norm: Some(5.0),
            value_norm_ratio: Some(3.0),
        };
        Fraction { denominator_ratio: ratio, ..of_adjusted(&case, &[1.0, ratio - 1.0], 4.0) }
    }

    fn judged(ratio: f64) -> Level {
        verdict(&with_ratio(ratio), false, &SETTING).level
    }

    #[test]
    fn a_threshold_belongs_to_the_milder_level() {
        use Level::{AtRisk, Collapse, Safe};
        let limits = thresholds(true);
        assert_eq!(
            [limits.collapse * 0.99, limits.collapse, limits.safe * 0.99, limits.safe, 1.0, 3.0].map(judged),
            [Collapse, AtRisk, AtRisk, Safe, Safe, Safe]
        );
        assert_eq!([-0.01, -0.5, -3.0].map(judged), [Collapse, AtRisk, AtRisk]);
        assert_eq!([0.0, f64::NAN, f64::INFINITY].map(judged), [Collapse; 3]);
    }

    #[test]
    fn a_collapse_says_how_far_why_and_how_large() {
        let reasons = verdict(&with_ratio(0.005), true, &SETTING).reasons;
        assert!(reasons[0].contains("200 times too far"), "{reasons:?}");
        assert!(reasons[1].contains("first token"), "{reasons:?}");
        assert!(reasons.iter().any(|reason| reason.contains("3.00 times as long")), "{reasons:?}");
        assert!(reasons.iter().any(|reason| reason.contains("times the norm of the matrix")), "{reasons:?}");
    }

    #[test]
    fn what_is_not_a_number_is_said_to_be_none() {
        let zero = Fraction { mean_prefixed_key_norm: 0.0, ..with_ratio(f64::NAN) };
        assert!(verdict(&zero, false, &SETTING).reasons[0].contains("zero by zero"));
        assert!(verdict(&with_ratio(f64::NAN), false, &SETTING).reasons[0].contains("not a finite number"));
    }

    #[test]
    fn a_comparison_with_itself_and_a_sign_are_noted() {
        let alone = Setting { prefixed_templates: Some(0), ..SETTING };
        let verdict = verdict(&with_ratio(-0.5), false, &alone);
        assert!(verdict.reasons.iter().any(|reason| reason.contains("compared with itself")));
        assert!(verdict.reasons.iter().any(|reason| reason.contains("negative")));
    }
}
