//! One report, five formats.

use std::io::{self, Write};

use super::record::{Head, ModelRecord, Record};
use super::{csv, sheet};
use crate::evaluate::{Paired, Perplexity};
use crate::report::parts::{self, Parts};
use crate::report::sheet::Sheet;
use crate::report::{Format, Page, json};

/// What `diagnose perplexity` has to show.
#[derive(Clone, Copy, Debug)]
pub struct PerplexityReport<'a> {
    /// Where the texts came from.
    pub texts: &'a str,
    /// Where each text stands among the records of its file, from 0.
    pub indices: &'a [usize],
    /// Records that could not be used.
    pub bad_records: usize,
    /// The models, each with its comparison where there is a baseline.
    pub models: &'a [(Perplexity, Option<Paired>)],
    /// What they are compared with.
    pub baseline: Option<&'a Perplexity>,
    /// How the intervals were resampled.
    pub resampled: ResampledBy,
    /// Whether each text is shown.
    pub per_text: bool,
}

/// The bootstrap behind the intervals.
#[derive(Clone, Copy, Debug)]
pub struct ResampledBy {
    /// Its seed.
    pub seed: u64,
    /// Number of resamples.
    pub resamples: usize,
}

impl PerplexityReport<'_> {
    /// Writes the report.
    ///
    /// JSON lines are a summary without the models, then one line a model (`record` is `model` or `baseline`). CSV has a
    /// row a model, or a row a text of a model where texts are shown.
    ///
    /// # Errors
    /// Where `out` does not take it.
    pub fn write(&self, format: Format, page: &Page, out: &mut dyn Write) -> io::Result<()> {
        parts::write(self, format, page, out)
    }
}

impl Parts for PerplexityReport<'_> {
    fn document(&self, out: &mut dyn Write) -> io::Result<()> {
        json::write_document(&Record::from(self), out)
    }

    fn rows(&self, out: &mut dyn Write) -> io::Result<()> {
        csv::write(self, out)
    }

    fn sheet(&self, _page: &Page) -> Sheet {
        sheet::sheet(self)
    }

    fn lines(&self, out: &mut dyn Write) -> io::Result<()> {
        json::write_part("summary", Head::from(self), out)?;
        for (model, paired) in self.models {
            let content = ModelRecord::new(model, paired.as_ref(), self);
            json::write_part("model", content, out)?;
        }
        match self.baseline {
            Some(baseline) => {
                let content = ModelRecord::new(baseline, None, self);
                json::write_part("baseline", content, out)
            }
            None => Ok(()),
        }
    }
}
