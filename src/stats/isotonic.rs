//! The best curve through points that never turns back.

use super::ranks::levels;

/// The least-squares fit of y by a function of x that only rises, or only falls: one point for each distinct x, ascending.
///
/// Neighbours that break the order are pooled (M. Ayer et al., Ann. Math. Statist. 26, 1955; each pool in O(1)). Rows of one x
/// count as their mean with their number as weight. Sums run in the order of x.
///
/// Degenerate: nothing of nothing; pairs are those of the shorter list, and ones with a NaN are the caller's to leave out.
pub fn monotone_trend(x: &[f64], y: &[f64], rising: bool) -> Vec<(f64, f64)> {
    let sign = if rising { 1.0 } else { -1.0 };
    let places = levels(x);
    let mut groups: Vec<(f64, Pool)> =
        vec![(0.0, Pool::default()); places.iter().max().map_or(0, |&at| at as usize + 1)];
    for ((&x, &y), &at) in x.iter().zip(y).zip(&places) {
        if let Some((place, pool)) = groups.get_mut(at as usize) {
            *place = x;
            *pool = pool.with(Pool { sum: sign * y, weight: 1.0, groups: 0 });
        }
    }
    let mut pools: Vec<Pool> = Vec::new();
    for (_, group) in &groups {
        let mut own = Pool { groups: 1, ..*group };
        while let Some(before) = pools.pop_if(|before| before.mean() >= own.mean()) {
            own = before.with(own);
        }
        pools.push(own);
    }
    let fitted = pools.iter().flat_map(|pool| std::iter::repeat_n(sign * pool.mean(), pool.groups));
    groups.iter().map(|(x, _)| *x).zip(fitted).collect()
}

/// Neighbours that share one value.
#[derive(Clone, Copy, Debug, Default)]
struct Pool {
    sum: f64,
    weight: f64,
    groups: usize,
}

impl Pool {
    fn with(self, other: Self) -> Self {
        Self {
            sum: self.sum + other.sum,
            weight: self.weight + other.weight,
            groups: self.groups + other.groups,
        }
    }

    fn mean(&self) -> f64 {
        self.sum / self.weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rises_stays_and_what_turns_back_is_pooled_with_the_rows_of_one_x_together() {
        assert_eq!(monotone_trend(&[2.0, 1.0], &[5.0, 3.0], true), [(1.0, 3.0), (2.0, 5.0)]);
        assert_eq!(monotone_trend(&[1.0, 2.0], &[3.0, 5.0], false), [(1.0, 4.0), (2.0, 4.0)]);
        assert_eq!(
            monotone_trend(&[1.0, 2.0, 2.0, f64::INFINITY], &[2.0, 0.0, 1.0, 9.0], true),
            [(1.0, 1.0), (2.0, 1.0), (f64::INFINITY, 9.0)]
        );
        assert_eq!(monotone_trend(&[], &[], true), []);
    }
}
