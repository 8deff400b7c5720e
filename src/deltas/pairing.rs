//! Which tensor before is which tensor after, by name.

use std::collections::{BTreeMap, BTreeSet};

use super::RenamedPrefix;
use crate::model::KNOWN_PREFIXES;

/// Known prefixes that are stripped one after the other from one name.
///
/// Compiled, wrapped for several devices, adapted and nested in a head is four, and no tool does more.
const MOST_PREFIXES: usize = 4;

/// The names of two checkpoints, paired. Every list is in the order of the names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pairing<'a> {
    /// Name before and name after of each tensor on both sides.
    pub(crate) pairs: Vec<(&'a str, &'a str)>,
    /// Names only after.
    pub(crate) added: Vec<&'a str>,
    /// Names only before.
    pub(crate) removed: Vec<&'a str>,
    /// The prefix without which the names agree, where one had to be stripped.
    pub(crate) renamed_prefix: Option<RenamedPrefix>,
}

/// Pairs the names of two sides: equal names first, then what is left by one prefix of one side.
///
/// The prefix is one of [`KNOWN_PREFIXES`] or several of them in a row (`base_model.model.model.`), the one that
/// pairs the most names; of equally good ones the shortest, then the first by alphabet, then the one before the
/// edit. Stripping one prefix from the names of one side maps no two of them to the same name, and a paired name
/// is never paired again, so no tensor can be compared twice. O(n log n) for n names.
pub(crate) fn pair<'a>(
    before: impl Iterator<Item = &'a str>,
    after: impl Iterator<Item = &'a str>,
) -> Pairing<'a> {
    let mut removed: BTreeSet<&str> = before.collect();
    let mut added: BTreeSet<&str> = after.collect();
    let equal: Vec<&str> = removed.intersection(&added).copied().collect();
    for name in &equal {
        removed.remove(name);
        added.remove(name);
    }
    let mut pairs: Vec<(&str, &str)> = equal.into_iter().map(|name| (name, name)).collect();
    let renamed_prefix = best_prefix(&removed, &added);
    if let Some(RenamedPrefix { prefix, on_before }) = &renamed_prefix {
        let (long, short) = if *on_before { (&mut removed, &mut added) } else { (&mut added, &mut removed) };
        for (name, stripped) in matches(long, short, prefix) {
            long.remove(name);
            short.remove(stripped);
            pairs.push(if *on_before { (name, stripped) } else { (stripped, name) });
        }
        pairs.sort_unstable();
    }
    Pairing {
        pairs,
        added: added.into_iter().collect(),
        removed: removed.into_iter().collect(),
        renamed_prefix,
    }
}

/// The prefix that pairs the most of the names that are left, if any pairs one.
fn best_prefix(removed: &BTreeSet<&str>, added: &BTreeSet<&str>) -> Option<RenamedPrefix> {
    let mut gains: BTreeMap<(usize, &str, bool), usize> = BTreeMap::new();
    for (long, short, on_after) in [(removed, added, false), (added, removed, true)] {
        for name in long {
            for (prefix, stripped) in strippings(name) {
                if short.contains(stripped) {
                    *gains.entry((prefix.len(), prefix, on_after)).or_default() += 1;
                }
            }
        }
    }
    // Of equal gains `min_by_key` keeps the first, and the map is in the order of preference.
    let best = gains.into_iter().min_by_key(|&(_, gain)| std::cmp::Reverse(gain));
    best.map(|((_, prefix, on_after), _)| RenamedPrefix { prefix: prefix.to_owned(), on_before: !on_after })
}

/// Every way to strip known prefixes from a name: what goes, and what stays.
fn strippings(name: &str) -> impl Iterator<Item = (&str, &str)> {
    std::iter::successors(strip_one(name), |rest| strip_one(rest))
        .take(MOST_PREFIXES)
        .filter_map(move |rest| Some((name.strip_suffix(rest)?, rest)))
}

/// The name without the known prefix it begins with.
fn strip_one(name: &str) -> Option<&str> {
    KNOWN_PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix))
}

/// The names of `long` that are in `short` once they lose the prefix.
fn matches<'a>(long: &BTreeSet<&'a str>, short: &BTreeSet<&'a str>, prefix: &str) -> Vec<(&'a str, &'a str)> {
    long.iter().filter_map(|name| Some((*name, *short.get(name.strip_prefix(prefix)?)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pair_lists<'a>(before: &[&'a str], after: &[&'a str]) -> Pairing<'a> {
        pair(before.iter().copied(), after.iter().copied())
    }

    fn renamed(prefix: &str, on_before: bool) -> RenamedPrefix {
        RenamedPrefix { prefix: prefix.into(), on_before }
    }

    #[test]
    fn equal_names_pair_without_a_prefix() {
        let found = pair_lists(&["b", "a", "gone"], &["new", "a", "b"]);
        assert_eq!(found.pairs, [("a", "a"), ("b", "b")]);
        assert_eq!((found.removed, found.added, found.renamed_prefix), (vec!["gone"], vec!["new"], None));
    }

    #[test]
    fn a_prefix_on_either_side_is_stripped_and_told() {
        let hub = ["wte.weight", "h.0.mlp.c_proj.weight"];
        let saved = ["transformer.wte.weight", "transformer.h.0.mlp.c_proj.weight", "lm_head.weight"];
        let found = pair_lists(&hub, &saved);
        assert_eq!(found.renamed_prefix, Some(renamed("transformer.", false)));
        assert_eq!(found.pairs, [(hub[1], saved[1]), (hub[0], saved[0])]);
        assert_eq!((found.added, found.removed), (vec!["lm_head.weight"], vec![]));
        assert_eq!(pair_lists(&saved, &hub).renamed_prefix, Some(renamed("transformer.", true)));
    }

    #[test]
    fn prefixes_in_a_row_are_stripped_together() {
        let wrapped = ["base_model.model.model.layers.0.norm", "base_model.model.lm_head"];
        let bare = ["layers.0.norm", "lm_head"];
        let found = pair_lists(&wrapped, &bare);
        // One each: the shorter prefix wins.
        assert_eq!(found.renamed_prefix, Some(renamed("base_model.model.", true)));
        let found =
            pair_lists(&[wrapped[0], "base_model.model.model.layers.1.norm"], &[bare[0], "layers.1.norm"]);
        assert_eq!(found.renamed_prefix, Some(renamed("base_model.model.model.", true)));
        assert_eq!(found.pairs.len(), 2);
    }

    #[test]
    fn the_prefix_that_pairs_most_wins_and_the_rest_stays_unpaired() {
        let found = pair_lists(&["module.a", "module.b", "model.c"], &["a", "b", "c", "z"]);
        assert_eq!(found.renamed_prefix, Some(renamed("module.", true)));
        // Pairs by equal name and pairs by prefix stand in one order.
        let mixed = pair_lists(&["module.a", "z"], &["a", "z"]);
        assert_eq!(mixed.pairs, [("module.a", "a"), ("z", "z")]);
        assert_eq!((found.removed, found.added), (vec!["model.c"], vec!["c", "z"]));
    }

    #[test]
    fn names_that_collide_without_their_prefix_are_not_paired_twice() {
        // `model.a` and `module.a` both become `a`.
        let found = pair_lists(&["model.a", "module.a"], &["a"]);
        assert_eq!(found.pairs, [("model.a", "a")]);
        assert_eq!(found.removed, ["module.a"]);
        // `a` is taken by its own name before any prefix is looked at.
        let found = pair_lists(&["a", "model.a"], &["a"]);
        assert_eq!(
            (found.pairs, found.removed, found.renamed_prefix),
            (vec![("a", "a")], vec!["model.a"], None)
        );
        // A name may lose one prefix and pair with one that still carries another.
        let found = pair_lists(&["model.model.a", "model.a"], &["a"]);
        assert_eq!((found.pairs, found.removed), (vec![("model.a", "a")], vec!["model.model.a"]));
    }

    #[test]
    fn sides_that_share_nothing_and_empty_sides_pair_nothing() {
        let found = pair_lists(&["model.a"], &["b"]);
        assert_eq!((found.pairs.len(), found.renamed_prefix), (0, None));
        let found = pair_lists(&[], &[]);
        assert_eq!((found.pairs.len(), found.added.len(), found.removed.len()), (0, 0, 0));
        let found = pair_lists(&["model."], &[""]);
        assert_eq!(found.pairs, [("model.", "")]);
    }

    proptest! {
        #[test]
        fn every_name_lands_in_exactly_one_place_and_the_input_order_does_not_matter(
            before in prop::collection::btree_set("(model\\.|module\\.|transformer\\.){0,3}[ab]{0,2}", 0..12),
            after in prop::collection::btree_set("(model\\.|module\\.|transformer\\.){0,3}[ab]{0,2}", 0..12),
        ) {
            let found = pair(before.iter().map(String::as_str), after.iter().map(String::as_str));
            let mut left: Vec<&str> = found.pairs.iter().map(|pair| pair.0).chain(found.removed.clone()).collect();
            let mut right: Vec<&str> = found.pairs.iter().map(|pair| pair.1).chain(found.added.clone()).collect();
            left.sort_unstable();
            right.sort_unstable();
            prop_assert_eq!(left, before.iter().map(String::as_str).collect::<Vec<_>>());
            prop_assert_eq!(right, after.iter().map(String::as_str).collect::<Vec<_>>());
            for name in before.intersection(&after) {
                prop_assert!(found.pairs.contains(&(name.as_str(), name.as_str())));
            }
            let reversed = pair(before.iter().rev().map(String::as_str), after.iter().rev().map(String::as_str));
            prop_assert_eq!(found, reversed);
        }
    }
}
