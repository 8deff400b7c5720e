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

/// What a step left behind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LedgerFactors {
    /// What was done, in the order in which it was.
    pub updates: Vec<LedgerUpdate>,
    /// Keys that later steps have to know of, as `AlphaEdit` does.
    pub remembered: Vec<RememberedKeys>,
}

/// Keys of one layer that later steps have to know of.
#[derive(Clone, Debug, PartialEq)]
pub struct RememberedKeys {
    /// The layer.
    pub layer: usize,
    /// Keys side by side, `(f, m)`.
    pub keys: Matrix,
    /// Whether they take the place of all that were remembered, instead of being added to them.
    pub all: bool,
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
    /// What a step left behind; nothing where it edited nothing.
    ///
    /// # Errors
    /// [`ReadError::Ledger`] where the file is not the one that was written; else as for any input file.
    pub fn factors(&self, line: &LedgerLine, limits: &Limits) -> Result<LedgerFactors, ReadError> {
        let Some(needed) = &line.factors_sha256 else { return Ok(LedgerFactors::default()) };
        let path = factors_folder(&self.path).join(factors_name(line.index));
        let refused = |cause| ReadError::Ledger { path: path.clone(), cause };
        let found = sha256(&SourceFile::open(&path)?)?;
        if found != *needed {
            let (index, needed) = (line.index, needed.clone());
            return Err(refused(LedgerError::OtherFactors { index, found, needed }));
        }
        let mut file = ArrayFile::open(&path, limits, IoMode::Pread)?;
        let mut found = LedgerFactors::default();
        for layer in &line.layers {
            let wrong = |reason| refused(LedgerError::Factors { index: line.index, reason });
            let mut array = |part: &str| file.array(&format!("layer.{}.{part}", layer.layer));
            let parts = [array("left")?, array("right")?, array("weight")?, array("bias")?];
            let past = [(array(PAST)?, false), (array(ALL_PAST)?, true)];
            let change = change(parts, layer).map_err(wrong)?;
            found.updates.push(LedgerUpdate { layer: layer.layer, change });
            for (keys, all) in past {
                let Some(keys) = keys else { continue };
                let keys = matrix(keys, layer, PAST).map_err(wrong)?;
                found.remembered.push(RememberedKeys { layer: layer.layer, keys, all });
            }
        }
        Ok(found)
    }
}

/// Names of the tensors of remembered keys, behind that of the layer: those that are added, and those that take the place of all.
const PAST: &str = "past_keys";
const ALL_PAST: &str = "all_past_keys";

/// Name of a part of a layer.
fn name(line: &LayerLine, part: &str) -> String {
    format!("layer.{}.{part}", line.layer)
}

fn matrix(array: ArrayD<f64>, line: &LayerLine, part: &str) -> Result<Matrix, String> {
    array.into_dimensionality::<Ix2>().map_err(|_| format!("{} is no matrix", name(line, part)))
}

fn change(parts: [Option<ArrayD<f64>>; 4], line: &LayerLine) -> Result<LedgerChange, String> {
    let name = |part: &str| name(line, part);
    let matrix = |array, part| matrix(array, line, part);
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
