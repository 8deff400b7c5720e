//! Distances from a ledger: the norm of all updates so far, from their factors and without a model.
//!
//! ```text
//! ‖Σ Δₛ‖²_F = ‖Σ_{s<t} Δₛ‖²_F + 2 Σ_{s<t} ⟨Δₛ, Δₜ⟩ + ‖Δₜ‖²_F,    ⟨L Rᵀ, L' R'ᵀ⟩ = Σ (LᵀL') ∘ (RᵀR')
//! ```
//!
//! In f64; exact but for rounding, which is relative to the largest distance so far, and for the rounding of each update to what
//! the checkpoint stores, which is not in the factors. Cost and memory of a step go with the steps before it. An update that is a
//! whole matrix (fine-tuning) or has RECT's mask cannot be summed without the base: that layer has norms and no distance.

use std::collections::BTreeMap;

use crate::reader::{
    Ledger, LedgerChange, LedgerUpdate, Limits, LineKind, Measure, ReadError, Run, RunError, RunKind,
    ScheduleKind,
};
use crate::sequence::SequenceError;
use crate::tensor::Matrix;

/// The run of a ledger: distance and update norm of each layer.
///
/// # Errors
/// [`RunError::Single`] of edits that were each made from the original; where factors cannot be read.
pub fn ledger_run(ledger: &Ledger, limits: &Limits, done: &mut dyn FnMut()) -> Result<Run, SequenceError> {
    let refused = |cause| SequenceError::Read(ReadError::Run { path: ledger.path.clone(), cause });
    if ledger.header.schedule == ScheduleKind::Single {
        return Err(refused(RunError::Single));
    }
    let mut run = Run::new(&ledger.path, RunKind::Ledger);
    let mut layers: BTreeMap<usize, Drift> = BTreeMap::new();
    let (mut edits, mut not_made) = (0, Vec::new());
    for line in &ledger.lines {
        done();
        if line.kind == LineKind::Prune {
            run.notes.push("what PRUNE did at the end is no edit, and in no series".to_owned());
            continue;
        }
        edits += line.requests.len() as u64;
        if let [request] = line.requests.as_slice() {
            run.names.insert(edits, request.case_id.clone());
        }
        if line.layers.is_empty() && !line.requests.is_empty() {
            not_made.push(edits.to_string());
        }
        for update in ledger.factors(line, limits)?.updates {
            layers.entry(update.layer).or_default().add(update);
        }
        for (layer, drift) in layers.iter().filter(|_| !line.requests.is_empty()) {
            if let Some(square) = drift.square {
                let measure = Measure::Distance { layer: layer.to_string() };
                run.put(&format!("distance of {layer}"), measure, edits, square.sqrt());
            }
        }
        for layer in &line.layers {
            let measure = Measure::UpdateNorm { layer: layer.layer.to_string() };
            run.put(&format!("update norm of {}", layer.layer), measure, edits, layer.update_norm);
        }
    }
    if run.series.is_empty() {
        return Err(refused(RunError::Empty { bad: None }));
    }
    notes(&mut run, ledger, &layers, &not_made);
    Ok(run)
}

fn notes(run: &mut Run, ledger: &Ledger, layers: &BTreeMap<usize, Drift>, not_made: &[String]) {
    for (layer, _) in layers.iter().filter(|(_, drift)| drift.square.is_none()) {
        run.notes.push(format!(
            "layer {layer} has no distances: its updates are whole matrices or masked, which cannot be summed without the base"
        ));
        // Those before the first such update are no series.
        let name = format!("distance of {layer}");
        run.series.retain(|series| series.name != name);
    }
    if !not_made.is_empty() {
        run.notes.push(format!("updates that were not finite were not made: edit {}", not_made.join(", ")));
    }
    let refused: usize = ledger.lines.iter().map(|line| line.refused.len()).sum();
    if refused > 0 {
        run.notes.push(format!("{refused} records were refused and are no edits"));
    }
}

/// The sum of the updates of one layer.
#[derive(Debug)]
struct Drift {
    past: Vec<(Matrix, Matrix)>,
    /// None once an update cannot be summed.
    square: Option<f64>,
}

impl Default for Drift {
    fn default() -> Self {
        Self { past: Vec::new(), square: Some(0.0) }
    }
}

impl Drift {
    fn add(&mut self, update: LedgerUpdate) {
        let LedgerChange::Factors { left, right, kept: None } = update.change else {
            (self.square, self.past) = (None, Vec::new());
            return;
        };
        let Some(square) = &mut self.square else { return };
        let with = |(other_left, other_right): &(Matrix, Matrix)| {
            (&left.t().dot(other_left) * &right.t().dot(other_right)).sum()
        };
        let past: f64 = self.past.iter().map(with).sum();
        self.past.push((left.clone(), right.clone()));
        let own: f64 = self.past.last().map_or(0.0, with);
        // Rounding can leave a square of what is 0 below it.
        *square = (*square + 2.0 * past + own).max(0.0);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn update(left: Matrix, right: Matrix) -> LedgerUpdate {
        LedgerUpdate { layer: 0, change: LedgerChange::Factors { left, right, kept: None } }
    }

    #[test]
    fn the_norm_of_a_sum_is_that_of_the_dense_matrices() {
        let updates = [
            (array![[1.0, -0.5], [2.0, 0.0], [0.25, 3.0]], array![[0.5, 1.0], [-1.0, 2.0]]),
            (array![[0.1], [-4.0], [2.0]], array![[1.0], [0.5]]),
            (array![[-1.0, 0.5], [-2.0, 0.0], [-0.25, -3.0]], array![[0.5, 1.0], [-1.0, 2.0]]),
        ];
        let mut drift = Drift::default();
        let mut dense: Matrix = Matrix::zeros((3, 2));
        for (left, right) in updates {
            dense += &left.dot(&right.t());
            drift.add(update(left, right));
            let norm = dense.iter().map(|x| x * x).sum::<f64>();
            assert!(drift.square.is_some_and(|square| (square - norm).abs() < 1e-12 * 40.0), "{drift:?}");
        }
    }

    #[test]
    fn what_is_taken_back_is_nothing_and_a_whole_matrix_ends_the_sum() {
        let mut drift = Drift::default();
        let (left, right) = (array![[3.0], [4.0]], array![[1.0], [0.3]]);
        drift.add(update(left.clone(), right.clone()));
        drift.add(update(-left, right));
        assert!(drift.square.is_some_and(|square| square < 1e-12));
        let whole = LedgerChange::Whole { weight: ndarray::Array2::zeros((2, 2)), bias: None };
        drift.add(LedgerUpdate { layer: 0, change: whole });
        assert_eq!(drift.square, None);
    }
}
