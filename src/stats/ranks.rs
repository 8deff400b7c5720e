//! Ranks: where each value of a list stands among all.

/// The rank of each value among all, from 1; equal values share the mean of their ranks.
///
/// Infinities are ranked like any number. A NaN gets the rank of a value above all others: a broken model is not left out.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0.0;
    for_each_tie(values, |tied| {
        let shared = before + f64::midpoint(1.0, tied.len() as f64);
        for at in tied {
            if let Some(rank) = ranks.get_mut(*at) {
                *rank = shared;
            }
        }
        before += tied.len() as f64;
    });
    ranks
}

/// The place of each value among the distinct ones, from 0: equal values have equal levels.
pub(super) fn levels(values: &[f64]) -> Vec<u32> {
    let mut levels = vec![0; values.len()];
    let mut level = 0;
    for_each_tie(values, |tied| {
        for at in tied {
            if let Some(place) = levels.get_mut(*at) {
                *place = level;
            }
        }
        level += 1;
    });
    levels
}

/// Twice the rank less n + 1: the ranks of values of these levels, about zero and in whole numbers.
///
/// One pass over a histogram and no sorting. Below 2²⁶ values every rank is an integer that f64 holds.
pub(super) fn centred_ranks(levels: &[u32]) -> Vec<f64> {
    let count = counts(levels);
    let mut before = 0.0;
    let n = levels.len() as f64;
    let of_level = count.iter().map(|&tied| {
        let tied = tied as f64;
        let rank = 2.0 * before + tied - n;
        before += tied;
        rank
    });
    let of_level: Vec<f64> = of_level.collect();
    levels.iter().filter_map(|&level| of_level.get(level as usize)).copied().collect()
}

/// Twice the rank less n + 1 of each value, as integers: what permutations of ranks are multiplied as.
///
/// `None` where every value is the same or one is NaN, and for 2²⁰ values and more, whose products would not fit.
#[expect(clippy::cast_possible_truncation, reason = "ranks about zero of fewer than 2^20 values")]
pub fn whole_ranks(values: &[f64]) -> Option<Vec<i32>> {
    if values.len() >= 1 << 20 || values.iter().any(|value| value.is_nan()) {
        return None;
    }
    let ranks: Vec<i32> = centred_ranks(&levels(values)).into_iter().map(|rank| rank as i32).collect();
    ranks.iter().any(|&rank| rank != 0).then_some(ranks)
}

/// Values that another one of the list equals.
pub fn tied(values: &[f64]) -> usize {
    let mut tied = 0;
    for_each_tie(values, |equal| tied += if equal.len() > 1 { equal.len() } else { 0 });
    tied
}

/// How many values have each level.
pub(super) fn counts(levels: &[u32]) -> Vec<usize> {
    let mut counts = vec![0; levels.iter().max().map_or(0, |&highest| highest as usize + 1)];
    for &level in levels {
        if let Some(count) = counts.get_mut(level as usize) {
            *count += 1;
        }
    }
    counts
}

/// Calls with the places of equal values, from the smallest value up; NaN are equal to each other, and last.
fn for_each_tie(values: &[f64], mut call: impl FnMut(&[usize])) {
    let value = |at: &usize| values.get(*at).copied().unwrap_or(f64::NAN);
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| {
        let (a, b) = (value(a), value(b));
        a.is_nan().cmp(&b.is_nan()).then(a.total_cmp(&b))
    });
    let same = |a: &usize, b: &usize| value(a) == value(b) || (value(a).is_nan() && value(b).is_nan());
    order.chunk_by(same).for_each(&mut call);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_the_mean_of_their_ranks_and_nan_stands_above_infinity() {
        let values = [3.0, 1.0, 3.0, f64::NAN, f64::INFINITY, -0.0, 0.0];
        assert_eq!(ranks(&values), [4.5, 3.0, 4.5, 7.0, 6.0, 1.5, 1.5]);
        assert_eq!(levels(&values), [2, 1, 2, 4, 3, 0, 0]);
        assert_eq!(tied(&values), 4);
        assert_eq!(centred_ranks(&levels(&values)), [1.0, -2.0, 1.0, 6.0, 4.0, -5.0, -5.0]);
        assert_eq!(ranks(&[f64::NAN, f64::NAN]), [1.5, 1.5]);
        assert!(centred_ranks(&[]).is_empty());
    }
}
