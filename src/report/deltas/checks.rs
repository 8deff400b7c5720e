//! What a comparison holds for right or wrong: the verdict, new non-finite values, and each expectation.

use super::words;
use crate::deltas::{Deltas, Expectation, Level};
use crate::report::checks::{Check, Outcome, Rule};

const VERDICT: Rule =
    Rule { id: "deltas/verdict", asks: "the change is not of the size that destroys models" };
const FINITE: Rule = Rule { id: "deltas/new-nonfinite", asks: "no value became NaN or infinite" };
const EXPECTATION: Rule = Rule { id: "deltas/expectation", asks: "the change is what was expected" };

/// A verdict of `collapsed` or `invalid` fails, `suspect` warns.
pub(super) fn checks(deltas: &Deltas) -> Vec<Check> {
    let file = deltas.after.path.to_string_lossy().into_owned();
    let level = deltas.verdict.level;
    let verdict = Check {
        name: "verdict".to_owned(),
        rule: VERDICT,
        outcome: match level {
            Level::Identical | Level::Healthy => Outcome::Passed,
            Level::Suspect => Outcome::Warned,
            Level::Collapsed | Level::Invalid => Outcome::Failed,
        },
        message: format!("{}: {}", words::level_name(level), deltas.verdict.reasons.join("; ")),
        file: file.clone(),
    };
    let new = deltas.summary.new_nonfinite;
    let finite = Check {
        name: "new non-finite values".to_owned(),
        rule: FINITE,
        outcome: passed(new == 0),
        message: format!("{new} elements are finite before and not after"),
        file: file.clone(),
    };
    let expectation = |Expectation { expect, held, found }: &Expectation| Check {
        name: expect.clone(),
        rule: EXPECTATION,
        outcome: passed(*held),
        message: found.clone(),
        file: file.clone(),
    };
    [verdict, finite].into_iter().chain(deltas.expectations.iter().map(expectation)).collect()
}

const fn passed(held: bool) -> Outcome {
    if held { Outcome::Passed } else { Outcome::Failed }
}
