//! What a tensor is: its dtype, its shape, its name, and its bytes read as numbers.
//!
//! Invariant: nothing here knows of files, threads or feature flags.
//!
//! Shapes are row-major throughout: the last extent runs fastest, and element (i, j) of a matrix `(m, n)` is
//! at flat position i·n + j. Every number is little-endian, and every dtype that [`decode()`] reads but the
//! 64-bit integers is held by f64 exactly.

mod decode;
mod dtype;
mod encode;
mod name;
mod shape;
mod source;
mod wording;

pub use decode::{decode, f8_e4m3_to_f32, f8_e5m2_to_f32, rounding_step};
pub use dtype::{Dtype, NumberKind, UnknownDtype};
pub use encode::encode;
pub use name::Printable;
pub use shape::Shape;
pub use source::{Entry, Source};
pub use wording::{counted, figure, listed, percent};

/// A matrix of f64 in ndarray's row-major layout: what every solve and every factorisation works on.
pub type Matrix = ndarray::Array2<f64>;
