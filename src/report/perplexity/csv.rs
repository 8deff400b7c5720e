//! A row a model, or where texts are shown a row a text of a model.
//!
//! A value that was not computed is an empty cell; a value that is not finite is `nan`, `inf` or `-inf`. The baseline's
//! rows come last, with `role` saying so.

use std::io::{self, Write};

use super::record::status;
use super::write::PerplexityReport;
use crate::evaluate::{Paired, Perplexity};
use crate::report::escape::{as_io, number, plain};

/// A model with what it was compared to.
type Row<'a> = (&'a str, &'a Perplexity, Option<&'a Paired>);
/// A header and the cell under it.
type Column = (&'static str, fn(&Row<'_>) -> Option<String>);

const COLUMNS: &[Column] = &[
    ("role", |(role, ..)| Some((*role).to_owned())),
    ("path", |(_, model, _)| Some(plain(&model.path.to_string_lossy()))),
    ("texts", |(_, model, _)| Some(model.texts.len().to_string())),
    ("scored_texts", |(_, model, _)| Some(model.summary.scored_texts.to_string())),
    ("tokens", |(_, model, _)| Some(model.summary.tokens.to_string())),
    ("mean_of_text_perplexities", |(_, model, _)| Some(number(model.summary.mean_of_text_perplexities))),
    ("perplexity", |(_, model, _)| Some(number(model.summary.perplexity))),
    ("mean_nll", |(_, model, _)| Some(number(model.summary.mean_nll))),
    ("median", |(_, model, _)| Some(number(model.summary.median))),
    ("max", |(_, model, _)| Some(number(model.summary.max))),
    ("standard_error", |(_, model, _)| model.summary.standard_error.map(number)),
    ("nonfinite_texts", |(_, model, _)| Some(model.summary.nonfinite_texts.to_string())),
    ("truncated_texts", |(_, model, _)| Some(model.summary.truncated_texts.to_string())),
    ("empty_texts", |(_, model, _)| Some(model.summary.empty_texts.to_string())),
    ("one_token_texts", |(_, model, _)| Some(model.summary.one_token_texts.to_string())),
    ("tokenizer_hash", |(_, model, _)| Some(model.protocol.tokenizer_sha256.clone())),
    ("bos", |(_, model, _)| model.protocol.bos.map(|bos| bos.to_string())),
    ("window", |(_, model, _)| model.protocol.window.map(|window| window.to_string())),
    ("stride", |(_, model, _)| model.protocol.stride.map(|stride| stride.to_string())),
    ("mean_delta_nll", |(.., paired)| paired.map(|paired| number(paired.mean_delta_nll))),
    ("ci_low", |(.., paired)| paired.and_then(|p| p.inference.as_ref()).map(|i| number(i.bootstrap.low))),
    ("ci_high", |(.., paired)| paired.and_then(|p| p.inference.as_ref()).map(|i| number(i.bootstrap.high))),
    ("p_value", |(.., paired)| paired.and_then(|p| p.inference.as_ref()).map(|i| number(i.p_value))),
    ("log_ratio", |(.., paired)| paired.map(|paired| number(paired.log_ratio))),
];

pub(super) fn write(report: &PerplexityReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    let models = report.models.iter().map(|(model, paired)| ("model", model, paired.as_ref()));
    let rows: Vec<Row<'_>> = models.chain(report.baseline.map(|model| ("baseline", model, None))).collect();
    let mut file = csv::Writer::from_writer(out);
    if report.per_text {
        texts(&rows, report.indices, &mut file).map_err(as_io)?;
    } else {
        file.write_record(COLUMNS.iter().map(|(header, _)| header)).map_err(as_io)?;
        for row in &rows {
            let cells = COLUMNS.iter().map(|(_, cell)| cell(row).unwrap_or_default());
            file.write_record(cells).map_err(as_io)?;
        }
    }
    file.flush()
}

fn texts(rows: &[Row<'_>], indices: &[usize], file: &mut csv::Writer<&mut dyn Write>) -> csv::Result<()> {
    file.write_record(["role", "path", "index", "tokens", "mean_nll", "perplexity", "truncated", "status"])?;
    for (role, model, _) in rows {
        for (index, text) in indices.iter().zip(&model.texts) {
            file.write_record([
                (*role).to_owned(),
                plain(&model.path.to_string_lossy()),
                index.to_string(),
                text.tokens.to_string(),
                text.mean_nll.map(number).unwrap_or_default(),
                text.mean_nll.map(|nll| number(nll.exp())).unwrap_or_default(),
                text.truncated.to_string(),
                status(text).to_owned(),
            ])?;
        }
    }
    Ok(())
}
