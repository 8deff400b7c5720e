//! The command line: arguments as typed, the plan as meant, one file a command.
//!
//! Invariant: the only room that knows flags, the environment and terminals; no type of its argument parser leaves it.
//!
//! ```text
//! settings   what a file sets, beneath what was typed
//! parse      arguments to a command; help and version end here
//! settings   threads, caps, format, colour, progress, device
//! check      is there a folder to write the report to
//! command    refuse what cannot work, open, compute, write the report, judge the checks
//! tell       an error, in one to three lines on stderr; its code is 2
//! ```
//!
//! stdout carries the report, or the help that was asked for, and nothing else; stderr carries progress,
//! failed checks and errors.

mod args;
mod completions;
mod config;
mod correlate;
mod deltas;
mod doctor;
mod edit;
mod evaluate;
mod evaluate_ledger;
pub mod exit;
mod failure;
mod first_token;
mod inputs;
mod keys;
mod measure_args;
mod moments;
mod output;
mod perplexity;
mod progress;
mod refusals;
mod regress;
mod regress_rules;
mod replay;
mod report;
mod reproduce;
mod run;
mod screen;
mod sequence;
mod settings;
mod texts;
mod trace;

pub use config::{Arguments, with_settings};
pub use failure::{Failure, Teller};
pub use run::{Invocation, parse, run};
