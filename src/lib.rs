//! `diagnose`: whether an edit of a language model's weights landed, whether it broke the model, and why.
//!
//! The library behind the command: every subcommand is one public call on plain types. A comparison of two
//! checkpoints, for instance, is
//!
//! ```no_run
//! use std::path::Path;
//!
//! use collapse_diagnostics::deltas::{Plan, compare};
//! use collapse_diagnostics::reader::{Checkpoint, IoMode, Limits};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let open = |path: &str| Checkpoint::open(Path::new(path), &Limits::default(), IoMode::Auto);
//! let deltas = compare(&open("base")?, &open("edited")?, &Plan::default(), &())?;
//! println!("{:?}: {}", deltas.verdict.level, deltas.verdict.reasons.join("; "));
//! # Ok(())
//! # }
//! ```
//!
//! Rooms, lower layers first: [`tensor`] (dtypes, shapes, names), [`linalg`] (the arithmetic, in f64),
//! [`gpu`] (what CUDA offers here), [`reader`] (files), [`compute`] (where an operation runs), [`model`]
//! (which tensor is which), [`deltas`] (the comparison), [`trace`] (causal tracing), [`edit`] (the editing
//! methods), [`sequence`] (many edits in order), [`correlate`] (perplexity against the scores of
//! tasks), [`regress`] (one measurement against an earlier one), [`report`] (formats), [`cli`] (the command).
//! `ARCHITECTURE.md` tells what each may use and what is absent from it.

pub mod cli;
pub mod compute;
pub mod correlate;
pub mod deltas;
pub mod edit;
pub mod evaluate;
pub mod gpu;
pub mod keys;
pub mod linalg;
pub mod model;
pub mod reader;
pub mod regress;
pub mod report;
pub mod reproduce;
pub mod sequence;
pub mod stats;
pub mod tensor;
pub mod trace;
