//! How |Δ| of one tensor is distributed, as bars over a logarithmic axis.

use crate::deltas::{Bucket, Histogram};
use crate::report::number::{count, share, significant};
use crate::report::text;

/// The most bars drawn.
const ROWS: usize = 28;
/// Columns of the value and the share with the gaps between all four parts.
const AROUND: usize = 9 + 2 + 2 + 2 + 6;

/// A title and a line a bar, the smallest change first; no line is wider than `width`.
pub(super) fn lines(histogram: &Histogram, width: usize) -> Vec<String> {
    let Histogram { name, buckets, zeros, nonfinite } = histogram;
    let changed = buckets.iter().map(|bucket| bucket.count).sum::<u64>() + nonfinite;
    let total = changed + zeros;
    let mut lines = vec![
        format!("|Δ| of {}", text::name(name, width.saturating_sub(7))),
        text::elide(&counts(changed, total, *nonfinite), width),
    ];
    let rows = rows(buckets);
    let most = rows.iter().map(|&(_, n)| n).max().unwrap_or(0);
    let count_width = count(most).len();
    let room = width.saturating_sub(AROUND + count_width).max(4);
    lines.extend(rows.into_iter().map(|(lower, n)| {
        let bar = bar(n, most, room);
        let pad = " ".repeat(room.saturating_sub(text::width(&bar)));
        let (lower, share) = (significant(lower, 3), share(n, total));
        format!("{lower:>9}  {bar}{pad}  {:>count_width$}  {share:>6}", count(n))
    }));
    lines
}

fn counts(changed: u64, total: u64, nonfinite: u64) -> String {
    let [changed, total, nonfinite] = [changed, total, nonfinite].map(count);
    format!("{changed} of {total} elements changed, {nonfinite} not finite")
}

/// Lower edge and count of each bar: as few octaves to a bar as the rows allow, as many to each.
fn rows(buckets: &[Bucket]) -> Vec<(f64, u64)> {
    let octaves = buckets.len().div_ceil(ROWS).max(1);
    let row = |octaves: &[Bucket]| {
        let lower = octaves.first().map(|bucket| bucket.lower)?;
        Some((lower, octaves.iter().map(|bucket| bucket.count).sum()))
    };
    buckets.chunks(octaves).filter_map(row).collect()
}

/// `n` of `most` as a bar of at most `room` columns, to an eighth of a column; what is there is never invisible.
fn bar(n: u64, most: u64, room: usize) -> String {
    const EIGHTHS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
    if n == 0 || most == 0 {
        return String::new();
    }
    let eighths = (u128::from(n) * room as u128 * 8 / u128::from(most)).max(1);
    let mut bar: String = (0..eighths / 8).map(|_| '█').collect();
    let rest = usize::try_from(eighths % 8).unwrap_or(0);
    bar.extend(rest.checked_sub(1).and_then(|i| EIGHTHS.get(i)));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octaves(first: i32, counts: &[u64]) -> Histogram {
        let bucket =
            |(i, &count): (i32, &u64)| Bucket { lower: 2_f64.powi(i), upper: 2_f64.powi(i + 1), count };
        let buckets = (first..).zip(counts).map(bucket).collect();
        Histogram { name: "名".repeat(90), buckets, zeros: 5, nonfinite: 1 }
    }

    #[test]
    fn bars_are_as_long_as_their_counts() {
        assert_eq!(bar(100, 100, 20), "█".repeat(20));
        assert_eq!(bar(50, 100, 20), "█".repeat(10));
        assert_eq!(bar(53, 100, 20), "█".repeat(10) + "▌");
        assert_eq!(bar(1, 1_000_000, 20), "▏");
        assert_eq!(bar(0, 100, 20), "");
    }

    #[test]
    fn the_widest_range_still_fits_in_the_rows_and_loses_no_element() {
        let widest = octaves(-133, &[7; 261]);
        let rows = rows(&widest.buckets);
        assert!(rows.len() <= ROWS);
        assert_eq!(rows.iter().map(|&(_, n)| n).sum::<u64>(), 7 * 261);
        assert!(rows.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn no_line_passes_the_width() {
        for width in [60, 80, 120] {
            for line in lines(&octaves(-40, &[1, 0, 1 << 40, 77, u64::from(u32::MAX)]), width) {
                assert!(text::width(&line) <= width, "{line}");
            }
        }
    }

    #[test]
    fn a_tensor_without_a_change_has_no_bars() {
        let still = octaves(0, &[]);
        assert_eq!(lines(&still, 80).len(), 2);
    }
}
