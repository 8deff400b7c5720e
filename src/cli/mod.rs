//! The command line: arguments as typed, the plan as meant, one file a command.
//!
//! Invariant: the only room that knows flags, the environment and terminals; no type of its argument parser leaves it.

mod args;
mod completions;
mod deltas;
mod doctor;
pub mod exit;
mod failure;
mod output;
mod progress;
mod run;
mod settings;

pub use failure::{Failure, Teller};
pub use run::{Invocation, parse, run};
