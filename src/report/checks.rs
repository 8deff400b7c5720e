//! What a report holds for right or wrong, for the formats that know nothing else: `JUnit` and SARIF.

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Check {
    /// What is checked, in a word or two: a metric, a case, an expectation.
    pub(super) name: String,
    /// The kind of check; stable, such as `regress/missing`.
    pub(super) rule: Rule,
    pub(super) outcome: Outcome,
    /// Why, in a sentence.
    pub(super) message: String,
    /// The file that it is about, as typed.
    pub(super) file: String,
}

/// A kind of check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) id: &'static str,
    /// What it asks for.
    pub(super) asks: &'static str,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// Not as it has to be.
    Failed,
    /// To be looked at, and no failure.
    Warned,
    /// Could not be checked, or was not to be.
    Skipped,
    Passed,
}
