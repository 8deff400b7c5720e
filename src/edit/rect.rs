//! RECT: only the entries of an update that change their weight most, in relation to it, are kept.
//!
//! ```text
//! δ = |ΔW / W|            the ⌊(1 − k) n⌋ smallest of n are zeroed                    n − ⌊(1 − k) n⌋ remain
//! δ = |ΔW / (W + 10⁻⁸)|   kept at or above the ⌊(1 − k) n⌋-th smallest, ties too      one more remains
//! ```
//!
//! Source: Gu et al., Model Editing Harms General Abilities (2024), and its `rome_main.py`; `memit_rect_main.py` of
//! jianghoucheng/AlphaEdit, which adds 10⁻⁸ to the signed weight. They divide in f32, here it is f64.

use ndarray::ArrayView2;

use crate::tensor::Matrix;

/// What the second form adds to a weight.
const SHIFT: f64 = 1e-8;

/// RECT's mask in its published forms, with the share of entries that is kept, above 0 and at most 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RectKind {
    /// |ΔW / W|, the smallest entries zeroed by their number (Model-Editing-Hurt). Of equal ones, those that come first.
    Relative(f64),
    /// |ΔW / (W + 10⁻⁸)|, entries at or above the threshold kept (the code of `AlphaEdit` and ENCORE).
    Shifted(f64),
}

impl RectKind {
    /// k.
    pub fn share(self) -> f64 {
        match self {
            Self::Relative(share) | Self::Shifted(share) => share,
        }
    }

    /// |ΔW / W| as this form has it; infinite where the divisor is 0. A NaN stays one.
    fn ratio(self, delta: f64, weight: f32) -> f64 {
        let divisor = match self {
            Self::Relative(_) => f64::from(weight),
            Self::Shifted(_) => f64::from(weight) + SHIFT,
        };
        if divisor == 0.0 { f64::INFINITY } else { (delta / divisor).abs() }
    }
}

/// Zeroes what is not kept of ΔW, `(d, f)`, and counts what is; `weight` is W before the update.
///
/// A NaN counts as larger than every number: it is kept, and the norm of the update shows it. A share of 1 keeps all.
pub(super) fn keep(delta: &mut Matrix, weight: ArrayView2<'_, f32>, kind: RectKind) -> u64 {
    let ratios: Vec<f64> =
        delta.iter().zip(weight).map(|(delta, weight)| kind.ratio(*delta, *weight)).collect();
    let dropped = dropped(kind.share(), ratios.len());
    let Some(largest_dropped) = dropped.checked_sub(1) else { return ratios.len() as u64 };
    let mut order = ratios.clone();
    let (below, threshold, _) = order.select_nth_unstable_by(largest_dropped, f64::total_cmp);
    let smaller = below.iter().filter(|ratio| ratio.total_cmp(threshold).is_lt()).count();
    // Of those that equal the threshold, the first form drops as many as its number asks for, the second none.
    let mut equal_dropped = if matches!(kind, RectKind::Relative(_)) { dropped - smaller } else { 0 };
    let mut kept = 0;
    for (delta, ratio) in delta.iter_mut().zip(&ratios) {
        let order = ratio.total_cmp(threshold);
        let is_dropped = order.is_lt() || (order.is_eq() && equal_dropped > 0);
        if is_dropped {
            equal_dropped -= usize::from(order.is_eq());
            *delta = 0.0;
        } else {
            kept += 1;
        }
    }
    kept
}

/// ⌊(1 − k) n⌋. A product that is whole but for rounding is that whole number: 0.1 of ten entries is one.
fn dropped(share: f64, entries: usize) -> usize {
    let exact = (1.0 - share).clamp(0.0, 1.0) * entries as f64;
    let whole = if (exact - exact.round()).abs() <= 1e-9 { exact.round() } else { exact.floor() };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and a length")]
    let whole = whole as usize;
    whole.min(entries)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    use super::*;

    fn masked(delta: Matrix, weight: &Array2<f32>, kind: RectKind) -> (Matrix, u64) {
        let mut delta = delta;
        let kept = keep(&mut delta, weight.view(), kind);
        (delta, kept)
    }

    #[test]
    fn the_two_published_masks_differ_by_one_entry() {
        let delta = array![[1.0, -2.0, 3.0, -4.0, 5.0], [6.0, 7.0, 8.0, 9.0, 10.0]];
        let weight = Array2::from_elem((2, 5), -1.0_f32);
        let (relative, kept) = masked(delta.clone(), &weight, RectKind::Relative(0.4));
        assert_eq!(kept, 4);
        assert_eq!(relative, array![[0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 7.0, 8.0, 9.0, 10.0]]);
        let (shifted, kept) = masked(delta, &weight, RectKind::Shifted(0.4));
        assert_eq!(kept, 5);
        assert_eq!(shifted, array![[0.0, 0.0, 0.0, 0.0, 0.0], [6.0, 7.0, 8.0, 9.0, 10.0]]);
    }

    #[test]
    fn among_equals_the_first_form_drops_the_first_and_the_second_none() {
        let (delta, weight) = (Matrix::from_elem((1, 5), 2.0), Array2::from_elem((1, 5), 4.0_f32));
        let (relative, kept) = masked(delta.clone(), &weight, RectKind::Relative(0.4));
        assert_eq!((relative, kept), (array![[0.0, 0.0, 0.0, 2.0, 2.0]], 2));
        assert_eq!(masked(delta.clone(), &weight, RectKind::Shifted(0.4)), (delta, 5));
    }

    #[test]
    fn a_weight_of_zero_is_an_infinite_ratio_and_kept() {
        let weight = array![[0.0_f32, 1.0, 1.0, 1.0, -1e-8]];
        let delta = array![[1e-30, 5.0, 4.0, 3.0, 1e-30]];
        let (relative, _) = masked(delta.clone(), &weight, RectKind::Relative(0.4));
        assert_eq!(relative, array![[1e-30, 5.0, 0.0, 0.0, 0.0]]);
        let (shifted, _) = masked(delta, &weight, RectKind::Shifted(0.2));
        assert!(shifted.last() == Some(&0.0), "the f32 next to −10⁻⁸ is not its negative");
        assert_eq!(RectKind::Shifted(0.2).ratio(1.0, -1e-8), (1.0 / (1e-8 - f64::from(1e-8_f32))).abs());
    }

    #[test]
    fn a_nan_is_kept_for_the_norm_to_show() {
        let (delta, kept) =
            masked(array![[f64::NAN, 1.0, 2.0, 3.0]], &Array2::ones((1, 4)), RectKind::Relative(0.25));
        let (kept_one, zeroed) = (delta.first().unwrap().is_nan(), delta.iter().skip(1).all(|x| *x == 0.0));
        assert!(kept_one && zeroed && kept == 1, "{delta}");
    }

    #[test]
    fn a_share_of_one_keeps_everything() {
        for kind in [RectKind::Relative(1.0), RectKind::Shifted(1.0)] {
            let delta = array![[1.0, 2.0]];
            assert_eq!(masked(delta.clone(), &Array2::ones((1, 2)), kind), (delta, 2));
        }
    }

    proptest! {
        /// n − ⌊(1 − k) n⌋ remain in the first form, one more in the second where nothing ties.
        #[test]
        fn the_count_is_the_published_one(seed in any::<u64>(), percent in 1_u32..=100, columns in 1_usize..60) {
            let share = f64::from(percent) / 100.0;
            // Distinct ratios, in an order that the seed decides.
            let delta = Matrix::from_shape_fn((3, columns), |(row, column)| {
                ((row * columns + column) as u64).wrapping_mul(seed | 1) as f64 + 1.0
            });
            let weight = Array2::from_elem((3, columns), 0.5_f32);
            let entries = 3 * columns as u64;
            let dropped = u64::from(100 - percent) * entries / 100;
            prop_assert_eq!(masked(delta.clone(), &weight, RectKind::Relative(share)).1, entries - dropped);
            let mut distinct: Vec<u64> = delta.iter().map(|x| x.to_bits()).collect();
            distinct.sort_unstable();
            distinct.dedup();
            if distinct.len() as u64 == entries {
                let expected = entries - dropped.saturating_sub(1);
                prop_assert_eq!(masked(delta, &weight, RectKind::Shifted(share)).1, expected);
            }
        }
    }
}
