//! What a page is made of, and the template that lays it out.

use std::io::{self, Write};

use askama::Template;

use super::cell::Table;
use super::chart::Hue;
use super::reading;
use crate::report::paint::Tone;

/// One page.
#[derive(Debug)]
pub(in crate::report) struct Whole {
    pub(in crate::report) title: String,
    /// What all of it comes to; none where one section says it.
    pub(in crate::report) glance: Option<Glance>,
    pub(in crate::report) sections: Vec<Section>,
}

/// The first thing on a page of several records.
#[derive(Debug)]
pub(in crate::report) struct Glance {
    pub(in crate::report) tone: Tone,
    pub(in crate::report) headline: String,
    pub(in crate::report) notes: Vec<String>,
}

/// One report on the page.
#[derive(Debug)]
pub(in crate::report) struct Section {
    /// A name that stands once on the page.
    pub(in crate::report) id: String,
    pub(in crate::report) command: String,
    /// The record's file, where it was read from one.
    pub(in crate::report) source: Option<String>,
    pub(in crate::report) tone: Tone,
    pub(in crate::report) headline: String,
    pub(in crate::report) notes: Vec<String>,
    /// A label and its value; one without a label goes on with the one before.
    pub(in crate::report) facts: Vec<(String, String)>,
    pub(in crate::report) figures: Vec<Figure>,
    pub(in crate::report) tables: Vec<Table>,
    /// What else the record holds, folded away.
    pub(in crate::report) more: Option<More>,
}

/// Facts and tables that no reader looks for first.
#[derive(Debug)]
pub(in crate::report) struct More {
    pub(in crate::report) facts: Vec<(String, String)>,
    pub(in crate::report) tables: Vec<Table>,
}

/// A picture, with what it says in words.
#[derive(Clone, Debug)]
pub(in crate::report) struct Figure {
    pub(in crate::report) title: String,
    pub(in crate::report) description: String,
    pub(super) view_box: String,
    /// Marks and texts, escaped.
    pub(super) svg: String,
    pub(super) keys: Vec<Key>,
}

#[cfg(test)]
impl Figure {
    /// Marks that have words.
    pub(in crate::report) fn marks(&self) -> usize {
        self.words().len()
    }

    /// What the marks say.
    pub(in crate::report) fn words(&self) -> Vec<&str> {
        self.svg.split("<g><title>").skip(1).filter_map(|rest| rest.split("</title>").next()).collect()
    }

    /// What the legend says.
    pub(in crate::report) fn legend(&self) -> Vec<String> {
        self.keys.iter().map(|key| key.words.clone()).collect()
    }
}

/// What a colour and a shape mean.
#[derive(Clone, Debug)]
pub(in crate::report) struct Key {
    pub(super) hue: Hue,
    pub(super) mark: String,
    pub(super) words: String,
}

impl Glance {
    fn mood(&self) -> Mood {
        Mood::of(self.tone)
    }
}

impl Section {
    fn question(&self) -> &'static str {
        reading::question(&self.command)
    }

    /// How to read what is in it.
    fn reading(&self) -> Vec<(&'static str, &'static str)> {
        reading::of(&self.command)
    }

    fn mood(&self) -> Mood {
        Mood::of(self.tone)
    }
}

/// A tone as a page shows it: never by colour alone.
struct Mood {
    class: &'static str,
    mark: &'static str,
    /// For those who see neither.
    word: &'static str,
}

impl Mood {
    const fn of(tone: Tone) -> Self {
        match tone {
            Tone::Good => Self { class: "good", mark: "✓", word: "good" },
            Tone::Warn => Self { class: "warn", mark: "!", word: "look at this" },
            Tone::Bad => Self { class: "bad", mark: "✗", word: "bad" },
            Tone::Strong | Tone::Faint => Self { class: "plain", mark: "·", word: "not judged" },
        }
    }
}

#[derive(Template)]
#[template(path = "page.html")]
struct Laid<'a> {
    page: &'a Whole,
    version: &'static str,
}

/// Writes the page.
pub(in crate::report) fn write(page: &Whole, out: &mut dyn Write) -> io::Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    let text = Laid { page, version }.render();
    let text = text.map_err(|error| io::Error::other(format!("cannot lay out the page: {error}")))?;
    writeln!(out, "{text}")
}
