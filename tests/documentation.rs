//! The documentation stays true: what its console blocks show is what the commands write, its links lead somewhere, its index
//! is complete, and its notebooks are stored without outputs.
//!
//! A console block is a transcript: lines that begin with `$ ` are run in a folder of the page's own, in order, where
//! `fixtures` and `docs` are those of the repository; what follows is their stdout and stderr. `…` alone on a line stands for any lines,
//! and what a command with nothing below it writes is not compared. Words are compared to the letter, blanks by their presence, and numbers
//! to 2 %, for the last digits differ between processors.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::runner::names;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every page below `docs/`, and the README.
fn pages() -> Vec<PathBuf> {
    let (mut found, mut folders) = (vec![root().join("README.md")], vec![root().join("docs")]);
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A command and the lines below it.
struct Shown {
    line: usize,
    command: String,
    output: Vec<String>,
}

/// The commands of a page's console blocks.
fn transcripts(page: &str) -> Vec<Shown> {
    let (mut found, mut inside, mut continued): (Vec<Shown>, bool, bool) = (Vec::new(), false, false);
    for (at, line) in page.lines().enumerate() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if !inside {
        } else if continued {
            let shown = found.last_mut().unwrap();
            shown.command = format!("{}\n{line}", shown.command);
            continued = line.ends_with('\\');
        } else if let Some(command) = line.strip_prefix("$ ") {
            found.push(Shown { line: at + 1, command: command.to_owned(), output: Vec::new() });
            continued = line.ends_with('\\');
        } else if let Some(shown) = found.last_mut() {
            shown.output.push(line.to_owned());
        }
    }
    found
}

/// A folder with what pages name: the fixtures, and the case of one fact.
fn desk() -> TempDir {
    let desk = tempfile::tempdir().unwrap();
    for folder in ["fixtures", "docs"] {
        symlink(root().join(folder), desk.path().join(folder)).unwrap();
    }
    let cases = fs::read(root().join("fixtures/world/cases.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_slice(&cases).unwrap();
    fs::write(desk.path().join("granany.json"), cases[0].to_string()).unwrap();
    desk
}

/// What a command of a page writes.
fn output(command: &str, desk: &Path) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_diagnose"));
    let path = [program.parent().unwrap().to_path_buf()];
    let path = std::env::join_paths(
        path.into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let ran = Command::new("sh")
        .args(["-c", &format!("{command} 2>&1")])
        .current_dir(desk)
        .env("PATH", path.unwrap())
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null())
        .output();
    String::from_utf8(ran.unwrap().stdout).unwrap()
}

/// A piece of a line.
#[derive(Debug)]
enum Piece {
    Word(String),
    Number(f64),
}

/// Words, signs and numbers of a line; runs of blanks and of rules are nothing but separators.
fn pieces(line: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let number = |text: &str| text.replace(',', "").parse::<f64>().ok().filter(|x| x.is_finite());
    for token in line.split(|c: char| c.is_whitespace() || c == '─') {
        let mut rest = token;
        while !rest.is_empty() {
            let digits = rest.starts_with(|c: char| c.is_ascii_digit());
            let end = if digits {
                number_end(rest)
            } else {
                rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len())
            };
            let (piece, behind) = rest.split_at(end);
            found.push(
                number(piece).filter(|_| digits).map_or_else(|| Piece::Word(piece.to_owned()), Piece::Number),
            );
            rest = behind;
        }
    }
    found
}

/// Where a number ends: digits, commas and points between digits, and an exponent.
fn number_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut end = 0;
    while digit(end) || (matches!(bytes.get(end), Some(b',' | b'.')) && digit(end + 1)) {
        end += 1;
    }
    let sign = usize::from(matches!(bytes.get(end + 1), Some(b'-' | b'+')));
    if bytes.get(end) == Some(&b'e') && digit(end + 1 + sign) {
        end += 1 + sign;
        while digit(end) {
            end += 1;
        }
    }
    end
}

/// Whether a line that is shown is the one that was written.
fn alike(shown: &str, written: &str) -> bool {
    let (shown, written) = (pieces(shown), pieces(written));
    let close =
        |a: f64, b: f64| (a - b).abs() <= 0.02 * a.abs().max(b.abs()) || (a.abs() < 1e-9 && b.abs() < 1e-9);
    shown.len() == written.len()
        && shown.iter().zip(&written).all(|pair| match pair {
            (Piece::Number(a), Piece::Number(b)) => close(*a, *b),
            (Piece::Word(a), Piece::Word(b)) => a == b,
            _ => false,
        })
}

/// The first line that is shown and was not written, where there is one.
fn differs(shown: &[String], written: &[&str]) -> Option<String> {
    match shown {
        [] => (!written.is_empty()).then(|| format!("it also writes {:?}", written[0])),
        [elided, rest @ ..] if elided.trim() == "…" => {
            let at = (0..=written.len()).find(|&from| differs(rest, &written[from..]).is_none());
            at.is_none().then(|| format!("below … nothing is like {rest:?}"))
        }
        [line, rest @ ..] => match written {
            [first, behind @ ..] if alike(line, first) => differs(rest, behind),
            [first, ..] => Some(format!("it shows  {line}\n    it writes {first}")),
            [] => Some(format!("it shows {line:?}, and nothing more is written")),
        },
    }
}

#[test]
fn what_the_pages_show_is_what_the_commands_write() {
    let (mut wrong, mut run) = (Vec::new(), 0);
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let desk = desk();
        for Shown { line, command, output: shown } in transcripts(&text) {
            let written = output(&command, desk.path());
            if shown.iter().all(|line| line.trim().is_empty()) {
                continue;
            }
            run += 1;
            let written: Vec<&str> = written.trim_end().lines().collect();
            if let Some(found) = differs(&shown, &written) {
                wrong.push(format!("{}:{line}: $ {command}\n    {found}\n", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(run >= 20, "only {run} commands are shown");
}

#[test]
fn a_transcript_is_compared_by_its_words_and_its_numbers() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let same =
        |shown: &str, written: &str| differs(&lines(shown), &written.lines().collect::<Vec<_>>()).is_none();
    assert!(same("norm 1.000e-3,  of 4,096", "norm 1.001e-3, of 4,100"));
    assert!(same("a\n…\nd 5e-15", "a\nb\nc\nd 6e-16"));
    assert!(!same("norm 1.0", "norm 1.1") && !same("norm", "norms") && !same("a 1", "a one"));
    assert!(!same("a\nb", "a") && !same("a", "a\nb") && !same("a\n…\nx", "a\nb\nc"));
    let found = transcripts("```console\n$ a \\\n  b\nout\n$ c\n```\n```\n$ no\n```\n");
    let shown: Vec<_> =
        found.iter().map(|shown| (shown.command.as_str(), shown.output.len(), shown.line)).collect();
    assert_eq!(shown, [("a \\\n  b", 1, 2), ("c", 0, 5)]);
}

#[test]
fn links_between_pages_lead_to_files_and_headings() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let found = target.exists() && (heading.is_empty() || anchors(&target).contains(heading));
            if !found {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Headings of a page as the anchors that renderers make of them.
fn anchors(page: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(page).unwrap();
    let headings =
        text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    headings
        .map(|heading| {
            let kept = heading.to_lowercase().replace(' ', "-");
            kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
        })
        .collect()
}

#[test]
fn every_command_has_a_page_and_every_page_stands_in_the_index() {
    let index = fs::read_to_string(root().join("docs/README.md")).unwrap();
    let help = output("diagnose --help", root());
    let listed = help.split("Commands:").nth(1).unwrap().split("\n\n").next().unwrap();
    let commands: Vec<&str> = listed
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.len() > 10, "{commands:?}");
    for command in commands {
        let page = if ["completions", "man"].contains(&command) { "completions-and-man" } else { command };
        assert!(root().join(format!("docs/commands/{page}.md")).is_file(), "no page of {command}");
    }
    for folder in ["commands", "concepts", "schemas"] {
        for name in names(&root().join("docs").join(folder)) {
            assert!(
                index.contains(&format!("({folder}/{name})")),
                "docs/README.md does not list {folder}/{name}"
            );
        }
    }
}

/// Every word that an error or a refused record may have as its kind, from the sources.
fn kinds() -> BTreeSet<String> {
    let (mut found, mut folders) = (BTreeSet::new(), vec![root().join("src")]);
    let literals = |text: &str| text.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let kind = |word: &String| {
        word.split('-')
            .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c == '8'))
    };
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name != "tests.rs" && name != "dtype.rs") {
                let text = fs::read_to_string(&path).unwrap();
                for body in text.split("fn kind(&self)").skip(1) {
                    found.extend(literals(body.split("\n    }").next().unwrap()));
                }
                for rest in text.split("Failure::new(").skip(1) {
                    let literal = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
                    found.extend(literal.map(str::to_owned));
                }
                if path.ends_with("cli/refusals.rs") {
                    found.extend(literals(&text));
                }
            }
        }
    }
    found.into_iter().filter(kind).collect()
}

#[test]
fn every_kind_of_error_is_explained() {
    let page = fs::read_to_string(root().join("docs/errors.md")).unwrap();
    let kinds = kinds();
    assert!(
        kinds.len() > 80 && kinds.contains("not-found") && kinds.contains("protocols-differ"),
        "{kinds:?}"
    );
    let missing: Vec<&String> = kinds.iter().filter(|kind| !page.contains(&format!("`{kind}`"))).collect();
    assert!(missing.is_empty(), "docs/errors.md does not tell of {missing:?}");
}

#[test]
fn notebooks_are_stored_without_outputs_and_read_nothing_but_exports() {
    let folder = root().join("notebooks");
    let notebooks: Vec<String> = names(&folder)
        .into_iter()
        .filter(|name| Path::new(name).extension().is_some_and(|e| e == "ipynb"))
        .collect();
    assert_eq!(notebooks.len(), 4, "{notebooks:?}");
    for name in notebooks {
        let book: Value = serde_json::from_slice(&fs::read(folder.join(&name)).unwrap()).unwrap();
        for cell in book["cells"].as_array().unwrap().iter().filter(|cell| cell["cell_type"] == "code") {
            let id = format!("{name}, cell {}", cell["id"]);
            assert!(cell["outputs"].as_array().unwrap().is_empty(), "{id} has outputs: make strip-notebooks");
            assert!(cell["execution_count"].is_null(), "{id} was run: make strip-notebooks");
            let source: String = match &cell["source"] {
                Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
                text => text.as_str().unwrap().to_owned(),
            };
            let python = !source.starts_with("%%bash");
            assert!(!(python && source.contains("fixtures")), "{id} reads something beside the exports");
            for word in ["import torch", "transformers", "safetensors.", "subprocess"] {
                assert!(!(python && source.contains(word)), "{id} has {word}");
            }
        }
    }
}
