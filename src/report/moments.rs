//! `diagnose.moments/1`: what was summed, beside the file of sums.

use std::io::{self, Write};

use serde::Serialize;

use super::json::{self, Tool};
use super::number::{count, counted};
use super::paint::Tone;
use super::sheet::{Grid, Sheet};
use super::{Format, Page, parts};
use crate::keys::{LayerMoment, Moments};

/// Name and version of the record.
const SCHEMA: &str = "diagnose.moments/1";

/// What `diagnose moments` has to show.
#[derive(Clone, Copy, Debug)]
pub struct MomentsReport<'a> {
    /// The sums.
    pub moments: &'a Moments,
    /// The file that holds them.
    pub written: &'a str,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Record<'a> {
    schema: &'static str,
    tool: Tool,
    /// As typed.
    model: String,
    tokenizer_hash: &'a str,
    /// The file of sums.
    written: &'a str,
    /// Texts seen, with those without a token and those cut to the context.
    texts: usize,
    empty_texts: usize,
    truncated_texts: usize,
    /// Tokens run.
    tokens: u64,
    /// Whether position 0 of each text was left out.
    skip_first: bool,
    layers: Vec<LayerRecord<'a>>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct LayerRecord<'a> {
    layer: usize,
    module: &'a str,
    /// f: the sum is f × f.
    dimension: usize,
    /// Keys summed.
    count: u64,
    /// Fewer keys than dimensions: the second moment has no inverse.
    singular: bool,
}

impl<'a> From<&'a LayerMoment> for LayerRecord<'a> {
    fn from(layer: &'a LayerMoment) -> Self {
        Self {
            layer: layer.layer,
            module: &layer.module,
            dimension: layer.sum.nrows(),
            count: layer.count,
            singular: layer.is_singular(),
        }
    }
}

impl MomentsReport<'_> {
    /// Formats that it is written in.
    pub const FORMATS: [Format; 4] = [Format::Table, Format::Json, Format::Markdown, Format::Html];

    /// Writes the report.
    ///
    /// # Errors
    /// Where `out` does not take it.
    pub fn write(&self, format: Format, page: &Page, out: &mut dyn Write) -> io::Result<()> {
        let document = |out: &mut dyn Write| json::write_document(&self.record(), out);
        parts::write_short(document, &self.sheet(), format, page, out)
    }

    fn record(&self) -> Record<'_> {
        let moments = self.moments;
        Record {
            schema: SCHEMA,
            tool: Tool::THIS,
            model: moments.model.to_string_lossy().into_owned(),
            tokenizer_hash: &moments.tokenizer_sha256,
            written: self.written,
            texts: moments.texts,
            empty_texts: moments.empty_texts,
            truncated_texts: moments.truncated_texts,
            tokens: moments.tokens,
            skip_first: moments.plan.skip_first,
            layers: moments.layers.iter().map(LayerRecord::from).collect(),
        }
    }

    fn sheet(&self) -> Sheet {
        let moments = self.moments;
        let singular = moments.layers.iter().any(LayerMoment::is_singular);
        let row = |layer: &LayerMoment| {
            let enough = if layer.is_singular() { "too few" } else { "yes" };
            let numbers = [layer.layer.to_string(), layer.sum.nrows().to_string(), count(layer.count)];
            [layer.module.clone()].into_iter().chain(numbers).chain([enough.to_owned()]).collect()
        };
        let mut notes: Vec<String> = singular.then(|| self.too_few()).into_iter().collect();
        for (n, what) in [
            (moments.truncated_texts, "cut to the model's context"),
            (moments.empty_texts, "without a token, left out"),
        ] {
            if n > 0 {
                notes.push(format!("{} {what}", counted(n, "text")));
            }
        }
        let first = if moments.plan.skip_first { "left out" } else { "included, as published" };
        Sheet {
            command: "moments",
            tone: if singular { Tone::Warn } else { Tone::Good },
            headline: format!(
                "second moment of {} in {}",
                counted(moments.layers.len(), "layer"),
                self.written
            ),
            notes,
            facts: vec![
                ("model", moments.model.display().to_string()),
                ("texts", format!("{}, {} tokens", counted(moments.texts, "text"), count(moments.tokens))),
                ("position 0", first.to_owned()),
            ],
            grids: vec![Grid {
                title: "Sums".to_owned(),
                headers: vec!["module", "layer", "dimension", "keys", "enough"],
                text_columns: 1,
                rows: moments.layers.iter().map(row).collect(),
            }],
        }
    }

    /// What a sum of too few keys means.
    fn too_few(&self) -> String {
        let largest = self.moments.layers.iter().map(|layer| layer.sum.nrows()).max().unwrap_or(0);
        format!(
            "fewer keys than dimensions: the second moment is singular and cannot be solved with; {} keys are the least, \
             and forty times as many make it steady",
            count(largest as u64)
        )
    }
}

#[cfg(test)]
crate::report::schema::published!(SCHEMA, Record<'static>);
