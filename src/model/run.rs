//! A model that runs: weights mapped, layers widened when they are needed.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use candle_core::{DType, Tensor};
use ndarray::Array2;

use super::arch::blueprint;
use super::batches::{BATCH_TOKENS, patches_of, ranges};
use super::nll::nll;
use super::ops::numbers;
use super::pass::{Outcome, Pass, Through};
use super::settings::Settings;
use super::stack::Stack;
use super::weights::Weights;
use super::{At, Config, ModelError, Patch, Site, Tap, Tokenizer};
use crate::reader::{Checkpoint, IoMode, Limits, model_folder, read_whole};

/// A model that runs on the CPU in f32.
///
/// Weights of any float dtype are widened exactly (those of an F64 checkpoint are rounded). The same rows give the same
/// bits for any number of threads.
pub struct Model {
    path: PathBuf,
    pub(super) stack: Stack,
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
    pub(crate) fn open_in(
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

    /// Runs rows of tokens and reads the taps: one array a tap, `(rows or Σ lengths, f or d)`, in the order of the rows.
    ///
    /// Rows are batched inside, prefixes that many rows share are run once (with [`At::One`], where no patch tells the
    /// rows apart), and nothing above the last tap is run. Batching and sharing change results by rounding alone.
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
        let found = match at {
            At::EveryToken => self.capture_all(rows, taps, patches)?,
            At::One(positions) => self.capture_at(rows, positions, taps, patches)?,
        };
        let count = match at {
            At::EveryToken => rows.iter().map(Vec::len).sum(),
            At::One(_) => rows.len(),
        };
        taps.iter().zip(found).map(|(tap, found)| array(found, count, self.width(tap.site))).collect()
    }

    /// Negative log-likelihood of each token but the first, in nats, row by row; log-sum-exp in f64.
    ///
    /// A row of one token has none. Weights that are not finite give NaN, and a token of probability 0 gives ∞.
    ///
    /// # Errors
    /// As [`Self::capture`]; where the architecture is an encoder.
    pub fn token_nll(&self, rows: &[Vec<u32>], patches: &[Patch]) -> Result<Vec<Vec<f64>>, ModelError> {
        let mut all = Vec::with_capacity(rows.len());
        self.each_batch(rows, patches, Pass::default(), |rows, outcome| {
            let Some(x) = outcome.stream else { return Ok(()) };
            let (places, targets) = predictions(rows);
            let x = x.index_select(&Tensor::new(places, x.device())?, 0)?;
            let mut each = nll(&self.stack, &x, &targets)?.into_iter();
            all.extend(rows.iter().map(|row| each.by_ref().take(row.len() - 1).collect::<Vec<_>>()));
            Ok(())
        })?;
        Ok(all)
    }

    /// Hidden states behind the last norm, `(Σ lengths, d)`, in the order of the rows.
    ///
    /// # Errors
    /// As [`Self::capture`].
    pub fn hidden(&self, rows: &[Vec<u32>], patches: &[Patch]) -> Result<Array2<f32>, ModelError> {
        let mut all = Vec::new();
        self.each_batch(rows, patches, Pass::default(), |_, outcome| {
            let Some(x) = outcome.stream else { return Ok(()) };
            all.extend(numbers::<f32>(&self.stack.hidden(&x)?)?);
            Ok(())
        })?;
        array(all, rows.iter().map(Vec::len).sum(), self.config().hidden_size)
    }

    /// The share of its attention that each token pays to position `key` of its row: one array a layer,
    /// `(Σ lengths, heads)`; 0 where a token does not see that position.
    ///
    /// # Errors
    /// As [`Self::capture`].
    pub fn attention_to(
        &self,
        rows: &[Vec<u32>],
        key: usize,
        layers: &[usize],
        patches: &[Patch],
    ) -> Result<Vec<Array2<f32>>, ModelError> {
        layers.iter().try_for_each(|layer| self.check_layer(*layer))?;
        let mut all = vec![Vec::new(); layers.len()];
        let pass = Pass { watched: Some((layers, key)), through: Through::Read, ..Pass::default() };
        self.each_batch(rows, patches, pass, |_, outcome| {
            all.iter_mut().zip(outcome.shares).for_each(|(all, shares)| all.extend(shares));
            Ok(())
        })?;
        let count = rows.iter().map(Vec::len).sum();
        all.into_iter().map(|shares| array(shares, count, self.config().heads)).collect()
    }

    /// Runs a pass over all rows, batch by batch, in their order.
    fn each_batch(
        &self,
        rows: &[Vec<u32>],
        patches: &[Patch],
        pass: Pass<'_>,
        mut each: impl FnMut(&[&[u32]], Outcome) -> Result<(), ModelError>,
    ) -> Result<(), ModelError> {
        self.check_rows(rows)?;
        self.check_patches(rows, patches)?;
        let lengths: Vec<usize> = rows.iter().map(Vec::len).collect();
        for batch in ranges(&lengths, BATCH_TOKENS) {
            let patches = patches_of(patches, &batch);
            let rows: Vec<&[u32]> = rows.get(batch).unwrap_or_default().iter().map(Vec::as_slice).collect();
            let outcome = self.stack.forward(Pass { rows: &rows, patches: &patches, ..pass }, None)?;
            each(&rows, outcome)?;
        }
        Ok(())
    }

    /// The taps at every token, one list of numbers a tap.
    fn capture_all(
        &self,
        rows: &[Vec<u32>],
        taps: &[Tap],
        patches: &[Patch],
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        let mut all = vec![Vec::new(); taps.len()];
        let pass = Pass { taps, through: Through::Read, ..Pass::default() };
        self.each_batch(rows, patches, pass, |_, outcome| {
            for (all, found) in all.iter_mut().zip(outcome.found) {
                all.extend(numbers::<f32>(&found)?);
            }
            Ok(())
        })?;
        Ok(all)
    }

    /// Length of what a site gives out.
    pub(super) fn width(&self, site: Site) -> usize {
        match site {
            Site::Key => self.config().intermediate_size,
            Site::Value | Site::Attention | Site::Block => self.config().hidden_size,
        }
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
pub(super) fn array(numbers: Vec<f32>, rows: usize, columns: usize) -> Result<Array2<f32>, ModelError> {
    let found = numbers.len();
    let mismatch = |_| ModelError::Mismatch { what: "numbers of a matrix", found, needed: rows * columns };
    Array2::from_shape_vec((rows, columns), numbers).map_err(mismatch)
}
