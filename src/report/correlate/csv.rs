//! A row a pair, behind the cells of its group. What separates collapsed models is in the other formats.
//!
//! A value that was not computed is an empty cell; one that is not finite is `nan`, `inf` or `-inf`.

use std::io::{self, Write};

use super::words::{ci_method, log10_p, measure, p_method, status};
use super::write::CorrelateReport;
use crate::correlate::{Pair, Plan};
use crate::report::escape::{as_io, number, plain};

/// A header and the cell under it.
type Column = (&'static str, fn(&Pair, &Plan<'_>) -> Option<String>);

const COLUMNS: &[Column] = &[
    ("x", |pair, _| Some(plain(&pair.x))),
    ("y", |pair, _| Some(plain(&pair.y))),
    ("method", |_, plan| Some(measure(plan.measure).to_owned())),
    ("status", |pair, _| Some(status(&pair.found).to_owned())),
    ("n", |pair, _| Some(pair.n.to_string())),
    ("missing", |pair, _| Some(pair.missing.to_string())),
    ("nan", |pair, _| Some(pair.nan.to_string())),
    ("infinite", |pair, _| Some(pair.infinite.to_string())),
    ("ties_x", |pair, _| Some(pair.ties[0].to_string())),
    ("ties_y", |pair, _| Some(pair.ties[1].to_string())),
    ("coefficient", |pair, _| Some(number(pair.found.ok()?.coefficient))),
    ("p_value", |pair, _| Some(number(pair.found.ok()?.p?.p))),
    ("log10_p", |pair, _| Some(number(log10_p(pair.found.ok()?.p?)))),
    ("p_method", |pair, _| Some(p_method(pair.found.ok()?.p?.kind).to_owned())),
    ("p_holm", |pair, _| pair.found.ok()?.p_holm.map(number)),
    ("q_value", |pair, _| pair.found.ok()?.q_value.map(number)),
    ("ci_low", |pair, _| Some(number(pair.found.ok()?.interval?.low))),
    ("ci_high", |pair, _| Some(number(pair.found.ok()?.interval?.high))),
    ("ci_method", |pair, plan| {
        pair.found.ok()?.interval.map(|_| ci_method(plan.measure, plan.interval).to_owned())
    }),
    ("direction_ok", |pair, _| pair.direction_ok.map(|ok| ok.to_string())),
];

pub(super) fn write(report: &CorrelateReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut file = csv::Writer::from_writer(out);
    let by = report.plan.by.iter().map(|name| plain(name));
    let header = by.chain(COLUMNS.iter().map(|(header, _)| (*header).to_owned()));
    file.write_record(header.collect::<Vec<_>>()).map_err(as_io)?;
    for group in &report.correlations.groups {
        for pair in &group.pairs {
            let by = group.by.iter().map(|value| value.as_deref().map(plain).unwrap_or_default());
            let cells = COLUMNS.iter().map(|(_, cell)| cell(pair, report.plan).unwrap_or_default());
            file.write_record(by.chain(cells).collect::<Vec<_>>()).map_err(as_io)?;
        }
    }
    file.flush()
}
