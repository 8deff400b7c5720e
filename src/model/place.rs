//! Which tensors a block needs, and how they are laid out in memory.

use super::arch::{Blueprint, Packed, Projection, Widening};
use super::block::Block;
use super::ops::{Linear, Norm};
use super::weights::Weights;
use super::{ModelError, Orientation};

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
