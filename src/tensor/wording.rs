//! How numbers, counts and lists of names stand in the sentences of every room.

use super::Printable;

/// Names that a sentence lists before it only counts.
const NAMED: usize = 3;

/// A number with three digits that count: `188`, `1.50`, `0.0123`, `4.2e-7`.
pub fn figure(value: f64) -> String {
    match value.abs() {
        size if !size.is_finite() || size == 0.0 => format!("{value}"),
        size if size >= 1e6 => format!("{value:.2e}"),
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        size if size >= 0.995 => format!("{value:.2}"),
        size if size >= 0.0995 => format!("{value:.3}"),
        size if size >= 0.001 => format!("{value:.4}"),
        _ => format!("{value:.2e}"),
    }
}

/// A share between 0 and 1 as a percentage.
pub fn percent(share: f64) -> String {
    format!("{} %", figure(100.0 * share))
}

/// `1 matrix`, `3 matrices`.
pub fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The first names, and how many more there are. Safe to print whatever the names hold.
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names = names.into_iter();
    let first: Vec<String> = names.by_ref().take(NAMED).map(|name| Printable(name).to_string()).collect();
    match names.count() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_digits_at_every_size() {
        let shown: Vec<String> =
            [187.97, 99.96, 53.04, 9.999, 1.499, 0.9996, 0.0123, 4.2e-7, 0.0, f64::INFINITY, -8317.3, 2.5e9]
                .into_iter()
                .map(figure)
                .collect();
        assert_eq!(
            shown,
            [
                "188", "100", "53.0", "10.0", "1.50", "1.00", "0.0123", "4.20e-7", "0", "inf", "-8317",
                "2.50e9"
            ]
        );
    }

    #[test]
    fn long_lists_are_counted_and_hostile_names_are_escaped() {
        assert_eq!(listed(["a"]), "a");
        assert_eq!(listed(["a", "b\u{1b}[2J", "c", "d", "e"]), "a, b\\x1b[2J, c and 2 more");
        assert_eq!(counted(1, "matrix", "matrices"), "1 matrix");
    }
}
