//! Tails of Student's t and of the normal distribution, in logarithms.

use std::f64::consts::PI;

use statrs::function::gamma::ln_gamma;

/// From here on the ratio of two gamma functions is its asymptotic series, to one part in 10¹⁵.
const LARGE: f64 = 15.0;
/// Steps after which a continued fraction is left as it is; it takes about √degrees.
const STEPS: u32 = 100_000;
/// From here on erfc is its continued fraction, and below it 1 less a series: that of `statrs` is off by 10⁻¹⁰.
const FAR: f64 = 2.0;

/// ln p of Student's t, two-sided: the logarithm of P(|T| ≥ |t|).
///
/// ```text
/// p = Iₓ(ν/2, 1/2),  x = ν / (ν + t²)
///   = x^(ν/2) (1 − x)^(1/2) / (ν/2 · B(ν/2, 1/2)) · continued fraction (Lentz; Numerical Recipes, 6.4)
/// ```
///
/// Everything is added up in logarithms, so that nothing underflows: the absolute error of ln p is below 10⁻¹¹ to p = 10⁻¹⁰⁰⁰⁰ and
/// 10⁵ degrees, and below 10⁻¹⁰ to 10⁶, where x no longer tells t² from its neighbours (tested against mpmath).
///
/// Degenerate: 0 at t = 0, −∞ at ±∞, NaN for NaN and for `degrees` that are not positive.
pub fn student_ln_p(t: f64, degrees: f64) -> f64 {
    if t.is_nan() || degrees.is_nan() || degrees <= 0.0 {
        return f64::NAN;
    }
    let ratio = t.abs() / degrees.sqrt();
    // ln(1 + ratio²), also where the square overflows.
    let grown = if ratio < 1e100 { (ratio * ratio).ln_1p() } else { 2.0 * ratio.ln() };
    if ratio == 0.0 || ratio.is_infinite() {
        return if ratio == 0.0 { 0.0 } else { f64::NEG_INFINITY };
    }
    let half = degrees / 2.0;
    let (ln_x, x) = (-grown, (-grown).exp());
    let ln_rest = 2.0 * ratio.ln() - grown;
    let front = half * ln_x + 0.5 * ln_rest - ln_beta_half(half);
    if x < (half + 1.0) / (half + 2.5) {
        front - half.ln() + fraction(half, 0.5, x).ln()
    } else {
        // Near the middle, where p is not small, the other side is summed.
        (-(front.exp() * 2.0 * fraction(0.5, half, -(-grown).exp_m1()))).ln_1p()
    }
}

/// ln p of the normal distribution, two-sided: ln erfc(|z| / √2).
///
/// The absolute error is below 10⁻¹¹ to p = 10⁻¹⁰⁰⁰⁰ (tested against mpmath). Degenerate: −∞ at ±∞, NaN for NaN.
pub fn normal_ln_p(z: f64) -> f64 {
    let x = z.abs() / 2.0_f64.sqrt();
    if x.is_nan() {
        return x;
    }
    if x < FAR {
        // erf x = 2 / √π · exp(−x²) Σ 2ⁿ x²ⁿ⁺¹ / (1 · 3 · … · (2n + 1)): no term is negative.
        let term = |term: &f64, n: u32| term * 2.0 * x * x / f64::from(2 * n + 1);
        let sum: f64 = (1..60).scan(x, |last, n| Some(std::mem::replace(last, term(last, n)))).sum();
        return (-2.0 / PI.sqrt() * (-x * x).exp() * sum).ln_1p();
    }
    // erfc x = exp(−x²) / (√π (x + (1/2) / (x + (2/2) / (x + (3/2) / …)))), from the far end.
    let below = (1..=200).rev().fold(x, |below, step| x + f64::from(step) / 2.0 / below);
    -z * z / 2.0 - below.ln() - PI.ln() / 2.0
}

/// ln B(a, 1/2) = ln Γ(1/2) − ln (Γ(a + 1/2) / Γ(a)).
///
/// For large a by the series of the ratio: the difference of two logarithms would lose what they have in common.
fn ln_beta_half(a: f64) -> f64 {
    let ln_ratio = if a < LARGE {
        ln_gamma(a + 0.5) - ln_gamma(a)
    } else {
        const SERIES: [f64; 6] =
            [-1.0 / 8.0, 1.0 / 192.0, -1.0 / 640.0, 17.0 / 14_336.0, -31.0 / 18_432.0, 691.0 / 180_224.0];
        let square = 1.0 / (a * a);
        SERIES.iter().rev().fold(0.0, |sum, term| sum * square + term) / a + a.ln() / 2.0
    };
    PI.ln() / 2.0 - ln_ratio
}

/// The continued fraction of the incomplete beta function, by the method of Lentz.
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut found = d;
    for step in 1..STEPS {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        found *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        let factor = d * c;
        found *= factor;
        if (factor - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_and_two_degrees_have_tails_in_closed_form() {
        for t in [1e-8_f64, 0.3, 1.0, 4.0, 1e3, 1e20, 1e140] {
            let cauchy = (2.0 / PI * (1.0 / t).atan()).ln();
            assert!((student_ln_p(t, 1.0) - cauchy).abs() < 1e-13 * cauchy.abs().max(1.0), "{t}");
            // 1 − t / √(2 + t²), without the difference.
            let root = (2.0 / t / t + 1.0).sqrt();
            let two = (2.0 / t / t / (root * (1.0 + root))).ln();
            assert!((student_ln_p(t, 2.0) - two).abs() < 1e-13 * two.abs().max(1.0), "{t}");
        }
    }

    #[test]
    fn both_sides_are_one_the_middle_is_certain_and_the_end_impossible() {
        assert_eq!(student_ln_p(-7.0, 5.0), student_ln_p(7.0, 5.0));
        assert_eq!([student_ln_p(0.0, 5.0), normal_ln_p(0.0)], [0.0; 2]);
        assert_eq!(
            [student_ln_p(f64::INFINITY, 5.0), normal_ln_p(f64::NEG_INFINITY)],
            [f64::NEG_INFINITY; 2]
        );
        assert!(
            [student_ln_p(f64::NAN, 5.0), student_ln_p(1.0, 0.0), normal_ln_p(f64::NAN)]
                .iter()
                .all(|p| p.is_nan())
        );
    }

    #[test]
    fn with_many_degrees_t_is_normal() {
        for z in [0.1, 1.0, 2.9, 4.2, 4.3, 10.0] {
            assert!((student_ln_p(z, 1e9) - normal_ln_p(z)).abs() < 1e-5, "{z}");
        }
    }
}
