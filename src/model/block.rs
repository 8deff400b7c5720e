//! One block of a model, of any architecture: how it runs.

use candle_core::Tensor;

use super::arch::{Blueprint, Order, Widening};
use super::ops::{Activation, Linear, Norm, activate, add_residual, gate};
use super::pass::Run;
use super::{ModelError, Site};

/// A block, ready to run. Projections that read the same input stand side by side in one matrix.
pub(super) struct Block {
    pub(super) first_norm: Norm,
    pub(super) second_norm: Option<Norm>,
    pub(super) packed: Linear,
    pub(super) head_norms: Option<(Norm, Norm)>,
    pub(super) attention_output: Linear,
    pub(super) widening: Linear,
    pub(super) down: Linear,
}

impl Block {
    /// Runs the block on the residual stream `x`, `(tokens, d)`; `None` where nothing further is asked for.
    pub(super) fn run(
        &self,
        blueprint: &Blueprint,
        layer: usize,
        x: &Tensor,
        run: &mut Run<'_>,
    ) -> Result<Option<Tensor>, ModelError> {
        let normed = match blueprint.order {
            Order::Sequential | Order::Parallel => &self.first_norm.apply(x)?,
            Order::Behind => x,
        };
        let packed = self.packed.product(normed)?;
        let packed = activate(packed, self.packed.bias.as_ref(), Activation::Identity)?;
        let packed = self.norm_heads(blueprint, packed)?;
        let Some(heads) = run.attend(blueprint, layer, packed)? else { return Ok(None) };
        let [heads, x, normed] = &run.only_read(layer, [&heads, x, normed])?;
        let attention = biased(self.attention_output.product(heads)?, &self.attention_output)?;
        let Some(attention) = run.site(layer, Site::Attention, attention)? else { return Ok(None) };
        let out = match (blueprint.order, &self.second_norm) {
            (Order::Sequential, Some(norm)) => {
                let x = add_residual(attention, x)?;
                let Some(value) = self.think(blueprint, layer, &norm.apply(&x)?, run)? else {
                    return Ok(None);
                };
                add_residual(value, &x)?
            }
            (Order::Behind, Some(norm)) => {
                let x = self.first_norm.apply(&add_residual(attention, x)?)?;
                let Some(value) = self.think(blueprint, layer, &x, run)? else { return Ok(None) };
                norm.apply(&add_residual(value, &x)?)?
            }
            (_, norm) => {
                let second = norm.as_ref().map(|norm| norm.apply(x)).transpose()?;
                let second = second.as_ref().unwrap_or(normed);
                let Some(value) = self.think(blueprint, layer, second, run)? else { return Ok(None) };
                add_residual(value, &add_residual(attention, x)?)?
            }
        };
        run.site(layer, Site::Block, out)
    }

    /// Packed queries, keys and values with each head's query and key normed, where the block does that.
    fn norm_heads(&self, blueprint: &Blueprint, packed: Tensor) -> Result<Tensor, ModelError> {
        let Some((query_norm, key_norm)) = &self.head_norms else { return Ok(packed) };
        let heads = blueprint.heads;
        let (tokens, _) = packed.dims2()?;
        let normed = |norm: &Norm, first: usize, count: usize| {
            let part = packed.narrow(1, first * heads.size, count * heads.size)?.contiguous()?;
            norm.apply(&part.reshape((tokens * count, heads.size))?)?.reshape((tokens, count * heads.size))
        };
        let queries = normed(query_norm, 0, heads.queries)?;
        let keys = normed(key_norm, heads.queries, heads.keys)?;
        let values = packed.narrow(1, (heads.queries + heads.keys) * heads.size, heads.keys * heads.size)?;
        Ok(Tensor::cat(&[queries, keys, values], 1)?)
    }

    /// The MLP; `None` where nothing behind it is asked for.
    fn think(
        &self,
        blueprint: &Blueprint,
        layer: usize,
        x: &Tensor,
        run: &mut Run<'_>,
    ) -> Result<Option<Tensor>, ModelError> {
        let wide = self.widening.product(x)?;
        let key = match blueprint.names.widening {
            Widening::Plain(_) => activate(wide, self.widening.bias.as_ref(), blueprint.activation)?,
            Widening::Gated(_) => gate(&biased(wide, &self.widening)?, blueprint.activation)?,
        };
        let Some(key) = run.site(layer, Site::Key, key)? else { return Ok(None) };
        let value = biased(self.down.product(&key)?, &self.down)?;
        run.site(layer, Site::Value, value)
    }
}

/// What a projection gives, with its bias.
fn biased(product: Tensor, projection: &Linear) -> Result<Tensor, ModelError> {
    Ok(activate(product, projection.bias.as_ref(), Activation::Identity)?)
}
