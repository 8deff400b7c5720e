//! Integration tests, one binary.

/// The command line, from outside.
mod cli;
/// Every format of one report that has everything in it.
mod formats;
/// Runs the program.
mod runner;
