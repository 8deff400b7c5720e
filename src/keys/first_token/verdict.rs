//! What the numbers come to, in one sentence.
//!
//! The bounds are those at which five small GPT-2 models with the anomaly and one without it fall apart: with it, AUROC
//! 1.000 and mutual cosine 0.999 at the layer whose denominators vanish; without it 1.000 and 0.71, and denominators of
//! first-token subjects stay within a factor of two of the others. They are a heuristic for anything larger.

use super::{Measurement, Separation};
use crate::model::Site;

/// AUROC from which first keys are always told apart.
const APART_AUROC: f64 = 0.99;
/// Mutual cosine from which first keys are one direction.
const APART_COSINE: f64 = 0.95;
/// AUROC from which first keys are often told apart.
const SEPARABLE_AUROC: f64 = 0.9;

/// How first keys stand to later ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nothing could be measured.
    Unknown,
    /// Like the keys of later tokens.
    Alike,
    /// Told apart, but each its own way.
    Separable,
    /// Told apart always, and all in one direction.
    Apart,
}

/// The sentence and what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The strongest standing of any layer.
    pub standing: Standing,
    /// Layers with that standing.
    pub layers: Vec<usize>,
    /// The sentence.
    pub sentence: String,
    /// What the bounds rest on.
    pub basis: &'static str,
}

impl Standing {
    /// The standing that some numbers speak for.
    ///
    /// ```text
    /// apart       AUROC of the Mahalanobis distance ≥ 0.99 and mutual cosine ≥ 0.95
    /// separable   AUROC ≥ 0.9
    /// alike       else
    /// ```
    pub fn of(found: &Separation) -> Self {
        let auroc = found.mahalanobis.auroc;
        match () {
            () if auroc >= APART_AUROC && found.mutual_cosine >= APART_COSINE => Self::Apart,
            () if auroc >= SEPARABLE_AUROC => Self::Separable,
            () => Self::Alike,
        }
    }
}

/// Judges the keys of the first token that is no special one, with positions as they are.
pub(super) fn verdict(measurements: &[Measurement]) -> Verdict {
    let judged = || {
        measurements
            .iter()
            .filter(|m| m.swap.is_none() && !m.special && matches!(m.site, None | Some(Site::Key)))
            .filter_map(|m| m.found.as_ref().ok().map(|found| (m, found)))
    };
    let position = judged().map(|(m, _)| m.position).min().unwrap_or(0);
    let first = || judged().filter(|(m, _)| m.position == position);
    let standing = first().map(|(_, found)| Standing::of(found)).max().unwrap_or(Standing::Unknown);
    let strongest: Vec<_> = first().filter(|(_, found)| Standing::of(found) == standing).collect();
    let layers: Vec<usize> = strongest.iter().filter_map(|(m, _)| m.layer).collect();
    let farthest = strongest
        .into_iter()
        .max_by(|(_, a), (_, b)| a.mahalanobis.first_mean.total_cmp(&b.mahalanobis.first_mean));
    let sentence = farthest
        .map_or_else(|| "nothing could be measured".to_owned(), |(m, found)| sentence(standing, m, found));
    let basis = "heuristic: six small GPT-2 models";
    Verdict { standing, layers, sentence, basis }
}

fn sentence(standing: Standing, at: &Measurement, found: &Separation) -> String {
    let place = match (at.layer, &at.array) {
        (Some(layer), _) => format!("layer {layer}"),
        (None, Some(array)) => format!("`{array}`"),
        (None, None) => "the dump".to_owned(),
    };
    let Separation { norm_ratio, mutual_cosine, mahalanobis, .. } = found;
    let numbers = format!(
        "{norm_ratio:.2} times as long as later ones, {:.0} from their mean where later ones are {:.0} (Mahalanobis), \
         AUROC {:.3}, mutual cosine {mutual_cosine:.2}",
        mahalanobis.first_mean, mahalanobis.later_mean, mahalanobis.auroc
    );
    match standing {
        Standing::Apart => format!(
            "the keys of first tokens stand apart, all in one direction (strongest in {place}: {numbers}): where such a \
             token is the subject of an edit, ROME is likely to divide by next to nothing; 'diagnose keys' tells by how \
             little"
        ),
        Standing::Separable => format!(
            "the keys of first tokens can be told from later ones, but each goes its own way (strongest in {place}: \
             {numbers})"
        ),
        _ => {
            format!("the keys of first tokens are like those of later ones (farthest in {place}: {numbers})")
        }
    }
}
