//! The tensors that a run may change, as they were before it.

use super::SequenceError;
use crate::model::{Model, ModelError};
use crate::reader::{BaseTensor, Checkpoint, ReadError, sha256_of_tensor};
use crate::tensor::{Entry, Source as _};

/// W and b of each layer, as the checkpoint has them.
///
/// # Errors
/// Where the model has no such layer, or the tensors cannot be read.
pub fn base_tensors(model: &Model, layers: &[usize]) -> Result<Vec<BaseTensor>, ModelError> {
    let mut found = Vec::new();
    for &layer in layers {
        let (weight, bias) = model.down_projection_entries(layer)?;
        for entry in [Some(weight), bias].into_iter().flatten() {
            found.push(base_tensor(model.checkpoint(), entry)?);
        }
    }
    Ok(found)
}

fn base_tensor(checkpoint: &Checkpoint, entry: &Entry) -> Result<BaseTensor, ReadError> {
    Ok(BaseTensor {
        name: entry.name.clone(),
        dtype: entry.dtype.name().to_owned(),
        shape: entry.shape.0.clone(),
        sha256: sha256_of_tensor(checkpoint, entry)?,
    })
}

/// Holds a checkpoint to the tensors that a ledger began with.
///
/// # Errors
/// [`SequenceError::OtherBase`] with the first that differs; where a tensor cannot be read.
pub fn check_base(base: &[BaseTensor], checkpoint: &Checkpoint) -> Result<(), SequenceError> {
    for needed in base {
        let tensor = needed.name.clone();
        let Some(entry) = checkpoint.entries().get(&needed.name) else {
            let difference = "is not in this model".to_owned();
            return Err(SequenceError::OtherBase { tensor, difference });
        };
        let found = base_tensor(checkpoint, entry)?;
        let difference = if (&found.dtype, &found.shape) != (&needed.dtype, &needed.shape) {
            format!(
                "is {} {:?} in this model, {} {:?} in the ledger",
                found.dtype, found.shape, needed.dtype, needed.shape
            )
        } else if found.sha256 != needed.sha256 {
            format!("has SHA-256 {} in this model, {} in the ledger", found.sha256, needed.sha256)
        } else {
            continue;
        };
        return Err(SequenceError::OtherBase { tensor, difference });
    }
    Ok(())
}
