//! Records about sets of cases: the papers' experiments, and where the subjects of a dataset stand.

use serde_json::Value;

use super::column::table;
use super::outline::Outline;
use crate::report::field::{count, items, text};
use crate::report::html::{Cell, Header, Table};
use crate::report::number::{count as grouped, counted};
use crate::report::paint::Tone;

/// Rows of an experiment's table.
const ROWS: usize = 40;

pub(super) fn reproduce(record: &Value) -> Outline {
    let experiments = items(record, "experiments");
    let claims: Vec<Value> = experiments.iter().flat_map(claims_of).collect();
    let with = |agreement: &str| claims.iter().filter(|claim| text(claim, "agreement") == agreement).count();
    let not_run = experiments.iter().filter(|experiment| text(experiment, "status") != "done").count();
    let headline = format!(
        "{} agree, {} in kind, {} differ; {} not run",
        counted(with("agrees"), "claim"),
        with("in-kind"),
        with("differs"),
        counted(not_run, "experiment")
    );
    let mut outline = Outline::new(Tone::Strong, headline)
        .fact("model", text(record, "model"))
        .table(table(
            "Claims",
            &claims,
            &[
                ("paper", "paper"),
                ("experiment", "id"),
                ("claim", "statement"),
                ("published", "published"),
                ("found", "found"),
                ("agreement", "agreement"),
                ("why", "why"),
            ],
        ))
        .table(table(
            "Experiments that were not run",
            experiments.iter().filter(|experiment| text(experiment, "status") != "done"),
            &[("paper", "paper"), ("experiment", "id"), ("about", "title"), ("why", "reason")],
        ))
        .told(&["experiments", "facts", "model"]);
    let facts = items(record, "facts")
        .iter()
        .filter_map(|fact| Some((fact.get(0)?.as_str()?, fact.get(1)?.as_str()?)));
    outline.facts.extend(facts.map(|(label, value)| (label.to_owned(), value.to_owned())));
    for experiment in experiments {
        outline
            .tables
            .extend(items(experiment, "tables").iter().map(|table| of_experiment(experiment, table)));
    }
    outline
}

fn claims_of(experiment: &Value) -> Vec<Value> {
    let claim = |claim: &Value| {
        let mut fields = claim.as_object().cloned().unwrap_or_default();
        for name in ["paper", "id"] {
            fields.insert(name.to_owned(), experiment.get(name).cloned().unwrap_or_default());
        }
        Value::Object(fields)
    };
    items(experiment, "claims").iter().map(claim).collect()
}

fn shown(name: &str) -> String {
    crate::report::text::name(name, crate::report::text::SENTENCE_COLUMNS)
}

/// A table whose rows are lists of cells.
fn of_experiment(experiment: &Value, table: &Value) -> Table {
    let nonfinite = table.get("nonfinite");
    let cell = |i: usize, j: usize, value: &Value| {
        let name = format!("cell[{i}][{j}]");
        let word = nonfinite.and_then(|fields| fields.get(&name)).and_then(Value::as_str);
        word.map_or_else(|| super::column::scalar(value).unwrap_or_else(Cell::missing), Cell::text)
    };
    let row = |(i, row): (usize, &Value)| -> Vec<Cell> {
        row.as_array().into_iter().flatten().enumerate().map(|(j, value)| cell(i, j, value)).collect()
    };
    let rows: Vec<Vec<Cell>> = items(table, "rows").iter().enumerate().map(row).collect();
    let numeric = |j: usize| {
        rows.iter().filter_map(|row| row.get(j)).all(|cell| cell.key.is_some() || *cell == Cell::missing())
    };
    let columns = items(table, "columns").iter().filter_map(Value::as_str).enumerate();
    let headers = columns.map(|(j, name)| Header { text: shown(name), numeric: numeric(j) }).collect();
    let about = [text(table, "title"), text(experiment, "title")].into_iter().find(|title| !title.is_empty());
    let [paper, id] = ["paper", "id"].map(|field| text(experiment, field));
    let title = shown(&format!("{paper} {id}: {}", about.unwrap_or_default()));
    Table { title, headers, ..Table::default() }.filled(ROWS, rows)
}

pub(super) fn screen(record: &Value) -> Outline {
    let summary = record.get("summary").unwrap_or(&Value::Null);
    let [cases, first, at_risk] =
        ["cases", "first_token_cases", "at_risk"].map(|field| grouped(count(summary, field)));
    let tone = if count(summary, "at_risk") > 0 { Tone::Warn } else { Tone::Good };
    let headline = format!(
        "{at_risk} of {cases} cases are at risk: their key is read at the first token, with nothing before it"
    );
    Outline::new(tone, headline)
        .notes([format!("{first} cases are read at the first of the prompt's own tokens")])
        .told(&["summary.cases", "summary.first_token_cases", "summary.at_risk"])
}
