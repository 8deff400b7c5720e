//! Rows whose beginning is settled: only what stands above a block, and from a position on, is run again and again.
//!
//! A method that optimises a vector at one position of a row runs the same rows twenty times. Nothing before that position
//! and nothing below that block can change, as tokens look back only: it is run once, and its keys and values are kept.

use candle_core::{Device, Tensor};

use super::cache::Cache;
use super::pass::{Pass, Run, Through, place};
use super::{Model, ModelError, Site, Tap};

/// Rows that were run up to a block, and below a position of each.
pub struct Tail<'a> {
    model: &'a Model,
    layer: usize,
    /// Tokens of each row from its position on.
    rows: Vec<Vec<u32>>,
    /// Position of the first of them.
    from: Vec<usize>,
    /// Where each row begins among the packed tokens.
    starts: Vec<usize>,
    cache: Cache,
    states: Tensor,
}

impl Model {
    /// Runs rows through block `layer`, and all blocks above it before position `from` of each row.
    ///
    /// Memory: f32, `2 · layers · d` for each token before those positions, `d` for each from there on.
    ///
    /// # Errors
    /// As [`Self::capture`]; where the architecture is an encoder.
    pub fn tail(&self, rows: &[Vec<u32>], from: &[usize], layer: usize) -> Result<Tail<'_>, ModelError> {
        self.check_rows(rows)?;
        self.check_layer(layer)?;
        if !self.config().causal {
            return Err(ModelError::NoHead { path: self.path().to_owned() });
        }
        if rows.len() != from.len() {
            let (found, needed) = (from.len(), rows.len());
            return Err(ModelError::Mismatch { what: "positions, one a row", found, needed });
        }
        let (mut before, mut behind) = (Vec::new(), Vec::new());
        for (row, from) in rows.iter().zip(from) {
            let outside =
                ModelError::Mismatch { what: "a position of a row", found: *from, needed: row.len() - 1 };
            let (settled, open) =
                row.split_at_checked(*from).filter(|(_, open)| !open.is_empty()).ok_or(outside)?;
            before.push(settled);
            behind.push(open);
        }
        let layers = self.config().layers;
        let mut cache = Cache::empty(layers, rows.len());
        if before.iter().any(|row| !row.is_empty()) {
            let pass = Pass { rows: &before, through: Through::Keys(layers - 1), ..Pass::default() };
            self.stack.forward(pass, Some(&mut cache))?;
        }
        let taps = [Tap { layer, site: Site::Block }];
        let pass = Pass { rows: &behind, taps: &taps, through: Through::Read, ..Pass::default() };
        let found = self.stack.forward(pass, Some(&mut cache))?.found.pop();
        let states = found.ok_or_else(|| candle_core::Error::msg("the pass ended before its tap"))?;
        let mut starts = vec![0];
        for row in &behind {
            starts.push(starts.last().copied().unwrap_or(0) + row.len());
        }
        let rows = behind.into_iter().map(<[u32]>::to_vec).collect();
        Ok(Tail { model: self, layer, rows, from: from.to_vec(), starts, cache, states })
    }
}

impl Tail<'_> {
    /// The packed place of a row's position, counted in the whole row; none where it is settled or not there.
    pub fn place(&self, row: usize, position: usize) -> Option<usize> {
        let at = position.checked_sub(*self.from.get(row)?)?;
        (at < self.rows.get(row)?.len()).then_some(self.starts.get(row)? + at)
    }

    /// The states behind the block, `(tokens, d)`: of each row's tokens from its position on, one row after the other.
    pub fn states(&self) -> &Tensor {
        &self.states
    }

    /// Runs the blocks above, up to and with `through`, with `added`, `(tokens, d)`, on top of the states; gives the
    /// states behind the last of them at the packed places `read`, `(read, d)`.
    ///
    /// Gradients reach `added`. Behind the last block [`Model::logits`] goes on.
    ///
    /// # Errors
    /// Where shapes do not fit, a place is outside, or the model has no block `through` above the tail's.
    pub fn run(&mut self, added: &Tensor, read: &[usize], through: usize) -> Result<Tensor, ModelError> {
        self.model.check_layer(through)?;
        let tokens = self.starts.last().copied().unwrap_or(0);
        if let Some(found) = read.iter().copied().find(|place| *place >= tokens) {
            return Err(ModelError::Mismatch { what: "a packed place", found, needed: tokens });
        }
        let places: Vec<i64> = read.iter().copied().map(place).collect();
        let places = Tensor::new(places, &Device::Cpu)?;
        let x = (&self.states + added)?;
        if through <= self.layer {
            return Ok(x.index_select(&places, 0)?);
        }
        let rows: Vec<&[u32]> = self.rows.iter().map(Vec::as_slice).collect();
        let taps = [Tap { layer: through, site: Site::Block }];
        let pass = Pass { rows: &rows, taps: &taps, through: Through::Read, ..Pass::default() };
        let stack = &self.model.stack;
        let mut run = Run::new(pass, &stack.blueprint, Some(&mut self.cache), stack.weights.dtype())?;
        run.read_at(places);
        let found = stack.climb(run, self.layer + 1, x)?.found.pop();
        Ok(found.ok_or_else(|| candle_core::Error::msg("the pass ended before its tap"))?)
    }
}

#[cfg(test)]
mod tests;
