//! What a reproduction is made from, and which cases are taken: those whose keys foretell a collapse, and as many that do not.

use std::collections::BTreeMap;

use super::ReproduceError;
use crate::edit::{Hparams, KeyChoice, Method, Request, Setup};
use crate::keys::{self, Adjustment, CaseOutcome, Level, MeanOver, MeansError, ScanPlan, WeightedTemplates};
use crate::model::Model;
use crate::reader::{BadRecord, Case, ContextTemplates, Task};

/// What is given.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// ROME's numbers; its one layer is edited in every experiment.
    pub rome: &'a Hparams,
    /// MEMIT's and EMMET's.
    pub memit: &'a Hparams,
    /// Those of fine-tuning.
    pub fine_tune: &'a Hparams,
    /// Cases to choose from.
    pub cases: &'a [Result<Case, BadRecord>],
    /// Context templates.
    pub contexts: &'a ContextTemplates,
    /// The same as MEMIT and EMMET take them, see [`grouped`].
    pub grouped: &'a ContextTemplates,
    /// C of every layer that is edited.
    pub moments: &'a BTreeMap<usize, Adjustment>,
    /// Texts for perplexity.
    pub texts: &'a [String],
    /// Task files: a name and its records.
    pub tasks: &'a [(String, Vec<Result<Task, BadRecord>>)],
    /// Most cases of each set.
    pub most: usize,
    /// Seed of every draw.
    pub seed: u64,
}

/// Which of the two a case belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Set {
    /// Its keys foretell a collapse: the papers' hard or collapse cases. Where there is none in the whole file, cases whose subject
    /// is the first token stand in ([`Selection::stand_in`]): those that the papers found to collapse.
    Collapse,
    /// They do not.
    Normal,
}

impl Set {
    /// Both, as reports list them.
    pub const ALL: [Self; 2] = [Self::Collapse, Self::Normal];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Collapse => "collapse",
            Self::Normal => "normal",
        }
    }
}

/// A case that is edited.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// As it was read.
    pub case: Case,
    /// As it is edited.
    pub request: Request,
    /// Which set it belongs to.
    pub set: Set,
}

/// The cases that are taken, in the order of the records, and how many there were.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Those that are edited.
    pub chosen: Vec<Chosen>,
    /// Cases of the collapse set, whether or not all are taken.
    pub collapse: usize,
    /// Cases of the normal set.
    pub normal: usize,
    /// Cases at risk, which belong to neither set.
    pub at_risk: usize,
    /// Records that cannot be diagnosed or edited.
    pub refused: usize,
    /// Whether the keys of no case foretell a collapse, so that those of a first token stand in.
    pub stand_in: bool,
}

impl Selection {
    /// The cases of one set.
    pub fn of(&self, set: Set) -> impl Iterator<Item = &Chosen> {
        self.chosen.iter().filter(move |chosen| chosen.set == set)
    }

    /// Why what holds the two sets against each other cannot be run, where one of them is empty.
    pub(super) fn one_sided(&self) -> Option<String> {
        let empty = Set::ALL.into_iter().find(|set| self.of(*set).next().is_none())?;
        Some(format!("there is no {} case among those given", empty.name()))
    }
}

impl<'a> Plan<'a> {
    /// The layer that ROME edits.
    ///
    /// # Errors
    /// Where its hyper-parameters name none or several.
    pub fn layer(&self) -> Result<usize, ReproduceError> {
        match self.rome.layers.as_slice() {
            &[layer] => Ok(layer),
            layers => Err(ReproduceError::Layers { found: layers.len() }),
        }
    }

    /// What an edit by a method is made with.
    pub fn setup(&self, method: Method) -> Setup<'a> {
        let hparams = match method {
            Method::Rome(_) => self.rome,
            Method::Memit | Method::Emmet => self.memit,
            Method::FineTune | Method::FineTuneConstrained => self.fine_tune,
        };
        let contexts = match method {
            Method::Memit | Method::Emmet => self.grouped,
            Method::Rome(_) | Method::FineTune | Method::FineTuneConstrained => self.contexts,
        };
        let moments = self.moments;
        Setup { method, hparams, contexts, moments, rect: None, null_space: None }
    }

    /// Diagnoses every case and takes the first of each set.
    ///
    /// # Errors
    /// Where the model cannot be run, or there is no second moment of the layer.
    pub fn select(&self, model: &Model) -> Result<Selection, ReproduceError> {
        let layer = self.layer()?;
        let templates = WeightedTemplates::new(self.contexts, MeanOver::Every)?;
        let clamp = self.rome.clamp_norm_factor;
        let scan_plan = ScanPlan { layer, templates: &templates, clamp, keep_keys: false };
        let adjustment = self.moments.get(&layer).ok_or(ReproduceError::NoMoment { layer })?;
        let scan = keys::scan(model, self.cases, &scan_plan, adjustment, &|_| {})?;
        let stand_in = !scan.cases.iter().any(|case| case.verdict.level == Level::Collapse);
        let sets: BTreeMap<&str, Option<Set>> =
            scan.cases.iter().map(|case| (case.case_id.as_str(), set_of(case, stand_in))).collect();
        let mut found = Selection { refused: scan.refused.len(), stand_in, ..Selection::default() };
        for case in self.cases.iter().flatten() {
            let Some(set) = sets.get(case.case_id.as_str()) else { continue };
            let (Some(set), Ok(request)) = (*set, Request::of(case, model)) else {
                *if set.is_none() { &mut found.at_risk } else { &mut found.refused } += 1;
                continue;
            };
            let seen = if set == Set::Collapse { &mut found.collapse } else { &mut found.normal };
            *seen += 1;
            if *seen <= self.most {
                found.chosen.push(Chosen { case: case.clone(), request, set });
            }
        }
        Ok(found)
    }
}

/// Context templates as MEMIT and its kin take them: the bare one in a group of its own, so that kᵘ has half the weight in k̄, and
/// five with a prefix in another. Of ROME's list those are every second of the last ten, one a word that texts begin with.
///
/// A list that has groups already stays as it is.
///
/// # Errors
/// Where no template has a prefix.
pub fn grouped(contexts: &ContextTemplates) -> Result<ContextTemplates, MeansError> {
    if contexts.groups().len() > 1 {
        return Ok(contexts.clone());
    }
    let prefixed: Vec<&str> = contexts.prefixed().collect();
    let mut five: Vec<String> = prefixed.iter().rev().step_by(2).take(5).map(|&one| one.to_owned()).collect();
    five.reverse();
    match ContextTemplates::new(vec![vec!["{}".to_owned()], five]) {
        Ok(grouped) if !prefixed.is_empty() => Ok(grouped),
        Ok(_) | Err(_) => Err(MeansError::NoPrefixed),
    }
}

/// The set of a case; none of one that is at risk.
fn set_of(case: &CaseOutcome, stand_in: bool) -> Option<Set> {
    let first_token = case.fact.as_ref().is_some_and(|fact| fact.first_token);
    match case.verdict.level {
        Level::Collapse => Some(Set::Collapse),
        Level::Safe | Level::AtRisk if stand_in && first_token => Some(Set::Collapse),
        Level::Safe => Some(Set::Normal),
        Level::AtRisk => None,
    }
}

/// The variants of ROME that are measured on every case.
pub const VARIANTS: [KeyChoice; 3] = [KeyChoice::Rome, KeyChoice::CRome, KeyChoice::PRome];

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn memit_takes_one_template_a_word_and_the_bare_one_apart() {
        let mut all = vec!["{}".to_owned()];
        all.extend((0..20).map(|n| format!("text {n}. {{}}")));
        let found = grouped(&ContextTemplates::new(vec![all]).unwrap()).unwrap();
        let five = [11, 13, 15, 17, 19].map(|n| format!("text {n}. {{}}")).to_vec();
        assert_eq!(found.groups(), [vec!["{}".to_owned()], five]);
        assert_eq!(grouped(&found).unwrap(), found);
        let bare = ContextTemplates::new(vec![vec!["{}".to_owned()]]).unwrap();
        assert_eq!(grouped(&bare), Err(MeansError::NoPrefixed));
    }
}
