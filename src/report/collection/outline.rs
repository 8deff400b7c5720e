//! What is told of a record in words: the finding, why, and the tables that a reader looks for first.

use serde_json::Value;

use super::{experiments, keys, measured, statistics, weights};
use crate::report::html::Table;
use crate::report::paint::Tone;

/// What stands above a record's figures, and which of its fields that tells.
#[derive(Debug)]
pub(super) struct Outline {
    pub(super) tone: Tone,
    pub(super) headline: String,
    pub(super) notes: Vec<String>,
    pub(super) facts: Vec<(String, String)>,
    pub(super) tables: Vec<Table>,
    /// Fields that are told by the above.
    pub(super) told: Vec<&'static str>,
}

/// Commands in the order of a story: what was changed, why that breaks, what it did, how it goes on.
pub(super) const STORY: [&str; 13] = [
    "regress",
    "deltas",
    "edit",
    "keys",
    "first-token",
    "trace",
    "perplexity",
    "evaluate",
    "sequence",
    "correlate",
    "reproduce",
    "screen",
    "moments",
];

/// The outline of a record.
pub(super) fn of(command: &str, record: &Value) -> Outline {
    match command {
        "deltas" => weights::deltas(record),
        "edit" => weights::edit(record),
        "keys" => keys::keys(record),
        "first-token" => measured::first_token(record),
        "trace" => measured::trace(record),
        "perplexity" => measured::perplexity(record),
        "evaluate" => measured::evaluate(record),
        "sequence" => statistics::sequence(record),
        "correlate" => statistics::correlate(record),
        "regress" => statistics::regress(record),
        "reproduce" => experiments::reproduce(record),
        "screen" => experiments::screen(record),
        _ => Outline::new(Tone::Strong, "all that is in it, as it stands"),
    }
}

impl Outline {
    pub(super) fn new(tone: Tone, headline: impl Into<String>) -> Self {
        Self {
            tone,
            headline: headline.into(),
            notes: Vec::new(),
            facts: Vec::new(),
            tables: Vec::new(),
            told: Vec::new(),
        }
    }

    pub(super) fn notes(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.notes.extend(notes);
        self
    }

    pub(super) fn fact(mut self, label: &str, value: impl Into<String>) -> Self {
        self.facts.push((label.to_owned(), value.into()));
        self
    }

    pub(super) fn table(mut self, table: Option<Table>) -> Self {
        self.tables.extend(table);
        self
    }

    /// Fields that need not be shown again.
    pub(super) fn told(mut self, fields: &[&'static str]) -> Self {
        self.told.extend(fields);
        self
    }
}
