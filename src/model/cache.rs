//! Keys and values of tokens that were run before, for rows that go on from them.

use std::sync::Arc;

use candle_core::{CpuStorage, DType, Result, Tensor};

use super::ops::{Heads, Past, Real, read};

/// What each row has behind it, in every layer that it was run through.
#[derive(Clone, Default)]
pub(super) struct Cache {
    /// Keys and values of each row, layer by layer.
    pub(super) layers: Vec<Past>,
    /// Tokens of each row; where its keys and values are of more, the row sees the first of them.
    pub(super) tokens: Vec<usize>,
}

impl Cache {
    /// A cache of rows that have nothing behind them.
    pub(super) fn empty(layers: usize, rows: usize) -> Self {
        let nothing = || Arc::new(CpuStorage::F32(Vec::new()));
        let past: Past = std::iter::repeat_with(nothing).take(rows).collect();
        Self { layers: vec![past; layers], tokens: vec![0; rows] }
    }

    /// A cache whose rows go on from these rows of this one, which may stand there more than once.
    pub(super) fn branch(&self, rows: &[usize]) -> Self {
        let chosen = |past: &Past| rows.iter().filter_map(|row| past.get(*row).cloned()).collect();
        Self {
            layers: self.layers.iter().map(chosen).collect(),
            tokens: rows.iter().filter_map(|row| self.tokens.get(*row).copied()).collect(),
        }
    }

    /// The same, each row with so many of its tokens behind it. To be read from: a row cannot be extended from its middle.
    pub(super) fn branch_behind(&self, rows: &[usize], tokens: Vec<usize>) -> Self {
        Self { tokens, ..self.branch(rows) }
    }

    /// Keys and values of a layer that each row sees.
    pub(super) fn seen(&self, layer: usize, heads: Heads) -> Past {
        let Some(past) = self.layers.get(layer) else { return Past::new() };
        let rows = past.iter().zip(&self.tokens);
        rows.map(|(past, tokens)| first(past, tokens * heads.keys_and_values())).collect()
    }

    /// Adds the keys and values of a layer's further tokens, whose rows begin at `starts` in the packed tensor.
    pub(super) fn extend(
        &mut self,
        layer: usize,
        packed: &Tensor,
        heads: Heads,
        starts: &[usize],
    ) -> Result<()> {
        match packed.dtype() {
            DType::F64 => self.extend_in::<f64>(layer, packed, heads, starts),
            _ => self.extend_in::<f32>(layer, packed, heads, starts),
        }
    }

    fn extend_in<T: Real>(
        &mut self,
        layer: usize,
        packed: &Tensor,
        heads: Heads,
        starts: &[usize],
    ) -> Result<()> {
        let Some(past) = self.layers.get_mut(layer) else { return Ok(()) };
        read(packed, |packed: &[T]| {
            for (past, ends) in past.iter_mut().zip(starts.windows(2)) {
                let &[start, end] = ends else { continue };
                let own = packed.get(start * heads.packed()..end * heads.packed()).unwrap_or_default();
                let behind = own.chunks_exact(heads.packed());
                let behind = behind.filter_map(|token| token.get(heads.queries * heads.size..)).flatten();
                T::append(Arc::make_mut(past), behind.copied());
            }
        })
    }
}

/// The first `length` numbers; the same storage where it has no more.
fn first(past: &Arc<CpuStorage>, length: usize) -> Arc<CpuStorage> {
    match &**past {
        CpuStorage::F32(all) if all.len() > length => {
            Arc::new(CpuStorage::F32(all.iter().take(length).copied().collect()))
        }
        CpuStorage::F64(all) if all.len() > length => {
            Arc::new(CpuStorage::F64(all.iter().take(length).copied().collect()))
        }
        _ => past.clone(),
    }
}
