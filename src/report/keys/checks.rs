//! What a diagnosis holds for right or wrong: a check a case.

use super::words;
use crate::keys::{CaseOutcome, Diagnosis, Level, Origin};
use crate::reader::RefusedCase;
use crate::report::checks::{Check, Outcome, Rule};

const CASE: Rule = Rule { id: "keys/case", asks: "an edit with this case leaves the model whole" };
const REFUSED: Rule = Rule { id: "keys/refused", asks: "a record can be diagnosed" };

/// `collapse` fails, `at-risk` warns; a record that was refused is skipped.
pub(super) fn checks(diagnosis: &Diagnosis) -> Vec<Check> {
    let file = match &diagnosis.origin {
        Origin::Model { path, .. } | Origin::Dump { path, .. } => path.to_string_lossy().into_owned(),
    };
    let case = |case: &CaseOutcome| Check {
        name: case.fact.as_ref().map_or_else(
            || case.case_id.clone(),
            |fact| format!("{}: {}", case.case_id, fact.prompt.replace("{}", &fact.subject)),
        ),
        rule: CASE,
        outcome: match case.verdict.level {
            Level::Safe => Outcome::Passed,
            Level::AtRisk => Outcome::Warned,
            Level::Collapse => Outcome::Failed,
        },
        message: format!("{}: {}", words::risk_name(case.verdict.level), case.verdict.reasons.join("; ")),
        file: file.clone(),
    };
    let refused = |refused: &RefusedCase| Check {
        name: refused.case_id.clone().unwrap_or_else(|| format!("record {}", refused.index)),
        rule: REFUSED,
        outcome: Outcome::Skipped,
        message: refused.reason.clone(),
        file: file.clone(),
    };
    let scan = &diagnosis.scan;
    scan.cases.iter().map(case).chain(scan.refused.iter().map(refused)).collect()
}
