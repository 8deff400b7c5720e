//! The record `diagnose.reproduce/1`.

use std::io::{self, Write};

use serde::Serialize;

use super::{figure_file, table_file};
use crate::report::json::{NonFiniteFields, Tool, write_document};
use crate::reproduce::{Agreement, Cell, Claim, Experiment, Reproduction, Status, Table};

/// Name and version of the record.
const SCHEMA: &str = "diagnose.reproduce/1";

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Record<'a> {
    schema: &'static str,
    tool: Tool,
    /// As typed.
    model: String,
    /// What it rests on, a label and its value each.
    facts: Vec<[&'a str; 2]>,
    experiments: Vec<ExperimentRecord<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ExperimentRecord<'a> {
    paper: &'static str,
    id: &'a str,
    title: &'a str,
    /// `done` or `not-run`.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    claims: Vec<ClaimRecord<'a>>,
    tables: Vec<TableRecord<'a>>,
    /// Files of the folder.
    figures: Vec<String>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ClaimRecord<'a> {
    statement: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    published: &'a str,
    found: &'a str,
    /// `agrees`, `in-kind` or `differs`.
    agreement: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct TableRecord<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    title: &'a str,
    file: String,
    columns: &'a [String],
    /// As long as `columns`; null where not measured or not finite.
    rows: Vec<Vec<Value<'a>>>,
    /// Cells that hold no finite number, by row and column from 0: `cell[3][1]`.
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
enum Value<'a> {
    Text(&'a str),
    Number(Option<f64>),
    Count(usize),
}

pub(super) fn write(reproduction: &Reproduction, out: &mut dyn Write) -> io::Result<()> {
    let record = Record {
        schema: SCHEMA,
        tool: Tool::THIS,
        model: reproduction.model.to_string_lossy().into_owned(),
        facts: reproduction.facts.iter().map(|(label, value)| [*label, value]).collect(),
        experiments: reproduction.experiments.iter().map(experiment).collect(),
    };
    write_document(&record, out)
}

fn experiment(experiment: &Experiment) -> ExperimentRecord<'_> {
    let (status, reason) = match &experiment.status {
        Status::Done => ("done", None),
        Status::NotRun(why) => ("not-run", Some(why.as_str())),
    };
    let tables = experiment.tables.iter().enumerate();
    ExperimentRecord {
        paper: experiment.paper.title(),
        id: experiment.id,
        title: experiment.title,
        status,
        reason,
        claims: experiment.claims.iter().map(claim).collect(),
        tables: tables.map(|(at, table)| self::table(table, table_file(experiment, at))).collect(),
        figures: experiment.figures.iter().map(|figure| figure_file(experiment, figure.name)).collect(),
    }
}

fn claim(Claim { statement, published, found, agreement }: &Claim) -> ClaimRecord<'_> {
    let (agreement, why) = match agreement {
        Agreement::Agrees => ("agrees", None),
        Agreement::InKind => ("in-kind", None),
        Agreement::Differs(why) => ("differs", Some(why.as_str())),
    };
    ClaimRecord { statement, published, found, agreement, why }
}

fn table(table: &Table, file: String) -> TableRecord<'_> {
    let mut nonfinite = NonFiniteFields::default();
    let mut value = |row: usize, column: usize, cell| match cell {
        &Cell::Number(x) => Value::Number(nonfinite.keep(&format!("cell[{row}][{column}]"), x)),
        Cell::Text(text) => Value::Text(text),
        Cell::Count(n) => Value::Count(*n),
        Cell::Missing => Value::Number(None),
    };
    let rows = table.rows.iter().enumerate();
    let rows = rows
        .map(|(row, cells)| cells.iter().enumerate().map(|(at, cell)| value(row, at, cell)).collect())
        .collect();
    TableRecord { title: &table.title, file, columns: &table.columns, rows, nonfinite }
}

#[cfg(test)]
crate::report::schema::published!(SCHEMA, Record<'static>);
