//! What every file says first, what none says at all, and what none is called.

use super::Finding;
use super::source::{Source, words};

/// Marks of unfinished work, in pieces so that this file may pass its own test.
const UNFINISHED: [&str; 4] =
    [concat!("to", "do"), concat!("fix", "me"), concat!("x", "xx"), concat!("unimple", "mented")];

/// Folders that exist on somebody's machine only.
const MACHINES: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

/// Names that say nothing about what is inside.
const DRAWERS: [&str; 6] = ["util", "utils", "helper", "helpers", "common", "misc"];

/// A file that does not begin by saying what it is.
pub(super) fn missing_header(source: &Source) -> Option<Finding> {
    let why = || "the file does not open with `//!` and a line on what it is".to_owned();
    let says = source
        .text
        .strip_prefix("//! ")
        .is_some_and(|rest| rest.lines().next().is_some_and(|line| !line.trim().is_empty()));
    (!says).then(|| Finding { file: source.path.clone(), line: 1, why: why() })
}

/// A file or folder whose name is a drawer for anything.
pub(super) fn drawer_name(source: &Source) -> Option<Finding> {
    let part = source
        .path
        .split('/')
        .map(|part| part.trim_end_matches(".rs"))
        .find(|part| DRAWERS.contains(part))?;
    Some(Finding {
        file: source.path.clone(),
        line: 1,
        why: format!("`{part}` says nothing about what is inside"),
    })
}

/// Unfinished work and machine paths.
pub(super) fn forbidden(path: &str, text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut report = |word: &str, why: &str| {
            found.push(Finding { file: path.to_owned(), line: index + 1, why: format!("`{word}`: {why}") });
        };
        let lowercase = line.to_lowercase();
        for (_, word) in words(&lowercase).filter(|(_, word)| UNFINISHED.contains(word)) {
            report(word, "finish it, or open an issue");
        }
        for folder in MACHINES.into_iter().filter(|folder| line.contains(folder)) {
            report(folder, "a path of one machine");
        }
    }
    found
}

/// Spaces at the end of a line, tabs where spaces are meant, and a last line without its newline.
pub(super) fn untidy_lines(path: &str, text: &str) -> Vec<Finding> {
    let finding = |line, why: &str| Finding { file: path.to_owned(), line, why: why.to_owned() };
    let tabs_are_syntax = path.ends_with("Makefile");
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.ends_with(char::is_whitespace) {
            found.push(finding(index + 1, "white space at the end of the line"));
        }
        if line.contains('\t') && !tabs_are_syntax {
            found.push(finding(index + 1, "a tab"));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        found.push(finding(text.lines().count(), "the last line has no newline"));
    }
    found
}

mod tests {
    use super::super::whys;
    use super::*;

    #[test]
    fn a_file_that_does_not_say_what_it_is_is_found() {
        let said = |text: &str| missing_header(&Source::new("src/a.rs", text)).is_none();
        assert!(said("//! Shapes.\nfn f() {}\n"));
        assert!(!said("fn f() {}\n"));
        assert!(!said("//!\n"));
        assert!(!said("// Shapes.\n"));
    }

    #[test]
    fn a_drawer_is_found_as_a_file_and_as_a_folder() {
        let drawer = |path: &str| drawer_name(&Source::new(path, "")).is_some();
        assert!(drawer("src/linalg/utils.rs"));
        assert!(drawer("src/common/norms.rs"));
        assert!(!drawer("src/linalg/norms.rs"));
    }

    #[test]
    fn unfinished_work_and_machine_paths_are_found_at_their_lines() {
        let text = format!("fine\n// {}: later\nopen(\"{}me\")\n", UNFINISHED[0].to_uppercase(), MACHINES[2]);
        let findings = forbidden("src/a.rs", &text);
        assert_eq!(findings.iter().map(|finding| finding.line).collect::<Vec<_>>(), [2, 3]);
        assert!(forbidden("src/a.rs", "mastodon, fixmeter, \\u{xxxx}\n").is_empty());
    }

    #[test]
    fn untidy_ends_of_lines_and_files_are_found() {
        let findings = untidy_lines("a.md", "a \nb\tc\nd");
        assert_eq!(
            whys(&findings),
            ["white space at the end of the line", "a tab", "the last line has no newline"]
        );
        assert!(untidy_lines("Makefile", "all:\n\tcargo test\n").is_empty());
    }
}
