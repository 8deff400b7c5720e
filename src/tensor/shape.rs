//! Shapes, with element counts that cannot overflow unseen.

use std::fmt;

/// Extents of a tensor, outermost first; empty for a scalar.
///
/// ```
/// use collapse_diagnostics::tensor::Shape;
///
/// let shape = Shape(vec![2, 3, 4]);
/// assert_eq!(shape.elements(), Some(24));
/// assert_eq!(shape.index_of(7), [0, 1, 3]);
/// assert_eq!(shape.matrix(), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Shape(pub Vec<u64>);

impl Shape {
    /// Number of elements (1 for a scalar), or `None` where the product passes 2⁶⁴.
    ///
    /// Degenerate: an extent of 0 gives 0, but not where the product before it has already passed 2⁶⁴.
    pub fn elements(&self) -> Option<u64> {
        self.0.iter().try_fold(1_u64, |product, &extent| product.checked_mul(extent))
    }

    /// Rows and columns of a tensor of rank two, as stored (row-major).
    pub fn matrix(&self) -> Option<(u64, u64)> {
        match self.0.as_slice() {
            &[rows, cols] => Some((rows, cols)),
            _ => None,
        }
    }

    /// The multi-index of the element at a flat row-major position.
    ///
    /// ```text
    /// flat = Σₖ indexₖ · Π_{l > k} extent_l
    /// ```
    ///
    /// Degenerate: a scalar has the empty index; a position past the end wraps around.
    pub fn index_of(&self, flat: u64) -> Vec<u64> {
        let mut rest = flat;
        let mut index: Vec<u64> = self
            .0
            .iter()
            .rev()
            .map(|&extent| {
                let extent = extent.max(1);
                let at = rest % extent;
                rest /= extent;
                at
            })
            .collect();
        index.reverse();
        index
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: Vec<String> = self.0.iter().map(u64::to_string).collect();
        f.pad(&if text.is_empty() { "scalar".to_owned() } else { text.join("×") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_positions_become_row_major_indices() {
        let shape = Shape(vec![2, 3, 4]);
        assert_eq!(shape.elements(), Some(24));
        assert_eq!(shape.index_of(0), [0, 0, 0]);
        assert_eq!(shape.index_of(23), [1, 2, 3]);
        assert_eq!(shape.index_of(7), [0, 1, 3]);
        assert_eq!(Shape::default().elements(), Some(1));
    }

    #[test]
    fn an_element_count_past_two_to_the_64_is_refused() {
        assert_eq!(Shape(vec![1 << 33, 1 << 32]).elements(), None);
    }
}
