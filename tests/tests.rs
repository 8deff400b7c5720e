//! The one integration binary: a line a room of checks.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should stop where it stands"
)]

mod corpus; // sound and hostile files, made byte by byte
mod deltas; // every number of a comparison against NumPy and SciPy
mod fuzz_seeds; // what the fuzz targets start from is the corpus
mod reader; // every input that a user can point at, and every way it can be broken
mod tidy; // the code keeps to ARCHITECTURE.md, its sizes, its words and its licences
