//! One block of a model: which tensors it needs, how they are laid out in memory, and how it runs.

use candle_core::Tensor;

use super::arch::{Blueprint, Order, Packed, Projection, Widening};
use super::ops::{Activation, Linear, Norm, activate, add_residual, gate};
use super::pass::Run;
use super::weights::Weights;
use super::{ModelError, Orientation, Site};

/// A block, ready to run. Projections that read the same input stand side by side in one matrix.
pub(super) struct Block {
    first_norm: Norm,
    second_norm: Option<Norm>,
    packed: Linear,
    head_norms: Option<(Norm, Norm)>,
    attention_output: Linear,
    widening: Linear,
    down: Linear,
}

/// Where the tensors of a block are found: its weights, its blueprint and its number.
pub(super) struct Place<'a> {
    pub(super) weights: &'a Weights,
    pub(super) blueprint: &'a Blueprint,
    pub(super) layer: usize,
}

/// A projection's shape.
#[derive(Clone, Copy)]
struct Extents {
    inputs: usize,
    outputs: usize,
}

impl Place<'_> {
    /// The bare name of a module of this block.
    pub(super) fn module(&self, name: &str) -> String {
        let (before, behind) = self.blueprint.names.block;
        format!("{before}{}{behind}{name}", self.layer)
    }

    fn stored_shape(&self, Extents { inputs, outputs }: Extents) -> [usize; 2] {
        match self.blueprint.orientation {
            Orientation::KeyMajor => [inputs, outputs],
            Orientation::ValueMajor => [outputs, inputs],
        }
    }

    /// Every projection of the block with its shape.
    fn projections(&self) -> Vec<(Projection, Extents)> {
        let Blueprint { heads, names, config, .. } = self.blueprint;
        let (d, f) = (config.hidden_size, config.intermediate_size);
        let [q, k] = [heads.queries * heads.size, heads.keys * heads.size];
        let mut all = vec![
            (names.attention_output, Extents { inputs: q, outputs: d }),
            (names.down, Extents { inputs: f, outputs: d }),
        ];
        match names.packed {
            Packed::Together(one) | Packed::ByHead(one) => {
                all.push((one, Extents { inputs: d, outputs: heads.packed() }));
            }
            Packed::Apart(each) => {
                all.extend(
                    each.into_iter()
                        .zip([q, k, k])
                        .map(|(one, outputs)| (one, Extents { inputs: d, outputs })),
                );
            }
        }
        let widening = match &names.widening {
            Widening::Plain(one) => std::slice::from_ref(one),
            Widening::Gated(both) => both,
        };
        all.extend(widening.iter().map(|one| (*one, Extents { inputs: d, outputs: f })));
        all
    }

    /// Whether all tensors of the block are there, in the right shapes. Reads none of them.
    pub(super) fn check(&self) -> Result<(), ModelError> {
        for (projection, extents) in self.projections() {
            let name = self.module(projection.name);
            self.weights.entry(&format!("{name}.weight"), &self.stored_shape(extents))?;
            if projection.bias {
                self.weights.entry(&format!("{name}.bias"), &[extents.outputs])?;
            }
        }
        let (first, second) = self.blueprint.names.norms;
        let d = self.blueprint.config.hidden_size;
        for name in [Some(first), second].into_iter().flatten() {
            check_norm(self.weights, self.blueprint, &self.module(name), d)?;
        }
        let heads = self.blueprint.names.head_norms.map(|(query, key)| [query, key]);
        for name in heads.into_iter().flatten() {
            check_norm(self.weights, self.blueprint, &self.module(name), self.blueprint.heads.size)?;
        }
        Ok(())
    }

    /// Reads the block.
    pub(super) fn load(&self) -> Result<Block, ModelError> {
        let (first, second) = self.blueprint.names.norms;
        let load = |name, width| load_norm(self.weights, self.blueprint, &self.module(name), width);
        let norm = |name| load(name, self.blueprint.config.hidden_size);
        let head_norm = |name| load(name, self.blueprint.heads.size);
        let head_norms = match self.blueprint.names.head_norms {
            Some((query, key)) => Some((head_norm(query)?, head_norm(key)?)),
            None => None,
        };
        let mut projections = self.projections().into_iter();
        let mut next = |count| self.linear(&projections.by_ref().take(count).collect::<Vec<_>>());
        let attention_output = next(1)?;
        let down = next(1)?;
        let packed = next(if matches!(self.blueprint.names.packed, Packed::Apart(_)) { 3 } else { 1 })?;
        let widening = next(usize::MAX)?;
        Ok(Block {
            first_norm: norm(first)?,
            second_norm: second.map(norm).transpose()?,
            packed,
            head_norms,
            attention_output,
            widening,
            down,
        })
    }

    /// One projection, or several of the same input side by side.
    fn linear(&self, parts: &[(Projection, Extents)]) -> Result<Linear, ModelError> {
        let outputs: usize = parts.iter().map(|(_, extents)| extents.outputs).sum();
        let mut weight = Vec::new();
        let mut bias = Vec::new();
        let mut inputs = 0;
        for (projection, extents) in parts {
            let name = self.module(projection.name);
            inputs = extents.inputs;
            weight.extend(self.weights.numbers(&format!("{name}.weight"), &self.stored_shape(*extents))?);
            if projection.bias {
                bias.extend(self.weights.numbers(&format!("{name}.bias"), &[extents.outputs])?);
            }
        }
        if let (Packed::ByHead(of_heads), [(only, _)]) = (self.blueprint.names.packed, parts)
            && of_heads.name == only.name
        {
            weight = self.by_kind(&weight);
            bias = self.by_kind(&bias);
        }
        let weight = self.weights.tensor(weight, &self.stored_shape(Extents { inputs, outputs }))?;
        let weight = match self.blueprint.orientation {
            Orientation::KeyMajor => weight,
            Orientation::ValueMajor => weight.t()?,
        };
        let bias = (!bias.is_empty()).then(|| self.weights.tensor(bias, &[outputs])).transpose()?;
        Ok(Linear { weight, bias })
    }

    /// Rows of heads' queries, keys and values, head by head, as rows of all queries, all keys and all values.
    fn by_kind(&self, rows: &[f32]) -> Vec<f32> {
        let heads = self.blueprint.heads.queries;
        let each = rows.len() / (3 * heads);
        let starts = (0..3).flat_map(|kind| (0..heads).map(move |head| (3 * head + kind) * each));
        starts.flat_map(|start| rows.get(start..start + each).unwrap_or_default()).copied().collect()
    }
}

/// Whether the tensors of a norm are there.
pub(super) fn check_norm(
    weights: &Weights,
    blueprint: &Blueprint,
    name: &str,
    width: usize,
) -> Result<(), ModelError> {
    let shape = [width];
    weights.entry(&format!("{name}.weight"), &shape)?;
    if blueprint.norm.0.has_bias() {
        weights.entry(&format!("{name}.bias"), &shape)?;
    }
    Ok(())
}

/// Reads a norm.
pub(super) fn load_norm(
    weights: &Weights,
    blueprint: &Blueprint,
    name: &str,
    width: usize,
) -> Result<Norm, ModelError> {
    let shape = [width];
    let (kind, epsilon) = blueprint.norm;
    let read = |name: String| weights.tensor(weights.numbers(&name, &shape)?, &shape);
    let bias = kind.has_bias().then(|| read(format!("{name}.bias"))).transpose()?;
    Ok(Norm { kind, epsilon, weight: read(format!("{name}.weight"))?, bias })
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
