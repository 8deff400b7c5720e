//! A forward pass over a batch of packed rows: what is read, what is changed, and when it is done.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::arch::Blueprint;
use super::ops::Attention;
use super::{ModelError, Patch, Site, Tap};

/// A forward pass that is asked for.
#[derive(Clone, Copy, Default)]
pub(super) struct Pass<'a> {
    /// Tokens of each row.
    pub(super) rows: &'a [&'a [u32]],
    /// What is read.
    pub(super) taps: &'a [Tap],
    /// Whether only each row's last token is read; else every token.
    pub(super) last_only: bool,
    /// What is changed; rows count from the first of `rows`.
    pub(super) patches: &'a [Patch],
    /// Whether it ends when everything is read; else it runs through the last block.
    pub(super) stops: bool,
}

/// A forward pass on its way.
pub(super) struct Run<'a> {
    pass: Pass<'a>,
    dtype: DType,
    /// Where each row begins among the packed tokens, and behind it where the last one ends.
    starts: Arc<[usize]>,
    /// Packed places of the tokens that are read; `None` for all.
    read: Option<Tensor>,
    found: Vec<Option<Tensor>>,
}

impl<'a> Run<'a> {
    /// Begins a pass.
    pub(super) fn new(pass: Pass<'a>, dtype: DType) -> Result<Self, ModelError> {
        let mut starts = vec![0];
        for row in pass.rows {
            starts.push(starts.last().copied().unwrap_or(0) + row.len());
        }
        let last: Vec<i64> = starts.iter().skip(1).map(|end| place(end.saturating_sub(1))).collect();
        let read = pass.last_only.then(|| Tensor::new(last, &Device::Cpu)).transpose()?;
        Ok(Self { found: vec![None; pass.taps.len()], starts: starts.into(), read, pass, dtype })
    }

    /// What was read, in the order of the taps.
    pub(super) fn found(self) -> Vec<Tensor> {
        self.found.into_iter().flatten().collect()
    }

    /// Attention over the rows of this pass.
    pub(super) fn attention(&self, blueprint: &Blueprint, _layer: usize) -> Result<Attention, ModelError> {
        Ok(Attention {
            heads: blueprint.heads,
            scale: blueprint.scale,
            causal: blueprint.config.causal,
            window: blueprint.window,
            starts: self.starts.clone(),
            past: None,
        })
    }

    /// Changes and reads what a site gives out, `(tokens, width)`; `None` where the pass is done.
    pub(super) fn site(&mut self, layer: usize, site: Site, x: Tensor) -> Result<Option<Tensor>, ModelError> {
        let here = Tap { layer, site };
        let mut x = x;
        for patch in self.pass.patches {
            x = self.change(patch, here, x)?;
        }
        for (tap, found) in self.pass.taps.iter().zip(&mut self.found) {
            if *tap == here {
                // A copy, as what follows may overwrite x.
                *found = Some(match &self.read {
                    Some(places) => x.index_select(places, 0)?,
                    None => x.copy()?,
                });
            }
        }
        let is_done = self.pass.stops && self.found.iter().all(Option::is_some);
        Ok((!is_done).then_some(x))
    }

    /// What one patch makes of `x` at that site.
    fn change(&self, patch: &Patch, here: Tap, x: Tensor) -> Result<Tensor, ModelError> {
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

    /// The rows of this pass.
    pub(super) fn rows(&self) -> &'a [&'a [u32]] {
        self.pass.rows
    }

    /// The changes of this pass.
    pub(super) fn patches(&self) -> &'a [Patch] {
        self.pass.patches
    }
}

/// A place among the packed tokens, as candle takes it.
fn place(at: usize) -> i64 {
    i64::try_from(at).unwrap_or(i64::MAX)
}
