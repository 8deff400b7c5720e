//! Keys that later steps have to know of: what a step added to them, and how it is added again.
//!
//! `AlphaEdit` keeps the keys of earlier batches side by side, and once they are more than twice as many as they are long, as
//! many columns as rows that have the same sum of k kᵀ. A ledger has what a step added, or all columns where it has put others in their place.

use std::collections::BTreeMap;

use ndarray::{Axis, concatenate, s};

use crate::edit::History;
use crate::reader::RememberedKeys;

/// How many columns are remembered of each layer.
pub(super) fn columns(history: &History) -> BTreeMap<usize, usize> {
    history.past_keys.iter().map(|(&layer, keys)| (layer, keys.ncols())).collect()
}

/// What an edit of `requests` facts added to a history that had so many columns before.
pub(super) fn added(
    history: &History,
    before: &BTreeMap<usize, usize>,
    requests: usize,
) -> Vec<RememberedKeys> {
    let each = history.past_keys.iter().map(|(&layer, keys)| {
        let had = before.get(&layer).copied().unwrap_or(0);
        let all = keys.ncols() != had + requests;
        let keys = if all { keys.clone() } else { keys.slice(s![.., had..]).to_owned() };
        RememberedKeys { layer, keys, all }
    });
    each.collect()
}

/// Adds them again.
pub(super) fn remember(history: &mut History, remembered: Vec<RememberedKeys>) {
    for RememberedKeys { layer, keys, all } in remembered {
        let past = history.past_keys.entry(layer).or_default();
        let joined = concatenate(Axis(1), &[past.view(), keys.view()]);
        *past = match joined {
            Ok(joined) if !all => joined,
            // Nothing was remembered, or all of it gives way.
            _ => keys,
        };
    }
}
