//! Planted updates of known rank, stored in three dtypes: where `numerical_rank` is right, and where it ends.

#![expect(clippy::cast_possible_truncation, reason = "weights are singles, and extents are small")]

use collapse_diagnostics::linalg::{
    ChangeSpectrum, LeadingSpectrum, SpectrumOptions, StoredMatrix, spectrum_of_change,
};
use collapse_diagnostics::tensor::Dtype;

/// How the weights are distributed before the edit.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Weights {
    /// N(0, 0.02²).
    Normal,
    /// Student's t of 4 degrees of freedom, with six columns tenfold and three rows fivefold.
    HeavyTailed,
}

/// Rows, columns, dtype, rank and relative Frobenius norm of a planted update.
type Cell = (usize, usize, Dtype, usize, f64);

const DTYPES: [Dtype; 3] = [Dtype::F32, Dtype::BF16, Dtype::F16];
const RANKS: [usize; 4] = [1, 2, 5, 50];
const RELATIVE_NORMS: [f64; 3] = [0.1, 0.01, 0.003];

/// The cells in which another rank is found than was planted, in words.
fn misses(cells: impl IntoIterator<Item = Cell>, weights: Weights) -> Vec<String> {
    let found = |cell| (cell, plant(cell, weights, 1).spectrum);
    let wrong = |(cell, found): &(Cell, LeadingSpectrum)| found.rank != cell.3 || found.rank_is_lower_bound;
    cells
        .into_iter()
        .map(found)
        .filter(wrong)
        .map(|(cell, found)| format!("{cell:?}: {}", found.rank))
        .collect()
}

#[test]
fn every_planted_rank_is_found_down_to_three_parts_in_a_thousand() {
    let cells = DTYPES.into_iter().flat_map(|dtype| {
        RANKS.into_iter().flat_map(move |rank| RELATIVE_NORMS.map(|norm| (768, 3072, dtype, rank, norm)))
    });
    assert_eq!(misses(cells, Weights::Normal), [""; 0]);
}

#[test]
fn larger_matrices_leave_more_structure_and_are_still_told_right() {
    let cells = [
        (1600, 6400, Dtype::BF16, 1, 0.1),
        (1600, 6400, Dtype::BF16, 1, 0.01),
        (1600, 6400, Dtype::BF16, 2, 0.003),
        (1600, 6400, Dtype::F16, 1, 0.003),
        (1600, 6400, Dtype::F32, 5, 0.1),
    ];
    assert_eq!(misses(cells, Weights::Normal), [""; 0]);
}

#[test]
fn outlier_rows_and_columns_do_not_add_to_the_rank() {
    let cells = [
        (768, 3072, Dtype::BF16, 1, 0.01),
        (768, 3072, Dtype::BF16, 5, 0.003),
        (768, 3072, Dtype::F16, 2, 0.003),
        (768, 3072, Dtype::F32, 1, 0.1),
    ];
    assert_eq!(misses(cells, Weights::HeavyTailed), [""; 0]);
}

/// Fifty values share so small a norm that each sinks below what rounding adds.
#[test]
fn where_the_values_sink_into_the_noise_the_rank_is_understated_and_never_overstated() {
    let found = plant((768, 3072, Dtype::BF16, 50, 0.001), Weights::Normal, 1);
    assert!(found.spectrum.rank < 10, "{found:?}");
    assert!(found.spectrum.singular_values[0] < 1.5 * found.rounding_edge, "{found:?}");
    let outliers = plant((768, 3072, Dtype::BF16, 50, 0.003), Weights::HeavyTailed, 1);
    assert_eq!(outliers.spectrum.rank, 0, "{outliers:?}");
}

#[test]
fn values_of_a_small_update_come_with_the_residual_they_have() {
    let found = plant((768, 3072, Dtype::BF16, 1, 0.01), Weights::Normal, 1).spectrum;
    assert!(found.residual < 1e-4, "{found:?}");
    assert!((found.energy_above_edge / found.singular_values[0].powi(2) - 1.0).abs() < 1e-15, "{found:?}");
}

/// A random matrix with a random update of that rank, both through the dtype, and what is found of it.
fn plant(cell: Cell, weights: Weights, seed: u64) -> ChangeSpectrum {
    let (rows, cols, dtype, rank, relative) = cell;
    let mut random = Random(seed);
    let mut base = weights.sample(rows, cols, &mut random);
    for value in &mut base {
        *value = f32::from_le_bytes(widened(dtype, *value));
    }
    let left: Vec<f32> = (0..rows * rank).map(|_| random.normal()).collect();
    let right: Vec<f32> = (0..cols * rank).map(|_| random.normal()).collect();
    let mut update = vec![0_f32; rows * cols];
    for (row, left) in update.chunks_mut(cols).zip(left.chunks(rank)) {
        for (factor, right) in left.iter().zip(right.chunks(cols)) {
            row.iter_mut().zip(right).for_each(|(sum, right)| *sum += factor * right);
        }
    }
    let scale = relative * norm(&base) / norm(&update);
    let stored = |values: &mut dyn Iterator<Item = f64>| -> Vec<u8> {
        let mut bytes = Vec::new();
        values.for_each(|value| encode(dtype, value as f32, &mut bytes));
        bytes
    };
    let before = stored(&mut base.iter().map(|&w| f64::from(w)));
    let after = stored(&mut base.iter().zip(&update).map(|(&w, &u)| f64::from(w) + scale * f64::from(u)));
    let matrix = |bytes| StoredMatrix { dtype, bytes, rows, cols };
    spectrum_of_change(matrix(&before), matrix(&after), None, &SpectrumOptions::default())
        .expect("finite matrices")
}

fn norm(values: &[f32]) -> f64 {
    values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt()
}

fn encode(dtype: Dtype, value: f32, bytes: &mut Vec<u8>) {
    match dtype {
        Dtype::BF16 => bytes.extend(half::bf16::from_f32(value).to_le_bytes()),
        Dtype::F16 => bytes.extend(half::f16::from_f32(value).to_le_bytes()),
        _ => bytes.extend(value.to_le_bytes()),
    }
}

/// The value that is left of one when it has been stored.
fn widened(dtype: Dtype, value: f32) -> [u8; 4] {
    match dtype {
        Dtype::BF16 => half::bf16::from_f32(value).to_f32().to_le_bytes(),
        Dtype::F16 => half::f16::from_f32(value).to_f32().to_le_bytes(),
        _ => value.to_le_bytes(),
    }
}

impl Weights {
    fn sample(self, rows: usize, cols: usize, random: &mut Random) -> Vec<f32> {
        let mut values: Vec<f32> = (0..rows * cols).map(|_| 0.02 * self.one(random)).collect();
        if self == Self::HeavyTailed {
            for outlier in 0..6 {
                let col = (random.next() % cols as u64) as usize;
                values.iter_mut().skip(col).step_by(cols).for_each(|value| *value *= 10.0);
                if outlier < 3 {
                    let row = (random.next() % rows as u64) as usize;
                    values.iter_mut().skip(row * cols).take(cols).for_each(|value| *value *= 5.0);
                }
            }
        }
        values
    }

    fn one(self, random: &mut Random) -> f32 {
        let normal = random.normal();
        match self {
            Self::Normal => normal,
            Self::HeavyTailed => {
                let chi_squared: f32 = (0..4).map(|_| random.normal().powi(2)).sum();
                normal / (chi_squared / 4.0).sqrt()
            }
        }
    }
}

/// `SplitMix64`, and normal numbers from it by Box and Muller.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn normal(&mut self) -> f32 {
        let uniform = |bits: u64| (bits >> 40) as f32 / (1_u64 << 24) as f32;
        let radius = (-2.0 * (1.0 - uniform(self.next())).ln()).sqrt();
        radius * (std::f32::consts::TAU * uniform(self.next())).cos()
    }
}
