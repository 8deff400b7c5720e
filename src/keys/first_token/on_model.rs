//! The first token on a model that runs.
//!
//! Texts are tokenised as the tokenizer itself does it. "First" is the first token of the text: special tokens before it
//! (`[CLS]`, BOS) stay where they are and are measured apart, those behind it are no later tokens either.

use ndarray::{Array2, Axis};

use super::massive::massive;
use super::profile::profile;
use super::separation::separation;
use super::verdict::verdict;
use super::{FirstToken, FirstTokenError, Measurement};
use crate::compute::Device;
use crate::model::{At, Model, ModelError, Patch, Site, Tap};
use crate::tensor::Matrix;

/// Numbers of f32 that a pass may leave in memory; more layers than fit are taken in several passes.
const NUMBERS_A_PASS: usize = 1 << 28;

/// What is to be measured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirstTokenPlan {
    /// Layers, from 0; every one where none is named.
    pub layers: Vec<usize>,
    /// Repeat the measurement with position embeddings swapped.
    pub swap_positions: bool,
    /// Leave out the special tokens that the tokenizer adds.
    pub without_special: bool,
}

/// The position embedding of `by` stood where that of `position` belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swap {
    /// Where.
    pub position: usize,
    /// Whose.
    pub by: usize,
}

/// Attention that tokens behind position 0 pay to it, special ones left out.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionMass {
    /// The layer, from 0.
    pub layer: usize,
    /// Mean over tokens and heads.
    pub mean: f64,
    /// The head that pays most, from 0.
    pub head: usize,
    /// Mean over tokens of what it pays.
    pub head_mean: f64,
    /// What attention spread evenly over all that a token sees would pay.
    pub uniform: f64,
}

/// Texts as rows of tokens that all have a first and a later token.
struct Rows {
    tokens: Vec<Vec<u32>>,
    /// Special tokens before and behind each text.
    leading: usize,
    trailing: usize,
    short: usize,
    truncated: usize,
}

/// Measures the first token of texts on a model. `progress` hears how many of how many layers are measured.
///
/// # Errors
/// Where a layer does not exist, positions cannot be swapped, fewer than two texts are long enough, or the model cannot
/// be run.
pub fn measure(
    model: &Model,
    texts: &[impl AsRef<str>],
    plan: &FirstTokenPlan,
    device: &Device,
    mut progress: impl FnMut(usize, usize),
) -> Result<FirstToken, FirstTokenError> {
    let layers = layers(model, plan)?;
    if plan.swap_positions && !model.config().architecture.learns_positions() {
        return Err(FirstTokenError::NoPositions { model: model.path().to_owned() });
    }
    let rows = Rows::of(model, texts, plan)?;
    let (mut measurements, mut extremes, mut profiles) = (Vec::new(), Vec::new(), Vec::new());
    let (config, tokens) = (model.config(), rows.count());
    let width = config.intermediate_size + 2 * config.hidden_size;
    let at_once = (NUMBERS_A_PASS / (tokens * width).max(1)).clamp(1, layers.len().max(1));
    for (pass, some) in layers.chunks(at_once).enumerate() {
        let sites = [Site::Key, Site::Value, Site::Block];
        let taps = taps(some, &sites);
        let captured = model.capture(&rows.tokens, At::EveryToken, &taps, &[])?;
        for (tap, vectors) in taps.iter().zip(&captured) {
            measurements.push(rows.measure(vectors, *tap, rows.leading, None));
            if rows.leading > 0 && tap.site == Site::Key {
                measurements.push(rows.measure(vectors, *tap, 0, None));
            }
            if plan.swap_positions && tap.site == Site::Key {
                measurements.push(rows.measure(vectors, *tap, rows.leading + 1, None));
            }
            if tap.site == Site::Block {
                let [first, later] = rows.groups(rows.leading).map(|rows| vectors.select(Axis(0), &rows));
                extremes.push(massive(tap.layer, &first, &later));
                let profile = profile(device, tap.layer, vectors, rows.spans());
                profiles.push(profile.map_err(FirstTokenError::Device)?);
            }
        }
        progress(layers.len().min((pass + 1) * at_once), layers.len());
    }
    if plan.swap_positions {
        measurements.extend(swapped(model, &rows, &layers, at_once)?);
    }
    let attention = attention(model, &rows, &layers)?;
    measurements.sort_by_key(|m| (m.layer, m.site, m.swap.is_some()));
    Ok(FirstToken {
        path: model.path().to_owned(),
        tokenizer_sha256: Some(model.tokenizer()?.sha256().to_owned()),
        leading_special: rows.leading,
        texts: rows.tokens.len(),
        short_texts: rows.short,
        truncated_texts: rows.truncated,
        tokens,
        verdict: verdict(&measurements),
        measurements,
        massive: extremes,
        profiles,
        attention,
    })
}

fn layers(model: &Model, plan: &FirstTokenPlan) -> Result<Vec<usize>, FirstTokenError> {
    let all = model.config().layers;
    let mut layers = plan.layers.clone();
    layers.sort_unstable();
    layers.dedup();
    match layers.iter().find(|&&layer| layer >= all) {
        Some(&layer) => {
            let (model, last) = (model.path().to_owned(), all.saturating_sub(1));
            Err(FirstTokenError::NoLayer { model, layer, last })
        }
        None if layers.is_empty() => Ok((0..all).collect()),
        None => Ok(layers),
    }
}

fn taps(layers: &[usize], sites: &[Site]) -> Vec<Tap> {
    layers.iter().flat_map(|&layer| sites.iter().map(move |&site| Tap { layer, site })).collect()
}

/// The paper's experiment, on keys: the first token without its position, and the second with the first's.
fn swapped(
    model: &Model,
    rows: &Rows,
    layers: &[usize],
    at_once: usize,
) -> Result<Vec<Measurement>, ModelError> {
    let (first, second) = (rows.leading, rows.leading + 1);
    let mut measurements = Vec::new();
    for swap in [Swap { position: first, by: second }, Swap { position: second, by: first }] {
        let patch = [Patch::PositionEmbedding { position: swap.position, by: swap.by }];
        for some in layers.chunks(at_once) {
            let taps = taps(some, &[Site::Key]);
            let captured = model.capture(&rows.tokens, At::EveryToken, &taps, &patch)?;
            let measured = taps.iter().zip(&captured);
            measurements
                .extend(measured.map(|(tap, keys)| rows.measure(keys, *tap, swap.position, Some(swap))));
        }
    }
    Ok(measurements)
}

fn attention(model: &Model, rows: &Rows, layers: &[usize]) -> Result<Vec<AttentionMass>, ModelError> {
    let later: Vec<usize> =
        rows.spans().flat_map(|(begin, len)| rows.queries(len).map(move |at| begin + at)).collect();
    let uniform = rows.uniform(model.config().causal);
    let paid = model.attention_to(&rows.tokens, 0, layers, &[])?;
    let of_layer = |(&layer, paid): (&usize, &Array2<f32>)| {
        let heads: Vec<f64> = paid
            .select(Axis(0), &later)
            .columns()
            .into_iter()
            .map(|head| head.iter().map(|&x| f64::from(x)).sum::<f64>() / later.len() as f64)
            .collect();
        let (head, head_mean) =
            heads.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, f64::NAN));
        let mean = heads.iter().sum::<f64>() / heads.len() as f64;
        AttentionMass { layer, mean, head, head_mean, uniform }
    };
    Ok(layers.iter().zip(&paid).map(of_layer).collect())
}

/// A row cut to the context; special tokens at its end stay.
fn shortened(row: Vec<u32>, longest: usize, trailing: usize) -> Vec<u32> {
    if row.len() <= longest {
        return row;
    }
    let (kept, end) = (longest.saturating_sub(trailing), row.len().saturating_sub(trailing));
    row.iter().take(kept).chain(row.iter().skip(end)).copied().collect()
}

impl Rows {
    fn of(model: &Model, texts: &[impl AsRef<str>], plan: &FirstTokenPlan) -> Result<Self, FirstTokenError> {
        let tokenizer = model.tokenizer()?;
        let longest = model.config().context_length.unwrap_or(usize::MAX);
        let leading = if plan.without_special { 0 } else { tokenizer.leading_special().len() };
        let least = 2 + usize::from(plan.swap_positions);
        let mut found = Self { tokens: Vec::new(), leading, trailing: 0, short: 0, truncated: 0 };
        for text in texts {
            let plain = tokenizer.encode(text.as_ref())?;
            let row = if plan.without_special {
                plain.clone()
            } else {
                tokenizer.encode_with_special(text.as_ref())?
            };
            found.trailing = row.len().saturating_sub(leading + plain.len());
            if plain.len() < least {
                found.short += 1;
                continue;
            }
            found.truncated += usize::from(row.len() > longest);
            found.tokens.push(shortened(row, longest, found.trailing));
        }
        if found.tokens.len() < 2 {
            return Err(FirstTokenError::TooFewTexts {
                path: model.path().to_owned(),
                usable: found.tokens.len(),
                texts: texts.len(),
                tokens: least,
            });
        }
        Ok(found)
    }

    fn count(&self) -> usize {
        self.tokens.iter().map(Vec::len).sum()
    }

    /// Where each row begins in the captured arrays, with its length.
    fn spans(&self) -> impl Iterator<Item = (usize, usize)> {
        self.tokens.iter().scan(0, |begin, row| {
            let span = (*begin, row.len());
            *begin += row.len();
            Some(span)
        })
    }

    /// Rows of the captured arrays: those at a position, and those of later tokens of the texts.
    fn groups(&self, position: usize) -> [Vec<usize>; 2] {
        let behind = position.max(self.leading) + 1;
        let first = self.spans().map(|(begin, _)| begin + position).collect();
        let later = self
            .spans()
            .flat_map(|(begin, len)| begin + behind..(begin + len).saturating_sub(self.trailing))
            .collect();
        [first, later]
    }

    fn measure(&self, vectors: &Array2<f32>, tap: Tap, position: usize, swap: Option<Swap>) -> Measurement {
        let wide = |rows: &[usize]| -> Matrix { vectors.select(Axis(0), rows).mapv(f64::from) };
        let [first, later] = self.groups(position);
        Measurement {
            layer: Some(tap.layer),
            site: Some(tap.site),
            array: None,
            position,
            special: position < self.leading,
            swap,
            found: separation(&wide(&first), &wide(&later)),
        }
    }

    /// Positions of a row of some length that hold tokens of the text and lie behind position 0.
    fn queries(&self, len: usize) -> std::ops::Range<usize> {
        self.leading.max(1)..len.saturating_sub(self.trailing)
    }

    /// Even attention to one position, as a mean over later tokens.
    fn uniform(&self, causal: bool) -> f64 {
        let (mut sum, mut tokens) = (0.0, 0.0);
        for (_, len) in self.spans() {
            for position in self.queries(len) {
                sum += 1.0 / if causal { position + 1 } else { len } as f64;
                tokens += 1.0;
            }
        }
        sum / tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(lengths: &[usize], leading: usize, trailing: usize) -> Rows {
        let tokens = lengths.iter().map(|&len| vec![0; len]).collect();
        Rows { tokens, leading, trailing, short: 0, truncated: 0 }
    }

    #[test]
    fn the_first_position_is_held_against_all_behind_it() {
        let rows = rows(&[3, 2], 0, 0);
        assert_eq!(rows.groups(0), [vec![0, 3], vec![1, 2, 4]]);
        assert_eq!(rows.groups(1), [vec![1, 4], vec![2]]);
    }

    #[test]
    fn special_tokens_are_neither_first_nor_later() {
        let rows = rows(&[5, 4], 1, 1);
        assert_eq!(rows.groups(1), [vec![1, 6], vec![2, 3, 7]]);
        // The special token itself, against the same later ones.
        assert_eq!(rows.groups(0), [vec![0, 5], vec![2, 3, 7]]);
    }

    #[test]
    fn even_attention_depends_on_what_a_token_sees() {
        let causal = (0.5 + 1.0 / 3.0 + 0.5) / 3.0;
        assert!((rows(&[3, 2], 0, 0).uniform(true) - causal).abs() < 1e-15);
        assert!((rows(&[4, 4], 1, 1).uniform(false) - 0.25).abs() < 1e-15);
    }

    #[test]
    fn a_row_is_cut_before_the_special_tokens_at_its_end() {
        assert_eq!(shortened(vec![1, 2, 3, 4, 9], 3, 1), [1, 2, 9]);
        assert_eq!(shortened(vec![1, 2, 3], 2, 0), [1, 2]);
        assert_eq!(shortened(vec![1, 2, 9], 3, 1), [1, 2, 9]);
    }
}
