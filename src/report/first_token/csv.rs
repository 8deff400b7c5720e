//! A row a measurement. A value that was not computed is an empty cell; one that is not finite is `nan`, `inf` or `-inf`.

use std::io::{self, Write};

use super::{site_name, standing_name};
use crate::keys::first_token::{FirstToken, Measurement, Separation, Standing};
use crate::report::escape::{as_io, number, plain};

/// A header and the cell under it.
type Column = (&'static str, fn(&Measurement) -> Option<String>);

const COLUMNS: &[Column] = &[
    ("layer", |m| m.layer.map(|layer| layer.to_string())),
    ("site", |m| m.site.map(|site| site_name(site).to_owned())),
    ("array", |m| m.array.as_deref().map(plain)),
    ("position", |m| Some(m.position.to_string())),
    ("special", |m| Some(m.special.to_string())),
    ("swapped_by", |m| m.swap.map(|swap| swap.by.to_string())),
    ("standing", |m| found(m, |s| standing_name(Standing::of(s)).to_owned())),
    ("dimension", |m| found(m, |s| s.dimension.to_string())),
    ("first_tokens", |m| found(m, |s| s.first_tokens.to_string())),
    ("later_tokens", |m| found(m, |s| s.later_tokens.to_string())),
    ("first_norm", |m| found(m, |s| number(s.first_norm))),
    ("later_norm", |m| found(m, |s| number(s.later_norm))),
    ("norm_ratio", |m| found(m, |s| number(s.norm_ratio))),
    ("first_cosine", |m| found(m, |s| number(s.first_cosine))),
    ("later_cosine", |m| found(m, |s| number(s.later_cosine))),
    ("mutual_cosine", |m| found(m, |s| number(s.mutual_cosine))),
    ("first_mahalanobis", |m| found(m, |s| number(s.mahalanobis.first_mean))),
    ("first_mahalanobis_min", |m| found(m, |s| number(s.mahalanobis.first_min))),
    ("later_mahalanobis", |m| found(m, |s| number(s.mahalanobis.later_mean))),
    ("later_mahalanobis_p99", |m| found(m, |s| number(s.mahalanobis.later_p99))),
    ("auroc", |m| found(m, |s| number(s.mahalanobis.auroc))),
    ("principal_auroc", |m| found(m, |s| number(s.principal.auroc))),
    ("principal_explained_variance", |m| found(m, |s| number(s.principal.explained_variance))),
    ("reason", |m| m.found.as_ref().err().map(|reason| plain(&reason.to_string()))),
];

pub(super) fn write(found: &FirstToken, out: &mut dyn Write) -> io::Result<()> {
    let mut rows = csv::Writer::from_writer(out);
    rows.write_record(COLUMNS.iter().map(|(header, _)| header)).map_err(as_io)?;
    for measurement in &found.measurements {
        let cells = COLUMNS.iter().map(|(_, cell)| cell(measurement).unwrap_or_default());
        rows.write_record(cells).map_err(as_io)?;
    }
    rows.flush()
}

fn found(measurement: &Measurement, of: impl Fn(&Separation) -> String) -> Option<String> {
    measurement.found.as_ref().ok().map(of)
}
