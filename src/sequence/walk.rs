//! A ledger walked edit by edit, with a look at the model after each: nothing is written and nothing is computed twice.

use super::replay::apply;
use super::{SequenceError, check_base};
use crate::edit::Before;
use crate::model::Model;
use crate::reader::{Ledger, LedgerLine, Limits, ScheduleKind};

/// Applies the steps of a ledger to its base, and calls `look` after each.
///
/// Edits that were each made from the original are taken back before the next one; of a sequence each stays. The model is left
/// as the last step that stays has left it.
///
/// # Errors
/// [`SequenceError::OtherBase`]; [`SequenceError::OtherResult`] where a step gives other bits than it gave; what `look` fails with.
pub fn walk<E: From<SequenceError>>(
    model: &mut Model,
    ledger: &Ledger,
    limits: &Limits,
    mut look: impl FnMut(&Model, &LedgerLine) -> Result<(), E>,
) -> Result<(), E> {
    check_base(&ledger.header.base, model.checkpoint())?;
    for line in &ledger.lines {
        let (before, _) = apply(model, ledger, line, limits)?;
        look(model, line)?;
        if ledger.header.schedule == ScheduleKind::Single {
            for Before { layer, weight, bias } in before.iter().rev() {
                let undone = model.set_down_projection(*layer, weight.view(), bias.as_deref());
                undone.map_err(SequenceError::Model)?;
            }
        }
    }
    Ok(())
}
