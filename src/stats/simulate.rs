//! Random walks for tests: what growth, warnings and jumps are held against.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::RngCore as _;

/// Steps of a walk: how many, in how many dimensions, and how far the logarithms of their lengths spread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk {
    pub(crate) steps: usize,
    pub(crate) dimensions: usize,
    pub(crate) spread: f64,
}

/// `(n, ‖sum of the first n steps‖)` of a walk with Gaussian steps of mean square 1, each times a log-normal length.
pub(crate) fn walk(random: &mut Xoshiro256PlusPlus, shape: Walk) -> Vec<(f64, f64)> {
    shaped_walk(random, shape, |_| (1.0, 0.0))
}

/// The same with a length and a drift along the first axis for each step, from 1.
pub(crate) fn shaped_walk(
    random: &mut Xoshiro256PlusPlus,
    Walk { steps, dimensions, spread }: Walk,
    of_step: impl Fn(usize) -> (f64, f64),
) -> Vec<(f64, f64)> {
    let mut at = vec![0.0; dimensions];
    (1..=steps)
        .map(|n| {
            let (length, drift) = of_step(n);
            let scale = length * (spread * gaussian(random)).exp() / (dimensions as f64).sqrt();
            for (axis, x) in at.iter_mut().enumerate() {
                *x += scale * gaussian(random) + if axis == 0 { drift } else { 0.0 };
            }
            (n as f64, at.iter().map(|x| x * x).sum::<f64>().sqrt())
        })
        .collect()
}

/// From the standard normal distribution, by Box and Muller.
pub(crate) fn gaussian(random: &mut Xoshiro256PlusPlus) -> f64 {
    let mut uniform = || ((random.next_u64() >> 11) as f64 + 0.5) / 2_f64.powi(53);
    (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos()
}
