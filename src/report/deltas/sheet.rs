//! The report in the parts of a page: what the HTML is made of. Terminal and Markdown have layouts of their own.

use super::overview;
use super::ranking::{self, COLUMNS};
use super::words::level_tone;
use super::write::{DeltasReport, Page};
use crate::deltas::{Deltas, Expectation, TensorDelta};
use crate::report::sheet::{Grid, Sheet};

pub(super) fn sheet(report: &DeltasReport<'_>, page: &Page) -> Sheet {
    let deltas = report.deltas;
    Sheet {
        command: "deltas",
        tone: level_tone(deltas.verdict.level),
        headline: overview::headline(deltas),
        notes: deltas.verdict.reasons.clone(),
        facts: overview::facts(deltas),
        grids: vec![expectations(deltas), most_changed(deltas, page.top)],
    }
}

fn expectations(deltas: &Deltas) -> Grid {
    let row = |expectation: &Expectation| {
        let held = if expectation.held { "✓ held" } else { "✗ failed" };
        vec![held.to_owned(), expectation.expect.clone(), expectation.found.clone()]
    };
    Grid {
        title: "Checks".to_owned(),
        headers: vec!["", "check", "found"],
        text_columns: 3,
        rows: deltas.expectations.iter().map(row).collect(),
    }
}

fn most_changed(deltas: &Deltas, top: usize) -> Grid {
    let (rows, more) = ranking::most_changed(deltas, top);
    let row = |tensor: &&TensorDelta| {
        let cells = COLUMNS.iter().filter(|column| column.right_aligned).map(|column| (column.cell)(tensor));
        let dtypes =
            COLUMNS.iter().filter(|column| !column.right_aligned).map(|column| (column.cell)(tensor));
        [tensor.name.clone()].into_iter().chain(dtypes).chain(cells).collect()
    };
    let headers = |right_aligned| {
        let own = COLUMNS.iter().filter(move |column| column.right_aligned == right_aligned);
        own.map(|column| column.header)
    };
    let texts: Vec<&'static str> = ["tensor"].into_iter().chain(headers(false)).collect();
    Grid {
        title: format!("Most changed tensors ({})", ranking::leftovers(deltas, more)),
        text_columns: texts.len(),
        headers: texts.into_iter().chain(headers(true)).collect(),
        rows: rows.iter().map(row).collect(),
    }
}
