//! What a trace gives: plain values, each with its formula and its degenerate cases.

use crate::reader::RefusedCase;
use std::ops::Range;

use ndarray::Array2;

use super::{NoiseFacts, TracePlan};
use crate::model::Site;

/// What is put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One hidden state: what a block gives out.
    Hidden,
    /// What the MLPs of a window of layers give out.
    Mlp,
    /// What attention gives out in a window of layers.
    Attention,
}

impl Kind {
    /// All, in the order of the paper's figures.
    pub const ALL: [Self; 3] = [Self::Hidden, Self::Mlp, Self::Attention];

    /// As records and `--kind` name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::Mlp => "mlp",
            Self::Attention => "attention",
        }
    }

    /// Where in a block it is.
    pub const fn site(self) -> Site {
        match self {
            Self::Hidden => Site::Block,
            Self::Mlp => Site::Value,
            Self::Attention => Site::Attention,
        }
    }
}

/// Where putting states back helps most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Best {
    /// Layer, from 0; of a window the layer that it stands around.
    pub layer: usize,
    /// Position in the prompt, from 0.
    pub position: usize,
    /// The indirect effect there.
    pub effect: f64,
}

/// One kind of states, put back at every position and layer.
#[derive(Clone, Debug, PartialEq)]
pub struct KindTrace {
    /// What is put back.
    pub kind: Kind,
    /// Probability of the answer, the mean over the noise, `(positions, layers)`.
    pub restored: Array2<f64>,
    /// Indirect effect: `restored − corrupted`. NaN where either is.
    pub effect: Array2<f64>,
}

impl KindTrace {
    /// From the probabilities of the answer, and that of the noised run.
    pub fn new(kind: Kind, restored: Array2<f64>, corrupted: f64) -> Self {
        let effect = restored.mapv(|restored| restored - corrupted);
        Self { kind, restored, effect }
    }

    /// The largest effect at those positions, the first of equals; none where all are NaN.
    pub fn best(&self, positions: &Range<usize>) -> Option<Best> {
        let mut best: Option<Best> = None;
        for ((position, layer), &effect) in self.effect.indexed_iter() {
            let is_larger = best.is_none_or(|best| effect > best.effect);
            if positions.contains(&position) && !effect.is_nan() && is_larger {
                best = Some(Best { layer, position, effect });
            }
        }
        best
    }

    /// Probabilities that are NaN.
    pub fn nonfinite(&self) -> usize {
        self.restored.iter().filter(|p| !p.is_finite()).count()
    }
}

/// A token of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenAt {
    /// Its number.
    pub id: u32,
    /// What it stands for by itself.
    pub text: String,
}

/// One case, traced.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseTrace {
    /// As the dataset has it.
    pub case_id: String,
    /// The prompt as written.
    pub prompt: String,
    /// The subject.
    pub subject: String,
    /// The prompt's tokens, special ones included.
    pub tokens: Vec<TokenAt>,
    /// Positions of the subject.
    pub subject_range: Range<usize>,
    /// The token whose probability is read.
    pub answer: TokenAt,
    /// Whether that is the first token of the case's `target_true`; none where it has none.
    pub answer_is_true: Option<bool>,
    /// Probability of the answer without noise.
    pub clean: f64,
    /// The same with noise on the subject, the mean over its draws.
    pub corrupted: f64,
    /// One for each kind that was asked for.
    pub kinds: Vec<KindTrace>,
}

impl CaseTrace {
    /// Total effect: `clean − corrupted`.
    pub fn total_effect(&self) -> f64 {
        self.clean - self.corrupted
    }

    /// Probabilities that are NaN: they come from weights that are not finite, or that overflow.
    pub fn nonfinite(&self) -> usize {
        let own = [self.clean, self.corrupted].iter().filter(|p| !p.is_finite()).count();
        own + self.kinds.iter().map(KindTrace::nonfinite).sum::<usize>()
    }
}

/// The cases of one run in their order, and those that were refused.
#[derive(Clone, Debug)]
pub struct Traces {
    /// How they were traced.
    pub plan: TracePlan,
    /// Number of layers.
    pub layers: usize,
    /// The noise.
    pub noise: NoiseFacts,
    /// Traced.
    pub cases: Vec<CaseTrace>,
    /// Refused.
    pub refused: Vec<RefusedCase>,
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_best_is_the_largest_effect_and_never_a_nan() {
        let restored = array![[0.1, f64::NAN, 0.3], [0.3, 0.2, 0.1]];
        let trace = KindTrace::new(Kind::Mlp, restored, 0.1);
        let best = |positions| trace.best(&positions).map(|best| (best.position, best.layer));
        assert_eq!((best(0..2), best(1..2), best(2..3)), (Some((0, 2)), Some((1, 0)), None));
        assert_eq!(trace.nonfinite(), 1);
        assert_eq!(KindTrace::new(Kind::Mlp, array![[f64::NAN]], 0.1).best(&(0..1)), None);
        assert_eq!(KindTrace::new(Kind::Mlp, array![[0.5]], f64::NAN).best(&(0..1)), None);
    }
}
