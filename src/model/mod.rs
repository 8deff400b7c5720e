//! Architectures: which tensor is which, and which way round it is stored.
//!
//! Invariant: no other room knows tensor-name templates or orientation.

mod families;
mod names;

pub use names::{KNOWN_PREFIXES, MatrixKind, Orientation, Role, role_of};
