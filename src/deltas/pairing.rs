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
