//! The matrices that an experiment edits, as they were: to go back to, and to measure from.

use ndarray::Array2;

use crate::model::{Model, ModelError};

/// Down-projections before any edit.
pub(super) struct Original {
    matrices: Vec<(usize, Array2<f32>, Option<Vec<f32>>)>,
}

impl Original {
    /// Those of some layers.
    pub(super) fn of(model: &Model, layers: &[usize]) -> Result<Self, ModelError> {
        let matrix = |layer: &usize| {
            let (weight, bias) = model.down_projection_weight(*layer)?;
            Ok((*layer, weight, bias))
        };
        Ok(Self { matrices: layers.iter().map(matrix).collect::<Result<_, ModelError>>()? })
    }

    /// Puts them back.
    pub(super) fn restore(&self, model: &mut Model) -> Result<(), ModelError> {
        self.matrices.iter().try_for_each(|(layer, weight, bias)| {
            model.set_down_projection(*layer, weight.view(), bias.as_deref())
        })
    }

    /// Puts them back behind an experiment, whether or not it failed.
    pub(super) fn behind<T, E: From<ModelError>>(
        &self,
        model: &mut Model,
        experiment: impl FnOnce(&mut Model) -> Result<T, E>,
    ) -> Result<T, E> {
        let found = experiment(model);
        self.restore(model)?;
        found
    }

    /// ‖W − W₀‖_F / number of entries, as Gupta et al. have it; of the layer where it is largest. NaN where an entry is.
    pub(super) fn distance(&self, model: &Model) -> Result<f64, ModelError> {
        let mut largest = 0.0_f64;
        for (layer, before, _) in &self.matrices {
            let now = model.down_projection_weight(*layer)?.0;
            let distance = normalised(before, &now);
            largest = if distance > largest || distance.is_nan() { distance } else { largest };
        }
        Ok(largest)
    }

    /// W₀ of the first of the layers.
    pub(super) fn first(&self) -> Option<&Array2<f32>> {
        self.matrices.first().map(|(_, weight, _)| weight)
    }
}

/// ‖B − A‖_F / number of entries.
fn normalised(a: &Array2<f32>, b: &Array2<f32>) -> f64 {
    let squares: f64 = a.iter().zip(b).map(|(a, b)| (f64::from(*b) - f64::from(*a)).powi(2)).sum();
    squares.sqrt() / a.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_is_divided_by_the_number_of_entries_and_not_by_its_root() {
        let (a, b) =
            (ndarray::array![[1.0_f32, 2.0], [0.0, 0.0]], ndarray::array![[1.0_f32, 5.0], [0.0, 4.0]]);
        assert_eq!(normalised(&a, &b), 5.0 / 4.0);
    }
}
