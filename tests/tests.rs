//! Integration tests: one binary, a module a room.

/// Malformed, sound and disputed files as bytes.
mod corpus;
/// The seeds that the fuzz targets start from.
mod fuzz_seeds;
/// The reader on hostile and ordinary files.
mod reader;
