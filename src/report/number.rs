//! Numbers as a person reads them: few digits, one style everywhere.
//!
//! Counts group by thousands with a comma (`124,439,808`), bytes are binary (`474.7 MiB`), measured numbers keep a
//! fixed number of significant digits (`0.01240`, `1.240e-9`), so that a column of them is as precise in each row.

use std::fmt::Write as _;

/// `x` rounded to so many significant digits: plain from 0.001 to 99999, with an exponent beyond.
///
/// Zero is `0`; what is not finite is `nan`, `inf` or `-inf`.
pub fn significant(x: f64, digits: usize) -> String {
    if x == 0.0 {
        return "0".to_owned();
    }
    if !x.is_finite() {
        return nonfinite_name(x).to_owned();
    }
    let decimals = digits.saturating_sub(1);
    // The rounded text decides the exponent: 9.9996 at four digits is 10.00 and not 10.000.
    let scientific = format!("{x:.decimals$e}");
    let exponent = scientific.split_once('e').and_then(|(_, e)| e.parse::<i32>().ok()).unwrap_or(0);
    match exponent {
        -3..=4 => {
            let after_point = i32::try_from(decimals).unwrap_or(i32::MAX).saturating_sub(exponent);
            format!("{x:.precision$}", precision = usize::try_from(after_point).unwrap_or(0))
        }
        _ => scientific,
    }
}

/// The name of a value that is not finite: `nan`, `inf` or `-inf`.
pub(super) fn nonfinite_name(x: f64) -> &'static str {
    if x.is_nan() {
        "nan"
    } else if x > 0.0 {
        "inf"
    } else {
        "-inf"
    }
}

/// A count with commas between the thousands: `124,439,808`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun: `1 tensor`, `2 tensors`.
pub(super) fn counted(n: usize, noun: &str) -> String {
    let mut text = count(n as u64);
    let _ = write!(text, " {noun}{}", if n == 1 { "" } else { "s" });
    text
}

/// Bytes in binary units with at most one decimal: `512 B`, `1.5 MiB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut value = n as f64;
    let mut unit = "B";
    for larger in UNITS {
        // 1023.95 would be shown as 1024.0.
        if value < 1023.95 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    if unit == "B" { format!("{n} B") } else { format!("{value:.1} {unit}") }
}

/// A part of a whole in percent; never `0%` for some nor `100%` for less than all. Nothing of nothing is `–`.
pub(super) fn share(part: u64, whole: u64) -> String {
    let percent = part as f64 / whole as f64 * 100.0;
    match (part, whole) {
        (_, 0) => "–".to_owned(),
        (0, _) => "0%".to_owned(),
        _ if part == whole => "100%".to_owned(),
        _ if percent < 0.1 => "<0.1%".to_owned(),
        _ if percent > 99.9 => ">99.9%".to_owned(),
        _ => format!("{percent:.1}%"),
    }
}

/// Ascending numbers with runs drawn together: `3–7, 9`.
pub(super) fn runs(numbers: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for &n in numbers {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(n) => *last = n,
            _ => runs.push((n, n)),
        }
    }
    let text: Vec<String> = runs
        .into_iter()
        .map(|(first, last)| match last - first {
            0 => first.to_string(),
            1 => format!("{first}, {last}"),
            _ => format!("{first}–{last}"),
        })
        .collect();
    text.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measured_numbers_keep_their_significant_digits() {
        let shown = |x| significant(x, 4);
        assert_eq!(shown(0.0), "0");
        assert_eq!(shown(-0.0), "0");
        assert_eq!(shown(41.2), "41.20");
        assert_eq!(shown(9.9996), "10.00");
        assert_eq!(shown(0.001), "0.001000");
        assert_eq!(shown(0.000_999_96), "0.001000");
        assert_eq!(shown(0.000_999_94), "9.999e-4");
        assert_eq!(shown(-1.0 / 3.0), "-0.3333");
        assert_eq!(shown(99_999.4), "1.000e5");
        assert_eq!(shown(12_345.6), "12346");
        assert_eq!(shown(f64::MIN_POSITIVE), "2.225e-308");
        assert_eq!([shown(f64::NAN), shown(f64::INFINITY), shown(f64::NEG_INFINITY)], ["nan", "inf", "-inf"]);
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!([count(0), count(999), count(1000)], ["0", "999", "1,000"]);
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!([counted(1, "tensor"), counted(1200, "tensor")], ["1 tensor", "1,200 tensors"]);
    }

    #[test]
    fn bytes_step_to_the_next_unit_before_they_show_1024() {
        assert_eq!([bytes(0), bytes(1023), bytes(1536)], ["0 B", "1023 B", "1.5 KiB"]);
        assert_eq!(bytes((1 << 20) - 1), "1.0 MiB");
        assert_eq!(bytes(u64::MAX), "16.0 EiB");
    }

    #[test]
    fn a_share_is_zero_or_whole_only_where_it_is() {
        assert_eq!([share(0, 5), share(5, 5), share(0, 0)], ["0%", "100%", "–"]);
        assert_eq!([share(1, 1_000_000), share(999_999, 1_000_000)], ["<0.1%", ">99.9%"]);
        assert_eq!(share(1, 3), "33.3%");
    }

    #[test]
    fn layers_in_a_row_are_drawn_together() {
        assert_eq!(runs(&[3, 4, 5, 6, 7, 9]), "3–7, 9");
        assert_eq!(runs(&[1, 2]), "1, 2");
        assert_eq!(runs(&[]), "");
        assert_eq!(runs(&[u32::MAX]), "4294967295");
    }
}
