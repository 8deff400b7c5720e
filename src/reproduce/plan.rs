//! What a reproduction is made from, and which cases are taken: those whose keys foretell a collapse, and as many that do not.

use std::collections::BTreeMap;

use super::ReproduceError;
use crate::edit::{Hparams, KeyChoice, Method, Request, Setup};
use crate::keys::{self, Adjustment, Level, MeanOver, ScanPlan, WeightedTemplates};
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
    /// Its keys foretell a collapse: the papers' hard or collapse cases.
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
    /// Cases whose keys foretell a collapse, whether or not all are taken.
    pub collapse: usize,
    /// Cases whose keys do not.
    pub normal: usize,
    /// Cases at risk, which belong to neither set.
    pub at_risk: usize,
    /// Records that cannot be diagnosed or edited.
    pub refused: usize,
}

impl Selection {
    /// The cases of one set.
    pub fn of(&self, set: Set) -> impl Iterator<Item = &Chosen> {
        self.chosen.iter().filter(move |chosen| chosen.set == set)
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
        let Self { contexts, moments, .. } = *self;
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
        let levels: BTreeMap<&str, Level> =
            scan.cases.iter().map(|case| (case.case_id.as_str(), case.verdict.level)).collect();
        let mut found = Selection { refused: scan.refused.len(), ..Selection::default() };
        for case in self.cases.iter().flatten() {
            let (set, seen) = match levels.get(case.case_id.as_str()) {
                Some(Level::Collapse) => (Set::Collapse, &mut found.collapse),
                Some(Level::Safe) => (Set::Normal, &mut found.normal),
                Some(Level::AtRisk) => {
                    found.at_risk += 1;
                    continue;
                }
                None => continue,
            };
            let Ok(request) = Request::of(case, model) else {
                found.refused += 1;
                continue;
            };
            *seen += 1;
            if *seen <= self.most {
                found.chosen.push(Chosen { case: case.clone(), request, set });
            }
        }
        Ok(found)
    }
}

/// The variants of ROME that are measured on every case.
pub const VARIANTS: [KeyChoice; 3] = [KeyChoice::Rome, KeyChoice::CRome, KeyChoice::PRome];
