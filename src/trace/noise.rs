//! The noise that takes a subject away: how large it is, and its draws.

use std::f64::consts::TAU;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

use crate::model::{Model, ModelError};

/// Tokens whose embeddings are read at a time.
const PIECE: usize = 1024;

/// How large the noise is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoiseScale {
    /// σ itself.
    Absolute(f64),
    /// σ = this × the standard deviation of the embeddings of the subjects' tokens; 3 as published.
    Multiple(f64),
}

/// The noise of a run, and what it rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoiseFacts {
    /// Standard deviation of what is added to each number of an embedding.
    pub sigma: f64,
    /// The factor, where σ is a multiple.
    pub factor: Option<f64>,
    /// Standard deviation of all numbers of the embeddings of the subjects' tokens, where σ is a multiple of it.
    pub standard_deviation: Option<f64>,
    /// Tokens of all subjects that it was taken over.
    pub subject_tokens: usize,
}

impl NoiseFacts {
    /// The noise for some subjects.
    ///
    /// ```text
    /// σ = factor · √( Σ (xᵢ − x̄)² / (n − 1) )     over the n = tokens · d numbers of the embeddings
    /// ```
    ///
    /// Each subject is tokenised by itself, without special tokens; a token counts as often as it occurs (kmeng01/rome,
    /// `collect_embedding_std`). Two passes in f64. Fewer than two numbers have a deviation of 0.
    ///
    /// # Errors
    /// Where the model has no tokenizer or its embedding cannot be read.
    pub fn of(scale: NoiseScale, model: &Model, subjects: &[&str]) -> Result<Self, ModelError> {
        let factor = match scale {
            NoiseScale::Absolute(sigma) => {
                return Ok(Self { sigma, factor: None, standard_deviation: None, subject_tokens: 0 });
            }
            NoiseScale::Multiple(factor) => factor,
        };
        let tokenizer = model.tokenizer()?;
        let mut tokens = Vec::new();
        for subject in subjects {
            tokens.extend(tokenizer.encode(subject)?);
        }
        let deviation = standard_deviation(model, &tokens)?;
        Ok(Self {
            sigma: factor * deviation,
            factor: Some(factor),
            standard_deviation: Some(deviation),
            subject_tokens: tokens.len(),
        })
    }
}

fn standard_deviation(model: &Model, tokens: &[u32]) -> Result<f64, ModelError> {
    let count = tokens.len() * model.config().hidden_size;
    if count < 2 {
        return Ok(0.0);
    }
    let sum_of = |of: &dyn Fn(f64) -> f64| {
        let pieces = tokens.chunks(PIECE).map(|tokens| {
            let found = model.token_embeddings(tokens)?;
            Ok::<f64, ModelError>(found.iter().map(|&x| of(f64::from(x))).sum::<f64>())
        });
        pieces.sum::<Result<f64, _>>()
    };
    let mean = sum_of(&|x| x)? / count as f64;
    let squares = sum_of(&|x| (x - mean).powi(2))?;
    Ok((squares / (count - 1) as f64).sqrt())
}

/// Draws noise: for each sample, for each of `tokens` positions, a vector of length `width`, in this order from one stream.
///
/// Every number is σ·√(−2 ln u)·cos(2πu′) with u in (0, 1] and u′ in [0, 1): normal, mean 0 (Box and Muller 1958).
pub fn draw_noise(samples: usize, tokens: usize, width: usize, sigma: f64, seed: u64) -> Vec<Vec<Vec<f32>>> {
    let mut stream = Xoshiro256PlusPlus::seed_from_u64(seed);
    // The 53 high bits as a number in [0, 1).
    let mut unit = move || (stream.next_u64() >> 11) as f64 * f64::EPSILON / 2.0;
    let mut normal = move || (-2.0 * (1.0 - unit()).ln()).sqrt() * (TAU * unit()).cos();
    #[expect(clippy::cast_possible_truncation, reason = "embeddings are f32")]
    let mut vector = || (0..width).map(|_| (sigma * normal()) as f32).collect();
    (0..samples).map(|_| (0..tokens).map(|_| vector()).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_normal_and_those_of_a_seed_are_the_same() {
        let drawn = draw_noise(10, 4, 500, 2.0, 7);
        assert_eq!(drawn, draw_noise(10, 4, 500, 2.0, 7));
        assert_ne!(drawn, draw_noise(10, 4, 500, 2.0, 8));
        let all: Vec<f64> = drawn.iter().flatten().flatten().map(|&x| f64::from(x) / 2.0).collect();
        let moment = |power| all.iter().map(|x| x.powi(power)).sum::<f64>() / all.len() as f64;
        // Of 20,000 draws: moments 0, 1, 0, 3 with standard errors 0.007, 0.01, 0.027, 0.07.
        assert!(moment(1).abs() < 0.03 && (moment(2) - 1.0).abs() < 0.04, "{} {}", moment(1), moment(2));
        assert!(moment(3).abs() < 0.1 && (moment(4) - 3.0).abs() < 0.3, "{} {}", moment(3), moment(4));
    }

    #[test]
    fn more_samples_begin_with_those_of_fewer() {
        assert!(draw_noise(3, 2, 5, 1.0, 1).starts_with(&draw_noise(2, 2, 5, 1.0, 1)));
    }
}
