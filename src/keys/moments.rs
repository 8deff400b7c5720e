//! The second moment of keys over many texts, summed as they stream by.
//!
//! ```text
//! S = Σ k kᵀ over tokens        C = S / count, uncentred        shapes: k (f), S and C (f, f)
//! ```
//!
//! As published (kmeng01/rome, `rome/layer_stats.py`): texts are tokenised as the tokenizer itself does it, special
//! tokens included, cut to the model's context, and every position counts, the first one too: it is the position
//! whose keys are unlike all others, and C without it does not dampen their direction. Unlike there, products are summed
//! in f64, on the processor and on a device alike, which keeps S to n · 2⁻⁵³ relative over n tokens where f32 loses three digits by 10⁷.
//!
//! Texts are taken in batches that depend on the texts alone, and each is summed in blocks of fixed size, so that a sum
//! has the same bits for any number of threads and wherever it was interrupted and taken up again.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use ndarray::{Array2, s};
use sha2::{Digest as _, Sha256};

use crate::compute::{self, Device, EngineError, GpuError, add_gram, mirror_lower};
use crate::model::{At, Model, ModelError, Site, Tap};
use crate::tensor::Matrix;

/// Tokens of a batch at least, unless the texts end or it has [`BATCH_TEXTS`].
const BATCH_TOKENS: usize = 2048;
/// Texts of a batch at most.
const BATCH_TEXTS: usize = 256;
/// Keys that are widened to f64 together.
const BLOCK: usize = 512;

/// What is to be summed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MomentPlan {
    /// Layers, from 0; each once.
    pub layers: Vec<usize>,
    /// Leave out position 0 of each text.
    pub skip_first: bool,
}

/// The sum at one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerMoment {
    /// The layer, from 0.
    pub layer: usize,
    /// The module whose inputs are summed (`transformer.h.17.mlp.c_proj`).
    pub module: String,
    /// S, shape `(f, f)`; complete below the diagonal, and above it after [`Moments::mirror`].
    pub sum: Matrix,
    /// Keys summed.
    pub count: u64,
}

/// Second moments of some layers, as far as they are summed.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// Where the model was opened.
    pub model: PathBuf,
    /// SHA-256 of its `tokenizer.json`.
    pub tokenizer_sha256: String,
    /// SHA-256 over texts, tokenizer, plan, and keys of the first text that has one: what a sum can only be taken up
    /// again with.
    pub identity: String,
    /// What is summed.
    pub plan: MomentPlan,
    /// Texts seen.
    pub texts: usize,
    /// Tokens run.
    pub tokens: u64,
    /// Texts without a token.
    pub empty_texts: usize,
    /// Texts cut to the model's context.
    pub truncated_texts: usize,
    /// The sums, in the order of the plan.
    pub layers: Vec<LayerMoment>,
}

/// Why second moments cannot be summed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of a variant explains it and its fields")]
pub enum MomentError {
    /// The model could not be run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A layer that the model has not.
    #[error("{}: there is no layer {layer}; it has layers 0 to {last}", .model.display())]
    NoLayer { model: PathBuf, layer: usize, last: usize },
    /// A plan without layers, or with one twice.
    #[error("layers to sum are named once each, and at least one is")]
    Layers,
    /// A model whose keys are NaN or infinite: no sum with them means anything.
    #[error("{}: a key of layer {layer} is not finite (text {text}, counted from 0)", .model.display())]
    NotFinite { model: PathBuf, layer: usize, text: usize },
    /// No text has a token.
    #[error("none of {texts} texts has a token")]
    NoTokens { texts: usize },
    /// Two sums that are not of one run.
    #[error("the saved sum is of other texts, another model or another plan: it cannot be continued")]
    OtherRun,
    /// Keys that do not fit the sum.
    #[error(transparent)]
    Shape(#[from] EngineError),
    /// The device that was to sum them.
    #[error(transparent)]
    Device(GpuError),
}

impl Moments {
    /// A sum of nothing yet.
    ///
    /// # Errors
    /// Where a layer does not exist, the model has no tokenizer or cannot be run.
    pub fn begin(model: &Model, texts: &[impl AsRef<str>], plan: &MomentPlan) -> Result<Self, MomentError> {
        let config = model.config();
        let mut layers = Vec::new();
        for &layer in &plan.layers {
            if layer >= config.layers {
                let last = config.layers.saturating_sub(1);
                return Err(MomentError::NoLayer { model: model.path().to_owned(), layer, last });
            }
            let sum = Matrix::zeros((config.intermediate_size, config.intermediate_size));
            layers.push(LayerMoment { layer, module: model.down_projection(layer), sum, count: 0 });
        }
        let twice = |layer| plan.layers.iter().filter(|&other| other == layer).count() > 1;
        if plan.layers.is_empty() || plan.layers.iter().any(twice) {
            return Err(MomentError::Layers);
        }
        Ok(Self {
            model: model.path().to_owned(),
            tokenizer_sha256: model.tokenizer()?.sha256().to_owned(),
            identity: identity(model, texts, plan)?,
            plan: plan.clone(),
            texts: 0,
            tokens: 0,
            empty_texts: 0,
            truncated_texts: 0,
            layers,
        })
    }

    /// Takes up what was summed before in place of this sum of nothing.
    ///
    /// # Errors
    /// [`MomentError::OtherRun`] where it is of other texts, another model or another plan.
    pub fn resume(self, saved: Self) -> Result<Self, MomentError> {
        let layout = |moments: &Self| -> Vec<_> {
            moments.layers.iter().map(|layer| (layer.layer, layer.module.clone(), layer.sum.dim())).collect()
        };
        let same = self.identity == saved.identity && layout(&self) == layout(&saved);
        if same { Ok(Self { model: self.model, ..saved }) } else { Err(MomentError::OtherRun) }
    }

    /// Sums the next batch of texts; false where there was none left.
    ///
    /// `texts` are all texts, as given to [`Self::begin`].
    ///
    /// # Errors
    /// Where the model cannot be run, or a key is not finite.
    pub fn advance(
        &mut self,
        model: &Model,
        texts: &[impl AsRef<str>],
        device: &Device,
    ) -> Result<bool, MomentError> {
        let (mut rows, mut of_text, mut tokens) = (Vec::new(), Vec::new(), 0);
        let first = self.texts;
        for (i, text) in texts.iter().enumerate().skip(first) {
            if tokens >= BATCH_TOKENS || i - first == BATCH_TEXTS {
                break;
            }
            let (row, cut) = tokenise(model, text.as_ref())?;
            self.texts += 1;
            self.truncated_texts += usize::from(cut);
            if row.is_empty() {
                self.empty_texts += 1;
                continue;
            }
            tokens += row.len();
            of_text.push((i, row.len()));
            rows.push(row);
        }
        if self.texts == first {
            return Ok(false);
        }
        if !rows.is_empty() {
            let taps: Vec<Tap> = self.plan.layers.iter().map(|&layer| key_tap(layer)).collect();
            let captured = model.capture(&rows, At::EveryToken, &taps, &[])?;
            for (moment, keys) in self.layers.iter_mut().zip(&captured) {
                let added = add_keys(device, &mut moment.sum, keys, &of_text, self.plan.skip_first);
                moment.count += added.map_err(|error| error.within(&self.model, moment.layer))?;
            }
        }
        self.tokens += tokens as u64;
        Ok(true)
    }

    /// Makes every sum whole above its diagonal too.
    ///
    /// # Errors
    /// [`MomentError::NoTokens`] where nothing was summed.
    pub fn mirror(&mut self) -> Result<(), MomentError> {
        for layer in &mut self.layers {
            mirror_lower(&mut layer.sum);
        }
        if self.tokens == 0 { Err(MomentError::NoTokens { texts: self.texts }) } else { Ok(()) }
    }
}

impl LayerMoment {
    /// Whether C must be singular: fewer keys than dimensions.
    pub fn is_singular(&self) -> bool {
        self.count < self.sum.nrows() as u64
    }
}

const fn key_tap(layer: usize) -> Tap {
    Tap { layer, site: Site::Key }
}

/// Tokens of a text as the tokenizer gives them, cut to the context, and whether that cut anything.
fn tokenise(model: &Model, text: &str) -> Result<(Vec<u32>, bool), ModelError> {
    let mut row = model.tokenizer()?.encode_with_special(text)?;
    let longest = model.config().context_length.unwrap_or(usize::MAX);
    let cut = row.len() > longest;
    row.truncate(longest);
    Ok((row, cut))
}

/// What two runs must share to be one.
fn identity(model: &Model, texts: &[impl AsRef<str>], plan: &MomentPlan) -> Result<String, MomentError> {
    let mut hash = Sha256::new();
    hash.update(model.tokenizer()?.sha256());
    hash.update(format!("{:?}", (plan, BATCH_TOKENS, BATCH_TEXTS, BLOCK)));
    for text in texts {
        hash.update((text.as_ref().len() as u64).to_le_bytes());
        hash.update(text.as_ref());
    }
    for text in texts {
        let (row, _) = tokenise(model, text.as_ref())?;
        if row.is_empty() {
            continue;
        }
        // The keys of one text stand for the weights below them, at the cost of one text.
        let taps: Vec<Tap> = plan.layers.iter().map(|&layer| key_tap(layer)).collect();
        for keys in model.capture(&[row], At::EveryToken, &taps, &[])? {
            keys.iter().for_each(|x| hash.update(x.to_le_bytes()));
        }
        break;
    }
    let mut digits = String::with_capacity(64);
    for byte in hash.finalize() {
        let _ = write!(digits, "{byte:02x}");
    }
    Ok(digits)
}

/// A batch that could not be added.
#[derive(Debug)]
enum NotAdded {
    NotFinite { text: usize },
    Shape(EngineError),
    Device(GpuError),
}

impl NotAdded {
    fn within(self, model: &Path, layer: usize) -> MomentError {
        match self {
            Self::NotFinite { text } => MomentError::NotFinite { model: model.to_owned(), layer, text },
            Self::Shape(error) => MomentError::Shape(error),
            Self::Device(error) => MomentError::Device(error),
        }
    }
}

/// Adds the keys of a batch, rows in the order of `of_text` (text, tokens); gives how many were added.
fn add_keys(
    device: &Device,
    sum: &mut Matrix,
    keys: &Array2<f32>,
    of_text: &[(usize, usize)],
    skip_first: bool,
) -> Result<u64, NotAdded> {
    let positions =
        of_text.iter().flat_map(|&(text, tokens)| (0..tokens).map(move |position| (text, position)));
    let rows: Vec<_> = keys
        .rows()
        .into_iter()
        .zip(positions)
        .filter(|(_, (_, position))| !(skip_first && *position == 0))
        .collect();
    if let Some((_, (text, _))) = rows.iter().find(|(key, _)| key.iter().any(|x| !x.is_finite())) {
        return Err(NotAdded::NotFinite { text: *text });
    }
    let skip: Vec<u8> = of_text
        .iter()
        .flat_map(|&(_, tokens)| (0..tokens).map(|position| u8::from(skip_first && position == 0)))
        .collect();
    if compute::add_keys(device, sum, keys.view(), &skip).map_err(NotAdded::Device)? {
        return Ok(rows.len() as u64);
    }
    let mut block = Matrix::zeros((BLOCK, keys.ncols()));
    let mut filled = 0;
    for (key, _) in &rows {
        block.row_mut(filled).zip_mut_with(key, |wide, &x| *wide = f64::from(x));
        filled += 1;
        if filled == BLOCK {
            add_gram(sum, &block).map_err(NotAdded::Shape)?;
            filled = 0;
        }
    }
    if filled > 0 {
        add_gram(sum, &block.slice(s![..filled, ..]).to_owned()).map_err(NotAdded::Shape)?;
    }
    Ok(rows.len() as u64)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;
    use crate::compute::CPU;

    fn keys(rows: usize) -> Array2<f32> {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        Array2::from_shape_fn((rows, 5), |(i, j)| ((i * 7 + j * j * 3) % 11) as f32 - 4.5)
    }

    fn plain(keys: &Array2<f32>, kept: impl Fn(usize) -> bool) -> Matrix {
        let wide = keys.mapv(f64::from);
        Matrix::from_shape_fn((5, 5), |(i, j)| {
            let rows = wide.rows().into_iter().enumerate().filter(|(row, _)| kept(*row));
            rows.map(|(_, row)| row.get(i).unwrap() * row.get(j).unwrap()).sum()
        })
    }

    #[test]
    fn keys_are_summed_over_blocks_as_the_plain_double_loop_sums_them() {
        // Halves of small integers: every product and sum is exact.
        for rows in [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7] {
            let (keys, mut sum) = (keys(rows), Matrix::zeros((5, 5)));
            assert_eq!(add_keys(&CPU, &mut sum, &keys, &[(0, rows)], false).unwrap(), rows as u64);
            mirror_lower(&mut sum);
            assert_eq!(sum, plain(&keys, |_| true));
        }
    }

    #[test]
    fn the_first_position_of_each_text_is_left_out_where_that_was_asked_for() {
        let (keys, mut sum) = (keys(6), Matrix::zeros((5, 5)));
        assert_eq!(add_keys(&CPU, &mut sum, &keys, &[(0, 2), (3, 1), (4, 3)], true).unwrap(), 3);
        mirror_lower(&mut sum);
        assert_eq!(sum, plain(&keys, |row| [1, 4, 5].contains(&row)));
    }

    #[test]
    fn a_key_that_is_not_finite_names_its_text() {
        let mut keys = keys(4);
        *keys.get_mut((3, 2)).unwrap() = f32::NAN;
        let refused =
            add_keys(&CPU, &mut Matrix::zeros((5, 5)), &keys, &[(2, 3), (9, 1)], false).unwrap_err();
        let error = refused.within("m".as_ref(), 17);
        assert_eq!(error.to_string(), "m: a key of layer 17 is not finite (text 9, counted from 0)");
    }

    #[test]
    fn fewer_keys_than_dimensions_are_known_to_be_singular() {
        let moment =
            |count| LayerMoment { layer: 0, module: String::new(), sum: Matrix::zeros((5, 5)), count };
        assert!(moment(4).is_singular() && !moment(5).is_singular());
    }
}
