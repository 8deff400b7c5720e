//! What to read out of a forward pass, and what to change in it.

use candle_core::Tensor;

/// A place inside a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Site {
    /// Input of the MLP's down-projection: the key, length f.
    Key,
    /// Output of the down-projection, bias included: the value, length d.
    Value,
    /// Output of attention, before it joins the residual stream, length d.
    Attention,
    /// Output of the whole block: the residual stream behind it, length d.
    Block,
}

/// One thing to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tap {
    /// Block, from 0.
    pub layer: usize,
    /// Where in it.
    pub site: Site,
}

/// Which tokens are read.
#[derive(Clone, Copy, Debug)]
pub enum At<'a> {
    /// Every token of every row, rows in order: Σ lengths rows come out.
    EveryToken,
    /// One position a row: as many rows come out as go in. Tokens behind it are not run where the model is causal.
    One(&'a [usize]),
}

/// One change to a forward pass.
#[derive(Clone, Debug)]
pub enum Patch {
    /// Adds a vector of length d to what a site gives out, at one position of each row. The vector may be a
    /// variable: gradients reach it.
    Add {
        /// Where: a [`Site`] of length d.
        tap: Tap,
        /// A position for each row; `None` leaves the row as it is.
        positions: Vec<Option<usize>>,
        /// Shape (d).
        vector: Tensor,
    },
    /// Adds noise to the token embedding of some positions, before the first block: row, position, vector of length d.
    Embedding {
        /// Row, position and what is added there.
        noise: Vec<(usize, usize, Vec<f32>)>,
    },
    /// Uses the learned position embedding of `by` where that of `position` belongs.
    PositionEmbedding {
        /// The position whose embedding is replaced.
        position: usize,
        /// The position whose embedding is used.
        by: usize,
    },
    /// Puts a state back: row, position, and the state of length d that the site had in another run.
    Restore {
        /// Where: a [`Site`] of length d.
        tap: Tap,
        /// Row, position and state.
        states: Vec<(usize, usize, Vec<f32>)>,
    },
}
