//! Integration tests: one binary, a module a room.

/// Malformed, sound and disputed files as bytes.
mod corpus;
/// The reader on hostile and ordinary files.
mod reader;
