//! The papers' experiments on one model: what was published, what is found here, and whether the two agree.
//!
//! Invariant: measures with the rooms below and computes no diagnostic of its own; changes nothing on disk.
//!
//! ```text
//! what is given, and which cases collapse                     plan
//! every case edited alone, by each method                     singles
//! The Fall of ROME                                            fall
//! The Butterfly Effect                                        butterfly
//! its Figure 4; Gradual and Catastrophic Forgetting           sequential, forgetting (streams, forgotten)
//! Rebuilding ROME                                             rebuilding (disabling)
//! EMMET                                                       unified (batches, objective)
//! RECT                                                        harms (masks, rect_sequence)
//! what was edited, to go back to                              original
//! one after the other, whatever one of them cannot            run
//! tables, figures and claims that come out                    outcome
//! by which rule a claim agrees                                ruling
//! ```

mod batches;
mod butterfly;
mod disabling;
mod error;
mod fall;
mod forgetting;
mod forgotten;
mod harms;
mod masks;
mod measure;
mod objective;
mod original;
mod outcome;
mod plan;
mod rebuilding;
mod rect_sequence;
mod ruling;
mod run;
mod sequential;
mod singles;
mod streams;
#[cfg(test)]
mod tests;
mod unified;

pub use error::ReproduceError;
pub use measure::{Health, Landed, landed};
pub use outcome::{
    Agreement, Axis, Cell, Claim, Experiment, Figure, Mark, Paper, Reproduction, Series, Status, Table,
};
pub use plan::{Chosen, Plan, Selection, Set, VARIANTS, grouped};
pub use run::{Step, Wanted, reproduce};
pub use singles::{Single, Singles, Unmade, singles};
