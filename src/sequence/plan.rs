//! How cases become edits.

use super::Guard;
use crate::edit::{PruneForm, Setup};
use crate::reader::ScheduleKind;

/// How cases become edits.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// What each edit is made with.
    pub setup: Setup<'a>,
    /// Whether edits add up.
    pub schedule: ScheduleKind,
    /// Records an edit, at least 1; ROME and fine-tuning take 1.
    pub batch: usize,
    /// What is done to the whole change once all edits are made; where they add up.
    pub prune: Option<PruneForm>,
    /// What is asked before each edit; for ROME alone.
    pub guard: Option<Guard<'a>>,
}
