//! Many edits in order: which cases go together, what is left standing between them, and how a run is taken up or done again.
//!
//! Invariant: knows the order of edits and no method; what one edit is, `edit/` says. The same run gives the same bytes whether or not it
//! was interrupted, and a replayed one too.
//!
//! ```text
//! single or sequential, how many cases an edit             plan
//! step after step, cases refused on the way                run
//! cases that cannot be edited                               refusal
//! the diagnosis of keys before an edit                     guard
//! what an edit leaves in a ledger                          line
//! the tensors that a run may change, hashed                base
//! keys that later steps have to know of                    memory
//! the same again from a ledger                             replay
//! the same with a look at the model after each edit        walk
//! a checkpoint held against a ledger                       check
//! ```

pub mod analysis;
mod base;
mod check;
mod error;
mod guard;
mod line;
mod memory;
mod outcome;
mod plan;
mod refusal;
mod replay;
mod run;
mod walk;

pub use base::{base_tensors, check_base};
pub use check::{LedgerCheck, check_against};
pub use error::SequenceError;
pub use guard::{Guard, GuardMode};
pub use outcome::{MomentOf, Outcome, RunFacts, cases_sha256, first_difference};
pub use plan::Plan;
pub use replay::{Changed, Extent, replay};
pub use run::{Sequence, Step};
pub use walk::walk;
