//! The matrix that editing methods change: the down-projection of a layer, read and replaced in memory.

use candle_core::{DType, Device, Tensor};
use ndarray::{Array2, ArrayView2};

use super::arch::Blueprint;
use super::ops::{Linear, numbers};
use super::run::array;
use super::{Model, ModelError, Orientation};
use crate::tensor::Entry;

impl Model {
    /// Name of the down-projection of a layer, as the checkpoint has it without `.weight` (`transformer.h.17.mlp.c_proj`).
    pub fn down_projection(&self, layer: usize) -> String {
        let module = self.stack.place(layer).module(self.stack.blueprint.names.down.name);
        let stored = self.stack.weights.stored_name(&format!("{module}.weight"));
        stored.and_then(|name| name.strip_suffix(".weight")).map_or(module, ToOwned::to_owned)
    }

    /// How the checkpoint stores the down-projection of a layer: W, and b where the architecture has one.
    ///
    /// # Errors
    /// Where the model has no such layer.
    pub fn down_projection_entries(&self, layer: usize) -> Result<(&Entry, Option<&Entry>), ModelError> {
        self.check_layer(layer)?;
        let (module, [d, _], stored) = self.down_place(layer);
        let weight = self.stack.weights.entry(&format!("{module}.weight"), &stored)?;
        let has_bias = self.stack.blueprint.names.down.bias;
        let bias = has_bias.then(|| self.stack.weights.entry(&format!("{module}.bias"), &[d]));
        Ok((weight, bias.transpose()?))
    }

    /// Which way round the checkpoint stores projections.
    pub fn orientation(&self) -> Orientation {
        self.stack.blueprint.orientation
    }

    /// The down-projection W of a layer as it maps keys to values, shape `(d, f)`, and its bias, length d; as
    /// [`Self::set_down_projection`] has left them.
    ///
    /// # Errors
    /// Where the model has no such layer, or the tensor cannot be read.
    pub fn down_projection_weight(
        &self,
        layer: usize,
    ) -> Result<(Array2<f32>, Option<Vec<f32>>), ModelError> {
        self.check_layer(layer)?;
        let (module, [d, f], stored) = self.down_place(layer);
        if let Some(block) = self.stack.loaded(layer) {
            let Linear { weight, bias } = &block.down;
            let bias = bias.as_ref().map(|bias| numbers::<f32>(&bias.to_dtype(DType::F32)?));
            let weight = numbers::<f32>(&weight.t()?.to_dtype(DType::F32)?)?;
            return Ok((array(weight, d, f)?, bias.transpose()?));
        }
        let numbers = self.stack.weights.numbers(&format!("{module}.weight"), &stored)?;
        let weight = array(numbers, stored[0], stored[1])?;
        let weight = match self.orientation() {
            Orientation::KeyMajor => weight.reversed_axes(),
            Orientation::ValueMajor => weight,
        };
        let has_bias = self.stack.blueprint.names.down.bias;
        let bias = has_bias.then(|| self.stack.weights.numbers(&format!("{module}.bias"), &[d]));
        Ok((weight, bias.transpose()?))
    }

    /// Replaces the down-projection W of a layer, `(d, f)`, and its bias where one is given. Everything that runs
    /// afterwards uses them; nothing on disk changes.
    ///
    /// # Errors
    /// Where the model has no such layer or no bias there, or the extents are others.
    pub fn set_down_projection(
        &mut self,
        layer: usize,
        weight: ArrayView2<'_, f32>,
        bias: Option<&[f32]>,
    ) -> Result<(), ModelError> {
        self.check_layer(layer)?;
        let (_, [d, f], _) = self.down_place(layer);
        let has_bias = self.stack.blueprint.names.down.bias;
        let expected = [(d, weight.nrows()), (f, weight.ncols())];
        let given = bias.map(|bias| (if has_bias { d } else { 0 }, bias.len()));
        for (needed, found) in expected.into_iter().chain(given) {
            if needed != found {
                return Err(ModelError::Mismatch { what: "extent of a down-projection", found, needed });
            }
        }
        let (orientation, dtype) = (self.orientation(), self.stack.weights.dtype());
        let tensor = |numbers: Vec<f32>, shape: &[usize]| {
            Tensor::from_vec(numbers, shape, &Device::Cpu)?.to_dtype(dtype)
        };
        // As a checkpoint is laid out in memory, so that an edited model and one that is loaded multiply alike.
        let weight = match orientation {
            Orientation::KeyMajor => tensor(weight.t().iter().copied().collect(), &[f, d])?,
            Orientation::ValueMajor => tensor(weight.iter().copied().collect(), &[d, f])?.t()?,
        };
        let bias = bias.map(|bias| tensor(bias.to_vec(), &[d])).transpose()?;
        let down = &mut self.stack.block_mut(layer)?.down;
        down.weight = weight;
        down.bias = bias.or(down.bias.take());
        Ok(())
    }

    /// Bare name, extents `[d, f]` and stored shape of the down-projection of a layer.
    fn down_place(&self, layer: usize) -> (String, [usize; 2], [usize; 2]) {
        let Blueprint { config, names, orientation, .. } = &self.stack.blueprint;
        let (d, f) = (config.hidden_size, config.intermediate_size);
        let stored = match orientation {
            Orientation::KeyMajor => [f, d],
            Orientation::ValueMajor => [d, f],
        };
        (self.stack.place(layer).module(names.down.name), [d, f], stored)
    }
}

#[cfg(test)]
mod tests;
