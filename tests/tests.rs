//! Integration tests: one binary, a module a room.

/// Malformed, sound and disputed files as bytes.
mod corpus;
/// The reader on hostile and ordinary files.
mod reader;
/// The command line, from outside.
mod cli;
/// Every format of one report that has everything in it.
mod formats;
/// Runs the program.
mod runner;
