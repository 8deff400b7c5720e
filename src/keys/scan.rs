//! Many cases through a model: place the subject, capture keys and values, solve for all of them, judge each.
//!
//! Cases go in chunks of fixed size: the rows of a chunk are captured together, so that prefixes which they share are run
//! once, and its adjusted keys are one solve. A case that cannot be done becomes a [`RefusedCase`] and stops no other.
//! Memory for the keys: 64 cases × N templates × (f + d) f32, 43 MB for GPT-2 XL.

use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;

use super::outcome::{CaseOutcome, Fact, KeptKeys, Scan};
use super::{
    Adjustment, AdjustmentError, KeyMeans, MeanOver, Setting, WeightedTemplates, fractions, in_context,
    of_adjusted, verdict,
};
use crate::model::{At, Model, ModelError, PlacedPrompt, Site, Tap, place, slot};
use crate::reader::{BAD_RECORD, BadRecord, Case, DumpedKeys, RefusedCase, UnusableKeys};

/// Cases that are captured and solved for together.
const CHUNK: usize = 64;
/// Cases up to which a plot shows the prefixed keys one by one.
const SHOWN_ONE_BY_ONE: usize = 16;

/// Why no case at all can be diagnosed.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The model cannot be run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The keys cannot be adjusted.
    #[error(transparent)]
    Adjustment(#[from] AdjustmentError),
}

/// How cases are diagnosed.
#[derive(Clone, Copy, Debug)]
pub struct ScanPlan<'a> {
    /// The layer, from 0.
    pub layer: usize,
    /// The templates with their weights.
    pub templates: &'a WeightedTemplates,
    /// Factor of ‖v‖ that ‖v* − v‖ is clamped to.
    pub clamp: f64,
    /// Whether keys stay with their case, for a plot.
    pub keep_keys: bool,
}

/// What the cases of one run share.
struct Run<'a> {
    model: &'a Model,
    plan: &'a ScanPlan<'a>,
    adjustment: &'a Adjustment,
    setting: Setting,
    keep_prefixed: bool,
}

/// Diagnoses cases on a model; `done` hears of each chunk how many cases it had.
///
/// # Errors
/// [`ScanError`], where the model cannot be run or its keys have another length than the second moment. A case that
/// cannot be done is refused and the others go on.
pub fn scan(
    model: &Model,
    cases: &[Result<Case, BadRecord>],
    plan: &ScanPlan<'_>,
    adjustment: &Adjustment,
    done: &(dyn Fn(usize) + Sync),
) -> Result<Scan, ScanError> {
    let (keys, moment) = (model.config().intermediate_size, adjustment.facts().dimension);
    if keys != moment {
        return Err(AdjustmentError::WrongLength { keys, moment }.into());
    }
    model.tokenizer()?;
    let setting = setting_of(model, plan, adjustment)?;
    let run = Run { model, plan, adjustment, setting, keep_prefixed: cases.len() <= SHOWN_ONE_BY_ONE };
    let mut found = Scan::default();
    for (number, chunk) in cases.chunks(CHUNK).enumerate() {
        let prepared: Vec<Result<Prepared<'_>, RefusedCase>> = chunk
            .par_iter()
            .enumerate()
            .map(|(at, case)| prepare(model, case, number * CHUNK + at, plan.templates))
            .collect();
        let mut sound = Vec::new();
        for case in prepared {
            match case {
                Ok(case) => sound.push(case),
                Err(refused) => found.refused.push(refused),
            }
        }
        found.cases.extend(diagnose(&run, &sound)?);
        done(chunk.len());
    }
    Ok(found)
}

fn setting_of(model: &Model, plan: &ScanPlan<'_>, adjustment: &Adjustment) -> Result<Setting, ModelError> {
    let (weight, _) = model.down_projection_weight(plan.layer)?;
    let squares: f64 = weight.iter().map(|&w| f64::from(w).powi(2)).sum();
    Ok(Setting {
        adjusted: adjustment.facts().adjusted,
        ridge: adjustment.facts().ridge,
        prefixed_templates: Some(plan.templates.prefixed()),
        prefixed_only: plan.templates.over() == MeanOver::Prefixed,
        weight_norm: Some(squares.sqrt()),
    })
}

/// Why a case is refused: a stable word, and what is wrong with it.
type Why = (&'static str, String);

/// A case as rows of tokens, one a template, the bare one first.
struct Prepared<'a> {
    case: &'a Case,
    fact: Fact,
    rows: Vec<Vec<u32>>,
    positions: Vec<usize>,
}

fn prepare<'a>(
    model: &Model,
    case: &'a Result<Case, BadRecord>,
    index: usize,
    templates: &WeightedTemplates,
) -> Result<Prepared<'a>, RefusedCase> {
    let case = match case {
        Ok(case) => case,
        Err(bad) => {
            let reason = bad.reason.clone();
            return Err(RefusedCase { index: bad.index, case_id: None, kind: BAD_RECORD, reason });
        }
    };
    place_all(model, case, templates).map_err(|(kind, reason)| RefusedCase {
        index,
        case_id: Some(case.case_id.clone()),
        kind,
        reason,
    })
}

fn place_all<'a>(model: &Model, case: &'a Case, templates: &WeightedTemplates) -> Result<Prepared<'a>, Why> {
    let tokenizer = model.tokenizer().map_err(|error| (error.kind(), error.to_string()))?;
    let prompt =
        slot(&case.prompt, &case.subject).map_err(|refused| (refused.kind(), refused.to_string()))?;
    let (mut rows, mut positions, mut fact) = (Vec::new(), Vec::new(), None);
    for (number, template) in templates.templates().iter().enumerate() {
        let placed = place(tokenizer, &in_context(template, &prompt), &case.subject);
        let placed = placed.map_err(|refused| {
            let reason = match number {
                0 => refused.to_string(),
                _ => format!("behind template {number} of {}: {refused}", templates.prefixed()),
            };
            (refused.kind(), reason)
        })?;
        fits(model, &placed, number)?;
        fact.get_or_insert_with(|| fact_of(case, &placed));
        positions.push(placed.subject_last);
        rows.push(placed.tokens);
    }
    let fact = fact.ok_or_else(|| ("no-template", "there is no template".to_owned()))?;
    Ok(Prepared { case, fact, rows, positions })
}

/// Refuses a prompt that the model cannot take.
fn fits(model: &Model, placed: &PlacedPrompt, template: usize) -> Result<(), Why> {
    match model.config().context_length {
        Some(context) if placed.tokens.len() > context => {
            let behind = if template == 0 { String::new() } else { format!(" behind template {template}") };
            let tokens = placed.tokens.len();
            let reason =
                format!("the prompt has {tokens} tokens{behind}, the context of the model holds {context}");
            Err(("too-long", reason))
        }
        _ => Ok(()),
    }
}

fn fact_of(case: &Case, placed: &PlacedPrompt) -> Fact {
    Fact {
        prompt: case.prompt.clone(),
        subject: case.subject.clone(),
        subject_tokens: placed.subject_last + 1 - placed.subject_first,
        subject_first_index: placed.subject_first,
        subject_last_index: placed.subject_last,
        first_token: placed.first_token,
        bos: placed.bos,
    }
}

/// Captures a chunk and judges each of its cases.
fn diagnose(run: &Run<'_>, cases: &[Prepared<'_>]) -> Result<Vec<CaseOutcome>, ScanError> {
    let Run { model, plan, adjustment, setting, keep_prefixed } = run;
    if cases.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Vec<u32>> = cases.iter().flat_map(|case| case.rows.iter().cloned()).collect();
    let positions: Vec<usize> = cases.iter().flat_map(|case| case.positions.iter().copied()).collect();
    let taps = [Site::Key, Site::Value].map(|site| Tap { layer: plan.layer, site });
    let captured = model.capture(&rows, At::One(&positions), &taps, &[])?;
    let [keys, values] = captured.as_slice() else { return Ok(Vec::new()) };
    let templates = plan.templates.templates().len();
    let means: Vec<KeyMeans> = (0..cases.len())
        .map(|at| KeyMeans::of(own(keys, at, templates), Some(own(values, at, templates)), plan.templates))
        .collect();
    let fractions = fractions(&means, adjustment, plan.clamp)?;
    let kept = |at: usize, means: KeyMeans| {
        let shown = if *keep_prefixed { 1 } else { templates };
        let prefixed = own(keys, at, templates).slice(s![shown.., ..]).to_owned();
        KeptKeys { unprefixed: means.unprefixed, mean: means.mean, prefixed }
    };
    let mut outcomes = Vec::with_capacity(cases.len());
    for (at, ((case, fraction), means)) in cases.iter().zip(fractions).zip(means).enumerate() {
        outcomes.push(CaseOutcome {
            case_id: case.case.case_id.clone(),
            fact: Some(case.fact.clone()),
            verdict: verdict(&fraction, case.fact.at_first_position(), setting),
            fraction,
            keys: plan.keep_keys.then(|| kept(at, means)),
        });
    }
    Ok(outcomes)
}

/// The rows of one case among those of a chunk.
fn own(captured: &Array2<f32>, at: usize, templates: usize) -> ArrayView2<'_, f32> {
    captured.slice(s![at * templates..(at + 1) * templates, ..])
}

/// Diagnoses keys that another program has dumped.
///
/// With an `adjustment` C⁻¹k̄ is solved for anew. Without one the dumped C⁻¹k̄ is taken; where that is k̄ itself, or was not
/// dumped, C = I and the verdict says so.
///
/// # Errors
/// [`AdjustmentError`], where the keys cannot be adjusted; keys of a wrong length are refused and the others go on.
pub fn scan_dump(
    rows: Vec<Result<DumpedKeys, UnusableKeys>>,
    adjustment: Option<&Adjustment>,
    clamp: f64,
) -> Result<Scan, AdjustmentError> {
    let mut found = Scan::default();
    for (index, row) in rows.into_iter().enumerate() {
        let refuse = |number: u64, kind, reason| RefusedCase {
            index,
            case_id: Some(number.to_string()),
            kind,
            reason,
        };
        let keys = match row {
            Ok(keys) => keys,
            Err(UnusableKeys { number, reason }) => {
                found.refused.push(refuse(number, BAD_RECORD, reason));
                continue;
            }
        };
        let number = keys.number;
        match dumped(keys, adjustment, clamp) {
            Ok(case) => found.cases.push(case),
            Err(error @ AdjustmentError::WrongLength { .. }) => {
                found.refused.push(refuse(number, "wrong-length", error.to_string()));
            }
            Err(other) => return Err(other),
        }
    }
    Ok(found)
}

fn dumped(
    keys: DumpedKeys,
    adjustment: Option<&Adjustment>,
    clamp: f64,
) -> Result<CaseOutcome, AdjustmentError> {
    let DumpedKeys { number, mean, adjusted, unprefixed } = keys;
    let consistent = mean == unprefixed;
    let given = adjusted.filter(|adjusted| *adjusted != mean);
    let case = KeyMeans { unprefixed, mean, spread: None, value_norm: None, value_norm_ratio: None };
    let mut setting = Setting {
        adjusted: given.is_some(),
        ridge: 0.0,
        prefixed_templates: None,
        prefixed_only: false,
        weight_norm: None,
    };
    let fraction = match (adjustment, &given) {
        (Some(adjustment), _) => {
            setting.adjusted = adjustment.facts().adjusted;
            setting.ridge = adjustment.facts().ridge;
            let mut one = fractions(std::slice::from_ref(&case), adjustment, clamp)?;
            one.pop().unwrap_or_else(|| of_adjusted(&case, &case.mean, clamp))
        }
        (None, Some(given)) => of_adjusted(&case, given, clamp),
        (None, None) => of_adjusted(&case, &case.mean, clamp),
    };
    let mut verdict = verdict(&fraction, false, &setting);
    if adjustment.is_none() && given.is_none() {
        let note = "the dumped C⁻¹k̄ is k̄ itself: the keys were dumped with C switched off";
        verdict.reasons.push(note.to_owned());
    }
    if consistent {
        let note = "the key of the denominator is the mean key itself: it was dumped with C-ROME on";
        verdict.reasons.push(note.to_owned());
    }
    let KeyMeans { unprefixed, mean, .. } = case;
    let prefixed = Array2::zeros((0, mean.len()));
    let keys = Some(KeptKeys { unprefixed, mean, prefixed });
    Ok(CaseOutcome { case_id: number.to_string(), fact: None, fraction, verdict, keys })
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test that cannot go on has failed")]
mod tests {
    use super::super::Level;
    use super::*;

    fn keys(number: u64, mean: &[f64], adjusted: Option<&[f64]>, unprefixed: &[f64]) -> DumpedKeys {
        DumpedKeys {
            number,
            mean: mean.to_vec(),
            adjusted: adjusted.map(<[f64]>::to_vec),
            unprefixed: unprefixed.to_vec(),
        }
    }

    #[test]
    fn a_dump_has_the_numbers_that_need_no_model() {
        let rows = vec![
            Ok(keys(1, &[4.0, 3.0], Some(&[1.0, 3.0]), &[4.0, -1.3])),
            Err(UnusableKeys { number: 2, reason: "lost".into() }),
            Ok(keys(3, &[4.0, 3.0], Some(&[4.0, 3.0]), &[4.0, 3.0])),
        ];
        let found = scan_dump(rows, None, 4.0).unwrap_or_default();
        let first = &found.cases[0];
        assert!((first.fraction.denominator - 0.1).abs() < 1e-12);
        assert_eq!((first.verdict.level, first.verdict.calibration.calibrated), (Level::Collapse, true));
        assert_eq!((first.fraction.key_mahalanobis, first.fraction.value_norm), (None, None));
        assert_eq!(found.refused[0].case_id.as_deref(), Some("2"));
        // C⁻¹k̄ that equals k̄ is no adjusted key, and a denominator key that equals k̄ is C-ROME's.
        let third = &found.cases[1].verdict;
        assert!(!third.calibration.calibrated);
        assert!(third.reasons.iter().any(|reason| reason.contains("C-ROME")), "{:?}", third.reasons);
        let summary = found.summary();
        assert_eq!((summary.cases, summary.collapse, summary.safe, summary.refused), (2, 1, 1, 1));
    }

    #[test]
    fn a_dumped_key_of_another_length_than_the_moment_stops_no_other() {
        let rows = vec![Ok(keys(1, &[1.0], None, &[1.0])), Ok(keys(2, &[1.0, 1.0], None, &[1.0, 0.5]))];
        let found = scan_dump(rows, Some(&Adjustment::none(2)), 4.0).unwrap_or_default();
        assert_eq!((found.cases.len(), found.refused.len()), (1, 1));
        assert!(found.refused[0].reason.contains("1 components"), "{}", found.refused[0].reason);
    }
}
