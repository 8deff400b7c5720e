//! What a run was and what came of it, for reports and ledgers.

use std::path::PathBuf;

use serde_json::Value;

use super::GuardMode;
use crate::edit::{Hparams, Method, NullSpaceFacts, PruneForm, RectKind};
use crate::keys::{ContextFacts, MomentFacts};
use crate::model::Architecture;
use crate::reader::{BadRecord, BaseTensor, Case, LedgerLine, ScheduleKind, sha256_of};

/// All that decides what the edits of a run are.
#[derive(Clone, Debug)]
pub struct RunFacts {
    /// Where the model was opened.
    pub model: PathBuf,
    /// Its architecture.
    pub architecture: Architecture,
    /// The tensors that the run may change, as they were.
    pub base: Vec<BaseTensor>,
    /// The method that was asked for.
    pub method: Method,
    /// Its numbers.
    pub hparams: Hparams,
    /// Where they come from, in words.
    pub hparams_source: String,
    /// RECT's mask.
    pub rect: Option<RectKind>,
    /// Whether updates are projected into the null space of C.
    pub null_space: bool,
    /// Where each projector cuts the spectrum of C, layer by layer.
    pub null_spaces: Vec<(usize, NullSpaceFacts)>,
    /// What is done to the whole change at the end.
    pub prune: Option<PruneForm>,
    /// The context templates.
    pub contexts: ContextFacts,
    /// C of each layer.
    pub moments: Vec<MomentOf>,
    /// Whether edits add up.
    pub schedule: ScheduleKind,
    /// Records an edit.
    pub batch: usize,
    /// The guard.
    pub guard: Option<GuardMode>,
    /// Where the cases come from, as typed.
    pub cases: String,
    /// How many records there are.
    pub records: usize,
    /// [`cases_sha256`] of them.
    pub cases_sha256: String,
}

/// C of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct MomentOf {
    /// The layer.
    pub layer: usize,
    /// SHA-256 of its file; none where C = I.
    pub sha256: Option<String>,
    /// What it rests on.
    pub facts: MomentFacts,
}

/// A run and its steps.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What it was.
    pub run: RunFacts,
    /// What each step did, those of an earlier run that was taken up included.
    pub lines: Vec<LedgerLine>,
    /// The steps that were taken from a ledger.
    pub resumed: usize,
    /// The ledger, where one was written.
    pub ledger: Option<PathBuf>,
    /// The edited checkpoint, where one was written.
    pub written: Option<PathBuf>,
}

impl Outcome {
    /// Cases that were edited.
    pub fn edited(&self) -> usize {
        self.lines.iter().filter(|line| !line.layers.is_empty()).map(|line| line.requests.len()).sum()
    }

    /// Cases whose update is not finite, and was not made.
    pub fn unmade(&self) -> usize {
        self.lines.iter().filter(|line| line.layers.is_empty()).map(|line| line.requests.len()).sum()
    }

    /// Cases that were refused, those of the guard included.
    pub fn refused(&self) -> usize {
        self.lines.iter().map(|line| line.refused.len()).sum()
    }

    /// Cases that the guard refused.
    pub fn guarded(&self) -> usize {
        let refused = self.lines.iter().flat_map(|line| &line.refused);
        refused.filter(|refused| refused.kind == super::guard::GUARD).count()
    }

    /// Cases that the guard gave to another method.
    pub fn switched(&self) -> usize {
        let requests = self.lines.iter().flat_map(|line| &line.requests);
        let switched = requests.filter(|request| {
            request.guard.as_ref().is_some_and(|guard| guard.action != super::guard::UNCHANGED)
        });
        switched.count()
    }
}

/// SHA-256 of what an edit uses of each record: its name, prompt, subject and new object; a bad record counts by what is wrong with it.
pub fn cases_sha256(cases: &[Result<Case, BadRecord>]) -> String {
    let text: String = cases
        .iter()
        .map(|case| match case {
            Ok(case) => {
                let Case { case_id, prompt, subject, target_new, .. } = case;
                format!("{:?}\n", (case_id, prompt, subject, target_new))
            }
            Err(bad) => format!("{bad:?}\n"),
        })
        .collect();
    sha256_of(text.as_bytes())
}

/// The first place where two documents differ: its path with dots, and the two values.
pub fn first_difference(there: &Value, here: &Value) -> Option<(String, String, String)> {
    differ(String::new(), Some(there), Some(here))
}

fn differ(path: String, there: Option<&Value>, here: Option<&Value>) -> Option<(String, String, String)> {
    match (there, here) {
        (Some(Value::Object(there)), Some(Value::Object(here))) => {
            let keys = there.keys().chain(here.keys().filter(|key| !there.contains_key(*key)));
            let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            keys.into_iter().find_map(|key| differ(below(key), there.get(key), here.get(key)))
        }
        (there, here) if there == here => None,
        (there, here) => {
            let shown = |value: Option<&Value>| value.map_or("absent".to_owned(), Value::to_string);
            Some((path, shown(there), shown(here)))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_difference_of_two_settings_is_named_with_both_values() {
        let there = json!({"method": "rome", "hparams": {"v_lr": 0.5, "layers": [17]}});
        assert_eq!(first_difference(&there, &there), None);
        let here = json!({"method": "rome", "hparams": {"v_lr": 0.3, "layers": [17]}, "rect": null});
        let expected = ("hparams.v_lr".to_owned(), "0.5".to_owned(), "0.3".to_owned());
        assert_eq!(first_difference(&there, &here), Some(expected));
        let expected = ("rect".to_owned(), "absent".to_owned(), "null".to_owned());
        assert_eq!(first_difference(&json!({}), &json!({"rect": null})), Some(expected));
    }

    #[test]
    fn the_hash_of_cases_sees_what_an_edit_uses_and_nothing_else() {
        let case = Case { case_id: "1".into(), target_new: Some("x".into()), ..Case::default() };
        let other = Case { target_true: Some("z".into()), ..case.clone() };
        let changed = Case { target_new: Some("y".into()), ..case.clone() };
        let hash = |case: &Case| cases_sha256(&[Ok(case.clone())]);
        assert_eq!(hash(&case), hash(&other));
        assert_ne!(hash(&case), hash(&changed));
    }
}
