//! The weights of a model and how they run: embedding, blocks, and the head above them.
//!
//! A part is widened when it is first needed and then kept. What lies above the last tap is never read.

use std::sync::OnceLock;

use candle_core::{Device, Tensor};

use super::ModelError;
use super::arch::{Blueprint, Positions, Projection};
use super::block::Block;
use super::cache::Cache;
use super::distances::relative_bias;
use super::ops::{Activation, Linear, Norm, activate, add_residual};
use super::pass::{Outcome, Pass, Run};
use super::place::{Place, check_norm, load_norm};
use super::weights::Weights;
use crate::tensor::Source;

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
    /// The type that every token has, `(1, d)`.
    token_type: Option<Tensor>,
    norm: Option<Norm>,
    /// What each range of distances adds to the scores of attention, `(buckets, heads)`.
    distances: Option<Vec<f32>>,
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
        let check = |name: &str, rows, columns| weights.entry(&format!("{name}.weight"), &[rows, columns]);
        check(names.tokens, vocabulary, d)?;
        match blueprint.positions {
            Positions::Learned(name, rows) => {
                check(name, rows, d)?;
            }
            Positions::Relative(name, buckets, _) => {
                check(name, buckets, blueprint.heads.queries)?;
            }
            Positions::Rotary(..) => {}
        }
        if let Some((name, rows)) = names.token_types {
            check(name, rows, d)?;
        }
        for layer in 0..config.layers {
            Place { weights: &weights, blueprint: &blueprint, layer }.check()?;
        }
        for name in [names.embedding_norm, names.final_norm].into_iter().flatten() {
            check_norm(&weights, &blueprint, name, d)?;
        }
        if let Some(Projection { name, bias }) = names.head {
            check(name, vocabulary, d)?;
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

    /// Runs a pass, behind what the cache holds of its rows.
    pub(super) fn forward(&self, pass: Pass<'_>, cache: Option<&mut Cache>) -> Result<Outcome, ModelError> {
        let mut run = Run::new(pass, &self.blueprint, cache, self.weights.dtype())?;
        let x = self.embed(&mut run)?;
        self.climb(run, 0, x)
    }

    /// Runs a pass from block `first` on, over the states below it, `(tokens, d)`.
    pub(super) fn climb(&self, mut run: Run<'_>, first: usize, x: Tensor) -> Result<Outcome, ModelError> {
        let mut x = x;
        for (layer, cell) in self.blocks.iter().enumerate().skip(first) {
            let block = once(cell, || self.place(layer).load())?;
            match block.run(&self.blueprint, layer, &x, &mut run)? {
                Some(out) => x = out,
                None => return Ok(run.finish(None)),
            }
        }
        Ok(run.finish(Some(x)))
    }

    /// The block of a layer, to be changed.
    pub(super) fn block_mut(&mut self, layer: usize) -> Result<&mut Block, ModelError> {
        once(self.cell(layer)?, || self.place(layer).load())?;
        let layers = self.blocks.len();
        let block = self.blocks.get_mut(layer).and_then(OnceLock::get_mut);
        block.ok_or(ModelError::NoLayer { layer, layers })
    }

    /// The block of a layer where something has needed it before.
    pub(super) fn loaded(&self, layer: usize) -> Option<&Block> {
        self.blocks.get(layer).and_then(OnceLock::get)
    }

    fn cell(&self, layer: usize) -> Result<&OnceLock<Block>, ModelError> {
        let layers = self.blocks.len();
        self.blocks.get(layer).ok_or(ModelError::NoLayer { layer, layers })
    }

    /// The hidden state behind the last norm, from the residual stream behind the last block.
    pub(super) fn hidden(&self, stream: &Tensor) -> Result<Tensor, ModelError> {
        match &once(&self.head, || self.load_head())?.norm {
            Some(norm) => Ok(norm.apply(stream)?),
            None => Ok(stream.clone()),
        }
    }

    /// Logits of some tokens, `(tokens, vocabulary)`, from the residual stream behind the last block.
    pub(super) fn logits(&self, stream: &Tensor) -> Result<Tensor, ModelError> {
        let Some(projection) = &once(&self.head, || self.load_head())?.projection else {
            return Err(ModelError::NoHead { path: self.weights.checkpoint().path().to_owned() });
        };
        let logits = projection.product(&self.hidden(stream)?)?;
        Ok(activate(logits, projection.bias.as_ref(), Activation::Identity)?)
    }

    /// The embeddings of some tokens by themselves, without positions, `(tokens, d)`.
    pub(super) fn token_embeddings(&self, tokens: &[u32]) -> Result<Tensor, ModelError> {
        let embedding = once(&self.embedding, || self.load_embedding())?;
        Ok(embedding.tokens.index_select(&Tensor::new(tokens, &Device::Cpu)?, 0)?)
    }

    /// The sum of the embeddings of the tokens of all rows, `(tokens, d)`.
    pub(super) fn embed(&self, run: &mut Run<'_>) -> Result<Tensor, ModelError> {
        let embedding = once(&self.embedding, || self.load_embedding())?;
        let mut x = embedding.tokens.index_select(&Tensor::new(run.tokens(), &Device::Cpu)?, 0)?;
        if let Some(positions) = &embedding.positions {
            let places = Tensor::new(run.embedded_positions(), &Device::Cpu)?;
            x = add_residual(x, &positions.index_select(&places, 0)?)?;
        }
        if let Some(token_type) = &embedding.token_type {
            x = x.broadcast_add(token_type)?;
        }
        if let Some(norm) = &embedding.norm {
            x = norm.apply(&x)?;
        }
        if let (Some(distances), Positions::Relative(_, buckets, farthest)) =
            (&embedding.distances, &self.blueprint.positions)
        {
            run.set_bias(relative_bias(distances, *buckets, *farthest, run.longest()));
        }
        run.add_noise(x)
    }

    fn load_embedding(&self) -> Result<Embedding, ModelError> {
        let Blueprint { config, names, positions, heads, .. } = &self.blueprint;
        let d = config.hidden_size;
        let numbers =
            |name: &str, rows, columns| self.weights.numbers(&format!("{name}.weight"), &[rows, columns]);
        let table = |name, rows| self.weights.tensor(numbers(name, rows, d)?, &[rows, d]);
        let token_type =
            names.token_types.map(|(name, rows)| Ok::<_, ModelError>(table(name, rows)?.narrow(0, 0, 1)?));
        let norm = names.embedding_norm.map(|name| load_norm(&self.weights, &self.blueprint, name, d));
        let (mut learned, mut distances) = (None, None);
        match *positions {
            Positions::Learned(name, rows) => learned = Some(table(name, rows)?),
            Positions::Relative(name, buckets, _) => distances = Some(numbers(name, buckets, heads.queries)?),
            Positions::Rotary(..) => {}
        }
        Ok(Embedding {
            tokens: table(names.tokens, config.vocabulary)?,
            positions: learned,
            token_type: token_type.transpose()?,
            norm: norm.transpose()?,
            distances,
        })
    }

    fn load_head(&self) -> Result<Head, ModelError> {
        let Blueprint { config, names, .. } = &self.blueprint;
        let (d, vocabulary) = (config.hidden_size, config.vocabulary);
        let norm = names.final_norm.map(|name| load_norm(&self.weights, &self.blueprint, name, d));
        let read =
            |name: String, shape: &[usize]| self.weights.tensor(self.weights.numbers(&name, shape)?, shape);
        let projection = match names.head {
            Some(Projection { name, bias }) => Some(Linear {
                weight: read(format!("{name}.weight"), &[vocabulary, d])?.t()?,
                bias: bias.then(|| read(format!("{name}.bias"), &[vocabulary])).transpose()?,
            }),
            None if config.causal => {
                let tokens = &once(&self.embedding, || self.load_embedding())?.tokens;
                Some(Linear { weight: tokens.t()?, bias: None })
            }
            None => None,
        };
        Ok(Head { norm: norm.transpose()?, projection })
    }
}

/// The part in a cell, made when it is first asked for. Two threads that ask at once may both make it; one is kept.
fn once<T>(cell: &OnceLock<T>, make: impl FnOnce() -> Result<T, ModelError>) -> Result<&T, ModelError> {
    if let Some(part) = cell.get() {
        return Ok(part);
    }
    let part = make()?;
    Ok(cell.get_or_init(|| part))
}
