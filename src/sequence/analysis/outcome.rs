//! The plain values of an analysis, each with its definition.

use crate::reader::Run;
use crate::stats::{Interval, PowerLaw};

/// All that is found of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunAnalysis {
    /// The run itself, with its series.
    pub run: Run,
    /// Growth of each layer's distance: over the run, and over the part before the first jump or warning where there is one.
    pub growth: Vec<Growth>,
    /// Steps that stand out, in their order, or why none can be told.
    pub disabling: Result<Vec<Disabling>, String>,
    /// The first warning of any layer; none where no layer gave one, or why none could be given.
    pub warning: Result<Option<Warning>, String>,
    /// The course of each series, in the order of the run's, or why it has none.
    pub courses: Vec<Result<Course, String>>,
    /// Where the model broke, or why no such place is told.
    pub onset: Result<Onset, String>,
    /// The course of all series together; empty where none has one.
    pub phases: Vec<Phase>,
    /// What became of earlier edits, or why it is not known.
    pub forgetting: Result<Forgetting, String>,
    /// The worst that is to be said.
    pub level: Level,
}

/// How bad a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// No score declines, and distances grow as a random walk does.
    Stable,
    /// A score declines, and none breaks.
    Gradual,
    /// Distances grow faster than a random walk, or an edit jumps.
    Warning,
    /// The scores break, or distances jump where there are no scores.
    Collapse,
}

/// Growth of one layer's distance over a stretch of edits.
#[derive(Clone, Debug, PartialEq)]
pub struct Growth {
    /// The layer.
    pub layer: String,
    /// First edit of the fit: a tenth of the last.
    pub from_edit: u64,
    /// Last edit of it.
    pub to_edit: u64,
    /// Exponent and error, with its 95 % interval; or why there are none.
    pub fit: Result<(PowerLaw, Interval), String>,
}

/// A step that is far longer than the others of its run and takes the weights far.
#[derive(Clone, Debug, PartialEq)]
pub struct Disabling {
    /// The edit; where edits were not measured one by one, the last of the step.
    pub edit: u64,
    /// Edits done before the step: the edit meant is one after it.
    pub after: u64,
    /// The layer, of several the one that stands out most.
    pub layer: String,
    /// Dₙ / Dₙ₋₁; infinite for the first step.
    pub ratio: f64,
    /// Its length over the median length of the run's steps, for one edit.
    pub update_ratio: f64,
    /// Robust standard deviations of the logarithm of its length above the median.
    pub z: f64,
    /// The case, where it has a name.
    pub name: Option<String>,
}

/// A distance that grows faster than a random walk does.
#[derive(Clone, Debug, PartialEq)]
pub struct Warning {
    /// Edits done when it was first to be seen.
    pub edit: u64,
    /// The layer.
    pub layer: String,
    /// The exponent over the window that ends there.
    pub exponent: f64,
    /// What it lies above in 999 of 1,000 such windows.
    pub lower_bound: f64,
}

/// What a score does over a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// Its level before the run, or at its beginning.
    pub base: f64,
    /// `(edits done, score)`: what was judged.
    pub points: Vec<(u64, f64)>,
    /// The lines fitted, at the same edits.
    pub fitted: Vec<f64>,
    /// Values that were no finite number: they count as 0.
    pub nonfinite: usize,
    /// Values in a mean, where there were too many.
    pub bucket: usize,
    /// In order; they cover all points.
    pub phases: Vec<Phase>,
    /// Where it broke.
    pub onset: Option<Onset>,
}

/// A stretch of edits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase {
    /// What it is.
    pub kind: PhaseKind,
    /// The first of its edits that was measured.
    pub from_edit: u64,
    /// The last.
    pub to_edit: u64,
}

/// What becomes of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PhaseKind {
    /// Nothing that could be told.
    Stable,
    /// It declines.
    Gradual,
    /// It is broken.
    Catastrophic,
}

/// Where something breaks.
#[derive(Clone, Debug, PartialEq)]
pub struct Onset {
    /// The first edit after which it is broken.
    pub edit: u64,
    /// Where it may lie with 95 % confidence, as the method has it; none of a crossing.
    pub interval: Option<(u64, u64)>,
    /// The likelihood ratio of the change; none where no change was fitted.
    pub statistic: Option<f64>,
    /// The series that tells.
    pub series: String,
    /// How it was found.
    pub method: OnsetMethod,
}

/// How an onset is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnsetMethod {
    /// A change of level or slope, with a likelihood-ratio set.
    ChangePoint,
    /// The first values are already broken, beside the model before the run.
    FirstEdits,
    /// A decline that reached a tenth of the base level without a break.
    Decline,
    /// A jump of the distance, where there is no score.
    Jump,
}

/// Forgetting of earlier edits, as published (Gupta et al. 2024).
#[derive(Clone, Debug, PartialEq)]
pub struct Forgetting {
    /// A row a number of edits after which earlier ones were tested.
    pub curve: Vec<ForgettingPoint>,
    /// Edits that were right when they were first tested.
    pub learnt: usize,
    /// Those of them that were later found wrong.
    pub forgotten: usize,
    /// How many more edits half of them last.
    pub half_life: HalfLife,
}

/// What is forgotten after so many edits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForgettingPoint {
    /// Edits done.
    pub edit: u64,
    /// Edits learnt until then.
    pub learnt: usize,
    /// Edits found lost until then; the first loss is final.
    pub forgotten: usize,
    /// `forgotten / learnt`; 0 of nothing.
    pub share: f64,
    /// `forgotten` over all edits until then that were tested at all.
    pub share_of_all: f64,
}

/// The time by which half of what was learnt is lost (Kaplan–Meier), in edits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HalfLife {
    /// None where less than half was lost.
    pub edits: Option<f64>,
    /// Its 95 % interval (Brookmeyer–Crowley); an end that was not reached is infinite.
    pub interval: Interval,
}

impl PhaseKind {
    /// The word for it in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Gradual => "gradual",
            Self::Catastrophic => "catastrophic",
        }
    }
}

impl OnsetMethod {
    /// The word for it in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ChangePoint => "change-point",
            Self::FirstEdits => "first-edits",
            Self::Decline => "decline",
            Self::Jump => "jump",
        }
    }
}

impl Level {
    /// The word for it in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Gradual => "gradual",
            Self::Warning => "warning",
            Self::Collapse => "collapse",
        }
    }
}

impl RunAnalysis {
    /// Edits from the warning to the onset, where the former came first.
    pub fn ahead(&self) -> Option<u64> {
        let warning = self.warning.as_ref().ok()?.as_ref()?;
        self.onset.as_ref().ok()?.edit.checked_sub(warning.edit).filter(|ahead| *ahead > 0)
    }
}
