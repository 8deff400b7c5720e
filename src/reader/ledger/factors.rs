//! The factors of one step: a small safetensors file, held to the hash that its line has.

use ndarray::{Array2, ArrayD, Ix1, Ix2};

use super::{LayerLine, Ledger, LedgerError, LedgerLine, RectLine, factors_folder, factors_name};
use crate::reader::{ArrayFile, IoMode, Limits, ReadError, SourceFile, sha256};
use crate::tensor::Matrix;

/// What was done to the matrix of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerUpdate {
    /// The layer.
    pub layer: usize,
    /// What became of it.
    pub change: LedgerChange,
}

/// What became of a matrix.
#[derive(Clone, Debug, PartialEq)]
pub enum LedgerChange {
    /// ΔW = L Rᵀ, of which RECT may keep a part.
    Factors {
        /// L, `(d, r)`.
        left: Matrix,
        /// R, `(f, r)`.
        right: Matrix,
        /// RECT's mask.
        kept: Option<RectLine>,
    },
    /// The matrix as it is afterwards, `(d, f)`, and the bias where it changed.
    Whole {
        /// W'.
        weight: Array2<f32>,
        /// b'.
        bias: Option<Vec<f32>>,
    },
}

impl Ledger {
    /// The updates of a step, in the order in which they were made; none where it edited nothing.
    ///
    /// # Errors
    /// [`ReadError::Ledger`] where the file is not the one that was written; else as for any input file.
    pub fn updates(&self, line: &LedgerLine, limits: &Limits) -> Result<Vec<LedgerUpdate>, ReadError> {
        let Some(needed) = &line.factors_sha256 else { return Ok(Vec::new()) };
        let path = factors_folder(&self.path).join(factors_name(line.index));
        let refused = |cause| ReadError::Ledger { path: path.clone(), cause };
        let found = sha256(&SourceFile::open(&path)?)?;
        if found != *needed {
            let (index, needed) = (line.index, needed.clone());
            return Err(refused(LedgerError::OtherFactors { index, found, needed }));
        }
        let mut file = ArrayFile::open(&path, limits, IoMode::Pread)?;
        let mut updates = Vec::with_capacity(line.layers.len());
        for layer in &line.layers {
            let wrong = |reason: String| refused(LedgerError::Factors { index: line.index, reason });
            let mut array = |part: &str| file.array(&format!("layer.{}.{part}", layer.layer));
            let parts = [array("left")?, array("right")?, array("weight")?, array("bias")?];
            updates.push(LedgerUpdate { layer: layer.layer, change: change(parts, layer).map_err(wrong)? });
        }
        Ok(updates)
    }
}

fn change(parts: [Option<ArrayD<f64>>; 4], line: &LayerLine) -> Result<LedgerChange, String> {
    let name = |part: &str| format!("layer.{}.{part}", line.layer);
    let matrix = |array: ArrayD<f64>, part: &str| {
        array.into_dimensionality::<Ix2>().map_err(|_| format!("{} is no matrix", name(part)))
    };
    match parts {
        [Some(left), Some(right), None, None] => {
            let (left, right) = (matrix(left, "left")?, matrix(right, "right")?);
            if left.ncols() != right.ncols() {
                let (left, right) = (left.ncols(), right.ncols());
                return Err(format!("{} has {left} columns, its other factor has {right}", name("left")));
            }
            Ok(LedgerChange::Factors { left, right, kept: line.rect.clone() })
        }
        [None, None, Some(weight), bias] => {
            let bias = bias.map(|bias| {
                let bias = bias
                    .into_dimensionality::<Ix1>()
                    .map_err(|_| format!("{} is no vector", name("bias")))?;
                Ok::<_, String>(bias.iter().copied().map(narrow).collect())
            });
            Ok(LedgerChange::Whole {
                weight: matrix(weight, "weight")?.mapv(narrow),
                bias: bias.transpose()?,
            })
        }
        _ => Err(format!("there are neither {} and {} nor {}", name("left"), name("right"), name("weight"))),
    }
}

/// Numbers that were widened from 32 bits or less go back unchanged.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounding to the nearest is meant, and there is nothing to round"
)]
fn narrow(x: f64) -> f32 {
    x as f32
}
