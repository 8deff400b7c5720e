//! One forward pass as tensors that know how they came about: what an optimisation differentiates.

use candle_core::Tensor;

use super::pass::Pass;
use super::{Model, ModelError, Patch, Tap};

/// What a forward pass gives.
pub struct Forward {
    /// What the taps read at every token, `(Σ lengths, f or d)`, in their order.
    pub taps: Vec<Tensor>,
    /// The residual stream behind the last block, `(Σ lengths, d)`.
    pub stream: Tensor,
}

impl Model {
    /// Runs rows in one batch and keeps what is needed to differentiate.
    ///
    /// Weights are frozen. A gradient reaches the vector of a [`Patch::Add`] where that is a variable, and nothing below
    /// the first such patch is kept.
    ///
    /// # Errors
    /// As [`Self::capture`].
    pub fn forward(&self, rows: &[Vec<u32>], taps: &[Tap], patches: &[Patch]) -> Result<Forward, ModelError> {
        self.check_rows(rows)?;
        self.check_taps(taps)?;
        self.check_patches(rows, patches)?;
        let rows: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();
        let outcome = self.stack.forward(Pass { rows: &rows, taps, patches, ..Pass::default() }, None)?;
        let ended = || candle_core::Error::msg("the pass ended before the last block");
        Ok(Forward { taps: outcome.found, stream: outcome.stream.ok_or_else(ended)? })
    }

    /// Logits, `(tokens, vocabulary)`, from the residual stream behind the last block, `(tokens, d)`; differentiable.
    ///
    /// # Errors
    /// Where the architecture is an encoder.
    pub fn logits(&self, stream: &Tensor) -> Result<Tensor, ModelError> {
        self.stack.logits(stream)
    }
}

#[cfg(test)]
mod tests;
