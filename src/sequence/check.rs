//! A checkpoint held against a ledger: is it what the ledger gives?

use std::collections::BTreeMap;

use super::{SequenceError, check_base};
use crate::reader::{Checkpoint, Ledger, LedgerLine, ReadError, ScheduleKind, sha256_of_tensor};
use crate::tensor::{Source as _, counted};

/// Whether a checkpoint is what a ledger gives, and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerCheck {
    /// Whether it is.
    pub held: bool,
    /// What was found, in words.
    pub found: String,
}

/// Hash of each tensor by its name.
type State = BTreeMap<String, String>;

/// Holds the tensors that a ledger tells of to what they are in `before` and `after`.
///
/// It holds where `before` is the ledger's base and `after` what its last step left; of a ledger whose edits were each made from the
/// original, what any one of them left. Tensors that the ledger does not tell of are not looked at.
///
/// # Errors
/// Where a tensor cannot be read.
pub fn check_against(
    ledger: &Ledger,
    before: &Checkpoint,
    after: &Checkpoint,
) -> Result<LedgerCheck, ReadError> {
    let answer = |held, found| Ok(LedgerCheck { held, found });
    match check_base(&ledger.header.base, before) {
        Ok(()) => {}
        Err(SequenceError::Read(error)) => return Err(error),
        Err(other) => return answer(false, other.to_string()),
    }
    let mut found = State::new();
    for tensor in &ledger.header.base {
        let Some(entry) = after.entries().get(&tensor.name) else {
            return answer(false, format!("{} is missing afterwards", tensor.name));
        };
        found.insert(tensor.name.clone(), sha256_of_tensor(after, entry)?);
    }
    let base: State =
        ledger.header.base.iter().map(|tensor| (tensor.name.clone(), tensor.sha256.clone())).collect();
    let (held, found) = match ledger.header.schedule {
        ScheduleKind::Single => one_of(ledger, &base, &found),
        ScheduleKind::Sequential => last_of(ledger, base, &found),
    };
    answer(held, found)
}

/// Single edits: the checkpoint holds exactly one of them.
fn one_of(ledger: &Ledger, base: &State, found: &State) -> (bool, String) {
    let fits = |line: &&LedgerLine| {
        let mut state = base.clone();
        leave(line, &mut state);
        state == *found
    };
    match ledger.edits().find(fits) {
        Some(line) => (true, format!("it is what step {} gives{}", line.index, of_cases(line))),
        None if found == base => (false, "it is the base, with none of the edits".to_owned()),
        None => (false, format!("it is what none of {} gives", steps(ledger))),
    }
}

/// A sequence: the checkpoint is what the last step left; where it is an earlier one, that is said.
fn last_of(ledger: &Ledger, base: State, found: &State) -> (bool, String) {
    let mut state = base;
    let mut reached = (state == *found).then_some(0);
    for line in &ledger.lines {
        leave(line, &mut state);
        if state == *found {
            reached = Some(line.index + 1);
        }
    }
    let all = ledger.lines.len();
    match reached {
        Some(n) if n == all => (true, format!("it is what all {} give", steps(ledger))),
        Some(0) => (false, "it is the base, with none of the edits".to_owned()),
        Some(n) => (false, format!("it is what the first {n} of {} give", steps(ledger))),
        None => {
            let differs = state.iter().find(|(name, hash)| found.get(*name) != Some(hash));
            let name = differs.map_or("", |(name, _)| name);
            (false, format!("{name} is not what {}, or any number of them, give", steps(ledger)))
        }
    }
}

/// The hashes that a step leaves.
fn leave(line: &LedgerLine, state: &mut State) {
    for layer in &line.layers {
        state.insert(layer.tensor.clone(), layer.sha256.clone());
        if let Some((name, hash)) = &layer.bias {
            state.insert(name.clone(), hash.clone());
        }
    }
}

fn of_cases(line: &LedgerLine) -> String {
    match line.requests.as_slice() {
        [] => String::new(),
        [one] => format!(" (case {})", one.case_id),
        [first, rest @ ..] => format!(" (case {} and {} more)", first.case_id, rest.len()),
    }
}

fn steps(ledger: &Ledger) -> String {
    counted(ledger.lines.len(), "step", "steps")
}
