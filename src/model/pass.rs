//! A forward pass over a batch of packed rows: what is read, what is changed, and when it is done.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::arch::{Blueprint, Positions};
use super::cache::Cache;
use super::ops::{Attention, Heads, RelativeBias, Rotary};
use super::{ModelError, Patch, Site, Tap};

/// A forward pass that is asked for.
#[derive(Clone, Copy, Default)]
pub(super) struct Pass<'a> {
    /// Tokens of each row.
    pub(super) rows: &'a [&'a [u32]],
    /// What is read.
    pub(super) taps: &'a [Tap],
    /// The position of each row that is read, counted from the first of `rows`; else every token.
    pub(super) at: Option<&'a [usize]>,
    /// Layers whose attention to one position is read, and the position.
    pub(super) watched: Option<(&'a [usize], usize)>,
    /// What is changed; rows and positions count from the first of `rows`.
    pub(super) patches: &'a [Patch],
    /// When it ends.
    pub(super) through: Through,
}

/// When a pass ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Through {
    /// Behind the last block.
    #[default]
    All,
    /// When everything that is read was read.
    Read,
    /// When the cache has the keys and values of that layer.
    Keys(usize),
}

/// A forward pass on its way.
pub(super) struct Run<'a> {
    pub(super) pass: Pass<'a>,
    pub(super) dtype: DType,
    /// Where each row begins among the packed tokens, and behind it where the last one ends.
    pub(super) starts: Arc<[usize]>,
    /// `(cos φ, sin φ)` of every token's rotary pairs.
    turns: Option<Arc<[(f32, f32)]>>,
    /// What distances add to the scores of attention.
    bias: Option<Arc<RelativeBias>>,
    /// What stands before the rows, and whether theirs is added to it.
    cache: Option<&'a mut Cache>,
    /// Packed places of the tokens that are read; `None` for all.
    read: Option<Tensor>,
    found: Vec<Option<Tensor>>,
    shares: Vec<Option<Vec<f32>>>,
}

/// What a pass gives.
pub(super) struct Outcome {
    /// What the taps read, in their order.
    pub(super) found: Vec<Tensor>,
    /// `(tokens, heads)` of each watched layer, in their order.
    pub(super) shares: Vec<Vec<f32>>,
    /// The residual stream behind the last block, unless the pass ended before.
    pub(super) stream: Option<Tensor>,
}

impl<'a> Run<'a> {
    /// Begins a pass. Keys and values are added to the cache where the pass does not end with what is read.
    pub(super) fn new(
        pass: Pass<'a>,
        blueprint: &Blueprint,
        cache: Option<&'a mut Cache>,
        dtype: DType,
    ) -> Result<Self, ModelError> {
        let mut starts = vec![0];
        for row in pass.rows {
            starts.push(starts.last().copied().unwrap_or(0) + row.len());
        }
        let read =
            pass.at.map(|at| at.iter().zip(&starts).map(|(at, start)| place(start + at)).collect::<Vec<_>>());
        let read = read.map(|places| Tensor::new(places, &Device::Cpu)).transpose()?;
        let found = vec![None; pass.taps.len()];
        let shares = vec![None; pass.watched.map_or(0, |(layers, _)| layers.len())];
        let mut run =
            Self { pass, dtype, starts: starts.into(), turns: None, bias: None, cache, read, found, shares };
        if let Positions::Rotary(frequencies, _) = &blueprint.positions {
            run.turns = Some(frequencies.turns(run.positions()));
        }
        Ok(run)
    }

    /// Reads these places among the packed tokens and no others.
    pub(super) fn read_at(&mut self, places: Tensor) {
        self.read = Some(places);
    }

    /// Gives attention the numbers that distances add to its scores.
    pub(super) fn set_bias(&mut self, bias: RelativeBias) {
        self.bias = Some(Arc::new(bias));
    }

    /// Tokens of the longest row.
    pub(super) fn longest(&self) -> usize {
        self.pass.rows.iter().map(|row| row.len()).max().unwrap_or(0)
    }

    /// What was read, and the residual stream as it is now.
    pub(super) fn finish(self, stream: Option<Tensor>) -> Outcome {
        if let (Some(cache), true) = (self.cache, self.pass.through != Through::Read) {
            for (before, row) in cache.tokens.iter_mut().zip(self.pass.rows) {
                *before += row.len();
            }
        }
        Outcome {
            found: self.found.into_iter().flatten().collect(),
            shares: self.shares.into_iter().flatten().collect(),
            stream,
        }
    }

    /// The tokens of all rows.
    pub(super) fn tokens(&self) -> Vec<u32> {
        self.pass.rows.iter().copied().flatten().copied().collect()
    }

    /// The position of each token, counted with what stands before its row.
    pub(super) fn positions(&self) -> impl Iterator<Item = usize> {
        let before = |row| self.cache.as_ref().and_then(|cache| cache.tokens.get(row).copied()).unwrap_or(0);
        let rows = self.pass.rows.iter().enumerate();
        rows.flat_map(move |(row, tokens)| before(row)..before(row) + tokens.len())
    }

    /// The row of the position embedding for each token.
    pub(super) fn embedded_positions(&self) -> Vec<u32> {
        let moved = |at: usize| {
            self.pass.patches.iter().find_map(|patch| match patch {
                Patch::PositionEmbedding { position, by } if *position == at => Some(*by),
                _ => None,
            })
        };
        self.positions().map(|at| u32::try_from(moved(at).unwrap_or(at)).unwrap_or(u32::MAX)).collect()
    }

    /// Attention of a layer over packed queries, keys and values; `None` where nothing further is asked for.
    ///
    /// Turns queries and keys by their positions first; then the keys and values go to the cache.
    pub(super) fn attend(
        &mut self,
        blueprint: &Blueprint,
        layer: usize,
        packed: Tensor,
    ) -> Result<Option<Tensor>, ModelError> {
        let Blueprint { heads, scale, window, positions, config, .. } = blueprint;
        let packed = match (positions, &self.turns) {
            (Positions::Rotary(frequencies, pairing), Some(turns)) => {
                let (pairs, turns) = (frequencies.angles.len(), turns.clone());
                Rotary { heads: *heads, pairing: *pairing, pairs, turns }.apply(packed)?
            }
            _ => packed,
        };
        let past = self.cache.as_ref().map(|cache| cache.seen(layer, *heads)).unwrap_or_default();
        let (bias, starts) = (self.bias.clone(), self.starts.clone());
        let (heads, scale, causal, window) = (*heads, *scale, config.causal, *window);
        let attention = Attention { heads, scale, causal, window, bias, starts, past };
        self.watch(layer, &attention, &packed)?;
        if self.pass.through == Through::Keys(layer) || self.is_done() {
            self.remember(layer, &packed, heads)?;
            return Ok(None);
        }
        let out = attention.apply(&packed)?;
        self.remember(layer, &packed, heads)?;
        Ok(Some(out))
    }

    /// Adds the keys and values of a layer to the cache.
    fn remember(&mut self, layer: usize, packed: &Tensor, heads: Heads) -> Result<(), ModelError> {
        let is_kept = self.pass.through != Through::Read;
        match &mut self.cache {
            Some(cache) if is_kept => Ok(cache.extend(layer, packed, heads, &self.starts)?),
            _ => Ok(()),
        }
    }

    /// Reads the shares of attention, where the layer is watched.
    fn watch(&mut self, layer: usize, attention: &Attention, packed: &Tensor) -> Result<(), ModelError> {
        let Some((layers, key)) = self.pass.watched else { return Ok(()) };
        for (watched, shares) in layers.iter().zip(&mut self.shares) {
            if *watched == layer {
                *shares = Some(attention.shares_of(packed, key)?);
            }
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.pass.through == Through::Read
            && self.found.iter().all(Option::is_some)
            && self.shares.iter().all(Option::is_some)
    }

    /// The places that are read, of each of these, where the rest of a layer is not needed: in the last layer that is read,
    /// behind its attention.
    pub(super) fn only_read<const N: usize>(
        &mut self,
        layer: usize,
        each: [&Tensor; N],
    ) -> Result<[Tensor; N], ModelError> {
        let is_last = self.pass.taps.iter().all(|tap| tap.layer <= layer);
        let is_free =
            self.pass.through == Through::Read && !self.pass.patches.iter().any(|patch| patch.is_in(layer));
        let mut chosen = each.map(Clone::clone);
        if is_last
            && is_free
            && let Some(places) = self.read.take()
        {
            for tensor in &mut chosen {
                *tensor = tensor.index_select(&places, 0)?;
            }
        }
        Ok(chosen)
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
        Ok((!self.is_done()).then_some(x))
    }
}

/// A place among the packed tokens, as candle takes it.
pub(super) fn place(at: usize) -> i64 {
    i64::try_from(at).unwrap_or(i64::MAX)
}
