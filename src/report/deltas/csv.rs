//! A row a tensor, all its scalars as columns.
//!
//! A value that was not computed is an empty cell; a value that is not finite is `nan`, `inf` or `-inf`, which pandas
//! and R read. Shapes are `768x3072`. Names are escaped as in the table, and a name or reason that a spreadsheet would
//! take for a formula (`=`, `+`, `-`, `@` first) gets a `'` in front: no honest tensor name is touched by either. JSON
//! has the names exactly.
//!
//! A cell with a comma or a quote is quoted and its quotes are doubled, as RFC 4180 has it; lines end in a
//! line feed. Numbers are the shortest decimals that read back as the same f64, never in a locale's own
//! notation. There is no row for the pair: verdict, signature and summary are in the other formats.

use std::io::{self, Write};

use super::words;
use crate::deltas::{Change, Deltas, Spectrum, SpectrumOutcome, TensorDelta};
use crate::model::Role;
use crate::report::escape::{as_io, number, plain};
use crate::tensor::Dtype;

/// A header and the cell under it.
type Column = (&'static str, fn(&TensorDelta) -> Option<String>);

const COLUMNS: &[Column] = &[
    ("name", |t| Some(plain(&t.name))),
    ("status", |t| Some(words::status(t.status).to_owned())),
    ("shape", |t| Some(joined(&t.shape.0, "x"))),
    ("shape_after", |t| t.shape_after.as_ref().map(|shape| joined(&shape.0, "x"))),
    ("dtype_before", |t| t.dtype_before.map(Dtype::name).map(str::to_owned)),
    ("dtype_after", |t| t.dtype_after.map(Dtype::name).map(str::to_owned)),
    ("layer", |t| role(t, |role| role.layer.map(|layer| layer.to_string()))),
    ("module", |t| role(t, |role| Some(plain(&role.module)))),
    ("kind", |t| role(t, |role| Some(words::matrix_kind(role.kind).to_owned()))),
    ("orientation", |t| role(t, |role| role.orientation.map(words::orientation).map(str::to_owned))),
    ("elements", |t| Some(t.elements.to_string())),
    ("changed_elements", |t| change(t, |c| c.changed_elements.to_string())),
    ("before_norm", |t| change(t, |c| number(c.before_norm))),
    ("after_norm", |t| change(t, |c| number(c.after_norm))),
    ("delta_norm", |t| change(t, |c| number(c.delta_norm))),
    ("relative_delta", |t| change(t, |c| number(c.relative_delta))),
    ("normalized_delta", |t| change(t, |c| number(c.normalized_delta))),
    ("max_abs_delta", |t| change(t, |c| number(c.max_abs_delta))),
    ("max_abs_index", |t| change(t, |c| joined(&c.max_abs_index, " "))),
    ("mean_abs_delta", |t| change(t, |c| number(c.mean_abs_delta))),
    ("rms_delta", |t| change(t, |c| number(c.rms_delta))),
    ("cosine", |t| change(t, |c| number(c.cosine))),
    ("abs_delta_p50", |t| change(t, |c| number(c.abs_delta_quantiles.p50))),
    ("abs_delta_p90", |t| change(t, |c| number(c.abs_delta_quantiles.p90))),
    ("abs_delta_p99", |t| change(t, |c| number(c.abs_delta_quantiles.p99))),
    ("abs_delta_p999", |t| change(t, |c| number(c.abs_delta_quantiles.p999))),
    ("nonfinite_before", |t| change(t, |c| c.nonfinite_before.total().to_string())),
    ("nonfinite_after", |t| change(t, |c| c.nonfinite_after.total().to_string())),
    ("new_nonfinite", |t| change(t, |c| c.new_nonfinite.to_string())),
    ("spectral_norm", |t| spectrum(t, |s| number(s.spectral_norm))),
    ("relative_spectral_norm", |t| spectrum(t, |s| number(s.relative_spectral_norm))),
    ("stable_rank", |t| spectrum(t, |s| number(s.stable_rank))),
    ("numerical_rank", |t| spectrum(t, |s| s.numerical_rank.to_string())),
    ("numerical_rank_is_lower_bound", |t| spectrum(t, |s| s.numerical_rank_is_lower_bound.to_string())),
    ("rounding_edge", |t| spectrum(t, |s| number(s.rounding_edge))),
    ("top_energy", |t| spectrum(t, |s| number(s.top_energy))),
    ("spectrum_method", |t| spectrum(t, |s| s.method.clone())),
    ("spectrum_residual", |t| spectrum(t, |s| number(s.residual))),
    ("spectrum_reason", |t| match &t.spectrum {
        SpectrumOutcome::Skipped(reason) => Some(plain(reason)),
        SpectrumOutcome::Computed(_) | SpectrumOutcome::NotApplicable => None,
    }),
];

pub(super) fn write(deltas: &Deltas, out: &mut dyn Write) -> io::Result<()> {
    let mut rows = csv::Writer::from_writer(out);
    rows.write_record(COLUMNS.iter().map(|(header, _)| header)).map_err(as_io)?;
    for tensor in &deltas.tensors {
        let cells = COLUMNS.iter().map(|(_, cell)| cell(tensor).unwrap_or_default());
        rows.write_record(cells).map_err(as_io)?;
    }
    rows.flush()
}

fn joined(numbers: &[u64], separator: &str) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(separator)
}

fn role(tensor: &TensorDelta, of: impl Fn(&Role) -> Option<String>) -> Option<String> {
    tensor.role.as_ref().and_then(of)
}

fn change(tensor: &TensorDelta, of: impl Fn(&Change) -> String) -> Option<String> {
    tensor.change.as_ref().map(of)
}

fn spectrum(tensor: &TensorDelta, of: impl Fn(&Spectrum) -> String) -> Option<String> {
    match &tensor.spectrum {
        SpectrumOutcome::Computed(spectrum) => Some(of(spectrum)),
        SpectrumOutcome::NotApplicable | SpectrumOutcome::Skipped(_) => None,
    }
}
