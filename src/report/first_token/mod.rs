//! `diagnose.first-token/1`: the record and a file a format.

mod csv;
mod record;
mod sheet;

use std::io::{self, Write};

use crate::keys::first_token::{FirstToken, Standing};
use crate::model::Site;
use crate::report::parts::{self, Parts};
use crate::report::sheet::Sheet;
use crate::report::{Format, Page, json};

/// What `diagnose first-token` has to show.
#[derive(Clone, Copy, Debug)]
pub struct FirstTokenReport<'a> {
    /// What was found.
    pub found: &'a FirstToken,
    /// Records of the texts that could not be used.
    pub bad_records: usize,
}

impl FirstTokenReport<'_> {
    /// Writes the report.
    ///
    /// JSON lines are a summary, then a line a measurement, a block's extremes, a position of its outputs and a layer's attention. CSV has a row a
    /// measurement.
    ///
    /// # Errors
    /// Where `out` does not take it.
    pub fn write(&self, format: Format, page: &Page, out: &mut dyn Write) -> io::Result<()> {
        parts::write(self, format, page, out)
    }
}

impl Parts for FirstTokenReport<'_> {
    fn document(&self, out: &mut dyn Write) -> io::Result<()> {
        json::write_document(&record::Record::from(self), out)
    }

    fn lines(&self, out: &mut dyn Write) -> io::Result<()> {
        let record = record::Record::from(self);
        json::write_part("summary", &record.head, out)?;
        for content in &record.measurements {
            json::write_part("measurement", content, out)?;
        }
        for content in &record.massive {
            json::write_part("massive", content, out)?;
        }
        for content in &record.profiles {
            json::write_part("profile", content, out)?;
        }
        for content in &record.attention {
            json::write_part("attention", content, out)?;
        }
        Ok(())
    }

    fn rows(&self, out: &mut dyn Write) -> io::Result<()> {
        csv::write(self.found, out)
    }

    fn sheet(&self, _page: &Page) -> Sheet {
        sheet::sheet(self)
    }
}

/// A site as records name it.
const fn site_name(site: Site) -> &'static str {
    match site {
        Site::Key => "key",
        Site::Value => "value",
        Site::Attention => "attention",
        Site::Block => "block",
    }
}

/// A standing as records name it.
const fn standing_name(standing: Standing) -> &'static str {
    match standing {
        Standing::Unknown => "unknown",
        Standing::Alike => "alike",
        Standing::Separable => "separable",
        Standing::Apart => "apart",
    }
}
