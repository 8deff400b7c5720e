//! Where Student's law leaves a given share above.

use statrs::distribution::{Continuous as _, ContinuousCDF as _, StudentsT};

use super::student_ln_p;

/// t with `P(T > t) = tail`; infinite where there are no degrees of freedom, or `tail` is none of (0, 1/2].
///
/// The library's quantile is good to six digits or more; Newton's steps on the logarithm of the tail bring it to 10⁻¹⁰ of itself.
pub fn student_quantile(degrees: f64, tail: f64) -> f64 {
    let Ok(student) = StudentsT::new(0.0, 1.0, degrees) else { return f64::INFINITY };
    if !(tail > 0.0 && tail <= 0.5) {
        return f64::INFINITY;
    }
    let step = |t: f64| {
        let ln_p = student_ln_p(t, degrees);
        t + (ln_p - (2.0 * tail).ln()) * (ln_p - student.ln_pdf(t)).exp() / 2.0
    };
    (0..4).fold(student.inverse_cdf(1.0 - tail), |t, _| step(t))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy.stats.t.isf of `SciPy` 1.17.1, at tails of 0.025, 0.05 and 10⁻⁶.
    const SCIPY: [(f64, [f64; 3]); 6] = [
        (1.0, [12.706_204_736_174_705, 6.313_751_514_675_044, 318_309.886_182_743_5]),
        (2.0, [4.302_652_729_749_464, 2.919_985_580_353_725_6, 707.105_720_525_933_9]),
        (3.0, [3.182_446_305_283_708_6, 2.353_363_434_801_824, 103.299_467_780_419_35]),
        (5.0, [2.570_581_835_636_315_5, 2.015_048_373_333_024, 24.771_029_720_515_948]),
        (30.0, [2.042_272_456_301_238, 1.697_260_886_593_957_4, 5.871_117_120_418_882]),
        (1e6, [1.959_966_356_814_107_2, 1.644_855_150_722_040_6, 4.753_452_348_279_68]),
    ];

    #[test]
    fn quantiles_are_those_of_scipy() {
        for (degrees, expected) in SCIPY {
            for (tail, expected) in [0.025, 0.05, 1e-6].into_iter().zip(expected) {
                let found = student_quantile(degrees, tail);
                let error = (found / expected - 1.0).abs();
                assert!(error < 1e-10, "{degrees} {tail}: {found} for {expected}, off by {error:e}");
            }
        }
    }

    #[test]
    fn what_has_no_quantile_is_infinite() {
        for (degrees, tail) in [(0.0, 0.1), (f64::NAN, 0.1), (3.0, 0.0), (3.0, f64::NAN), (3.0, 0.9)] {
            assert_eq!(student_quantile(degrees, tail), f64::INFINITY);
        }
    }
}
