//! The page: what all of it comes to, the records in the order of a story, the files that were none.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::outline::{self, Outline, STORY};
use super::{column, generic};
use crate::reader::RecordFile;
use crate::report::figures;
use crate::report::html::{self, Cell, Glance, More, Section, Table, Whole};
use crate::report::number::counted;
use crate::report::paint::Tone;
use crate::report::text::{self, SENTENCE_COLUMNS};

/// Reasons that the top of the page repeats.
const REASONS: usize = 3;

/// What `diagnose report` has to show.
#[derive(Clone, Copy, Debug)]
pub struct CollectionReport<'a> {
    /// The page's title.
    pub title: &'a str,
    /// Records that were read.
    pub records: &'a [RecordFile],
    /// Files that are no record.
    pub unread: &'a [Unread],
}

/// A file that could not be read as a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Where it is.
    pub path: PathBuf,
    /// A stable word for the cause.
    pub kind: &'static str,
    /// Why.
    pub reason: String,
}

impl CollectionReport<'_> {
    /// Writes the page.
    ///
    /// The worst verdict of the records stands at the top with the record's own reasons; of several that are as bad, the
    /// first of the story. No record is judged anew.
    ///
    /// # Errors
    /// Where `out` does not take it.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut records: Vec<&RecordFile> = self.records.iter().collect();
        let place = |command: &str| STORY.iter().position(|known| *known == command).unwrap_or(STORY.len());
        records.sort_by_key(|record| place(&record.command));
        let mut sections: Vec<Section> =
            records.iter().enumerate().map(|(i, record)| section(i, record)).collect();
        let glance = glance(&sections);
        sections.extend(unread(self.unread));
        let title = text::name(self.title, SENTENCE_COLUMNS);
        html::write(&Whole { title, glance: Some(glance), sections }, out)
    }
}

fn section(i: usize, record: &RecordFile) -> Section {
    let Outline { tone, headline, notes, mut facts, tables, told } =
        outline::of(&record.command, &record.value);
    let rest = generic::rest(&record.value, &told);
    let written = column::at(&record.value, "tool.version").text;
    let schema = format!("diagnose.{}/{}, written by diagnose {written}", record.command, record.version);
    facts.push(("record".to_owned(), schema));
    let sentence = |text: &str| text::name(text, SENTENCE_COLUMNS);
    Section {
        id: format!("record-{}", i + 1),
        command: record.command.clone(),
        source: Some(file_name(&record.path)),
        tone,
        headline: sentence(&headline),
        notes: notes.iter().map(|note| sentence(note)).collect(),
        facts: escaped(&facts),
        figures: figures::of_record(&record.command, &record.value),
        tables,
        more: (!rest.is_empty()).then_some(More { facts: escaped(&rest.facts), tables: rest.tables }),
    }
}

/// Labels and values as a page may show them.
fn escaped(facts: &[(String, String)]) -> Vec<(String, String)> {
    let sentence = |text: &str| text::name(text, SENTENCE_COLUMNS);
    facts.iter().map(|(label, value)| (sentence(label), sentence(value))).collect()
}

fn file_name(path: &Path) -> String {
    text::name(&path.display().to_string(), SENTENCE_COLUMNS)
}

/// What all of it comes to: the worst of the sections, in its own words.
fn glance(sections: &[Section]) -> Glance {
    let severity = |tone: Tone| match tone {
        Tone::Bad => 3,
        Tone::Warn => 2,
        Tone::Good => 1,
        Tone::Strong | Tone::Faint => 0,
    };
    // The first of those that are as bad.
    let worst = sections.iter().rev().max_by_key(|section| severity(section.tone));
    let Some(worst) = worst else {
        return Glance {
            tone: Tone::Warn,
            headline: "no record could be read".to_owned(),
            notes: Vec::new(),
        };
    };
    let judged = |tone| sections.iter().filter(|section| section.tone == tone).count();
    let (bad, warn, good) = (judged(Tone::Bad), judged(Tone::Warn), judged(Tone::Good));
    let counts = format!(
        "{}: {bad} bad, {warn} to look at, {good} good, {} that judge nothing; the above is what {} says",
        counted(sections.len(), "record"),
        sections.len() - bad - warn - good,
        worst.command
    );
    let notes = worst.notes.iter().take(REASONS).cloned().chain([counts]).collect();
    Glance { tone: worst.tone, headline: worst.headline.clone(), notes }
}

/// The files that are no record, each with the reason.
fn unread(unread: &[Unread]) -> Option<Section> {
    let row = |file: &Unread| {
        vec![Cell::text(&file_name(&file.path)), Cell::text(file.kind), Cell::text(&file.reason)]
    };
    let table = Table::headed("Files", ["file", "kind", "why"], 3).filled(usize::MAX, unread.iter().map(row));
    (!unread.is_empty()).then(|| Section {
        id: "unread".to_owned(),
        command: "not read".to_owned(),

        source: None,
        tone: Tone::Warn,
        headline: format!("{} could not be read as a record", counted(unread.len(), "file")),
        notes: Vec::new(),
        facts: Vec::new(),
        figures: Vec::new(),
        tables: vec![table],
        more: None,
    })
}
