//! Architectures: which tensor is which and which way round it is stored, and models that run.
//!
//! Invariant: no other room knows tensor-name templates, orientation or BOS rules.

mod capture;
mod config;
mod error;
mod families;
mod names;
mod run;
mod subject;
mod tokenizer;

pub use capture::{At, Patch, Site, Tap};
pub use config::{Architecture, Config};
pub use error::ModelError;
pub use names::{KNOWN_PREFIXES, MatrixKind, Orientation, Role, role_of};
pub use run::Model;
pub use subject::{PlacedPrompt, Refused, place, slot};
pub use tokenizer::{Tokenizer, TokenizerError, compatibility_decomposed};
