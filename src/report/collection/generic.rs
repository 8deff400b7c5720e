//! All that a record holds: scalars as facts, lists of objects as tables, however deep they lie.

use serde_json::Value;

use super::column::{at, laid, listed, scalar};
use crate::report::field;
use crate::report::html::{Cell, Table};

/// Fields that every record has, and that say nothing of what was found.
const HOUSEHOLD: [&str; 3] = ["schema", "tool", "nonfinite"];
/// Columns of a table that was found, and tables of one record: beyond that the record itself is the better page.
const COLUMNS: usize = 24;
const TABLES: usize = 24;
/// How deep objects are followed.
const DEPTH: usize = 6;

/// What was found in a record, beside what has been told already.
#[derive(Debug, Default)]
pub(super) struct Rest {
    pub(super) facts: Vec<(String, String)>,
    pub(super) tables: Vec<Table>,
}

/// All of a record but the fields (`cases`, `verdict.reasons`) that were told.
pub(super) fn rest(record: &Value, told: &[&str]) -> Rest {
    let mut rest = Rest::default();
    rest.object("", record, told, DEPTH);
    rest
}

impl Rest {
    pub(super) fn is_empty(&self) -> bool {
        self.facts.is_empty() && self.tables.is_empty()
    }

    fn object(&mut self, path: &str, object: &Value, told: &[&str], depth: usize) {
        let Some(fields) = object.as_object().filter(|_| depth > 0) else { return };
        for (name, value) in fields {
            let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            if !HOUSEHOLD.contains(&name.as_str()) && !told.contains(&below.as_str()) {
                self.value(&below, object, name, value, told, depth);
            }
        }
    }

    fn value(&mut self, path: &str, object: &Value, name: &str, value: &Value, told: &[&str], depth: usize) {
        match value {
            Value::Object(_) => self.object(path, value, told, depth - 1),
            Value::Array(items) if items.iter().any(Value::is_object) => self.list(path, items, told, depth),
            Value::Array(items) if items.iter().any(Value::is_array) => {
                self.facts.push((words(path), format!("{} rows of numbers, in the record", items.len())));
            }
            Value::Array(items) if items.is_empty() => {}
            Value::Array(_) => self.facts.push((words(path), listed(value))),
            Value::Null => {
                // A number that is none is a finding; a null without a word is nothing.
                let finding =
                    field::number(object, name).map(|number| (words(path), Cell::number(number).text));
                self.facts.extend(finding);
            }
            scalar_value => self.facts.extend(scalar(scalar_value).map(|cell| (words(path), cell.text))),
        }
    }

    /// A table of the scalars of each item, then what lies deeper in the first ones.
    fn list(&mut self, path: &str, items: &[Value], told: &[&str], depth: usize) {
        if self.tables.len() >= TABLES || depth == 0 {
            return;
        }
        let mut paths: Vec<String> = Vec::new();
        for item in items {
            scalars(item, "", &mut paths, DEPTH);
        }
        paths.truncate(COLUMNS);
        let columns: Vec<(String, String)> = paths.into_iter().map(|path| (words(&path), path)).collect();
        self.tables.extend(laid(&capital(&words(path)), items, &columns));
        for (i, item) in items.iter().enumerate() {
            self.lists_below(&format!("{path} {}", label(item, i)), item, told, depth - 1);
        }
    }

    /// Lists of objects inside an item of a list.
    fn lists_below(&mut self, path: &str, item: &Value, told: &[&str], depth: usize) {
        for (name, value) in item.as_object().into_iter().flatten() {
            match value {
                Value::Array(items) if items.iter().any(Value::is_object) => {
                    self.list(&format!("{path}: {name}"), items, told, depth);
                }
                Value::Object(_) if depth > 0 => self.lists_below(path, value, told, depth - 1),
                _ => {}
            }
        }
    }
}

/// Paths of every scalar of an object, each once; lists of scalars are one.
fn scalars(object: &Value, path: &str, found: &mut Vec<String>, depth: usize) {
    for (name, value) in object.as_object().into_iter().flatten().filter(|_| depth > 0) {
        let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let is_one = match value {
            Value::Object(_) => {
                if name != "nonfinite" {
                    scalars(value, &below, found, depth - 1);
                }
                false
            }
            Value::Array(items) => !items.iter().any(|item| item.is_object() || item.is_array()),
            _ => true,
        };
        if is_one && !found.contains(&below) {
            found.push(below);
        }
    }
}

/// What an item of a list is called, or its place.
fn label(item: &Value, i: usize) -> String {
    let names = ["name", "case_id", "id", "path", "source", "by", "metric", "kind"];
    let name =
        names.iter().map(|name| at(item, name)).find(|cell| *cell != Cell::missing() && cell.text != "…");
    name.map_or_else(|| format!("{}", i + 1), |cell| cell.text)
}

/// A field's name as words.
fn words(path: &str) -> String {
    path.replace(['_', '.'], " ")
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_that_an_unknown_record_holds_is_left_out() {
        let record = json!({
            "schema": "diagnose.later/3", "tool": {"name": "diagnose", "version": "9"},
            "summary": {"cases": 1234, "share": 0.25, "lost": null, "nothing": null, "nonfinite": {"lost": "inf"}},
            "words": ["a", "b"],
            "rows": [
                {"name": "x", "inner": {"score": 1.5}, "parts": [{"piece": 7}]},
                {"name": "y", "inner": {"score": null, "nonfinite": {"score": "nan"}}, "held": true},
            ],
        });
        let rest = rest(&record, &[]);
        let facts: Vec<(&str, &str)> =
            rest.facts.iter().map(|(label, value)| (label.as_str(), value.as_str())).collect();
        assert_eq!(
            facts,
            [
                ("summary cases", "1,234"),
                ("summary lost", "inf"),
                ("summary share", "0.2500"),
                ("words", "a, b")
            ]
        );
        let shown: Vec<(String, Vec<Vec<String>>)> = rest
            .tables
            .iter()
            .map(|table| {
                let rows = table.rows.iter().map(|row| row.iter().map(|cell| cell.text.clone()).collect());
                (table.title.clone(), rows.collect())
            })
            .collect();
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<String>>();
        assert_eq!(
            shown,
            [
                ("Rows".to_owned(), vec![row(&["1.500", "x", "–"]), row(&["nan", "y", "yes"])]),
                ("Rows x: parts".to_owned(), vec![row(&["7"])]),
            ]
        );
    }

    #[test]
    fn what_was_told_is_not_told_again_and_depth_has_an_end() {
        let record = json!({"verdict": {"level": "safe", "basis": "b"}, "cases": [{"a": 1}]});
        let rest = rest(&record, &["verdict.level", "cases"]);
        assert_eq!(rest.facts, [("verdict basis".to_owned(), "b".to_owned())]);
        assert!(rest.tables.is_empty());
        let deep = (0..100).fold(json!(1), |inner, _| json!({ "a": inner }));
        assert!(super::rest(&deep, &[]).facts.is_empty());
    }
}
