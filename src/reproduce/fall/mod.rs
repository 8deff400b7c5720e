//! The Fall of ROME: which number of the update is too small, why it is, and what cures it.
//!
//! ```text
//! T1, T2, T4, T5    numerator and denominator, perplexity, what lands                 tables
//! F2, F3            keys and adjusted keys in the plane                               plane
//! F4                first tokens of normal prompts, collapse prompts behind a prefix  prefix
//! T3                positions swapped                                                 swap
//! F5                an encoder, whose first token sees the others                     encoder
//! ```

mod cosines;
mod encoder;
mod plane;
mod prefix;
mod swap;
mod tables;

use super::{Experiment, Plan, ReproduceError, Selection, Singles};
use crate::model::Model;

/// Every experiment, each from what the single edits left behind or from new captures.
///
/// # Errors
/// Where the model cannot be run.
pub(super) fn experiments(
    model: &mut Model,
    plan: &Plan<'_>,
    selection: &Selection,
    singles: &Singles,
    encoder: Option<&Model>,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<Experiment>, ReproduceError> {
    let mut found = vec![tables::fraction(singles), tables::perplexity(singles)];
    progress("keys in the plane");
    found.extend(plane::experiments(plan, selection, singles)?);
    progress("collapse cases behind a prefix");
    found.push(prefix::experiment_on(model, plan, selection, singles)?);
    progress("an encoder's first token");
    found.push(encoder::experiment_on(model, plan, encoder));
    progress("positions swapped");
    found.push(swap::experiment_on(model, plan, selection, singles)?);
    found.extend([tables::bare(singles), tables::prefixed(singles)]);
    Ok(found)
}
