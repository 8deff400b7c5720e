//! Architectures: which tensor is which and which way round it is stored, and models that run.
//!
//! Invariant: no other room knows tensor-name templates, orientation or BOS rules.

mod arch;
mod batches;
mod block;
mod cache;
mod capture;
mod capture_at;
mod changes;
mod checks;
mod config;
mod distances;
mod edited;
mod error;
mod families;
mod forward;
mod generate;
mod names;
mod nll;
mod noised;
mod ops;
mod pass;
mod place;
mod predictions;
mod prefixes;
mod run;
mod settings;
mod stack;
mod stored;
mod subject;
mod tail;
mod tokenizer;
mod weights;

pub use capture::{At, Patch, Site, Tap};
pub use config::{Architecture, Config};
pub use error::ModelError;
pub use forward::Forward;
pub use names::{KNOWN_PREFIXES, MatrixKind, Orientation, Role, role_of};
pub use nll::Predicted;
pub use noised::{Draw, Noised, PutBack};
pub use run::Model;
pub use stored::StoredTensor;
pub use subject::{PlacedPrompt, Refused, place, slot};
pub use tail::Tail;
pub use tokenizer::{Tokenizer, TokenizerError, compatibility_decomposed};
