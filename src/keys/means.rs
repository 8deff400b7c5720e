//! The two keys of a case: kᵘ of the bare prompt, k̄ over the context templates.
//!
//! ```text
//! ROME    one group of templates, the bare `{}` among them     kᵘ has weight 1/N in k̄ (1/21 as published)
//! MEMIT   a mean in each group, then over the groups            kᵘ has weight 1/2: it is a group of its own
//! ```
//!
//! [`MeanOver::Prefixed`] takes the bare template out of the mean. Source: `compute_u.py` and `repr_tools.py` of kmeng01/rome
//! at 0874014, `compute_ks.py` of kmeng01/memit at 80426fd.

use ndarray::{ArrayView1, ArrayView2, Axis};

use crate::reader::{BARE, ContextTemplates};

/// Which templates k̄ is a mean of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MeanOver {
    /// All of them, the bare one included, as published.
    #[default]
    Every,
    /// Those with a prefix alone.
    Prefixed,
}

/// Why there is no k̄ to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MeansError {
    /// A mean over prefixed templates where there is none.
    #[error("no template has a prefix, so there is no prefixed key to take a mean over")]
    NoPrefixed,
}

/// The templates that are captured, the bare one first, and the weight of each in k̄.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedTemplates {
    templates: Vec<String>,
    weights: Vec<f64>,
    over: MeanOver,
}

impl WeightedTemplates {
    /// Templates as a list has them. A list without `{}` gets it in front, with weight 0: kᵘ is always captured.
    ///
    /// # Errors
    /// [`MeansError::NoPrefixed`], where the prefixed templates are wanted and there is none.
    pub fn new(contexts: &ContextTemplates, over: MeanOver) -> Result<Self, MeansError> {
        let (mut templates, mut weights) = (vec![BARE.to_owned()], vec![0.0]);
        let groups: Vec<Vec<&str>> = contexts
            .groups()
            .iter()
            .map(|group| {
                let kept = |template: &&str| over == MeanOver::Every || *template != BARE;
                group.iter().map(String::as_str).filter(kept).collect()
            })
            .filter(|group: &Vec<&str>| !group.is_empty())
            .collect();
        if groups.is_empty() {
            return Err(MeansError::NoPrefixed);
        }
        for group in &groups {
            let weight = 1.0 / (groups.len() * group.len()) as f64;
            for &template in group {
                if let Some(bare) = weights.first_mut().filter(|_| template == BARE) {
                    *bare += weight;
                } else {
                    templates.push(template.to_owned());
                    weights.push(weight);
                }
            }
        }
        Ok(Self { templates, weights, over })
    }

    /// The templates, the bare one first.
    pub fn templates(&self) -> &[String] {
        &self.templates
    }

    /// How many have a prefix.
    pub fn prefixed(&self) -> usize {
        self.templates.len() - 1
    }

    /// Which of them k̄ is a mean of.
    pub fn over(&self) -> MeanOver {
        self.over
    }
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
    /// From captured rows, one a template.
    ///
    /// Shapes: `keys` is `(N, f)`, `values` is `(N, d)`, N the number of templates; rows beyond are passed over. Sums run
    /// in f64 in the order of the rows.
    pub fn of(
        keys: ArrayView2<'_, f32>,
        values: Option<ArrayView2<'_, f32>>,
        templates: &WeightedTemplates,
    ) -> Self {
        let rows: Vec<ArrayView1<'_, f32>> = keys.axis_iter(Axis(0)).collect();
        let (bare, prefixed) = rows.split_first().map_or((None, &[][..]), |(bare, rest)| (Some(bare), rest));
        let norms: Vec<f64> =
            values.iter().flat_map(|values| values.axis_iter(Axis(0))).map(norm_of).collect();
        let (value_norm, value_norm_ratio) = match norms.split_first() {
            Some((&bare, [])) => (Some(bare), None),
            Some((&bare, others)) => {
                (Some(bare), Some(bare / (others.iter().sum::<f64>() / others.len() as f64)))
            }
            None => (None, None),
        };
        Self {
            unprefixed: bare.iter().flat_map(|row| row.iter()).copied().map(f64::from).collect(),
            mean: weighted(&rows, &templates.weights),
            spread: (!prefixed.is_empty()).then(|| spread_of(prefixed)),
            value_norm,
            value_norm_ratio,
        }
    }

    /// Whether every component of both keys is a finite number.
    pub fn is_finite(&self) -> bool {
        self.unprefixed.iter().chain(&self.mean).all(|component| component.is_finite())
    }
}

/// Σ w k; a row of weight 0 is left out, whatever it holds.
fn weighted(rows: &[ArrayView1<'_, f32>], weights: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0; rows.first().map_or(0, ArrayView1::len)];
    for (row, &weight) in rows.iter().zip(weights).filter(|(_, weight)| **weight > 0.0) {
        for (sum, &component) in sums.iter_mut().zip(row) {
            *sum += weight * f64::from(component);
        }
    }
    sums
}

fn spread_of(rows: &[ArrayView1<'_, f32>]) -> f64 {
    let mean = weighted(rows, &vec![1.0 / rows.len() as f64; rows.len()]);
    let squares = rows.iter().flat_map(|row| row.iter().zip(&mean)).map(|(&x, m)| (f64::from(x) - m).powi(2));
    (squares.sum::<f64>() / rows.len() as f64).sqrt()
}

fn norm_of(row: ArrayView1<'_, f32>) -> f64 {
    row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]
mod tests {
    use ndarray::array;

    use super::*;

    fn templates(groups: &[&[&str]], over: MeanOver) -> Result<WeightedTemplates, MeansError> {
        let groups = groups.iter().map(|group| group.iter().map(|&t| t.to_owned()).collect()).collect();
        WeightedTemplates::new(&ContextTemplates::new(groups).unwrap(), over)
    }

    #[test]
    fn the_bare_template_counts_unless_it_is_left_out() {
        let keys = array![[9.0_f32, 0.0], [3.0, 2.0], [3.0, 4.0]];
        let values = array![[3.0_f32, 4.0], [0.0, 1.0], [3.0, 0.0]];
        let over = |over| {
            let templates = templates(&[&["{}", "a {}", "b {}"]], over).unwrap();
            KeyMeans::of(keys.view(), Some(values.view()), &templates)
        };
        let every = over(MeanOver::Every);
        assert_eq!(every.unprefixed, [9.0, 0.0]);
        assert!((every.mean[0] - 5.0).abs() < 1e-15 && (every.mean[1] - 2.0).abs() < 1e-15);
        // The prefixed keys lie 1 from their mean (3, 3); values have lengths 5, 1 and 3.
        assert_eq!(
            (every.spread, every.value_norm, every.value_norm_ratio),
            (Some(1.0), Some(5.0), Some(2.5))
        );
        assert_eq!(over(MeanOver::Prefixed).mean, [3.0, 3.0]);
    }

    #[test]
    fn the_mean_of_groups_gives_the_bare_template_half_the_weight() {
        let memit = templates(&[&["{}"], &["a {}", "b {}"]], MeanOver::Every).unwrap();
        assert_eq!((memit.templates.len(), memit.weights), (3, vec![0.5, 0.25, 0.25]));
        let prefixed = templates(&[&["{}"], &["a {}", "b {}"]], MeanOver::Prefixed).unwrap();
        assert_eq!(prefixed.weights, [0.0, 0.5, 0.5]);
    }

    #[test]
    fn a_list_without_the_bare_template_gets_it_with_no_weight() {
        let without = templates(&[&["a {}", "b {}"]], MeanOver::Every).unwrap();
        assert_eq!((without.templates[0].as_str(), without.prefixed()), ("{}", 2));
        assert_eq!(without.weights, [0.0, 0.5, 0.5]);
    }

    #[test]
    fn one_template_alone_has_no_spread_and_no_prefixed_mean() {
        let bare = array![[1.0_f32, 2.0]];
        let means =
            KeyMeans::of(bare.view(), Some(bare.view()), &templates(&[&["{}"]], MeanOver::Every).unwrap());
        assert_eq!(means.mean, means.unprefixed);
        assert_eq!((means.spread, means.value_norm_ratio), (None, None));
        assert_eq!(templates(&[&["{}"]], MeanOver::Prefixed), Err(MeansError::NoPrefixed));
    }
}
