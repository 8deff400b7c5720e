//! A model that runs: weights mapped, layers widened when they are needed.

use std::path::Path;

use ndarray::Array2;

use super::{At, Config, ModelError, Patch, Tap, Tokenizer};
use crate::reader::{IoMode, Limits};

/// A model that runs on the CPU in f32.
pub struct Model {}

impl Model {
    /// Opens `config.json`, the weights and, where there is one, `tokenizer.json` of a folder (or hub cache entry).
    ///
    /// # Errors
    /// Where a file is absent or malformed, the architecture is unknown, or shapes contradict the configuration.
    pub fn open(_path: &Path, _limits: &Limits, _io: IoMode) -> Result<Self, ModelError> {
        Err(ModelError::NotYet)
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        Path::new("")
    }

    /// Its extents.
    pub fn config(&self) -> &Config {
        unreachable!()
    }

    /// Its tokenizer.
    ///
    /// # Errors
    /// Where the folder has none, or its vocabulary is larger than the embedding.
    pub fn tokenizer(&self) -> Result<&Tokenizer, ModelError> {
        Err(ModelError::NotYet)
    }

    /// Name of the down-projection of a layer, as the checkpoint has it without `.weight` (`transformer.h.17.mlp.c_proj`).
    pub fn down_projection(&self, _layer: usize) -> String {
        String::new()
    }

    /// The down-projection W of a layer as it maps keys to values, shape `(d, f)`, and its bias.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn down_projection_weight(
        &self,
        _layer: usize,
    ) -> Result<(Array2<f32>, Option<Vec<f32>>), ModelError> {
        Err(ModelError::NotYet)
    }

    /// Runs rows of tokens and reads the taps: one array a tap, `(rows or Σ lengths, f or d)`, in the order of the rows.
    ///
    /// Rows are batched by length inside, prefixes that many rows share are run once, and nothing above the last
    /// tap is run.
    ///
    /// # Errors
    /// Where a row is empty, longer than the context, or holds a token outside the vocabulary.
    pub fn capture(
        &self,
        _rows: &[Vec<u32>],
        _at: At<'_>,
        _taps: &[Tap],
        _patches: &[Patch],
    ) -> Result<Vec<Array2<f32>>, ModelError> {
        Err(ModelError::NotYet)
    }

    /// Negative log-likelihood of each token but the first, in nats, row by row; log-sum-exp in f64.
    ///
    /// # Errors
    /// As [`Self::capture`]; where the architecture is an encoder.
    pub fn token_nll(&self, _rows: &[Vec<u32>], _patches: &[Patch]) -> Result<Vec<Vec<f64>>, ModelError> {
        Err(ModelError::NotYet)
    }

    /// Attention that each token pays to position `key`, a mean over heads: one array a layer, `(Σ lengths, heads)`.
    ///
    /// # Errors
    /// As [`Self::capture`].
    pub fn attention_to(
        &self,
        _rows: &[Vec<u32>],
        _key: usize,
        _layers: &[usize],
        _patches: &[Patch],
    ) -> Result<Vec<Array2<f32>>, ModelError> {
        Err(ModelError::NotYet)
    }

    /// Continues each row by `new_tokens` tokens: the most probable one (`top_k` = 1), or drawn from the `top_k` most
    /// probable with their softmax renormalised, by a generator seeded with `seed`.
    ///
    /// # Errors
    /// As [`Self::capture`].
    pub fn generate(
        &self,
        _rows: &[Vec<u32>],
        _new_tokens: usize,
        _top_k: usize,
        _seed: u64,
    ) -> Result<Vec<Vec<u32>>, ModelError> {
        Err(ModelError::NotYet)
    }
}
