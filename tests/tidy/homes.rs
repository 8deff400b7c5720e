//! Words of the code that belong into certain rooms only.

use super::Finding;
use super::source::{Source, words};

/// Identifiers, the beginnings of the paths where they may stand, and why.
const HOMES: [(&[&str], &[&str], &str); 3] = [
    (
        &["clap", "clap_complete", "clap_mangen", "anyhow"],
        &["src/cli/", "src/cli.rs", "src/main.rs"],
        "the library is used without the command line",
    ),
    (&["Serialize"], &["src/report/", "src/report.rs"], "records of what is written live in report/ alone"),
    (
        &["unsafe", "unsafe_code"],
        &["src/gpu/", "src/linalg/", "src/reader/mapping", "src/reader/fault_guard"],
        "unsafe code has three homes: gpu/, linalg/, and the memory map of reader/ with its guard",
    ),
];

/// Calls that end the process where an error would do.
const PANICS: [&str; 3] = [".unwrap()", ".expect(", ".unwrap_unchecked("];

/// What the argument of the standard `expect` begins with; a method of ours may have that name and take something else.
const MESSAGES: [&str; 3] = ["\"", "&format!", "concat!"];

/// Words outside their homes, and panicking calls anywhere outside tests.
pub(super) fn strays(source: &Source) -> Vec<Finding> {
    let code = source.production();
    let finding = |at, why| Finding { file: source.path.clone(), line: source.line_of(at), why };
    let astray = HOMES
        .iter()
        .filter(|(_, homes, _)| !homes.iter().any(|home| source.path.starts_with(home)))
        .flat_map(|(identifiers, _, why)| {
            words(&code)
                .filter(|(_, word)| identifiers.contains(word))
                .map(move |(at, word)| finding(at, format!("`{word}` outside its home: {why}")))
        });
    let panics = PANICS.iter().flat_map(|call| {
        let standard = |at: &usize| {
            let argument = source.text[at + call.len()..].trim_start();
            *call != ".expect(" || MESSAGES.iter().any(|message| argument.starts_with(message))
        };
        let calls = code.match_indices(call).map(|(at, _)| at).filter(standard);
        calls
            .map(move |at| finding(at, format!("`{call}` outside tests: give an error instead")))
            .collect::<Vec<_>>()
    });
    astray.chain(panics).collect()
}

mod tests {
    use super::super::whys;
    use super::*;

    fn count(path: &str, code: &str) -> usize {
        strays(&Source::new(path, code)).len()
    }

    #[test]
    fn a_word_outside_its_home_is_found_at_its_line() {
        let findings = strays(&Source::new("src/deltas/a.rs", "//! x\n\nuse anyhow::Result;\n"));
        assert_eq!(
            findings[0].to_string(),
            "src/deltas/a.rs:3: `anyhow` outside its home: the library is used without the command line"
        );
        assert_eq!(count("src/deltas/a.rs", "#[derive(Clone, serde::Serialize)] struct A;"), 1);
        assert_eq!(
            count(
                "src/reader/header.rs",
                "#[expect(unsafe_code, reason = \"fast\")]\nfn f() { unsafe { g() } }"
            ),
            2
        );
        assert_eq!(count("src/reader/mod.rs", "use clap::Parser;"), 1);
    }

    #[test]
    fn at_home_in_tests_in_comments_and_as_part_of_a_word_they_pass() {
        assert_eq!(count("src/cli/mod.rs", "use clap::Parser; use anyhow::Context;"), 0);
        assert_eq!(count("src/report/json.rs", "use serde::Serialize;"), 0);
        assert_eq!(count("src/reader/mapping.rs", "fn f() { unsafe { g() } }"), 0);
        assert_eq!(
            count("src/reader/header.rs", "use serde::Deserialize; // unsafe Serialize\nfn clapboard() {}"),
            0
        );
        assert_eq!(count("src/deltas/a.rs", "#[cfg(test)]\nmod tests {\n fn f() { g().unwrap(); }\n}\n"), 0);
    }

    #[test]
    fn panicking_calls_are_found_in_every_room() {
        let findings = strays(&Source::new(
            "src/cli/a.rs",
            "fn f() { g().unwrap(); h().expect(\"x\"); i.expect_err(); }",
        ));
        assert_eq!(whys(&findings).len(), 2);
    }
}
