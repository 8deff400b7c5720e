//! What an analysis holds for right or wrong: a check a run, and one a record that could not be used.

use super::words::summary;
use crate::report::checks::{Check, Outcome, Rule};
use crate::sequence::analysis::{Level, RunAnalysis};

const RUN: Rule = Rule { id: "sequence/run", asks: "the edits of a run leave the model whole" };
const REFUSED: Rule = Rule { id: "sequence/refused", asks: "a record of a run can be read" };

/// `collapse` fails, `warning` and `gradual` warn; a record that was refused is skipped.
pub(super) fn checks(runs: &[RunAnalysis]) -> Vec<Check> {
    runs.iter().flat_map(of_run).collect()
}

fn of_run(found: &RunAnalysis) -> Vec<Check> {
    let file = found.run.path.to_string_lossy().into_owned();
    let outcome = match found.level {
        Level::Stable => Outcome::Passed,
        Level::Gradual | Level::Warning => Outcome::Warned,
        Level::Collapse => Outcome::Failed,
    };
    let message = format!("{}: {}", found.level.name(), summary(found));
    let run =
        Check { name: found.run.kind.name().to_owned(), rule: RUN, outcome, message, file: file.clone() };
    let refused = found.run.bad.iter().map(|bad| Check {
        name: format!("record {}", bad.index),
        rule: REFUSED,
        outcome: Outcome::Skipped,
        message: bad.reason.clone(),
        file: file.clone(),
    });
    std::iter::once(run).chain(refused).collect()
}
