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
        for name in [Some(first), second].into_iter().flatten() {
            check_norm(self.weights, self.blueprint, &self.module(name))?;
        }
        Ok(())
    }

    /// Reads the block.
    pub(super) fn load(&self) -> Result<Block, ModelError> {
        let (first, second) = self.blueprint.names.norms;
        let norm = |name| load_norm(self.weights, self.blueprint, &self.module(name));
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
        let weight = self.weights.tensor(weight, &self.stored_shape(Extents { inputs, outputs }))?;
        let weight = match self.blueprint.orientation {
            Orientation::KeyMajor => weight,
            Orientation::ValueMajor => weight.t()?,
        };
        let bias = (!bias.is_empty()).then(|| self.weights.tensor(bias, &[outputs])).transpose()?;
        Ok(Linear { weight, bias })
    }
}

/// Whether the tensors of a norm are there.
pub(super) fn check_norm(weights: &Weights, blueprint: &Blueprint, name: &str) -> Result<(), ModelError> {
    let shape = [blueprint.config.hidden_size];
    weights.entry(&format!("{name}.weight"), &shape)?;
    if blueprint.norm.0.has_bias() {
        weights.entry(&format!("{name}.bias"), &shape)?;
    }
    Ok(())
}

/// Reads a norm.
pub(super) fn load_norm(weights: &Weights, blueprint: &Blueprint, name: &str) -> Result<Norm, ModelError> {
    let shape = [blueprint.config.hidden_size];
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
        let attention = self.attend(blueprint, layer, normed, run)?;
        let Some(attention) = run.site(layer, Site::Attention, attention)? else { return Ok(None) };
        let out = match (blueprint.order, &self.second_norm) {
            (Order::Sequential, Some(norm)) => {
                let x = add_residual(attention, None, x)?;
                let Some(value) = self.think(blueprint, layer, &norm.apply(&x)?, run)? else {
                    return Ok(None);
                };
                add_residual(value, None, &x)?
            }
            (Order::Behind, Some(norm)) => {
                let x = self.first_norm.apply(&add_residual(attention, None, x)?)?;
                let Some(value) = self.think(blueprint, layer, &x, run)? else { return Ok(None) };
                norm.apply(&add_residual(value, None, &x)?)?
            }
            (_, norm) => {
                let second = norm.as_ref().map(|norm| norm.apply(x)).transpose()?;
                let second = second.as_ref().unwrap_or(normed);
                let Some(value) = self.think(blueprint, layer, second, run)? else { return Ok(None) };
                add_residual(value, None, &add_residual(attention, None, x)?)?
            }
        };
        run.site(layer, Site::Block, out)
    }

    /// Attention with its output projection, bias included.
    fn attend(
        &self,
        blueprint: &Blueprint,
        layer: usize,
        x: &Tensor,
        run: &mut Run<'_>,
    ) -> Result<Tensor, ModelError> {
        let packed = self.packed.product(x)?;
        let packed = activate(packed, self.packed.bias.as_ref(), Activation::Identity)?;
        let heads = run.attention(blueprint, layer)?.apply(&packed)?;
        let output = self.attention_output.product(&heads)?;
        Ok(activate(output, self.attention_output.bias.as_ref(), Activation::Identity)?)
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
        let bias = self.widening.bias.as_ref();
        let key = match blueprint.names.widening {
            Widening::Plain(_) => activate(wide, bias, blueprint.activation)?,
            Widening::Gated(_) => gate(&activate(wide, bias, Activation::Identity)?, blueprint.activation)?,
        };
        let Some(key) = run.site(layer, Site::Key, key)? else { return Ok(None) };
        let value = self.down.product(&key)?;
        let value = activate(value, self.down.bias.as_ref(), Activation::Identity)?;
        run.site(layer, Site::Value, value)
    }
}
