//! Whether a later measurement is worse than an earlier one: metric by metric, by direction, tolerance and test.
//!
//! ```text
//! source      a record, results of lm-evaluation-harness or a table   metrics with samples and standard errors
//! direction   which way is better: as told, as reported, as known
//! tolerance   as told, or from the spread of repeated runs
//! evidence    the test of one metric: paired where both have the same samples
//! compare     every metric, then all tests together, then a status each
//! ```
//!
//! A metric that is missing is missing and not zero; a value that is no longer finite is a regression.

mod compare;
mod direction;
mod error;
mod evidence;
mod metric;
mod noise;
mod outcome;
mod rules;
mod source;

pub use compare::compare;
pub use direction::known_direction;
pub use error::RegressError;
pub use metric::{Direction, Metric, Metrics};
pub use noise::{Noise, Spread};
pub use outcome::{
    Comparison, DirectionFrom, Interval, IntervalKind, Row, Status, Summary, Test, TestKind, ToleranceFrom,
    Tolerated, Why,
};
pub use rules::{Correction, MetricTolerance, Rules, Said, Tolerance};
pub use source::{of_lm_eval, of_record, of_table, repeated};
