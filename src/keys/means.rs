//! The two keys of a case: kᵘ of the bare prompt, k̄ over the context templates.
//!
//! Published code averages over all templates, and the bare `{}` is the first of them: k̄ holds kᵘ with weight 1/N
//! (1/21 in the published lists). [`MeanOver::Prefixed`] leaves it out. Source: `compute_u.py` and `repr_tools.py` of
//! kmeng01/rome at 0874014.

use ndarray::{ArrayView1, ArrayView2, Axis};

/// Which templates k̄ is a mean of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MeanOver {
    /// All of them, the bare one included, as published.
    #[default]
    Every,
    /// Those with a prefix alone.
    Prefixed,
}

/// Why a case has no two keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MeansError {
    /// Not even the bare template.
    #[error("there is no key: not even the bare prompt was captured")]
    NoKey,
    /// A mean over prefixed templates where there is none.
    #[error("there is no prefixed template to take a mean over")]
    NoPrefixed,
}

/// The keys of one case, and what its values are like.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyMeans {
    /// kᵘ, length f.
    pub unprefixed: Vec<f64>,
    /// k̄, length f.
    pub mean: Vec<f64>,
    /// √ of the mean of ‖kⱼ − m‖² over the prefixed keys, m their own mean; none without a prefixed key.
    pub spread: Option<f64>,
    /// ‖W kᵘ + b‖; none where values were not captured.
    pub value_norm: Option<f64>,
    /// `value_norm` over the mean of the prefixed templates' value norms.
    pub value_norm_ratio: Option<f64>,
}

impl KeyMeans {
    /// From captured rows, the bare template's first.
    ///
    /// Shapes: `keys` is `(N, f)`, `values` is `(N, d)`. Sums run in f64 in the order of the rows.
    ///
    /// # Errors
    /// [`MeansError`], where N is 0, or 1 and the bare template is to be left out.
    pub fn of(
        keys: ArrayView2<'_, f32>,
        values: Option<ArrayView2<'_, f32>>,
        over: MeanOver,
    ) -> Result<Self, MeansError> {
        let mut rows = keys.axis_iter(Axis(0));
        let unprefixed: Vec<f64> =
            rows.next().ok_or(MeansError::NoKey)?.iter().copied().map(f64::from).collect();
        let prefixed: Vec<ArrayView1<'_, f32>> = rows.collect();
        let all: Vec<_> = keys.axis_iter(Axis(0)).collect();
        let mean = match over {
            MeanOver::Every => mean_of(&all),
            MeanOver::Prefixed => mean_of(&prefixed),
        };
        let norms: Vec<f64> =
            values.iter().flat_map(|values| values.axis_iter(Axis(0))).map(norm_of).collect();
        let (value_norm, value_norm_ratio) = match norms.split_first() {
            Some((&bare, [])) => (Some(bare), None),
            Some((&bare, others)) => {
                (Some(bare), Some(bare / (others.iter().sum::<f64>() / others.len() as f64)))
            }
            None => (None, None),
        };
        Ok(Self {
            unprefixed,
            mean: mean.ok_or(MeansError::NoPrefixed)?,
            spread: spread_of(&prefixed),
            value_norm,
            value_norm_ratio,
        })
    }

    /// Whether every component of both keys is a finite number.
    pub fn is_finite(&self) -> bool {
        self.unprefixed.iter().chain(&self.mean).all(|component| component.is_finite())
    }
}

/// Component by component; none of no rows.
fn mean_of(rows: &[ArrayView1<'_, f32>]) -> Option<Vec<f64>> {
    let mut sums = vec![0.0; rows.first()?.len()];
    for row in rows {
        for (sum, &component) in sums.iter_mut().zip(row) {
            *sum += f64::from(component);
        }
    }
    Some(sums.into_iter().map(|sum| sum / rows.len() as f64).collect())
}

fn spread_of(rows: &[ArrayView1<'_, f32>]) -> Option<f64> {
    let mean = mean_of(rows)?;
    let squares = rows.iter().flat_map(|row| row.iter().zip(&mean)).map(|(&x, m)| (f64::from(x) - m).powi(2));
    Some((squares.sum::<f64>() / rows.len() as f64).sqrt())
}

fn norm_of(row: ArrayView1<'_, f32>) -> f64 {
    row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn the_bare_template_counts_unless_it_is_left_out() {
        let keys = array![[9.0_f32, 0.0], [3.0, 2.0], [3.0, 4.0]];
        let values = array![[3.0_f32, 4.0], [0.0, 1.0], [3.0, 0.0]];
        let every = KeyMeans::of(keys.view(), Some(values.view()), MeanOver::Every).unwrap();
        assert_eq!(every.unprefixed, [9.0, 0.0]);
        assert_eq!(every.mean, [5.0, 2.0]);
        // The prefixed keys lie 1 from their mean (3, 3); values have lengths 5, 1 and 3.
        assert_eq!(
            (every.spread, every.value_norm, every.value_norm_ratio),
            (Some(1.0), Some(5.0), Some(2.5))
        );
        let prefixed = KeyMeans::of(keys.view(), None, MeanOver::Prefixed).unwrap();
        assert_eq!((prefixed.mean.as_slice(), prefixed.value_norm), (&[3.0, 3.0][..], None));
    }

    #[test]
    fn one_template_alone_has_no_spread_and_no_prefixed_mean() {
        let bare = array![[1.0_f32, 2.0]];
        let means = KeyMeans::of(bare.view(), Some(bare.view()), MeanOver::Every).unwrap();
        assert_eq!(means.mean, means.unprefixed);
        assert_eq!((means.spread, means.value_norm_ratio), (None, None));
        assert_eq!(KeyMeans::of(bare.view(), None, MeanOver::Prefixed), Err(MeansError::NoPrefixed));
        assert_eq!(KeyMeans::of(Array2::zeros((0, 2)).view(), None, MeanOver::Every), Err(MeansError::NoKey));
    }
}
