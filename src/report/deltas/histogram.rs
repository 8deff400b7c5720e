//! How |Δ| of one tensor is distributed, as bars over a logarithmic axis.

use crate::deltas::Histogram;
use crate::report::number::{count, share, significant};
use crate::report::text;

/// The most bars drawn.
const ROWS: usize = 28;
/// Columns of the value and the share with the gaps between all four parts.
const AROUND: usize = 9 + 2 + 2 + 2 + 6;

/// A title and a line a bar, the smallest change first; no line is wider than `width`.
pub(super) fn lines(name: &str, histogram: &Histogram, width: usize) -> Vec<String> {
    let changed: u64 = histogram.buckets.iter().map(|&(_, _, count)| count).sum();
    let total = changed + histogram.zeros + histogram.nonfinite;
    let mut lines = vec![
        format!("|Δ| of {}", text::name(name, width.saturating_sub(7))),
        text::elide(&counts(changed + histogram.nonfinite, total, histogram.nonfinite), width),
    ];
    let rows = rows(histogram);
    let most = rows.iter().map(|&(_, n)| n).max().unwrap_or(0);
    let count_width = count(most).len();
    let room = width.saturating_sub(AROUND + count_width).max(4);
    lines.extend(rows.into_iter().map(|(lower, n)| {
        let bar = bar(n, most, room);
        let pad = " ".repeat(room.saturating_sub(text::width(&bar)));
        format!(
            "{:>9}  {bar}{pad}  {:>count_width$}  {:>6}",
            significant(lower, 3),
            count(n),
            share(n, total)
        )
    }));
    lines
}

fn counts(changed: u64, total: u64, nonfinite: u64) -> String {
    let [changed, total, nonfinite] = [changed, total, nonfinite].map(count);
    format!("{changed} of {total} elements changed, {nonfinite} not finite")
}

/// Lower edge and count of each bar: equal steps of the logarithm, the finest power of two of an octave that fits.
fn rows(histogram: &Histogram) -> Vec<(f64, u64)> {
    let octave = |(lower, ..): &(f64, f64, u64)| lower.max(f64::MIN_POSITIVE).log2();
    let (Some(first), Some(last)) = (histogram.buckets.first(), histogram.buckets.last()) else {
        return Vec::new();
    };
    let (first, last) = (octave(first), octave(last));
    let mut step = 0.125;
    while (last / step).floor() - (first / step).floor() >= ROWS as f64 {
        step *= 2.0;
    }
    let start = (first / step).floor();
    let mut rows: Vec<(f64, u64)> = Vec::new();
    for bucket in &histogram.buckets {
        let row = (octave(bucket) / step).floor() - start;
        while (rows.len() as f64) <= row {
            rows.push((((start + rows.len() as f64) * step).exp2(), 0));
        }
        if let Some((_, n)) = rows.last_mut() {
            *n += bucket.2;
        }
    }
    rows
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

    #[test]
    fn bars_are_as_long_as_their_counts() {
        let histogram = Histogram {
            buckets: vec![(0.25, 0.2519, 1), (1.0, 1.0078, 100), (2.0, 2.0156, 50)],
            zeros: 49,
            nonfinite: 0,
        };
        let drawn: Vec<(String, usize)> = rows(&histogram)
            .into_iter()
            .filter(|&(_, n)| n > 0)
            .map(|(lower, n)| (significant(lower, 3), text::width(&bar(n, 100, 20))))
            .collect();
        assert_eq!(drawn, [("0.250".into(), 1), ("1.00".into(), 20), ("2.00".into(), 10)]);
        assert_eq!(bar(1, 1_000_000, 20), "▏");
    }

    #[test]
    fn the_widest_range_still_fits_in_the_rows() {
        let histogram = Histogram {
            buckets: vec![(f64::MIN_POSITIVE, 1e-307, 1), (1e308, f64::MAX, 1)],
            zeros: 0,
            nonfinite: 0,
        };
        assert!(rows(&histogram).len() <= ROWS);
        assert_eq!(rows(&histogram).iter().map(|&(_, n)| n).sum::<u64>(), 2);
    }

    #[test]
    fn no_line_passes_the_width() {
        let buckets = (0_i32..4000)
            .map(|i| (2_f64.powf(f64::from(i) / 100.0 - 30.0), 0.0, u64::from(i.unsigned_abs()) << 40))
            .collect();
        let histogram = Histogram { buckets, zeros: 5, nonfinite: 1 };
        for width in [60, 80, 120] {
            for line in lines(&"名".repeat(90), &histogram, width) {
                assert!(text::width(&line) <= width, "{line}");
            }
        }
    }

    #[test]
    fn a_tensor_without_a_change_has_no_bars() {
        assert_eq!(rows(&Histogram { zeros: 7, ..Histogram::default() }), []);
    }
}
