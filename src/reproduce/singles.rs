//! Every case edited alone, from the model as it was, by each method; and how the model then does.

use super::measure::{Health, Landed, landed, perplexity};
use super::ruling::{table, text};
use super::{Chosen, Plan, ReproduceError, Selection, Set, Table, VARIANTS};
use crate::edit::{self, Division, Edit, EditError, History, KeyChoice, Method, RomeCase};
use crate::evaluate::Quality;
use crate::model::Model;
use crate::reader::Case;

/// Editing prefixes that are put before test prompts, the first of them.
const PREFIXES: usize = 5;

/// One edit of one case.
#[derive(Clone, Debug)]
pub struct Single {
    /// The case's place in the selection.
    pub case: usize,
    /// Its set.
    pub set: Set,
    /// The method.
    pub method: Method,
    /// ROME's fraction; of no other method.
    pub division: Option<Division>,
    /// ‖ΔW‖_F over all layers; NaN where no update was made.
    pub update_norm: f64,
    /// ‖ΔW‖_F / ‖W‖_F of the layer where it is largest.
    pub relative_norm: f64,
    /// How the edited model does.
    pub health: Health,
    /// What it says about the fact.
    pub landed: Landed,
}

/// An edit that could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmade {
    /// The case's place in the selection.
    pub case: usize,
    /// The method.
    pub method: Method,
    /// Why.
    pub reason: String,
}

/// Every edit, and the model before.
#[derive(Clone, Debug)]
pub struct Singles {
    /// The model without an edit.
    pub base: Health,
    /// Keys and optimised value of each case in the order of the selection; none where it could not be edited.
    pub rome: Vec<Option<RomeCase>>,
    /// Edits that could not be made.
    pub unmade: Vec<Unmade>,
    /// What it says about the facts before they are edited, case by case.
    pub before: Vec<Landed>,
    /// Cases in the order of the selection, methods in theirs.
    pub all: Vec<Single>,
}

impl Singles {
    /// The edits of one set by one method.
    pub fn of(&self, set: Set, method: Method) -> impl Iterator<Item = &Single> + Clone {
        self.all.iter().filter(move |single| single.set == set && single.method == method)
    }

    /// A number of each of them.
    pub fn numbers(&self, set: Set, method: Method, of: impl Fn(&Single) -> f64) -> Vec<f64> {
        self.of(set, method).map(of).collect()
    }
}

/// Edits each case by the variants of ROME, which share one optimised value, and by each of `others`.
///
/// `done` hears of every case. Afterwards the model is as it was. An edit that cannot be made is a row of its own.
///
/// # Errors
/// Where the model cannot be run.
pub fn singles(
    model: &mut Model,
    plan: &Plan<'_>,
    selection: &Selection,
    others: &[Method],
    done: &mut dyn FnMut(),
) -> Result<Singles, ReproduceError> {
    let prefixes = test_prefixes(plan);
    let cases: Vec<Case> = selection.chosen.iter().map(|chosen| chosen.case.clone()).collect();
    let base = Health::of(model, plan)?;
    let (before, landed) = landed(model, &cases, &prefixes, None)?;
    let mut found = Singles { base, rome: Vec::new(), unmade: Vec::new(), before: landed, all: Vec::new() };
    for (at, chosen) in selection.chosen.iter().enumerate() {
        let bench = Bench { plan, at, chosen, prefixes: &prefixes, before: of_case(&before, at) };
        let method = Method::Rome(KeyChoice::Rome);
        let rome = made(RomeCase::of(model, &chosen.request, &plan.setup(method)))?;
        for choice in VARIANTS {
            let method = Method::Rome(choice);
            let edit = match &rome {
                Ok(case) => made(edit::edit_with(model, case, choice, &plan.setup(method)))?,
                Err(reason) => Err(reason.clone()),
            };
            bench.measure(model, method, edit, &mut found)?;
        }
        found.rome.push(rome.ok());
        for &method in others {
            let requests = std::slice::from_ref(&chosen.request);
            let edit = made(edit::edit(model, requests, &plan.setup(method), &mut History::default()))?;
            bench.measure(model, method, edit, &mut found)?;
        }
        done();
    }
    Ok(found)
}

/// What one edit by ROME does, in few numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Brief {
    /// |uᵀkᵘ|.
    pub(super) denominator: f64,
    /// Perplexity afterwards.
    pub(super) perplexity: f64,
}

/// Edits a case by ROME, measures the perplexity and takes the edit back; or why it could not be edited.
pub(super) fn rome_alone(
    model: &mut Model,
    plan: &Plan<'_>,
    case: &RomeCase,
) -> Result<Result<Brief, String>, ReproduceError> {
    let setup = plan.setup(Method::Rome(KeyChoice::Rome));
    let edit = match made(edit::edit_with(model, case, KeyChoice::Rome, &setup))? {
        Ok(edit) => edit,
        Err(reason) => return Ok(Err(reason)),
    };
    let perplexity = perplexity(model, plan);
    edit.undo(model)?;
    let division = edit.requests.first().and_then(|request| request.division);
    let denominator = division.map_or(f64::NAN, |division| division.unit_denominator.abs());
    Ok(Ok(Brief { denominator, perplexity: perplexity? }))
}

/// The editing prefixes that are put before test prompts.
pub(super) fn test_prefixes(plan: &Plan<'_>) -> Vec<String> {
    plan.contexts.prefixed().take(PREFIXES).map(str::to_owned).collect()
}

/// What was made, or why not; a model that cannot be run ends it all.
pub(super) fn made<T>(outcome: Result<T, EditError>) -> Result<Result<T, String>, ReproduceError> {
    match outcome {
        Ok(made) => Ok(Ok(made)),
        Err(EditError::Model(error)) => Err(error.into()),
        Err(refused) => Ok(Err(refused.to_string())),
    }
}

/// Why an edit left no update, where it did not.
pub(super) fn unmade(edit: &Result<Edit, String>) -> Option<String> {
    match edit {
        Ok(edit) if edit.updates.is_empty() => Some("its update is not finite".to_owned()),
        Ok(_) => None,
        Err(reason) => Some(reason.clone()),
    }
}

/// The table of edits that could not be made; none where all were.
pub(super) fn not_made(selection: &Selection, unmade: &[Unmade]) -> Option<Table> {
    let row = |unmade: &Unmade| {
        let case = selection.chosen.get(unmade.case).map_or("", |chosen| chosen.case.case_id.as_str());
        vec![text(case), text(unmade.method.name()), text(&unmade.reason)]
    };
    let rows = unmade.iter().map(row).collect();
    (!unmade.is_empty()).then(|| table("edits that could not be made", &["case", "method", "reason"], rows))
}

/// The scores of one case among those of all.
fn of_case(quality: &Quality, at: usize) -> Quality {
    let cases = quality.cases.iter().filter(|case| case.index == at).cloned();
    let cases = cases.map(|case| crate::evaluate::CaseScores { index: 0, ..case }).collect();
    Quality { cases, refused: Vec::new() }
}

/// One case on its way through the methods.
struct Bench<'a> {
    plan: &'a Plan<'a>,
    at: usize,
    chosen: &'a Chosen,
    prefixes: &'a [String],
    before: Quality,
}

impl Bench<'_> {
    /// Keeps what an edit did, or why it was not made.
    fn measure(
        &self,
        model: &mut Model,
        method: Method,
        edit: Result<Edit, String>,
        found: &mut Singles,
    ) -> Result<(), ReproduceError> {
        match edit {
            Ok(edit) => found.all.push(self.measured(model, method, &edit)?),
            Err(reason) => found.unmade.push(Unmade { case: self.at, method, reason }),
        }
        Ok(())
    }

    /// Measures the edited model and takes the edit back.
    fn measured(&self, model: &mut Model, method: Method, edit: &Edit) -> Result<Single, ReproduceError> {
        let health = Health::of(model, self.plan);
        let landed =
            landed(model, std::slice::from_ref(&self.chosen.case), self.prefixes, Some(&self.before));
        edit.undo(model)?;
        let nan = f64::NAN;
        let missing = Landed {
            efficacy: nan,
            generalization: nan,
            locality: nan,
            prefixed_efficacy: nan,
            prefixed_generalization: nan,
        };
        let norms = edit.layers.iter().map(|layer| layer.update_norm);
        let relative = edit.layers.iter().map(|layer| layer.update_norm / layer.weight_norm);
        let made = !edit.layers.is_empty();
        Ok(Single {
            case: self.at,
            set: self.chosen.set,
            method,
            division: edit.requests.first().and_then(|request| request.division),
            update_norm: if made { norms.map(|norm| norm * norm).sum::<f64>().sqrt() } else { nan },
            relative_norm: if made { relative.fold(0.0, f64::max) } else { nan },
            health: health?,
            landed: landed?.1.first().copied().unwrap_or(missing),
        })
    }
}
