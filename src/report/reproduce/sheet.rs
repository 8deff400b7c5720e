//! What came of a reproduction, for the terminal: how many claims agree, paper by paper, and those that do not.

use std::io::{self, Write};
use std::path::Path;

use crate::report::number::counted;
use crate::report::paint::Tone;
use crate::report::sheet::{Grid, Sheet};
use crate::report::{Format, Page, html};
use crate::reproduce::{Agreement, Experiment, Paper, Reproduction, Status};

/// A reproduction and the folder that it was written to.
#[derive(Clone, Copy, Debug)]
pub struct ReproduceReport<'a> {
    /// What was found.
    pub reproduction: &'a Reproduction,
    /// Where the whole of it is.
    pub folder: &'a Path,
}

impl ReproduceReport<'_> {
    /// The formats of the summary; the record is in the folder.
    pub const FORMATS: [Format; 3] = [Format::Table, Format::Markdown, Format::Html];

    /// Writes the summary.
    ///
    /// # Errors
    /// Where `out` takes no more.
    pub fn write(&self, format: Format, page: &Page, out: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Markdown => self.sheet().write_markdown(out),
            Format::Html => html::write_sheet(&self.sheet(), Vec::new(), out),

            _ => self.sheet().write_terminal(page, out),
        }
    }

    fn sheet(&self) -> Sheet {
        let all = Counts::of(self.reproduction.experiments.iter());
        let headline = format!(
            "{} agree, {} in kind, {} differ; {} not run",
            counted(all.agree, "claim"),
            all.in_kind,
            all.differ,
            counted(all.not_run, "experiment")
        );
        Sheet {
            command: "reproduce",
            tone: Tone::Strong,
            headline,
            notes: self.notes(),
            facts: self.reproduction.facts.clone(),
            grids: vec![self.papers()],
        }
    }

    fn papers(&self) -> Grid {
        let experiments = &self.reproduction.experiments;
        let rows = Paper::ALL.into_iter().filter_map(|paper| {
            let own = experiments.iter().filter(|experiment| experiment.paper == paper);
            let Counts { agree, in_kind, differ, not_run } = Counts::of(own.clone());
            let numbers = [agree, in_kind, differ, not_run].map(|n| n.to_string());
            own.clone().next().map(|_| [paper.title().to_owned()].into_iter().chain(numbers).collect())
        });
        Grid {
            title: "claims by paper".to_owned(),
            headers: vec!["paper", "agree", "in kind", "differ", "not run"],
            text_columns: 1,
            rows: rows.collect(),
        }
    }

    /// Where the whole of it is, what differs, and what was not run.
    fn notes(&self) -> Vec<String> {
        let mut notes = vec![format!("the report is {}", self.folder.join("reproduction.md").display())];
        for experiment in &self.reproduction.experiments {
            let place = format!("{} {}", experiment.paper.slug(), experiment.id);
            for claim in &experiment.claims {
                if let Agreement::Differs(why) = &claim.agreement {
                    notes.push(format!("{place} differs: {}; here {}: {why}", claim.statement, claim.found));
                }
            }
            if let Status::NotRun(why) = &experiment.status {
                notes.push(format!("{place} was not run: {why}"));
            }
        }
        notes
    }
}

/// Claims by how they agree, and experiments that were not run.
#[derive(Clone, Copy, Default)]
struct Counts {
    agree: usize,
    in_kind: usize,
    differ: usize,
    not_run: usize,
}

impl Counts {
    fn of<'a>(experiments: impl Iterator<Item = &'a Experiment>) -> Self {
        let mut found = Self::default();
        for experiment in experiments {
            found.not_run += usize::from(experiment.status != Status::Done);
            for claim in &experiment.claims {
                *match claim.agreement {
                    Agreement::Agrees => &mut found.agree,
                    Agreement::InKind => &mut found.in_kind,
                    Agreement::Differs(_) => &mut found.differ,
                } += 1;
            }
        }
        found
    }
}
