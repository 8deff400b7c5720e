//! Where a series of numbers changes: straight lines, one after the other, and the places where they part.
//!
//! ```text
//! cost of m lines     least sum of squares over all partitions into m lines, each of at least 2 points, exactly:
//!                     dynamic programming (Bellman & Roth 1969; Bai & Perron, J. Appl. Econometrics 18, 2003)
//! how many            least ln(RSS / (n − p)) + p/n · 0.299 (ln n)^2.1, p = 2 m + (m − 1)
//!                     (Liu, Wu & Zidek, Statistica Sinica 7, 1997)
//! interval of one     all places τ between its neighbours with n ln(RSS(τ) / RSS(τ̂)) ≤ 7.352 · (1 + ρ) / (1 − ρ)
//!                     (Eo & Morley, Quantitative Economics 6, 2015: the 95 % point of the likelihood ratio of a break
//!                     date, −2 ln(1 − √0.95)); from the first such τ to the last
//! ```
//!
//! Lines need not meet: a jump is a change, and so is a bend. Means and slopes are used because a series may fall gradually
//! before it breaks, which a change of the mean alone would take for several breaks. Assumes errors around the lines of one
//! variance; ρ, their autocorrelation at one step held to 0 … 0.9, widens the interval where they follow one another.

/// Fewest points of one line.
pub const SHORTEST: usize = 2;
/// Fewest points of a series.
const FEWEST: usize = 8;
/// Most points that are taken: the cost grows with their square.
pub const MOST_POINTS: usize = 2_000;
/// Most changes that are looked for.
const MOST_CHANGES: usize = 5;
/// −2 ln(1 − √0.95).
const CRITICAL: f64 = 7.352_276_694_155_739;
/// Errors below this share of the range are rounding of what was measured, and not less noise.
const RESOLUTION: f64 = 1e-4;
/// A slope is one where it is so many standard errors from 0 (two-sided 1 % of a normal distribution).
const SLOPE_ERRORS: f64 = 2.576;

/// A straight line over a stretch of points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// First point, from 0.
    pub from: usize,
    /// The point behind the last.
    pub to: usize,
    /// Height at the first point.
    pub start: f64,
    /// Height at the last point; that of the first where no slope can be told from 0 at 1 %.
    pub end: f64,
}

/// A place where one line ends and the next begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// First point of the new line.
    pub at: usize,
    /// The same at the ends of the 95 % interval.
    pub low: usize,
    /// The later end.
    pub high: usize,
    /// n ln(RSS without it / RSS), the likelihood ratio of this change against one line in the place of its two.
    pub statistic: f64,
}

/// A series as lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Segmentation {
    /// The lines, in order; they cover all points.
    pub lines: Vec<Line>,
    /// Between them, one fewer.
    pub changes: Vec<Change>,
}

/// Cuts a series `(x, y)`, x rising, into lines.
///
/// `None` for fewer than 8 or more than [`MOST_POINTS`] points, or where a value is not finite. A constant series is one line
/// of slope 0.
pub fn change_points(points: &[(f64, f64)]) -> Option<Segmentation> {
    let finite = points.iter().all(|(x, y)| x.is_finite() && y.is_finite());
    if !finite || !(FEWEST..=MOST_POINTS).contains(&points.len()) {
        return None;
    }
    let sums = Sums::of(points);
    let partitions = sums.partitions();
    let n = points.len() as f64;
    let score = |cuts: &Vec<usize>| {
        let parameters = (2 * (cuts.len() + 1) + cuts.len()) as f64;
        (sums.total(cuts) / (n - parameters)).ln() + parameters / n * 0.299 * n.ln().powf(2.1)
    };
    let usable = partitions.into_iter().filter(|cuts| 3 * cuts.len() + 2 < points.len());
    let cuts = usable.min_by(|a, b| score(a).total_cmp(&score(b)))?;
    let ends = || std::iter::once(0).chain(cuts.iter().copied()).chain([points.len()]);
    let parameters = (3 * cuts.len() + 2) as f64;
    let variance = (sums.total(&cuts) / (n - parameters)).max(sums.floor);
    let lines: Vec<Line> =
        ends().zip(ends().skip(1)).map(|(from, to)| sums.line(from, to, variance)).collect();
    let inflation = inflation(&sums, &lines);
    let changes = (0..cuts.len()).filter_map(|which| sums.change(&cuts, which, inflation)).collect();
    Some(Segmentation { lines, changes })
}

impl Segmentation {
    /// The height of the lines at each point.
    pub fn fitted(&self, points: &[(f64, f64)]) -> Vec<f64> {
        let of_line = |line: &Line| {
            let own = points.get(line.from..line.to).unwrap_or_default();
            let (first, last) = (own.first().map_or(0.0, |at| at.0), own.last().map_or(1.0, |at| at.0));
            let (start, slope) = (line.start, (line.end - line.start) / (last - first));
            own.iter().map(move |(x, _)| start + slope * (x - first)).collect::<Vec<_>>()
        };
        self.lines.iter().flat_map(of_line).collect()
    }
}

/// Sums of x, y, x², xy and y² up to each point, both centred, so that any stretch is fitted in a few operations.
struct Sums {
    /// Of so many points, from none on.
    up_to: Vec<[f64; 5]>,
    points: Vec<(f64, f64)>,
    y_mean: f64,
    /// The least sum of squares of a point: what rounding alone would leave.
    floor: f64,
}

/// A line through a stretch: mean x and y, slope, sum of squares around it, and of x around its mean.
struct Fit {
    x: f64,
    y: f64,
    slope: f64,
    rss: f64,
    spread: f64,
}

impl Sums {
    fn of(points: &[(f64, f64)]) -> Self {
        let n = points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
        let (x_mean, y_mean) = (mean(|at| at.0), mean(|at| at.1));
        let centred: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x - x_mean, y - y_mean)).collect();
        let mut up_to = vec![[0.0; 5]];
        let mut total = [0.0; 5];
        for (x, y) in &centred {
            for (sum, term) in total.iter_mut().zip([*x, *y, x * x, x * y, y * y]) {
                *sum += term;
            }
            up_to.push(total);
        }
        let (low, high) = centred
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, y)| (low.min(*y), high.max(*y)));
        // A series of one number has no range: any floor above 0 serves.
        let floor = ((high - low) * RESOLUTION).powi(2).max(f64::MIN_POSITIVE * 1e20);
        Self { up_to, points: centred, y_mean, floor }
    }

    fn fit(&self, from: usize, to: usize) -> Fit {
        let n = (to - from) as f64;
        let [before, after] = [from, to].map(|at| self.up_to.get(at).copied().unwrap_or_default());
        let ([x0, y0, xx0, xy0, yy0], [x1, y1, xx1, xy1, yy1]) = (before, after);
        let (x, y) = ((x1 - x0) / n, (y1 - y0) / n);
        let (spread, both, total) = (xx1 - xx0 - n * x * x, xy1 - xy0 - n * x * y, yy1 - yy0 - n * y * y);
        let slope = if spread > 0.0 { both / spread } else { 0.0 };
        Fit { x, y, slope, rss: (total - slope * both).max(0.0), spread }
    }

    fn cost(&self, from: usize, to: usize) -> f64 {
        self.fit(from, to).rss.max(self.floor * (to - from) as f64)
    }

    fn total(&self, cuts: &[usize]) -> f64 {
        let n = self.points.len();
        let ends = || std::iter::once(0).chain(cuts.iter().copied()).chain([n]);
        ends().zip(ends().skip(1)).map(|(from, to)| self.cost(from, to)).sum()
    }

    /// The best places of 0, 1, 2 … changes.
    fn partitions(&self) -> Vec<Vec<usize>> {
        let n = self.points.len();
        let most = MOST_CHANGES.min(n / SHORTEST - 1);
        let first = |to| if to < SHORTEST { f64::INFINITY } else { self.cost(0, to) };
        let mut best: Vec<f64> = (0..=n).map(first).collect();
        let mut origins: Vec<Vec<usize>> = Vec::new();
        let mut partitions = vec![Vec::new()];
        for changes in 1..=most {
            let cheapest = |to: usize| {
                let from = changes * SHORTEST..=to.saturating_sub(SHORTEST);
                let total =
                    |from: usize| best.get(from).map_or(f64::INFINITY, |so_far| so_far + self.cost(from, to));
                let found = from.map(|from| (total(from), from)).min_by(|a, b| a.0.total_cmp(&b.0));
                found.unwrap_or((f64::INFINITY, 0))
            };
            let (next, origin) = (0..=n).map(cheapest).unzip();
            best = next;
            origins.push(origin);
            let mut cuts = vec![n];
            for origin in origins.iter().rev() {
                cuts.extend(cuts.last().and_then(|last| origin.get(*last)).copied());
            }
            partitions.push(cuts.into_iter().skip(1).rev().collect());
        }
        partitions
    }

    /// A line, with the variance of errors around all of them.
    fn line(&self, from: usize, to: usize, variance: f64) -> Line {
        let fit = self.fit(from, to);
        let x = |at: usize| self.points.get(at).map_or(fit.x, |point| point.0);
        let error = (variance / fit.spread).sqrt();
        let slope = if fit.slope.abs() > SLOPE_ERRORS * error { fit.slope } else { 0.0 };
        let height = |at| self.y_mean + fit.y + slope * (x(at) - fit.x);
        Line { from, to, start: height(from), end: height(to - 1) }
    }

    fn change(&self, cuts: &[usize], which: usize, inflation: f64) -> Option<Change> {
        let at = *cuts.get(which)?;
        let left = which.checked_sub(1).and_then(|before| cuts.get(before)).copied().unwrap_or(0);
        let right = cuts.get(which + 1).copied().unwrap_or(self.points.len());
        let n = self.points.len() as f64;
        let parts = |place: usize| self.cost(left, place) + self.cost(place, right);
        let rest = self.total(cuts) - parts(at);
        let ratio = |other: f64| n * ((rest + other) / (rest + parts(at))).ln();
        let mut inside =
            (left + SHORTEST..=right - SHORTEST).filter(|place| ratio(parts(*place)) <= CRITICAL * inflation);
        let low = inside.next().unwrap_or(at);
        let high = inside.next_back().unwrap_or(low);
        Some(Change { at, low, high, statistic: ratio(self.cost(left, right)) })
    }
}

/// (1 + ρ) / (1 − ρ): how much longer than alone an error lasts.
fn inflation(sums: &Sums, lines: &[Line]) -> f64 {
    let errors: Vec<Vec<f64>> = lines
        .iter()
        .map(|line| {
            let fit = sums.fit(line.from, line.to);
            let own = sums.points.get(line.from..line.to).unwrap_or_default();
            own.iter().map(|(x, y)| y - fit.y - fit.slope * (x - fit.x)).collect()
        })
        .collect();
    let square: f64 = errors.iter().flatten().map(|error| error * error).sum();
    let pairs = errors.iter().flat_map(|errors| errors.windows(2));
    let next: f64 = pairs.map(|pair| pair.iter().product::<f64>()).sum();
    if square <= sums.floor * sums.points.len() as f64 {
        return 1.0;
    }
    let rho = (next / square).clamp(0.0, 0.9);
    (1.0 + rho) / (1.0 - rho)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]
mod tests {
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::SeedableRng as _;

    use super::*;
    use crate::stats::simulate::gaussian;

    fn series(n: u32, of: impl Fn(u32) -> f64) -> Vec<(f64, f64)> {
        (0..n).map(|at| (f64::from(at), of(at))).collect()
    }

    #[test]
    fn lines_without_noise_are_found_to_the_point() {
        let exact = series(60, |at| match at {
            0..20 => 1.0,
            20..40 => 1.0 - 0.02 * f64::from(at - 20),
            _ => 0.1,
        });
        let found = change_points(&exact).unwrap();
        let at: Vec<usize> = found.changes.iter().map(|change| change.at).collect();
        // At a bend without noise the point of the bend belongs to both lines.
        assert!(at == [20, 40] || at == [21, 40], "{at:?}");
        assert!(found.fitted(&exact).iter().zip(&exact).all(|(fit, (_, y))| (fit - y).abs() < 1e-12));
        assert_eq!((found.changes[1].low, found.changes[1].high), (40, 40));
    }

    #[test]
    fn every_partition_is_the_best_of_all() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(5);
        let noise: Vec<(f64, f64)> = (0..16).map(|at| (f64::from(at), gaussian(&mut random))).collect();
        let sums = Sums::of(&noise);
        let found = sums.partitions();
        let mut best = [f64::INFINITY; 2];
        for first in SHORTEST..=16 - SHORTEST {
            best[0] = best[0].min(sums.total(&[first]));
            for second in first + SHORTEST..=16 - SHORTEST {
                best[1] = best[1].min(sums.total(&[first, second]));
            }
        }
        assert_eq!([sums.total(&found[1]), sums.total(&found[2])], best);
    }

    #[test]
    fn a_constant_series_is_one_line_and_what_is_no_series_none() {
        let constant = change_points(&series(30, |_| 0.7)).unwrap();
        assert_eq!(constant.changes, []);
        assert!(
            (constant.lines[0].start - 0.7).abs() < 1e-12 && constant.lines[0].end == constant.lines[0].start
        );
        assert_eq!(change_points(&series(7, f64::from)), None);
        assert_eq!(change_points(&series(9, |at| if at == 3 { f64::NAN } else { 0.0 })), None);
        assert!(change_points(&series(2_001, f64::from)).is_none());
    }

    #[test]
    fn noise_alone_has_a_change_in_few_series() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(11);
        let mut with_change = 0;
        for _ in 0..200 {
            let noise: Vec<(f64, f64)> = (0..80).map(|at| (f64::from(at), gaussian(&mut random))).collect();
            with_change += usize::from(!change_points(&noise).unwrap().changes.is_empty());
        }
        assert!(with_change <= 10, "{with_change} of 200");
    }

    /// Share of 300 series with a change at 50 of 80 whose interval holds it, and its mean width.
    fn coverage(height: f64, slope: f64, rho: f64) -> (f64, f64, usize) {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(23);
        let (mut covered, mut width, mut found) = (0.0, 0.0, 0);
        for _ in 0..300 {
            let mut error = gaussian(&mut random);
            let points: Vec<(f64, f64)> = (0..80)
                .map(|at| {
                    error = rho * error + (1.0 - rho * rho).sqrt() * gaussian(&mut random);
                    let behind = if at >= 50 { height + slope * f64::from(at - 50) } else { 0.0 };
                    (f64::from(at), behind + error)
                })
                .collect();
            let changes = change_points(&points).unwrap().changes;
            let Some(change) = changes.iter().max_by(|a, b| a.statistic.total_cmp(&b.statistic)) else {
                continue;
            };
            found += 1;
            covered += f64::from(u8::from((change.low..=change.high).contains(&50)));
            width += (change.high - change.low) as f64;
        }
        (covered / found as f64, width / found as f64, found)
    }

    #[test]
    fn the_interval_holds_the_change_as_often_as_it_says() {
        for (height, slope, rho) in [(-4.0, 0.0, 0.0), (-3.0, 0.0, 0.0), (-2.0, -0.5, 0.0), (-6.0, 0.0, 0.4)]
        {
            let (covered, width, found) = coverage(height, slope, rho);
            assert!(found >= 290, "{found} of 300 found");
            assert!(
                covered >= 0.93,
                "{covered} for a jump of {height}, slope {slope}, autocorrelation {rho}"
            );
            assert!(width < 12.0, "{width}");
        }
    }
}
