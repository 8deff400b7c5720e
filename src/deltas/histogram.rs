//! The distribution of |Δ| of one tensor, for a reader's eye.

#![expect(clippy::cast_possible_truncation, reason = "keys have 15 bits")]

use super::pairing;
use super::pass::{self, Pair};
use super::{DeltasError, NamePattern};
use crate::compute::{key_lower_edge, key_of};
use crate::tensor::Source;

/// Keys in one bucket: four buckets an octave.
const BUCKET: usize = 32;

/// How many elements of a tensor moved by how much.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Name of the tensor.
    pub name: String,
    /// Four buckets an octave, ascending, without gaps, from the smallest to the largest |Δ| above zero.
    pub buckets: Vec<Bucket>,
    /// Elements that did not move (or by less than 2⁻¹³³).
    pub zeros: u64,
    /// Elements whose Δ is not finite.
    pub nonfinite: u64,
}

/// Elements with `lower ≤ |Δ| < upper`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Lower edge.
    pub lower: f64,
    /// Upper edge: where the next bucket begins.
    pub upper: f64,
    /// How many.
    pub count: u64,
}

/// Counts |Δ| of one tensor in four buckets an octave. The name is matched as `--expect` matches it; the first match counts.
///
/// # Errors
/// [`DeltasError::NoSuchTensor`] where no such tensor is on both sides with one shape,
/// [`DeltasError::NotNumeric`] where its dtype is only compared as bytes.
pub fn histogram<S: Source>(
    before: &S,
    after: &S,
    name: &NamePattern,
) -> Result<Histogram, DeltasError<S::Error>> {
    let (a, b) = (before.entries(), after.entries());
    let pairs = pairing::pair(a.keys().map(String::as_str), b.keys().map(String::as_str)).pairs;
    let found = pairs.into_iter().find(|(before, after)| name.matches(before) || name.matches(after));
    let entries = found.and_then(|(before, after)| a.get(before).zip(b.get(after)));
    let Some((a, b)) = entries.filter(|(a, b)| a.shape == b.shape) else {
        return Err(DeltasError::NoSuchTensor(name.as_str().to_owned()));
    };
    let pair = Pair { before: (before, a), after: (after, b) };
    if !pair.is_numeric() {
        return Err(DeltasError::NotNumeric { name: a.name.clone(), dtype: a.dtype });
    }
    let totals = pass::count_all(&pair)?;
    before.verify_unchanged()?;
    after.verify_unchanged()?;
    let infinite = usize::from(key_of(f32::INFINITY));
    let (finite, rest) = totals.key_counts.split_at(infinite.min(totals.key_counts.len()));
    let counts: Vec<u64> = finite.chunks(BUCKET).map(|keys| keys.iter().sum()).collect();
    let first = counts.iter().position(|&count| count > 0).unwrap_or(counts.len());
    let edge = |bucket: usize| key_lower_edge((bucket * BUCKET) as u16);
    let buckets = counts.iter().enumerate().skip(first).map(|(bucket, &count)| Bucket {
        lower: edge(bucket),
        upper: edge(bucket + 1),
        count,
    });
    Ok(Histogram {
        name: a.name.clone(),
        buckets: buckets.collect(),
        zeros: totals.below.first().copied().unwrap_or(0),
        nonfinite: rest.iter().sum(),
    })
}
