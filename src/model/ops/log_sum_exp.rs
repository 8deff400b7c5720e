//! `ln Σ exp` of a row of logits, with the sum in f64.

#![expect(clippy::inline_always, reason = "kernels become part of their caller, see `simd`")]

use super::Real;
use super::simd::{Kernel, run};

/// Running maxima and sums, so that the loops vectorise; joined in their order.
const LANES: usize = 16;

/// `ln Σ exp(zᵢ)`; the exponentials are taken in f32 of `zᵢ − max`, the sum in f64. Relative error of the sum below 2e-7.
///
/// Degenerate: −∞ where all are −∞ or there are none; NaN where one is NaN or +∞.
pub(in crate::model) fn log_sum_exp(logits: &[f32]) -> f64 {
    let mut out = 0.0;
    run(Row { logits, out: &mut out });
    out
}

struct Row<'a> {
    logits: &'a [f32],
    out: &'a mut f64,
}

impl Kernel for Row<'_> {
    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let (chunks, rest) = self.logits.as_chunks::<LANES>();
        let mut largest = [f32::NEG_INFINITY; LANES];
        for chunk in chunks {
            for (largest, z) in largest.iter_mut().zip(chunk) {
                *largest = if *z > *largest { *z } else { *largest };
            }
        }
        let largest = largest.iter().chain(rest).fold(f32::NEG_INFINITY, |a, b| if *b > a { *b } else { a });
        if largest == f32::NEG_INFINITY {
            let has_nan = self.logits.iter().any(|z| z.is_nan());
            *self.out = if has_nan { f64::NAN } else { f64::NEG_INFINITY };
            return;
        }
        let mut sums = [0.0_f64; LANES];
        for chunk in chunks {
            for (sum, z) in sums.iter_mut().zip(chunk) {
                *sum += f64::from(Real::exp(*z - largest));
            }
        }
        let sum =
            sums.iter().sum::<f64>() + rest.iter().map(|z| f64::from(Real::exp(*z - largest))).sum::<f64>();
        *self.out = f64::from(largest) + sum.ln();
    }
}
