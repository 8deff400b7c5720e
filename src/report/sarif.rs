//! Checks as SARIF 2.1.0: what code scanning shows. What passed is left out.

use std::io::{self, Write};

use serde::Serialize;

use super::checks::{Check, Outcome, Rule};
use super::json;
use crate::tensor::Printable;

/// Results that GitHub takes in one run.
const MOST_RESULTS: usize = 5000;

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
struct Run<'a> {
    tool: ToolOfRun,
    results: Vec<ResultOfCheck<'a>>,
    properties: Properties,
}

/// How much there was: results beyond the most that are taken are counted.
#[derive(Serialize)]
struct Properties {
    checks: usize,
    passed: usize,
    #[serde(rename = "omittedResults")]
    omitted: usize,
}

#[derive(Serialize)]
struct ToolOfRun {
    driver: Driver,
}

#[derive(Serialize)]
struct Driver {
    name: &'static str,
    version: &'static str,
    rules: Vec<Descriptor>,
}

#[derive(Serialize)]
struct Descriptor {
    id: &'static str,
    #[serde(rename = "shortDescription")]
    asks: Text,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
struct ResultOfCheck<'a> {
    #[serde(rename = "ruleId")]
    rule: &'static str,
    #[serde(rename = "ruleIndex")]
    at: usize,
    level: &'static str,
    message: Text,
    locations: [Location; 1],
    #[serde(rename = "partialFingerprints")]
    fingerprints: Fingerprints<'a>,
}

#[derive(Serialize)]
struct Location {
    #[serde(rename = "physicalLocation")]
    physical: Physical,
    #[serde(rename = "logicalLocations")]
    logical: [Logical; 1],
}

#[derive(Serialize)]
struct Physical {
    #[serde(rename = "artifactLocation")]
    artifact: Artifact,
    region: Region,
}

#[derive(Serialize)]
struct Artifact {
    uri: String,
}

/// Code scanning wants a line; a measurement has none.
#[derive(Serialize)]
struct Region {
    #[serde(rename = "startLine")]
    line: u32,
}

#[derive(Serialize)]
struct Logical {
    #[serde(rename = "fullyQualifiedName")]
    name: String,
}

/// The same check of a later run is known by its name.
#[derive(Serialize)]
struct Fingerprints<'a> {
    #[serde(rename = "diagnoseCheck/v1")]
    check: &'a str,
}

/// One run; failures first, at most 5000 results.
pub(super) fn write(checks: &[Check], out: &mut dyn Write) -> io::Result<()> {
    let mut rules: Vec<Rule> = Vec::new();
    for check in checks {
        if !rules.contains(&check.rule) {
            rules.push(check.rule);
        }
    }
    let mut found: Vec<&Check> = checks.iter().filter(|check| check.outcome != Outcome::Passed).collect();
    found.sort_by_key(|check| check.outcome);
    let (all, passed) = (found.len(), checks.len() - found.len());
    let results: Vec<_> = found.into_iter().take(MOST_RESULTS).map(|check| result(check, &rules)).collect();
    let properties = Properties { checks: checks.len(), passed, omitted: all - results.len() };
    let asks = |rule: &Rule| Descriptor { id: rule.id, asks: Text { text: rule.asks.to_owned() } };
    let driver = Driver {
        name: "diagnose",
        version: env!("CARGO_PKG_VERSION"),
        rules: rules.iter().map(asks).collect(),
    };
    let log = Log {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [Run { tool: ToolOfRun { driver }, results, properties }],
    };
    json::write_document(&log, out)
}

fn result<'a>(check: &'a Check, rules: &[Rule]) -> ResultOfCheck<'a> {
    let name = Printable(&check.name).to_string();
    let text = format!("{name}: {}", Printable(&check.message));
    ResultOfCheck {
        rule: check.rule.id,
        at: rules.iter().position(|rule| *rule == check.rule).unwrap_or(0),
        level: match check.outcome {
            Outcome::Failed => "error",
            Outcome::Warned => "warning",
            Outcome::Skipped | Outcome::Passed => "note",
        },
        message: Text { text },
        locations: [Location {
            physical: Physical { artifact: Artifact { uri: uri(&check.file) }, region: Region { line: 1 } },
            logical: [Logical { name }],
        }],
        fingerprints: Fingerprints { check: &check.name },
    }
}

/// A path as a reference: relative as it is, absolute as `file:`, with everything that is no part of a plain path escaped.
fn uri(path: &str) -> String {
    use std::fmt::Write as _;
    let mut uri = if path.starts_with('/') { "file://".to_owned() } else { String::new() };
    for byte in path.bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' => uri.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(byte)),
            byte => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may fail")]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_reference_that_reads_back() {
        assert_eq!(uri("out/now.json"), "out/now.json");
        assert_eq!(uri("/a b/é"), "file:///a%20b/%C3%A9");
        assert_eq!(uri("http:x"), "http%3Ax", "no scheme is made of a file's name");
    }

    #[test]
    #[expect(clippy::unwrap_used, reason = "a test may fail")]
    fn more_results_than_are_taken_are_cut_worst_first_and_counted() {
        let rule = Rule { id: "r", asks: "" };
        let check = |at: usize| Check {
            name: at.to_string(),
            rule,
            outcome: if at == 6000 { Outcome::Failed } else { Outcome::Warned },
            message: String::new(),
            file: "f".to_owned(),
        };
        let checks: Vec<Check> = (0..=6000).map(check).collect();
        let mut out = Vec::new();
        write(&checks, &mut out).unwrap();
        let log: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let run = &log["runs"][0];
        assert_eq!(run["results"].as_array().unwrap().len(), 5000);
        assert_eq!(run["results"][0]["level"], "error");
        assert_eq!(run["properties"]["omittedResults"], 1001);
    }
}
