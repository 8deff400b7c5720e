//! What patches do to a forward pass on its way.

use candle_core::{Device, Tensor};

use super::pass::{Run, place};
use super::{ModelError, Patch, Tap};

impl Patch {
    /// Whether it changes what a site of that block gives out.
    pub(super) fn is_in(&self, layer: usize) -> bool {
        match self {
            Self::Add { tap, .. } | Self::Restore { tap, .. } => tap.layer == layer,
            Self::Embedding { .. } | Self::PositionEmbedding { .. } => false,
        }
    }
}

impl Run<'_> {
    /// What one patch makes of `x` at that site.
    pub(super) fn change(&self, patch: &Patch, here: Tap, x: Tensor) -> Result<Tensor, ModelError> {
        match patch {
            Patch::Add { tap, positions, vector } if *tap == here => {
                let rows = positions.iter().zip(self.starts.iter());
                let places: Vec<i64> =
                    rows.filter_map(|(position, start)| Some(place(start + (*position)?))).collect();
                if places.is_empty() {
                    return Ok(x);
                }
                let vectors = vector.to_dtype(self.dtype)?.unsqueeze(0)?;
                let vectors = vectors.broadcast_as((places.len(), vector.elem_count()))?.contiguous()?;
                Ok(x.index_add(&Tensor::new(places, &Device::Cpu)?, &vectors, 0)?)
            }
            Patch::Restore { tap, states } if *tap == here => {
                let (tokens, width) = x.dims2()?;
                let mut is_put_back = vec![0_u8; tokens * width];
                let mut values = vec![0.0_f32; tokens * width];
                for (row, position, state) in states {
                    let Some(start) = self.starts.get(*row) else { continue };
                    let range = (start + position) * width..(start + position + 1) * width;
                    if let (Some(mask), Some(slot)) =
                        (is_put_back.get_mut(range.clone()), values.get_mut(range))
                    {
                        mask.fill(1);
                        slot.copy_from_slice(state);
                    }
                }
                let mask = Tensor::from_vec(is_put_back, (tokens, width), &Device::Cpu)?;
                let values = Tensor::from_vec(values, (tokens, width), &Device::Cpu)?.to_dtype(self.dtype)?;
                Ok(mask.where_cond(&values, &x)?)
            }
            _ => Ok(x),
        }
    }

    /// Adds the noise of patches to the embeddings.
    pub(super) fn add_noise(&self, x: Tensor) -> Result<Tensor, ModelError> {
        let (mut places, mut vectors) = (Vec::new(), Vec::new());
        for patch in self.pass.patches {
            let Patch::Embedding { noise } = patch else { continue };
            for (row, position, vector) in noise {
                places.push(place(self.starts.get(*row).copied().unwrap_or(0) + position));
                vectors.extend_from_slice(vector);
            }
        }
        if places.is_empty() {
            return Ok(x);
        }
        let vectors =
            Tensor::from_vec(vectors, (places.len(), x.dim(1)?), &Device::Cpu)?.to_dtype(self.dtype)?;
        Ok(x.index_add(&Tensor::new(places, &Device::Cpu)?, &vectors, 0)?)
    }
}
