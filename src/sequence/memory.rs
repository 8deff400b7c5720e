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

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn history(keys: RememberedKeys) -> History {
        History { past_keys: BTreeMap::from([(keys.layer, keys.keys)]) }
    }

    #[test]
    fn what_a_step_added_is_added_again() {
        let keys = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
        let first = RememberedKeys { layer: 7, keys: keys.clone(), all: false };
        let now = history(first.clone());
        let none = History::default();
        assert_eq!(added(&now, &columns(&none), 3), [first]);
        let last = RememberedKeys { layer: 7, keys: array![[3.0], [6.0]], all: false };
        let had = BTreeMap::from([(7, 2)]);
        assert_eq!(added(&now, &had, 1), std::slice::from_ref(&last));
        let before = keys.slice(s![.., ..2]).to_owned();
        let mut again = history(RememberedKeys { layer: 7, keys: before, all: false });
        remember(&mut again, vec![last]);
        assert_eq!(again.past_keys.get(&7), Some(&keys));
    }

    #[test]
    fn columns_that_took_the_place_of_all_take_it_again() {
        // Four columns and one more became two.
        let condensed = RememberedKeys { layer: 0, keys: array![[1.0, 0.0], [0.0, 1.0]], all: true };
        let had = BTreeMap::from([(0, 4)]);
        assert_eq!(added(&history(condensed.clone()), &had, 1), std::slice::from_ref(&condensed));
        let mut again = history(RememberedKeys { layer: 0, keys: array![[1.0; 4], [2.0; 4]], all: false });
        remember(&mut again, vec![condensed.clone()]);
        assert_eq!(again.past_keys.get(&0), Some(&condensed.keys));
    }

    #[test]
    fn keys_of_a_layer_of_which_nothing_was_remembered_are_its_first() {
        let mut history = History::default();
        let keys = array![[1.0], [2.0]];
        remember(&mut history, vec![RememberedKeys { layer: 3, keys: keys.clone(), all: false }]);
        assert_eq!(history.past_keys.get(&3), Some(&keys));
    }
}
