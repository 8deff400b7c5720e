//! Adam as `PyTorch` runs it.
//!
//! ```text
//! m ← β₁ m + (1 − β₁) g        v ← β₂ v + (1 − β₂) g²
//! x ← x − η / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)        β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁸, t = 1, 2, …
//! ```
//!
//! Source: `torch.optim.Adam` without weight decay, its single-tensor form. Here everything is in f64.

const BETAS: (f64, f64) = (0.9, 0.999);
const EPSILON: f64 = 1e-8;

/// The state of an optimisation of some numbers.
#[derive(Clone, Debug)]
pub(super) struct Adam {
    learning_rate: f64,
    steps: i32,
    /// (m, v) of each number.
    moments: Vec<(f64, f64)>,
}

impl Adam {
    /// Nothing done yet, for so many numbers.
    pub(super) fn new(numbers: usize, learning_rate: f64) -> Self {
        Self { learning_rate, steps: 0, moments: vec![(0.0, 0.0); numbers] }
    }

    /// One step against a gradient.
    pub(super) fn step(&mut self, numbers: &mut [f64], gradient: &[f64]) {
        self.steps += 1;
        let (first, second) = (1.0 - BETAS.0.powi(self.steps), (1.0 - BETAS.1.powi(self.steps)).sqrt());
        let rate = self.learning_rate / first;
        for ((x, g), (m, v)) in numbers.iter_mut().zip(gradient).zip(&mut self.moments) {
            *m += (1.0 - BETAS.0) * (g - *m);
            *v = BETAS.1 * *v + (1.0 - BETAS.1) * g * g;
            *x -= rate * *m / (v.sqrt() / second + EPSILON);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `torch.optim.Adam([x], lr=0.3)` in f64 over these gradients, `PyTorch` 2.
    #[test]
    fn three_steps_are_those_of_pytorch() {
        let mut adam = Adam::new(3, 0.3);
        let mut x = [1.0, -2.0, 0.5];
        for gradient in [[0.1, -3.0, 0.0], [0.2, 1.0, 1e-9], [-0.7, 0.5, 2.0]] {
            adam.step(&mut x, &gradient);
        }
        let torch = [0.524_940_609_612_762_2, -1.518_221_893_495_809_2, 0.293_609_442_404_627_83];
        for (found, torch) in x.iter().zip(torch) {
            assert!((found - torch).abs() < 1e-14, "{x:?}");
        }
    }

    #[test]
    fn the_first_step_moves_every_number_by_the_learning_rate() {
        let mut adam = Adam::new(2, 0.5);
        let mut x = [0.0, 0.0];
        adam.step(&mut x, &[1e-3, -40.0]);
        assert!((x[0] + 0.5).abs() < 1e-5 && (x[1] - 0.5).abs() < 1e-5, "{x:?}");
    }
}
