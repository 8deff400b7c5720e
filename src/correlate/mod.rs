//! Whether perplexity tells how well a model still does its tasks: association, chance and separation, group by group.
//!
//! Invariant: sees the named columns of a table and nothing else; opens and writes no file.
//!
//! ```text
//! which columns       perplexity against every other, unless they are named       choice
//! which rows          groups of equal cells, in the order of the table            group
//! one pair            n, what is missing, coefficient, p, interval, direction     pair
//! collapsed or not    labels by a rule, and how well a score tells them           labels, separation
//! a picture           ranks of both, and the trend that never turns back          scatter
//! ```

mod choice;
mod error;
mod group;
mod labels;
mod pair;
mod plan;
mod scatter;
mod separation;

pub use error::CorrelateError;
pub use group::{Correlations, Group, correlate};
pub use labels::Rule;
pub use pair::{Found, Pair, Unmeasured};
pub use plan::{IntervalChoice, PChoice, Plan};
pub use scatter::{Axis, Scatter, scatter};
pub use separation::Separation;
