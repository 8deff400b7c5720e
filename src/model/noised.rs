//! One prompt under several draws of noise, run once with everything kept, and run again from where states are put back.
//!
//! Causal tracing asks hundreds of times what a model says when one state of a noised run is as it was without noise.
//! Nothing below that state's block can have changed, and nothing before its position, as tokens look back only: of each
//! such run only the blocks above it are run, on the tokens from there on, and the last block on the last token alone.

use std::ops::Range;

use candle_core::{Device, Tensor};
use ndarray::Array2;

use super::batches::{BATCH_TOKENS, ranges};
use super::cache::Cache;
use super::nll::nll;
use super::ops::numbers;
use super::pass::{Pass, Run, Through, place};
use super::run::array;
use super::{Model, ModelError, Patch, Site, Tap};

/// What is added to the embeddings of one run: positions, and for each a vector of length d.
pub type Draw = Vec<(usize, Vec<f32>)>;

/// A prompt that was run once for each draw of noise.
pub struct Noised<'a> {
    model: &'a Model,
    tokens: Vec<u32>,
    samples: usize,
    cache: Cache,
    /// What each block is given, and behind them what the last one gives: `(samples · tokens, d)` each.
    given: Vec<Tensor>,
}

/// States that are put back: those of some layers in a row, of another run of the same prompt.
#[derive(Clone, Copy, Debug)]
pub struct PutBack<'a> {
    /// Where in a block: a site of length d.
    pub site: Site,
    /// What the site gave out in the other run: `(tokens, d)` for every layer of the model.
    pub states: &'a [Array2<f32>],
}

/// One run: the draw of noise, and the position whose states are put back.
struct Cell {
    sample: usize,
    position: usize,
}

impl Model {
    /// The embeddings of some tokens by themselves, `(tokens, d)`: without positions, as they are stored.
    ///
    /// # Errors
    /// Where a token is outside the vocabulary.
    pub fn token_embeddings(&self, tokens: &[u32]) -> Result<Array2<f32>, ModelError> {
        let vocabulary = self.config().vocabulary;
        if let Some((position, &token)) =
            tokens.iter().enumerate().find(|(_, token)| **token as usize >= vocabulary)
        {
            return Err(ModelError::UnknownToken { row: 0, position, token, vocabulary });
        }
        let found = self.stack.token_embeddings(tokens)?;
        array(numbers::<f32>(&found)?, tokens.len(), self.config().hidden_size)
    }

    /// Runs a prompt once for each draw of noise, which is added to the embeddings.
    ///
    /// Memory: [`Self::noised_bytes`] for each draw.
    ///
    /// # Errors
    /// As [`Self::capture`]; where the architecture is an encoder.
    pub fn noised(&self, tokens: &[u32], noise: &[Draw]) -> Result<Noised<'_>, ModelError> {
        if !self.config().causal {
            return Err(ModelError::NoHead { path: self.path().to_owned() });
        }
        let (layers, samples) = (self.config().layers, noise.len());
        let rows = vec![tokens.to_vec(); samples];
        let of_row = |(row, noise): (usize, &Draw)| {
            noise.iter().map(move |(at, vector)| (row, *at, vector.clone())).collect::<Vec<_>>()
        };
        let patches = [Patch::Embedding { noise: noise.iter().enumerate().flat_map(of_row).collect() }];
        self.check_rows(&rows)?;
        self.check_patches(&rows, &patches)?;
        let rows: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();
        let taps: Vec<Tap> = (0..layers).map(|layer| Tap { layer, site: Site::Block }).collect();
        let pass = Pass { rows: &rows, taps: &taps, patches: &patches, ..Pass::default() };
        let mut cache = Cache::empty(layers, samples);
        let mut run = Run::new(pass, &self.stack.blueprint, Some(&mut cache), self.stack.weights.dtype())?;
        let embedded = self.stack.embed(&mut run)?;
        let mut given = vec![embedded.copy()?];
        given.extend(self.stack.climb(run, 0, embedded)?.found);
        Ok(Noised { model: self, tokens: tokens.to_vec(), samples, cache, given })
    }

    /// Bytes that a [`Noised`] keeps for each draw of noise: f32, `d` before and behind every block, keys and values.
    pub fn noised_bytes(&self, tokens: usize) -> usize {
        let (layers, kept) = (self.config().layers, self.stack.blueprint.heads.keys_and_values());
        4 * tokens * ((layers + 1) * self.config().hidden_size + layers * kept)
    }
}

impl Noised<'_> {
    /// `−ln p(target)` behind the prompt, in nats, for each draw.
    ///
    /// # Errors
    /// Where the model cannot be run.
    pub fn nll(&self, target: u32) -> Result<Vec<f64>, ModelError> {
        let lasts: Vec<i64> =
            (1..=self.samples).map(|sample| place(sample * self.tokens.len() - 1)).collect();
        let stream = self.given(self.model.config().layers)?;
        let last = stream.index_select(&Tensor::new(lasts, &Device::Cpu)?, 0)?;
        nll(&self.model.stack, &last, &vec![target; self.samples])
    }

    /// `−ln p(target)` behind the prompt, in nats, `(positions, draws)`, where states of those layers are put back at one
    /// position: a run for each position and each draw.
    ///
    /// Runs go in batches of some 1,000 tokens; logits are those of the last token.
    ///
    /// # Errors
    /// Where layers, positions or the states do not fit the model and the prompt.
    pub fn nll_with(
        &self,
        back: PutBack<'_>,
        layers: Range<usize>,
        positions: &[usize],
        target: u32,
    ) -> Result<Array2<f64>, ModelError> {
        self.check(back, &layers, positions)?;
        let cells: Vec<Cell> = positions
            .iter()
            .flat_map(|&position| (0..self.samples).map(move |sample| Cell { sample, position }))
            .collect();
        let lengths: Vec<usize> = cells.iter().map(|cell| self.tokens.len() - cell.position).collect();
        let mut all = Vec::with_capacity(cells.len());
        for batch in ranges(&lengths, BATCH_TOKENS) {
            let cells = cells.get(batch).unwrap_or_default();
            let last = self.run(back, layers.clone(), cells)?;
            all.extend(nll(&self.model.stack, &last, &vec![target; cells.len()])?);
        }
        let (found, needed) = (all.len(), positions.len() * self.samples);
        let mismatch = |_| ModelError::Mismatch { what: "runs", found, needed };
        Array2::from_shape_vec((positions.len(), self.samples), all).map_err(mismatch)
    }

    fn check(&self, back: PutBack<'_>, layers: &Range<usize>, positions: &[usize]) -> Result<(), ModelError> {
        let (d, tokens) = (self.model.config().hidden_size, self.tokens.len());
        for layer in layers.clone() {
            self.model.check_layer(layer)?;
            let found = back.states.get(layer).map_or(0, Array2::len);
            if found != tokens * d {
                return Err(ModelError::Mismatch {
                    what: "numbers of a layer's states",
                    found,
                    needed: tokens * d,
                });
            }
        }
        if layers.is_empty() || back.site == Site::Key {
            return Err(ModelError::Mismatch {
                what: "layers of length d that are put back",
                found: 0,
                needed: 1,
            });
        }
        match positions.iter().find(|position| **position >= tokens) {
            Some(&found) => Err(ModelError::Mismatch { what: "a position", found, needed: tokens - 1 }),
            None => Ok(()),
        }
    }

    /// What some block is given in the noised runs.
    fn given(&self, layer: usize) -> Result<&Tensor, ModelError> {
        let layers = self.model.config().layers;
        self.given.get(layer).ok_or(ModelError::NoLayer { layer, layers })
    }

    /// The residual stream behind the last block at the last token of each cell, `(cells, d)`.
    fn run(&self, back: PutBack<'_>, layers: Range<usize>, cells: &[Cell]) -> Result<Tensor, ModelError> {
        // What a whole block gives out is what the next one is given: the block itself need not run.
        let first = layers.start + usize::from(back.site == Site::Block);
        let x = self.begin(back, layers.start, cells)?;
        let rows: Vec<&[u32]> =
            cells.iter().map(|cell| self.tokens.get(cell.position..).unwrap_or_default()).collect();
        let lasts: Vec<usize> = rows.iter().map(|row| row.len() - 1).collect();
        let top = self.model.config().layers;
        if first == top {
            return Ok(x.index_select(&ends(&rows)?, 0)?);
        }
        let patches: Vec<Patch> =
            (first..layers.end).map(|layer| restore(back, layer, cells)).collect::<Result<_, _>>()?;
        let taps = [Tap { layer: top - 1, site: Site::Block }];
        let (at, through) = (Some(lasts.as_slice()), Through::Read);
        let pass = Pass { rows: &rows, taps: &taps, at, patches: &patches, through, ..Pass::default() };
        let samples: Vec<usize> = cells.iter().map(|cell| cell.sample).collect();
        let before = cells.iter().map(|cell| cell.position).collect();
        let mut cache = self.cache.branch_behind(&samples, before);
        let stack = &self.model.stack;
        let run = Run::new(pass, &stack.blueprint, Some(&mut cache), stack.weights.dtype())?;
        let found = stack.climb(run, first, x)?.found.pop();
        Ok(found.ok_or_else(|| candle_core::Error::msg("the pass ended before its tap"))?)
    }

    /// What the first block that runs is given: the noised states of each cell from its position on, and at the position
    /// itself the state that is put back where that of a whole block is.
    fn begin(&self, back: PutBack<'_>, layer: usize, cells: &[Cell]) -> Result<Tensor, ModelError> {
        let tokens = self.tokens.len();
        let is_given = back.site == Site::Block;
        let mut table = self.given(layer + usize::from(is_given))?.clone();
        if is_given {
            table = Tensor::cat(&[&table, &self.state(back, layer)?], 0)?;
        }
        let mut places = Vec::new();
        for Cell { sample, position } in cells {
            let from = if is_given { self.samples } else { *sample };
            places.push(place(from * tokens + position));
            places.extend((position + 1..tokens).map(|at| place(sample * tokens + at)));
        }
        Ok(table.index_select(&Tensor::new(places, &Device::Cpu)?, 0)?)
    }

    /// The states of a layer that are put back, `(tokens, d)`.
    fn state(&self, back: PutBack<'_>, layer: usize) -> Result<Tensor, ModelError> {
        let layers = self.model.config().layers;
        let states = back.states.get(layer).ok_or(ModelError::NoLayer { layer, layers })?;
        let numbers: Vec<f32> = states.iter().copied().collect();
        let states = Tensor::from_vec(numbers, states.dim(), &Device::Cpu)?;
        Ok(states.to_dtype(self.model.stack.weights.dtype())?)
    }
}

/// Packed places of the last token of each row.
fn ends(rows: &[&[u32]]) -> Result<Tensor, ModelError> {
    let mut end = 0;
    let ends = rows.iter().map(|row| {
        end += row.len();
        place(end - 1)
    });
    Ok(Tensor::new(ends.collect::<Vec<_>>(), &Device::Cpu)?)
}

/// Puts the states of a layer back at the first token that is run of each cell.
fn restore(back: PutBack<'_>, layer: usize, cells: &[Cell]) -> Result<Patch, ModelError> {
    let states = back.states.get(layer).ok_or(ModelError::NoLayer { layer, layers: back.states.len() })?;
    let of_cell = |(row, cell): (usize, &Cell)| (row, 0, states.row(cell.position).to_vec());
    let states = cells.iter().enumerate().map(of_cell).collect();
    Ok(Patch::Restore { tap: Tap { layer, site: back.site }, states })
}

#[cfg(test)]
mod tests;
