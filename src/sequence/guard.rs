//! The guard: a case is diagnosed before it is edited, and what would break the model is refused or edited with the consistent key.

use super::SequenceError;
use crate::edit::{KeyChoice, Method, Setup};
use crate::keys::{Adjustment, Level, ScanPlan, WeightedTemplates, scan};
use crate::model::Model;
use crate::reader::{Case, GuardLine};

/// What the guard does with a case at which ROME would break the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardMode {
    /// The case is refused.
    Refuse,
    /// The case is edited by C-ROME, which has k̄ in both places.
    Fix,
}

/// A guard with what it judges by.
#[derive(Clone, Copy)]
pub struct Guard<'a> {
    /// What it does.
    pub mode: GuardMode,
    /// The context templates.
    pub templates: &'a WeightedTemplates,
    /// Factor of ‖v‖ that ‖v* − v‖ is clamped to.
    pub clamp: f64,
}

/// What the guard says of one case.
pub(super) enum Judged {
    /// It may be edited, by this method.
    Pass(Method, GuardLine),
    /// It may not: a stable word and the reason.
    Refused(String, String),
}

impl Guard<'_> {
    /// Judges a case on the model as it is now.
    pub(super) fn judge(
        &self,
        model: &Model,
        case: &Case,
        setup: &Setup<'_>,
    ) -> Result<Judged, SequenceError> {
        let layer = setup.hparams.layers.first().copied().unwrap_or_default();
        let identity = Adjustment::none(model.config().intermediate_size);
        let adjustment = setup.moments.get(&layer).unwrap_or(&identity);
        let plan = ScanPlan { layer, templates: self.templates, clamp: self.clamp, keep_keys: false };
        let found = scan(model, &[Ok(case.clone())], &plan, adjustment, &|_| {})?;
        let Some(judged) = found.cases.into_iter().next() else {
            let refused = found.refused.into_iter().next();
            let (kind, reason) = refused.map(|refused| (refused.kind, refused.reason)).unwrap_or_default();
            return Ok(Judged::Refused(kind.to_owned(), reason));
        };
        let (level, ratio) = (judged.verdict.level, judged.fraction.denominator_ratio);
        let line = |action: &str| GuardLine {
            level: word(level).to_owned(),
            denominator_ratio: ratio,
            action: action.to_owned(),
        };
        let consistent = Method::Rome(KeyChoice::CRome);
        Ok(match (level, self.mode) {
            (Level::Safe | Level::AtRisk, _) => Judged::Pass(setup.method, line(UNCHANGED)),
            (Level::Collapse, GuardMode::Fix) => Judged::Pass(consistent, line(consistent.name())),
            (Level::Collapse, GuardMode::Refuse) => {
                let why = judged.verdict.reasons.into_iter().next().unwrap_or_default();
                Judged::Refused(
                    GUARD.to_owned(),
                    format!("the guard: ROME would break the model with it: {why}"),
                )
            }
        })
    }
}

/// What the guard does with a case that it lets pass.
pub(super) const UNCHANGED: &str = "none";
/// The kind of a refusal by the guard.
pub(super) const GUARD: &str = "guard";

fn word(level: Level) -> &'static str {
    match level {
        Level::Safe => "safe",
        Level::AtRisk => "at-risk",
        Level::Collapse => "collapse",
    }
}
