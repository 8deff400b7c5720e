//! One prompt: what the model says without noise, with it, and with states put back.

use std::ops::Range;

use ndarray::Array2;

use super::{Kind, KindTrace};
use crate::model::{At, Draw, Model, ModelError, Noised, PutBack, Tap};

/// Bytes of noised runs that are kept at a time: 1 GiB, or one draw.
const KEPT_BYTES: usize = 1 << 30;

/// What is traced.
#[derive(Clone, Copy, Debug)]
pub struct TracePrompt<'a> {
    /// Tokens of the prompt.
    pub tokens: &'a [u32],
    /// Positions that get noise.
    pub subject: &'a Range<usize>,
    /// The token whose probability is read behind the prompt.
    pub answer: u32,
    /// What is put back.
    pub kinds: &'a [Kind],
    /// Layers of a window of MLP or attention outputs.
    pub window: usize,
}

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub struct PromptTrace {
    /// Probability of the answer without noise.
    pub clean: f64,
    /// The same with noise, the mean over its draws.
    pub corrupted: f64,
    /// One for each kind.
    pub kinds: Vec<KindTrace>,
}

/// The layers of the window around `layer`, as published: `ℓ − ⌊w/2⌋ … ℓ + ⌈w/2⌉ − 1`, cut at the ends of the model.
pub fn window_of(layer: usize, window: usize, layers: usize) -> Range<usize> {
    layer.saturating_sub(window / 2)..layers.min(layer + window.div_ceil(2))
}

/// Traces a prompt.
///
/// ```text
/// p(ℓ, t) = mean over draws of  p(answer | noise on the subject, clean states at position t and layer ℓ)
/// ```
///
/// `noise` holds, for each draw, a vector of length d for each position of the subject; it is added to the embeddings.
/// A kind other than [`Kind::Hidden`] puts back the outputs of a whole window, [`window_of`]. A state before the subject,
/// or one above which only other positions are looked at, changes nothing and is not run: its p is the noised one.
///
/// Probabilities are exp(−NLL) with the sum of the softmax in f64, as [`Model::token_nll`] has it. NaN is carried; without
/// a draw all but the clean probability is NaN.
///
/// # Errors
/// Where the prompt or the noise does not fit the model, or the model is an encoder.
pub fn trace_prompt(
    model: &Model,
    prompt: &TracePrompt<'_>,
    noise: &[Vec<Vec<f32>>],
) -> Result<PromptTrace, ModelError> {
    let TracePrompt { tokens, subject, answer, kinds, .. } = *prompt;
    for (what, found, needed) in [
        ("the end of the subject", subject.end, tokens.len()),
        ("a window of layers", usize::from(prompt.window > 0), 1),
    ] {
        if found > needed || (found < needed && needed == 1) {
            return Err(ModelError::Mismatch { what, found, needed });
        }
    }
    let clean =
        model.noised(tokens, &[Vec::new()])?.nll(answer)?.first().map_or(f64::NAN, |nll| (-nll).exp());
    let states =
        kinds.iter().map(|kind| clean_states(model, tokens, *kind)).collect::<Result<Vec<_>, _>>()?;
    let extent = (tokens.len(), model.config().layers);
    let mut restored = vec![Array2::<f64>::zeros(extent); kinds.len()];
    let mut corrupted = 0.0;
    for draws in noise.chunks((KEPT_BYTES / model.noised_bytes(tokens.len()).max(1)).max(1)) {
        let noised = model.noised(tokens, &placed(draws, subject)?)?;
        let own: f64 = noised.nll(answer)?.iter().map(|nll| (-nll).exp()).sum();
        corrupted += own;
        for ((kind, states), sums) in kinds.iter().zip(&states).zip(&mut restored) {
            *sums += &sums_of(&noised, prompt, *kind, states, own, extent)?;
        }
    }
    let draws = noise.len() as f64;
    let corrupted = corrupted / draws;
    let kinds = kinds.iter().zip(restored);
    let kinds = kinds.map(|(kind, sums)| KindTrace::new(*kind, sums / draws, corrupted)).collect();
    Ok(PromptTrace { clean, corrupted, kinds })
}

/// What a site gives out in the clean run: `(tokens, d)` for each layer.
fn clean_states(model: &Model, tokens: &[u32], kind: Kind) -> Result<Vec<Array2<f32>>, ModelError> {
    let taps: Vec<Tap> = (0..model.config().layers).map(|layer| Tap { layer, site: kind.site() }).collect();
    model.capture(&[tokens.to_vec()], At::EveryToken, &taps, &[])
}

/// Noise with its positions.
fn placed(draws: &[Vec<Vec<f32>>], subject: &Range<usize>) -> Result<Vec<Draw>, ModelError> {
    let each = draws.iter().map(|draw| {
        let (found, needed) = (draw.len(), subject.len());
        if found != needed {
            return Err(ModelError::Mismatch {
                what: "vectors of noise, one a token of the subject",
                found,
                needed,
            });
        }
        Ok(subject.clone().zip(draw.iter().cloned()).collect())
    });
    each.collect()
}

/// Probability of the answer, summed over the draws of a noised run, for every position and layer.
fn sums_of(
    noised: &Noised<'_>,
    prompt: &TracePrompt<'_>,
    kind: Kind,
    states: &[Array2<f32>],
    corrupted: f64,
    extent: (usize, usize),
) -> Result<Array2<f64>, ModelError> {
    let (tokens, layers) = extent;
    let mut sums = Array2::from_elem(extent, corrupted);
    for layer in 0..layers {
        let put = match kind {
            Kind::Hidden => layer..layer + 1,
            Kind::Mlp | Kind::Attention => window_of(layer, prompt.window, layers),
        };
        // Above the last block's attention only the last token is looked at.
        let first = if put.start + 1 == layers { tokens - 1 } else { prompt.subject.start };
        let positions: Vec<usize> = (first..tokens).collect();
        let back = PutBack { site: kind.site(), states };
        let found = noised.nll_with(back, put, &positions, prompt.answer)?;
        for (position, draws) in positions.iter().zip(found.rows()) {
            if let Some(sum) = sums.get_mut((*position, layer)) {
                *sum = draws.iter().map(|nll| (-nll).exp()).sum();
            }
        }
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_stands_around_its_layer_and_ends_with_the_model() {
        assert_eq!(window_of(20, 10, 48), 15..25);
        assert_eq!(window_of(2, 10, 48), 0..7);
        assert_eq!(window_of(47, 10, 48), 42..48);
        assert_eq!([window_of(3, 1, 12), window_of(3, 3, 12)], [3..4, 2..5]);
    }
}
