//! T5's positions: distances in ranges that grow with the distance, and a number for each range and head.

use super::ops::RelativeBias;

/// The number for each head and each distance up to that between the ends of a row of `longest` tokens.
///
/// `table` is `(buckets, heads)`. As an encoder looks both ways, half of the buckets is for keys behind the query.
pub(super) fn relative_bias(table: &[f32], buckets: usize, farthest: usize, longest: usize) -> RelativeBias {
    let heads = table.len() / buckets.max(1);
    let reach = longest.saturating_sub(1);
    let side = buckets / 2;
    let of_distance: Vec<usize> = (0..=2 * reach)
        .map(|at| {
            let behind = if at > reach { side } else { 0 };
            behind + bucket(at.abs_diff(reach), side, farthest)
        })
        .collect();
    let values = (0..heads).flat_map(|head| {
        of_distance.iter().map(move |bucket| table.get(bucket * heads + head).copied().unwrap_or(0.0))
    });
    RelativeBias { reach, values: values.collect() }
}

/// The range that a distance falls into: one each up to half of them, then as many to each doubling, the last for all
/// from `farthest` on. The logarithm is taken in f32, as the models were trained.
fn bucket(distance: usize, buckets: usize, farthest: usize) -> usize {
    let exact = buckets / 2;
    if distance < exact {
        return distance;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small count, rounded down"
    )]
    let beyond = {
        let whole = ((farthest as f64 / exact as f64).ln()) as f32;
        ((distance as f32 / exact as f32).ln() / whole * (buckets - exact) as f32) as usize
    };
    (exact + beyond).min(buckets - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_fall_into_the_ranges_of_the_paper_code() {
        // From transformers' T5Attention._relative_position_bucket, 32 buckets up to 128, both ways.
        let of = |distance| bucket(distance, 16, 128);
        let found: Vec<usize> =
            [0, 1, 7, 8, 11, 12, 15, 16, 22, 23, 31, 32, 63, 64, 90, 91, 127, 128, 999].map(of).into();
        assert_eq!(found, [0, 1, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 13, 14, 14, 15, 15, 15, 15]);
    }

    #[test]
    fn a_key_behind_the_query_has_a_number_of_its_own() {
        // Four buckets, one head: 0 and 1 for keys before the query, 2 and 3 for those behind it.
        let bias = relative_bias(&[10.0, 11.0, 12.0, 13.0], 4, 4, 3);
        assert_eq!(bias.values, [11.0, 11.0, 10.0, 13.0, 13.0]);
    }
}
