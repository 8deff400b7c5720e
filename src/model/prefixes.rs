//! Which rows begin alike, so that what they share is run once.

use std::ops::Range;

/// Tokens that a shared prefix must save to be worth a pass of its own.
const LEAST_SAVING: usize = 32;

/// Rows that share their first tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// How many tokens they share; every row has at least one behind them.
    pub(super) shared: usize,
    /// The rows.
    pub(super) rows: Vec<usize>,
}

/// Puts rows into groups such that running each group's prefix once saves the most tokens, one level deep.
///
/// Sorted rows form a tree: those that share d tokens stand together, and split where they share no more. At each
/// node either all its rows share d tokens, which saves d for each but one, or its branches are better off by
/// themselves. Rows that share nothing worthwhile form one group with nothing shared, which stands last.
pub(super) fn groups(rows: &[&[u32]]) -> Vec<Group> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|row| rows.get(*row));
    let row = |at: usize| order.get(at).and_then(|row| rows.get(*row)).copied().unwrap_or_default();
    let alike: Vec<usize> = (1..order.len()).map(|at| shared(row(at - 1), row(at))).collect();
    let (_, ranges) = best(&alike, 0..order.len());
    let mut found = Vec::new();
    let mut alone = Vec::new();
    for (shared, range) in ranges {
        let rows = order.get(range).unwrap_or_default().to_vec();
        if shared * rows.len().saturating_sub(1) >= LEAST_SAVING {
            found.push(Group { shared, rows });
        } else {
            alone.extend(rows);
        }
    }
    alone.sort_unstable();
    found.push(Group { shared: 0, rows: alone });
    found.retain(|group| !group.rows.is_empty());
    found
}

/// How many first tokens two rows share, such that each has one more.
fn shared(a: &[u32], b: &[u32]) -> usize {
    let most = a.len().min(b.len()).saturating_sub(1);
    a.iter().zip(b).take(most).take_while(|(a, b)| a == b).count()
}

/// The best partition of a range of sorted rows: tokens saved, and for each part what it shares. `alike[i]` is what rows
/// i and i + 1 share.
fn best(alike: &[usize], range: Range<usize>) -> (usize, Vec<(usize, Range<usize>)>) {
    let inner = alike.get(range.start..range.end.saturating_sub(1)).unwrap_or_default();
    let Some(least) = inner.iter().copied().min() else { return (0, vec![(0, range)]) };
    let together = least * inner.len();
    let (mut apart, mut parts, mut start) = (0, Vec::new(), range.start);
    let cuts =
        inner.iter().enumerate().filter(|(_, shared)| **shared == least).map(|(at, _)| range.start + at + 1);
    for end in cuts.chain([range.end]) {
        let (saved, mut found) = best(alike, start..end);
        apart += saved;
        parts.append(&mut found);
        start = end;
    }
    if together >= apart { (together, vec![(least, range)]) } else { (apart, parts) }
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may fail")]
mod tests {
    use super::*;

    fn row(prefix: &[u32], last: u32) -> Vec<u32> {
        [prefix, &[last]].concat()
    }

    #[test]
    fn rows_of_two_contexts_form_two_groups_and_a_stray_stays_alone() {
        let (one, two): (Vec<u32>, Vec<u32>) =
            ((0..20).collect(), (0..40).map(|x| if x < 4 { x } else { 90 + x }).collect());
        let rows = [row(&two, 7), row(&one, 7), row(&two, 8), row(&one, 8), vec![5, 5], row(&one, 9)];
        let rows: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();
        assert_eq!(
            groups(&rows),
            [
                Group { shared: 20, rows: vec![1, 3, 5] },
                Group { shared: 40, rows: vec![0, 2] },
                Group { shared: 0, rows: vec![4] },
            ]
        );
    }

    #[test]
    fn every_row_keeps_a_token_of_its_own() {
        let long: Vec<u32> = (0..50).collect();
        let rows = [&long[..], &long[..], &long[..40]];
        let found = groups(&rows);
        assert_eq!(found.iter().map(|group| group.rows.len()).sum::<usize>(), 3);
        for group in found {
            assert!(group.rows.iter().all(|row| rows[*row].len() > group.shared), "{group:?}");
        }
    }

    #[test]
    fn no_rows_are_no_groups() {
        assert_eq!(groups(&[]), []);
    }
}
