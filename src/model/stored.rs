//! A down-projection as the checkpoint stores it: names, dtypes and bytes, the right way round.

use super::{Model, ModelError, Orientation};
use crate::tensor::{Dtype, Entry, encode};

/// A tensor with the bytes that a checkpoint holds of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTensor {
    /// Its name, as the checkpoint has it.
    pub name: String,
    /// Its elements, little-endian, row-major.
    pub bytes: Vec<u8>,
}

impl Model {
    /// W of a layer, as it is in memory now, in the dtype and the orientation of the checkpoint.
    ///
    /// # Errors
    /// Where the model has no such layer, or its dtype cannot be written (integers, 8-bit floats).
    pub fn stored_weight(&self, layer: usize) -> Result<StoredTensor, ModelError> {
        let (weight, _) = self.down_projection_weight(layer)?;
        let (entry, _) = self.down_projection_entries(layer)?;
        match self.orientation() {
            Orientation::KeyMajor => self.stored(entry, weight.t().iter().copied()),
            Orientation::ValueMajor => self.stored(entry, weight.iter().copied()),
        }
    }

    /// b of a layer in the same way; none where the architecture has none.
    ///
    /// # Errors
    /// As [`Self::stored_weight`].
    pub fn stored_bias(&self, layer: usize) -> Result<Option<StoredTensor>, ModelError> {
        let (_, bias) = self.down_projection_weight(layer)?;
        let (_, entry) = self.down_projection_entries(layer)?;
        bias.zip(entry).map(|(bias, entry)| self.stored(entry, bias)).transpose()
    }

    fn stored(
        &self,
        entry: &Entry,
        numbers: impl IntoIterator<Item = f32>,
    ) -> Result<StoredTensor, ModelError> {
        let (name, dtype): (String, Dtype) = (entry.name.clone(), entry.dtype);
        match encode(dtype, numbers) {
            Some(bytes) => Ok(StoredTensor { name, bytes }),
            None => Err(ModelError::Unwritable { path: self.path().to_owned(), tensor: name, dtype }),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::reader::{IoMode, Limits};
    use crate::tensor::Source as _;

    #[test]
    fn what_was_not_edited_is_stored_as_it_was_read_whichever_way_round() {
        for folder in ["architectures/gpt2", "architectures/llama-tied", "architectures/gptj", "world/model"]
        {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder);
            let mut model = Model::open(&path, &Limits::default(), IoMode::Auto).unwrap();
            for loaded in [false, true] {
                if loaded {
                    let (weight, bias) = model.down_projection_weight(1).unwrap();
                    model.set_down_projection(1, weight.view(), bias.as_deref()).unwrap();
                }
                let stored = [Some(model.stored_weight(1).unwrap()), model.stored_bias(1).unwrap()];
                for StoredTensor { name, bytes } in stored.into_iter().flatten() {
                    let entry = &model.checkpoint().entries()[&name];
                    let mut scratch = Vec::new();
                    let len = usize::try_from(entry.bytes).unwrap();
                    assert_eq!(
                        bytes,
                        model.checkpoint().read(entry, 0, len, &mut scratch).unwrap(),
                        "{name}"
                    );
                }
            }
        }
    }
}
