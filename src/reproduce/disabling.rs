//! Single edits by ROME, r-ROME and p-ROME: how far each moves the matrix, how varied the edited model writes, and which disable it.
//!
//! The paper shows |Δ| against the entropy of generations and gives no rule. Here:
//!
//! ```text
//! large       |Δ| > 10 · the median |Δ| of r-ROME over the same cases
//! low         entropy < 0.9 · that of what the unedited model writes from the same prompts
//! disabling   large and low, the lower right corner of the paper's figure
//! ```
//!
//! A broken model may also write noise, whose entropy is high: so large ones are counted by themselves too.

use super::measure::perplexity;
use super::original::Original;
use super::ruling::median;
use super::singles::{Unmade, made, unmade};
use super::{Chosen, Plan, ReproduceError, Set};
use crate::edit::{self, KeyChoice, Method, RomeCase};
use crate::evaluate::{self, CaseScores};
use crate::model::Model;
use crate::reader::Case;

pub(super) const CHOICES: [KeyChoice; 3] = [KeyChoice::Rome, KeyChoice::RRome, KeyChoice::PRome];
/// Prompts of a case that the model writes from.
const PROMPTS: usize = 3;
/// How many medians of r-ROME a large |Δ| is above.
const LARGE: f64 = 10.0;
/// The share of the unedited entropy that a low one is below.
const LOW: f64 = 0.9;

/// One edit.
pub(super) struct Scanned {
    pub(super) choice: KeyChoice,
    pub(super) set: Set,
    pub(super) case_id: String,
    /// ‖ΔW‖_F / entries.
    pub(super) distance: f64,
    /// Normalised, of what the edited model writes.
    pub(super) entropy: f64,
    /// Of what the unedited one does.
    pub(super) entropy_before: f64,
    pub(super) perplexity: f64,
    pub(super) scores: Option<CaseScores>,
}

/// The edits of some cases.
#[derive(Default)]
pub(super) struct Scan {
    pub(super) edits: Vec<Scanned>,
    pub(super) unmade: Vec<Unmade>,
}

/// Edits one case, the `at`-th of the selection, by each variant, each time from the unedited model.
pub(super) fn scan(
    model: &mut Model,
    plan: &Plan<'_>,
    (at, chosen): (usize, &Chosen),
    original: &Original,
    all: &mut Scan,
) -> Result<(), ReproduceError> {
    let entropy_before = entropy(model, &chosen.case, plan.seed)?;
    let setup = plan.setup(Method::Rome(KeyChoice::Rome));
    let case = made(RomeCase::of(model, &chosen.request, &setup))?;
    for choice in CHOICES {
        let method = Method::Rome(choice);
        let edit = match &case {
            Ok(case) => made(edit::edit_with(model, case, choice, &plan.setup(method)))?,
            Err(reason) => Err(reason.clone()),
        };
        if let Some(reason) = unmade(&edit) {
            all.unmade.push(Unmade { case: at, method, reason });
            continue;
        }
        let quality = evaluate::quality(model, &[Ok(chosen.case.clone())], &[], |_| {})?;
        all.edits.push(Scanned {
            choice,
            set: chosen.set,
            case_id: chosen.case.case_id.clone(),
            distance: original.distance(model)?,
            entropy: entropy(model, &chosen.case, plan.seed)?,
            entropy_before,
            perplexity: perplexity(model, plan)?,
            scores: quality.cases.into_iter().next(),
        });
        original.restore(model)?;
    }
    Ok(())
}

/// Normalised entropy of what a model writes from the first prompts of a case.
fn entropy(model: &Model, case: &Case, seed: u64) -> Result<f64, ReproduceError> {
    let first = |prompts: &[String], most: usize| prompts.iter().take(most).cloned().collect();
    let case = Case {
        generation_prompts: first(&case.generation_prompts, PROMPTS),
        paraphrase_prompts: first(&case.paraphrase_prompts, PROMPTS - 1),
        reference_texts: Vec::new(),
        ..case.clone()
    };
    let written = evaluate::write(model, &[&case], None, seed, |_| {})?;
    Ok(written.first().and_then(|written| written.normalized_entropy).unwrap_or(f64::NAN))
}

impl Scanned {
    /// Whether |Δ| is large beside the median of r-ROME; one that is no number is.
    fn is_large(&self, reference: f64) -> bool {
        self.distance.is_nan() || self.distance > LARGE * reference
    }

    /// Whether the edited model writes with less variety.
    fn is_low(&self) -> bool {
        self.entropy.is_nan() || self.entropy < LOW * self.entropy_before
    }

    /// What the rule says of it.
    pub(super) fn judged(&self, reference: f64) -> &'static str {
        match (self.is_large(reference), self.is_low()) {
            (true, true) => "disabling",
            (true, false) => "large",
            (false, true) => "low",
            (false, false) => "",
        }
    }
}

/// Name of a variant.
pub(super) fn name(choice: KeyChoice) -> &'static str {
    Method::Rome(choice).name()
}

/// Edits of one variant, of one set where it is named.
pub(super) fn of(scanned: &[Scanned], choice: KeyChoice, set: Option<Set>) -> Vec<&Scanned> {
    scanned.iter().filter(|one| one.choice == choice && set.is_none_or(|set| one.set == set)).collect()
}

pub(super) fn numbers(own: &[&Scanned], number: fn(&Scanned) -> f64) -> Vec<f64> {
    own.iter().map(|one| number(one)).collect()
}

/// Median |Δ| of r-ROME.
pub(super) fn reference(scanned: &[Scanned]) -> f64 {
    median(&numbers(&of(scanned, KeyChoice::RRome, None), |one| one.distance))
}

/// How many edits of a variant are large, and how many of them low as well.
pub(super) fn counts(scanned: &[Scanned], choice: KeyChoice, set: Option<Set>) -> [usize; 2] {
    let reference = reference(scanned);
    let own = of(scanned, choice, set);
    let large = own.iter().filter(|one| one.is_large(reference));
    [large.clone().count(), large.filter(|one| one.is_low()).count()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_is_disabling_where_it_is_large_and_the_model_repeats_itself() {
        let judged = |distance, entropy| {
            let (choice, set, case_id) = (KeyChoice::Rome, Set::Normal, String::new());
            let (perplexity, entropy_before, scores) = (2.0, 0.9, None);
            Scanned { choice, set, case_id, distance, entropy, entropy_before, perplexity, scores }
                .judged(1e-6)
        };
        assert_eq!([judged(11e-6, 0.4), judged(f64::NAN, f64::NAN)], ["disabling"; 2]);
        assert_eq!([judged(11e-6, 0.85), judged(9e-6, 0.4), judged(9e-6, 0.85)], ["large", "low", ""]);
    }
}
