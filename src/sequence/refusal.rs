//! Cases that cannot be edited: which errors are theirs, and the row that they become.

use crate::edit::EditError;
use crate::keys::AdjustmentError;
use crate::model::ModelError;
use crate::reader::RefusedLine;

/// The row of a case.
pub(super) fn refusal(record: usize, case_id: Option<&String>, kind: &str, reason: String) -> RefusedLine {
    RefusedLine { record, case_id: case_id.cloned(), kind: kind.to_owned(), reason }
}

/// What is wrong, without the name of the case, which has a place of its own.
pub(super) fn reason(error: &EditError) -> String {
    match error {
        EditError::Request { reason, .. } => reason.clone(),
        other => other.to_string(),
    }
}

/// Whether an error is that of some cases, so that others can be edited all the same.
///
/// A sequence can leave a model whose keys are no longer finite; such a key is refused by the solver.
pub(super) fn concerns_a_case(error: &EditError) -> bool {
    match error {
        EditError::Request { .. } | EditError::Solve(_) => true,
        EditError::Model(error) => matches!(
            error,
            ModelError::EmptyRow { .. } | ModelError::TooLong { .. } | ModelError::UnknownToken { .. }
        ),
        EditError::Adjustment(error) => matches!(error, AdjustmentError::Engine(_)),
        _ => false,
    }
}
