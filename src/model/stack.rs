//! The weights of a model and how they run: embedding, blocks, and the head above them.
//!
//! A part is widened when it is first needed and then kept. What lies above the last tap is never read.

use std::sync::OnceLock;

use candle_core::{Device, Tensor};

use super::arch::{Blueprint, Projection};
use super::block::{Block, Place, check_norm, load_norm};
use super::ops::{Activation, Linear, Norm, activate};
use super::pass::{Pass, Run};
use super::weights::Weights;
use super::{ModelError, Patch};

/// A model's parts.
pub(super) struct Stack {
    pub(super) blueprint: Blueprint,
    pub(super) weights: Weights,
    embedding: OnceLock<Embedding>,
    blocks: Vec<OnceLock<Block>>,
    head: OnceLock<Head>,
}

/// What stands below the first block.
struct Embedding {
    /// `(vocabulary, d)`.
    tokens: Tensor,
    /// `(context, d)`.
    positions: Option<Tensor>,
}

/// What stands above the last block.
struct Head {
    norm: Option<Norm>,
    projection: Option<Linear>,
}

impl Stack {
    /// Checks names and shapes of all tensors; reads none.
    pub(super) fn new(blueprint: Blueprint, weights: Weights) -> Result<Self, ModelError> {
        let (config, names) = (&blueprint.config, &blueprint.names);
        let (d, vocabulary) = (config.hidden_size, config.vocabulary);
        weights.entry(&format!("{}.weight", names.tokens), &[vocabulary, d])?;
        if let Some((name, rows)) = names.positions {
            weights.entry(&format!("{name}.weight"), &[rows, d])?;
        }
        for layer in 0..config.layers {
            Place { weights: &weights, blueprint: &blueprint, layer }.check()?;
        }
        if let Some(name) = names.final_norm {
            check_norm(&weights, &blueprint, name)?;
        }
        if let Some(Projection { name, bias }) = names.head {
            weights.entry(&format!("{name}.weight"), &[vocabulary, d])?;
            if bias {
                weights.entry(&format!("{name}.bias"), &[vocabulary])?;
            }
        }
        let blocks = std::iter::repeat_with(OnceLock::new).take(config.layers).collect();
        Ok(Self { blueprint, weights, embedding: OnceLock::new(), blocks, head: OnceLock::new() })
    }

    /// Where a block's tensors are found.
    pub(super) fn place(&self, layer: usize) -> Place<'_> {
        Place { weights: &self.weights, blueprint: &self.blueprint, layer }
    }

    /// Runs a pass: what was read, and the residual stream behind the last block unless the pass stopped before.
    pub(super) fn forward(&self, pass: Pass<'_>) -> Result<(Vec<Tensor>, Option<Tensor>), ModelError> {
        let mut run = Run::new(pass, self.weights.dtype())?;
        let mut x = self.embed(&run)?;
        for (layer, cell) in self.blocks.iter().enumerate() {
            let block = self.once(cell, || self.place(layer).load())?;
            match block.run(&self.blueprint, layer, &x, &mut run)? {
                Some(out) => x = out,
                None => return Ok((run.found(), None)),
            }
        }
        Ok((run.found(), Some(x)))
    }

    /// Logits of some tokens, `(tokens, vocabulary)`, from the residual stream behind the last block.
    pub(super) fn logits(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        let head = self.once(&self.head, || self.load_head())?;
        let normed = head.norm.as_ref().map(|norm| norm.apply(x)).transpose()?;
        let Some(projection) = &head.projection else {
            return Err(ModelError::NoHead { path: self.path() });
        };
        let logits = projection.product(normed.as_ref().unwrap_or(x))?;
        Ok(activate(logits, projection.bias.as_ref(), Activation::Identity)?)
    }

    fn path(&self) -> std::path::PathBuf {
        use crate::tensor::Source;
        self.weights.checkpoint().path().to_owned()
    }

    /// The sum of the embeddings of the tokens of all rows, `(tokens, d)`.
    fn embed(&self, run: &Run<'_>) -> Result<Tensor, ModelError> {
        let embedding = self.once(&self.embedding, || self.load_embedding())?;
        let tokens: Vec<u32> = run.rows().iter().copied().flatten().copied().collect();
        let mut x = embedding.tokens.index_select(&Tensor::new(tokens, &Device::Cpu)?, 0)?;
        if let Some(positions) = &embedding.positions {
            let places: Vec<u32> =
                run.rows().iter().flat_map(|row| positions_of(row.len(), run.patches())).collect();
            x = x.add(&positions.index_select(&Tensor::new(places, &Device::Cpu)?, 0)?)?;
        }
        run.add_noise(x)
    }

    fn load_embedding(&self) -> Result<Embedding, ModelError> {
        let Blueprint { config, names, .. } = &self.blueprint;
        let table = |name: &str, rows: usize| {
            let shape = [rows, config.hidden_size];
            self.weights.tensor(self.weights.numbers(&format!("{name}.weight"), &shape)?, &shape)
        };
        Ok(Embedding {
            tokens: table(names.tokens, config.vocabulary)?,
            positions: names.positions.map(|(name, rows)| table(name, rows)).transpose()?,
        })
    }

    fn load_head(&self) -> Result<Head, ModelError> {
        let Blueprint { config, names, .. } = &self.blueprint;
        let norm =
            names.final_norm.map(|name| load_norm(&self.weights, &self.blueprint, name)).transpose()?;
        let projection = match names.head {
            Some(Projection { name, bias }) => {
                let shape = [config.vocabulary, config.hidden_size];
                let weight = self.weights.numbers(&format!("{name}.weight"), &shape)?;
                let bias = bias.then(|| {
                    let numbers = self.weights.numbers(&format!("{name}.bias"), &[config.vocabulary])?;
                    self.weights.tensor(numbers, &[config.vocabulary])
                });
                let weight = self.weights.tensor(weight, &shape)?.t()?;
                Some(Linear { weight, bias: bias.transpose()? })
            }
            None if config.causal => {
                let tokens = &self.once(&self.embedding, || self.load_embedding())?.tokens;
                Some(Linear { weight: tokens.t()?, bias: None })
            }
            None => None,
        };
        Ok(Head { norm, projection })
    }

    /// The part in a cell, made when it is first asked for.
    fn once<'a, T>(
        &self,
        cell: &'a OnceLock<T>,
        make: impl FnOnce() -> Result<T, ModelError>,
    ) -> Result<&'a T, ModelError> {
        if let Some(part) = cell.get() {
            return Ok(part);
        }
        let part = make()?;
        Ok(cell.get_or_init(|| part))
    }
}

/// Rows of the position embedding for a row of tokens.
fn positions_of(tokens: usize, patches: &[Patch]) -> impl Iterator<Item = u32> {
    (0..tokens).map(move |at| {
        let moved = patches.iter().find_map(|patch| match patch {
            Patch::PositionEmbedding { position, by } if *position == at => Some(*by),
            _ => None,
        });
        u32::try_from(moved.unwrap_or(at)).unwrap_or(u32::MAX)
    })
}
