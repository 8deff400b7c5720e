//! From numbers to places on an axis, and the ticks between.

use crate::report::number::significant;

/// Room beyond the outermost numbers, as a share of the axis.
const MARGIN: f64 = 0.05;
/// Ticks that an axis of numbers has at most, and of words.
const TICKS: u32 = 7;
const WORDS: usize = 14;

/// How numbers are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Scale {
    /// Equal differences are equally far apart.
    Linear,
    /// Equal ratios are; only positive numbers have a place.
    Log,
}

/// An axis: what it says and which numbers it holds.
#[derive(Clone, Debug)]
pub(in crate::report) struct Axis {
    pub(in crate::report) label: String,
    scale: Scale,
    /// In the coordinate that is laid out evenly: the number, or its decimal logarithm.
    low: f64,
    high: f64,
    /// Words in the place of numbers.
    names: Vec<(f64, String)>,
    /// Whether there is nothing between whole numbers.
    whole: bool,
}

impl Axis {
    /// An axis that holds all `numbers` that have a place on it.
    pub(in crate::report) fn of(
        label: impl Into<String>,
        scale: Scale,
        numbers: impl IntoIterator<Item = f64>,
    ) -> Self {
        let (low, high) = numbers
            .into_iter()
            .filter_map(|x| coordinate(scale, x))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        // Halves are taken first: the difference of two finite numbers may not be one.
        let half = (high / 2.0 - low / 2.0) * (1.0 + 2.0 * MARGIN);
        let half = if half > 0.0 { half } else { 0.5 };
        let middle = f64::midpoint(low, high);
        Self {
            label: label.into(),
            scale,
            low: middle - half,
            high: middle + half,
            names: Vec::new(),
            whole: false,
        }
    }

    /// An axis of words, each a unit from the next; the first is at 0.
    pub(in crate::report) fn named(
        label: impl Into<String>,
        names: impl IntoIterator<Item = String>,
    ) -> Self {
        let names: Vec<(f64, String)> =
            names.into_iter().enumerate().map(|(i, name)| (i as f64, name)).collect();
        let high = names.len() as f64 - 0.5;
        Self {
            label: label.into(),
            scale: Scale::Linear,
            low: -0.5,
            high: high.max(0.5),
            names,
            whole: false,
        }
    }

    /// The same from zero on, where all of it is positive.
    pub(in crate::report) fn with_zero(mut self) -> Self {
        if self.scale == Scale::Linear {
            self.low = self.low.min(0.0);
            self.high = self.high.max(0.0);
        }
        self
    }

    /// The same for things that are counted: ticks at whole numbers alone.
    pub(in crate::report) fn whole(self) -> Self {
        Self { whole: true, ..self }
    }

    /// The numbers that it spans.
    pub(super) fn extent(&self) -> f64 {
        self.high - self.low
    }

    /// The same, spanning so many numbers around its middle.
    pub(super) fn widened(&self, extent: f64) -> Self {
        let middle = f64::midpoint(self.low, self.high);
        Self { low: middle - extent / 2.0, high: middle + extent / 2.0, ..self.clone() }
    }

    /// Where a number stands, from 0 to 1 within the axis; `None` where it has no place on this scale.
    pub(super) fn place(&self, x: f64) -> Option<f64> {
        let place = coordinate(self.scale, x)? - self.low;
        Some(place / (self.high - self.low)).filter(|place| place.is_finite())
    }

    /// The two ends, as numbers.
    pub(super) fn ends(&self) -> (f64, f64) {
        match self.scale {
            Scale::Linear => (self.low, self.high),
            Scale::Log => (10_f64.powf(self.low), 10_f64.powf(self.high)),
        }
    }

    /// Numbers with their words, ascending.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        if !self.names.is_empty() {
            let step = self.names.len().div_ceil(WORDS);
            return self.names.iter().step_by(step).cloned().collect();
        }
        match self.scale {
            Scale::Log if self.high - self.low > 1.2 => self.decades(),
            Scale::Log => {
                let (low, high) = self.ends();
                let few = self.high - self.low < 0.6;
                let ticks = if few { steps(low, high, 0.0) } else { parts_of_decades(low, high) };
                ticks.into_iter().filter(|(x, _)| *x > 0.0).collect()
            }
            Scale::Linear => steps(self.low, self.high, if self.whole { 1.0 } else { 0.0 }),
        }
    }

    fn decades(&self) -> Vec<(f64, String)> {
        let (first, last) = (self.low.ceil(), self.high.floor());
        let step = ((last - first + 1.0) / f64::from(TICKS)).ceil().max(1.0);
        let count = ((last - first) / step).floor();
        // At most a few: the step grows with the range.
        std::iter::successors(Some(0.0), |i| Some(i + 1.0))
            .take_while(|i| *i <= count)
            .map(|i| first + i * step)
            .map(|exponent| (10_f64.powf(exponent), power(exponent)))
            .collect()
    }
}

fn coordinate(scale: Scale, x: f64) -> Option<f64> {
    let coordinate = match scale {
        Scale::Linear => x,
        Scale::Log => x.log10(),
    };
    coordinate.is_finite().then_some(coordinate)
}

/// 1, 2 and 5 of each power of ten between two positive numbers that are not far apart.
fn parts_of_decades(low: f64, high: f64) -> Vec<(f64, String)> {
    let first = low.log10().floor();
    let ticks = (0..3).flat_map(|i| [1.0, 2.0, 5.0].map(|part| (part, 10_f64.powf(first + f64::from(i)))));
    let ticks = ticks.filter(|(part, power)| (low..=high).contains(&(part * power)));
    ticks.map(|(part, power)| (part * power, short(part * power, power))).collect()
}

/// Multiples of 1, 2 or 5 times a power of ten between two numbers, at least `least` apart.
fn steps(low: f64, high: f64, least: f64) -> Vec<(f64, String)> {
    let rough = (high - low) / f64::from(TICKS);
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|x| x * power)
        .into_iter()
        .find(|step| *step >= rough)
        .unwrap_or(rough)
        .max(least);
    let first = (low / step).ceil();
    let ticks = (0..=TICKS).map(|i| (first + f64::from(i)) * step).take_while(|x| *x <= high);
    ticks.filter(|x| x.is_finite()).map(|x| (x, short(x, step))).collect()
}

/// A multiple of a step, with the digits that tell it from the next.
fn short(x: f64, step: f64) -> String {
    let decimals = (0..9).take_while(|i| step < 0.999 * 10_f64.powi(-i)).count();

    if !(1e-4..1e6).contains(&step) {
        return if x == 0.0 { "0".to_owned() } else { significant(x, 2) };
    }
    let text = format!("{x:.decimals$}");
    if text.trim_start_matches('-').chars().all(|c| matches!(c, '0' | '.')) { "0".to_owned() } else { text }
}

/// A power of ten: plain near 1, with a raised exponent beyond.
fn power(exponent: f64) -> String {
    if (-3.0..=4.0).contains(&exponent) {
        return format!("{}", 10_f64.powf(exponent));
    }
    let raised = format!("{exponent:.0}");
    let raise = |c| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        _ => c.to_digit(10).and_then(|digit| char::from_u32(0x2070 + digit)).unwrap_or(c),
    };
    format!("10{}", raised.chars().map(raise).collect::<String>())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    fn words(axis: &Axis) -> Vec<String> {
        axis.ticks().into_iter().map(|(_, word)| word).collect()
    }

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(words(&Axis::of("", Scale::Linear, [0.0, 1.0])), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(words(&Axis::of("", Scale::Log, [1e-3, 1e2])), ["0.001", "0.01", "0.1", "1", "10", "100"]);
        assert_eq!(
            words(&Axis::of("", Scale::Log, [1e-8, 1e5])),
            ["10⁻⁸", "10⁻⁶", "10⁻⁴", "0.01", "1", "100", "10000"]
        );
        for (low, high) in [(3.0, 3.0), (-7e-12, 1e300), (-2.5, 900.0), (-1e300, 1e300)] {
            for scale in [Scale::Linear, Scale::Log] {
                let axis = Axis::of("", scale, [low, high]);
                for (x, word) in axis.ticks() {
                    let place = axis.place(x).unwrap();
                    assert!((-1e-9..=1.0 + 1e-9).contains(&place), "{word} of {low} … {high} at {place}");
                }
            }
        }
    }

    #[test]
    fn every_number_is_inside_and_what_has_no_place_has_none() {
        let axis = Axis::of("", Scale::Log, [0.0, -1.0, f64::NAN, 1e-3, 50.0, f64::INFINITY]);
        assert!([1e-3, 50.0].iter().all(|x| (0.0..=1.0).contains(&axis.place(*x).unwrap())));
        assert!([0.0, -1.0, f64::NAN, f64::INFINITY].iter().all(|x| axis.place(*x).is_none()));
        let nothing = Axis::of("", Scale::Linear, [f64::NAN]);
        assert_eq!(nothing.place(0.5), Some(0.5));
    }

    #[test]
    fn things_that_are_counted_have_no_tick_between_two() {
        assert_eq!(words(&Axis::of("", Scale::Linear, [0.0, 2.0]).whole()), ["0", "1", "2"]);
        assert_eq!(words(&Axis::of("", Scale::Linear, [0.0, 47.0]).whole()), ["0", "10", "20", "30", "40"]);
        assert_eq!(words(&Axis::of("", Scale::Log, [0.2, 2.1])), ["0.2", "0.5", "1", "2"]);
    }

    #[test]
    fn words_stand_a_unit_apart() {
        let axis = Axis::named("", ["a", "b"].map(str::to_owned));
        assert_eq!([0.0, 1.0].map(|x| axis.place(x).unwrap()), [0.25, 0.75]);
        assert_eq!(words(&axis), ["a", "b"]);
    }
}
