//! A model that runs: weights mapped, layers widened when they are needed.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use candle_core::{DType, Tensor};
use ndarray::Array2;

use super::arch::{Blueprint, blueprint};
use super::batches::{batches, patches_of};
use super::nll::nll;
use super::ops::numbers;
use super::pass::Pass;
use super::settings::Settings;
use super::stack::Stack;
use super::weights::Weights;
use super::{At, Config, ModelError, Orientation, Patch, Site, Tap, Tokenizer};
use crate::reader::{Checkpoint, IoMode, Limits, model_folder, read_whole};

/// A model that runs on the CPU in f32.
///
/// Weights of any float dtype are widened exactly (those of an F64 checkpoint are rounded). The same rows give the same
/// bits for any number of threads.
pub struct Model {
    path: PathBuf,
    stack: Stack,
    tokenizer: OnceLock<Tokenizer>,
}

impl Model {
    /// Opens `config.json` and the weights of a folder (or hub cache entry). Names and shapes of all tensors are held
    /// against the configuration; no weight is read yet.
    ///
    /// # Errors
    /// Where a file is absent or malformed, the architecture is unknown, or shapes contradict the configuration.
    pub fn open(path: &Path, limits: &Limits, io: IoMode) -> Result<Self, ModelError> {
        Self::open_in(path, limits, io, DType::F32)
    }

    /// Opens a model that runs in f32 or f64.
    pub(super) fn open_in(
        path: &Path,
        limits: &Limits,
        io: IoMode,
        dtype: DType,
    ) -> Result<Self, ModelError> {
        let config = model_folder(path)?.join("config.json");
        let blueprint = blueprint(&Settings::parse(&config, &read_whole(&config, limits.header_bytes)?)?)?;
        let weights = Weights::new(Checkpoint::open(path, limits, io)?, blueprint.names.root, dtype)?;
        let stack = Stack::new(blueprint, weights)?;
        Ok(Self { path: path.to_owned(), stack, tokenizer: OnceLock::new() })
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its extents.
    pub fn config(&self) -> &Config {
        &self.stack.blueprint.config
    }

    /// The checkpoint that its weights come from.
    pub fn checkpoint(&self) -> &Checkpoint {
        self.stack.weights.checkpoint()
    }

    /// Its tokenizer, read when it is first asked for.
    ///
    /// # Errors
    /// Where the folder has none, or its vocabulary is larger than the embedding.
    pub fn tokenizer(&self) -> Result<&Tokenizer, ModelError> {
        if let Some(tokenizer) = self.tokenizer.get() {
            return Ok(tokenizer);
        }
        let tokenizer = Tokenizer::open(&self.path)?;
        let (tokens, embedded) = (tokenizer.vocabulary(), self.config().vocabulary);
        if tokens > embedded {
            return Err(ModelError::Vocabulary { path: self.path.clone(), tokens, embedded });
        }
        Ok(self.tokenizer.get_or_init(|| tokenizer))
    }

    /// Name of the down-projection of a layer, as the checkpoint has it without `.weight` (`transformer.h.17.mlp.c_proj`).
    pub fn down_projection(&self, layer: usize) -> String {
        let module = self.stack.place(layer).module(self.stack.blueprint.names.down.name);
        let stored = self.stack.weights.stored_name(&format!("{module}.weight"));
        stored.and_then(|name| name.strip_suffix(".weight")).map_or(module, ToOwned::to_owned)
    }

    /// The down-projection W of a layer as it maps keys to values, shape `(d, f)`, and its bias, length d.
    ///
    /// # Errors
    /// Where the model has no such layer, or the tensor cannot be read.
    pub fn down_projection_weight(
        &self,
        layer: usize,
    ) -> Result<(Array2<f32>, Option<Vec<f32>>), ModelError> {
        let Blueprint { config, names, orientation, .. } = &self.stack.blueprint;
        self.check_layer(layer)?;
        let module = self.stack.place(layer).module(names.down.name);
        let (d, f) = (config.hidden_size, config.intermediate_size);
        let stored = match orientation {
            Orientation::KeyMajor => [f, d],
            Orientation::ValueMajor => [d, f],
        };
        let numbers = self.stack.weights.numbers(&format!("{module}.weight"), &stored)?;
        let weight = array(numbers, stored[0], stored[1])?;
        let weight = match orientation {
            Orientation::KeyMajor => weight.reversed_axes(),
            Orientation::ValueMajor => weight,
        };
        let bias = names.down.bias.then(|| self.stack.weights.numbers(&format!("{module}.bias"), &[d]));
        Ok((weight, bias.transpose()?))
    }

    /// Runs rows of tokens and reads the taps: one array a tap, `(rows or Σ lengths, f or d)`, in the order of the rows.
    ///
    /// Rows are batched inside, prefixes that many rows share are run once, and nothing above the last tap is run.
    ///
    /// # Errors
    /// Where a row is empty, longer than the context, or holds a token outside the vocabulary; where a tap, a position or
    /// a patch does not fit the model or the rows.
    pub fn capture(
        &self,
        rows: &[Vec<u32>],
        at: At<'_>,
        taps: &[Tap],
        patches: &[Patch],
    ) -> Result<Vec<Array2<f32>>, ModelError> {
        self.check_rows(rows)?;
        self.check_taps(taps)?;
        self.check_patches(rows, patches)?;
        let cut = self.cut(rows, at)?;
        let lengths: Vec<usize> = cut.iter().map(|row| row.len()).collect();
        let mut found: Vec<Vec<f32>> = vec![Vec::new(); taps.len()];
        for batch in batches(&lengths) {
            let patches = patches_of(patches, &batch);
            let pass = Pass {
                rows: cut.get(batch).unwrap_or_default(),
                taps,
                last_only: matches!(at, At::One(_)),
                patches: &patches,
                stops: true,
            };
            for (found, tensor) in found.iter_mut().zip(self.stack.forward(pass)?.0) {
                found.extend(numbers::<f32>(&tensor)?);
            }
        }
        let count = if matches!(at, At::One(_)) { rows.len() } else { lengths.iter().sum() };
        taps.iter().zip(found).map(|(tap, found)| array(found, count, self.width(tap.site))).collect()
    }

    /// Negative log-likelihood of each token but the first, in nats, row by row; log-sum-exp in f64.
    ///
    /// # Errors
    /// As [`Self::capture`]; where the architecture is an encoder.
    pub fn token_nll(&self, rows: &[Vec<u32>], patches: &[Patch]) -> Result<Vec<Vec<f64>>, ModelError> {
        self.check_rows(rows)?;
        self.check_patches(rows, patches)?;
        let lengths: Vec<usize> = rows.iter().map(Vec::len).collect();
        let mut all = Vec::with_capacity(rows.len());
        for batch in batches(&lengths) {
            let patches = patches_of(patches, &batch);
            let rows: Vec<&[u32]> = rows.get(batch).unwrap_or_default().iter().map(Vec::as_slice).collect();
            let pass = Pass { rows: &rows, patches: &patches, ..Pass::default() };
            let (_, Some(x)) = self.stack.forward(pass)? else { continue };
            let (places, targets) = predictions(&rows);
            let x = x.index_select(&Tensor::new(places, x.device())?, 0)?;
            let mut each = nll(&self.stack, &x, &targets)?.into_iter();
            all.extend(rows.iter().map(|row| each.by_ref().take(row.len() - 1).collect::<Vec<_>>()));
        }
        Ok(all)
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
        Err(candle_core::Error::msg("attention is not handed out yet").into())
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
        Err(candle_core::Error::msg("generation is not there yet").into())
    }

    /// Length of what a site gives out.
    fn width(&self, site: Site) -> usize {
        match site {
            Site::Key => self.config().intermediate_size,
            Site::Value | Site::Attention | Site::Block => self.config().hidden_size,
        }
    }

    /// The rows as they are run: cut behind the position that is asked for, where the model looks back only.
    fn cut<'a>(&self, rows: &'a [Vec<u32>], at: At<'_>) -> Result<Vec<&'a [u32]>, ModelError> {
        let At::One(positions) = at else { return Ok(rows.iter().map(Vec::as_slice).collect()) };
        if positions.len() != rows.len() {
            let (found, needed) = (positions.len(), rows.len());
            return Err(ModelError::Mismatch { what: "positions, one a row", found, needed });
        }
        let cut = rows.iter().zip(positions).map(|(row, position)| {
            let what = "a position inside its row";
            row.get(..=*position).ok_or(ModelError::Mismatch {
                what,
                found: *position,
                needed: row.len() - 1,
            })
        });
        cut.collect()
    }
}

/// Packed places of the tokens that predict one, and the tokens that they predict.
fn predictions(rows: &[&[u32]]) -> (Vec<u32>, Vec<u32>) {
    let (mut places, mut targets) = (Vec::new(), Vec::new());
    let mut start = 0;
    for row in rows {
        places.extend((start..start + row.len() - 1).map(|at| u32::try_from(at).unwrap_or(u32::MAX)));
        targets.extend(row.iter().skip(1));
        start += row.len();
    }
    (places, targets)
}

/// Numbers as a matrix.
fn array(numbers: Vec<f32>, rows: usize, columns: usize) -> Result<Array2<f32>, ModelError> {
    let found = numbers.len();
    let mismatch = |_| ModelError::Mismatch { what: "numbers of a matrix", found, needed: rows * columns };
    Array2::from_shape_vec((rows, columns), numbers).map_err(mismatch)
}
