//! Every case edited alone, from the model as it was, by each method; and how the model then does.

use super::measure::{Health, Landed, landed};
use super::{Chosen, Plan, ReproduceError, Selection, Set, VARIANTS};
use crate::edit::{self, Division, Edit, History, KeyChoice, Method, RomeCase};
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

/// Every edit, and the model before.
#[derive(Clone, Debug)]
pub struct Singles {
    /// The model without an edit.
    pub base: Health,
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
/// `done` hears of every case. Afterwards the model is as it was.
///
/// # Errors
/// Where the model cannot be run or a method not be used on it.
pub fn singles(
    model: &mut Model,
    plan: &Plan<'_>,
    selection: &Selection,
    others: &[Method],
    done: &mut dyn FnMut(),
) -> Result<Singles, ReproduceError> {
    let prefixes: Vec<String> =
        plan.contexts.templates().filter(|template| *template != "{}").take(PREFIXES).map(str::to_owned).collect();
    let cases: Vec<Case> = selection.chosen.iter().map(|chosen| chosen.case.clone()).collect();
    let base = Health::of(model, plan)?;
    let (before, landed) = landed(model, &cases, &prefixes, None)?;
    let mut found = Singles { base, before: landed, all: Vec::new() };
    for (at, chosen) in selection.chosen.iter().enumerate() {
        let mut bench = Bench { plan, at, chosen, prefixes: &prefixes, before: of_case(&before, at) };
        found.all.extend(bench.rome(model)?);
        for method in others {
            found.all.push(bench.other(model, *method)?);
        }
        done();
    }
    Ok(found)
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
    fn rome(&mut self, model: &mut Model) -> Result<Vec<Single>, ReproduceError> {
        let setup = self.plan.setup(Method::Rome(KeyChoice::Rome));
        let case = RomeCase::of(model, &self.chosen.request, &setup)?;
        let mut found = Vec::new();
        for choice in VARIANTS {
            let edit = edit::edit_with(model, &case, choice, &self.plan.setup(Method::Rome(choice)))?;
            found.push(self.measured(model, Method::Rome(choice), &edit)?);
        }
        Ok(found)
    }

    fn other(&mut self, model: &mut Model, method: Method) -> Result<Single, ReproduceError> {
        let requests = std::slice::from_ref(&self.chosen.request);
        let edit = edit::edit(model, requests, &self.plan.setup(method), &mut History::default())?;
        self.measured(model, method, &edit)
    }

    /// Measures the edited model and takes the edit back.
    fn measured(&self, model: &mut Model, method: Method, edit: &Edit) -> Result<Single, ReproduceError> {
        let health = Health::of(model, self.plan);
        let landed = landed(model, std::slice::from_ref(&self.chosen.case), self.prefixes, Some(&self.before));
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
