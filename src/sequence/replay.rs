//! A ledger done again: its updates applied in their order, each result held to its hash.

use std::collections::BTreeMap;

use super::SequenceError;
use super::line::hashes;
use crate::edit::{Before, Change, RectKind, Update};
use crate::model::{Model, ModelError, StoredTensor};
use crate::reader::{
    Ledger, LedgerChange, LedgerLine, LedgerUpdate, Limits, LineKind, RectLine, RememberedKeys, ScheduleKind,
};

/// How much of a ledger is done again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    All,
    /// Its first steps, so many.
    Upto(usize),
    /// One step alone, from 0: of a ledger whose edits were each made from the original.
    Only(usize),
}

/// The layers whose down-projection changed, and of each whether its bias did too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed(BTreeMap<usize, bool>);

impl Changed {
    /// Counts the layers of a step in.
    pub fn note(&mut self, line: &LedgerLine) {
        for layer in &line.layers {
            *self.0.entry(layer.layer).or_default() |= layer.bias.is_some();
        }
    }

    /// The tensors as the model has them now and a checkpoint would store them.
    ///
    /// # Errors
    /// Where the model has no such layer, or the dtype cannot be written.
    pub fn tensors(&self, model: &Model) -> Result<Vec<StoredTensor>, ModelError> {
        let mut tensors = Vec::new();
        for (&layer, &with_bias) in &self.0 {
            tensors.push(model.stored_weight(layer)?);
            if with_bias {
                tensors.extend(model.stored_bias(layer)?);
            }
        }
        Ok(tensors)
    }
}

/// Applies the updates of a ledger to its base; `done` hears of each step.
///
/// # Errors
/// [`SequenceError::OtherBase`]; [`SequenceError::OtherResult`] where a step gives other bits than it gave;
/// [`SequenceError::NotOne`] where all of a ledger of single edits is asked for, and there are several.
pub fn replay(
    model: &mut Model,
    ledger: &Ledger,
    extent: Extent,
    limits: &Limits,
    done: &mut dyn FnMut(),
) -> Result<Changed, SequenceError> {
    super::check_base(&ledger.header.base, model.checkpoint())?;
    let mut changed = Changed::default();
    for line in lines(ledger, extent)? {
        apply(model, ledger, line, limits)?;
        changed.note(line);
        done();
    }
    Ok(changed)
}

/// The steps that belong to an extent.
fn lines(ledger: &Ledger, extent: Extent) -> Result<&[LedgerLine], SequenceError> {
    let steps = ledger.lines.iter().filter(|line| line.kind == LineKind::Edit).count();
    let no_step = |asked| SequenceError::NoStep { steps, asked };
    let lines = match extent {
        Extent::All => ledger.lines.as_slice(),
        Extent::Upto(n) if n <= steps => ledger.lines.get(..n).ok_or_else(|| no_step(n))?,
        Extent::Upto(n) => return Err(no_step(n)),
        Extent::Only(at) => ledger.lines.get(at..=at).ok_or_else(|| no_step(at))?,
    };
    let edits = lines.iter().filter(|line| !line.layers.is_empty()).count();
    match ledger.header.schedule {
        ScheduleKind::Single if edits > 1 => Err(SequenceError::NotOne { edits }),
        ScheduleKind::Sequential => match extent {
            Extent::Only(asked) if asked > 0 => Err(SequenceError::NotAlone { asked }),
            _ => Ok(lines),
        },
        ScheduleKind::Single => Ok(lines),
    }
}

/// Applies one step and holds the result to its hashes; gives back the matrices as they were, and the keys to remember.
pub(super) fn apply(
    model: &mut Model,
    ledger: &Ledger,
    line: &LedgerLine,
    limits: &Limits,
) -> Result<(Vec<Before>, Vec<RememberedKeys>), SequenceError> {
    let mut before = Vec::new();
    let factors = ledger.factors(line, limits)?;
    for (update, needed) in factors.updates.into_iter().zip(&line.layers) {
        let (_, was) = restored(update, line.index)?.apply(model)?;
        before.push(was);
        let (weight, bias) = hashes(model, needed.layer, needed.bias.is_some())?;
        let pairs = [
            Some((&needed.tensor, weight, &needed.sha256)),
            bias.zip(needed.bias.as_ref()).map(|((_, found), (name, needed))| (name, found, needed)),
        ];
        for (tensor, found, needed) in pairs.into_iter().flatten() {
            if found != *needed {
                let (tensor, needed) = (tensor.clone(), needed.clone());
                return Err(SequenceError::OtherResult { index: line.index, tensor, found, needed });
            }
        }
    }
    Ok((before, factors.remembered))
}

fn restored(update: LedgerUpdate, index: usize) -> Result<Update, SequenceError> {
    let change = match update.change {
        LedgerChange::Whole { weight, bias } => Change::Whole { weight, bias },
        LedgerChange::Factors { left, right, kept } => {
            Change::Factors { left, right, kept: kept.map(|rect| mask(rect, index)).transpose()? }
        }
    };
    Ok(Update { layer: update.layer, change })
}

fn mask(RectLine { kind, share }: RectLine, index: usize) -> Result<RectKind, SequenceError> {
    match kind.as_str() {
        "relative" => Ok(RectKind::Relative(share)),
        "shifted" => Ok(RectKind::Shifted(share)),
        _ => Err(SequenceError::UnknownMask { index, kind }),
    }
}
