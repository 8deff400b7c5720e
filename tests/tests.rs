//! The one integration binary: a line a room of checks.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should stop where it stands"
)]

mod tidy; // the code keeps to ARCHITECTURE.md, its sizes, its words and its licences
