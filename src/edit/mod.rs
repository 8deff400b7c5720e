//! Methods that edit a fact: the optimisation of a value, and the update that each method makes of it.
//!
//! Invariant: one call, one update; what earlier edits left behind comes in as a [`History`], and no order of edits is known here.
//!
//! ```text
//! what is asked for, and its rows of tokens                   request, rows
//! numbers that a method goes by, in rome's names              hparams
//! the vector that makes a model say the new object            value (objective, loss, adam)
//! one update equation, four choices of keys                   rome
//! several layers, a batch at once, and the equations          batch, memit, emmet, null_space
//! gradient descent on the matrix itself                       fine_tune
//! what is done to an update afterwards                        rect, prune
//! a change of one matrix, applied and rounded as stored       update
//! what came of it                                             outcome
//! ```

mod adam;
mod batch;
mod emmet;
mod error;
mod fine_tune;
mod hparams;
mod loss;
mod memit;
mod method;
mod null_space;
mod objective;
mod outcome;
mod prune;
mod rect;
mod request;
mod rome;
mod rows;
#[cfg(test)]
mod tests;
mod update;
mod value;

pub use error::EditError;
pub use hparams::{FineTuneLoss, HparamValue, Hparams, HparamsError};
pub use method::{History, KeyChoice, Method, Setup, edit};
pub use null_space::{NullSpace, NullSpaceFacts};
pub use outcome::{Before, Division, Edit, LayerFacts, Pass, RequestFacts, ValueFacts};
pub use prune::{PruneForm, Pruned, prune};
pub use rect::RectKind;
pub use request::Request;
pub use rome::{RomeCase, RomeFactors, edit_with};
pub use rows::Rows;
pub use update::{Change, Update};
pub use value::{Value, ValueOptions, ValueSite, optimise};
