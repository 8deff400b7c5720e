//! What came of a reproduction, for the terminal: how many claims agree, paper by paper, and those that do not.

use std::io::{self, Write};
use std::path::Path;

use super::markdown::agreement_word;
use crate::report::number::counted;
use crate::report::paint::Tone;
use crate::report::sheet::{Grid, Sheet};
use crate::report::{Format, Page};
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
    pub const FORMATS: [Format; 2] = [Format::Table, Format::Markdown];

    /// Writes the summary.
    ///
    /// # Errors
    /// Where `out` takes no more.
    pub fn write(&self, format: Format, page: &Page, out: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Markdown => self.sheet().write_markdown(out),
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
        let notes = [format!("the report: {}", self.folder.join("reproduction.md").display())];
        Sheet {
            command: "reproduce",
            tone: Tone::Strong,
            headline,
            notes: notes.into(),
            facts: self.reproduction.facts.clone(),
            grids: vec![self.papers(), self.differing()],
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

    fn differing(&self) -> Grid {
        let mut rows = Vec::new();
        for experiment in &self.reproduction.experiments {
            let place = format!("{} {}", experiment.paper.slug(), experiment.id);
            if let Status::NotRun(why) = &experiment.status {
                rows.push(vec![place.clone(), format!("{}: not run: {why}", experiment.title)]);
            }
            for claim in &experiment.claims {
                if matches!(claim.agreement, Agreement::Differs(_)) {
                    let found = format!(
                        "{} ({}): {}",
                        claim.statement,
                        agreement_word(&claim.agreement),
                        claim.found
                    );
                    rows.push(vec![place.clone(), found]);
                }
            }
        }
        Grid {
            title: "what differs or was not run".to_owned(),
            headers: vec!["experiment", "claim"],
            text_columns: 2,
            rows,
        }
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
