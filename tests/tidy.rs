//! Holds the tree to its own rules: who may import whom, sizes, words, licences.
//!
//! Each rule is a function from text to findings (`file:line: why`), tested on a snippet that breaks it.

mod homes;
mod licences;
mod rooms;
mod sizes;
mod source;
mod words;

use std::fmt;
use std::fs;
use std::path::Path;

use self::source::Source;

/// One broken rule.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    file: String,
    line: usize,
    why: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.why)
    }
}

/// Fails with every finding on a line of its own.
fn assert_none(findings: &[Finding]) {
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(lines.is_empty(), "{} broken rules:\n{}", lines.len(), lines.join("\n"));
}

/// The whys of findings, for the tests of the rules themselves.
fn whys(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.why.as_str()).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder` with one of the extensions (`""`: none), sorted, as path from the root and text.
fn files(folder: &str, extensions: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.expect("a readable entry").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if is_text(&path, extensions) {
                let name =
                    path.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/");
                let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
                found.push((name, text));
            }
        }
    }
    found.sort();
    found
}

fn is_text(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().map_or("", |extension| extension.to_str().unwrap_or("?"));
    extensions.contains(&extension)
}

/// The program's own code.
fn sources() -> Vec<Source> {
    let sources: Vec<Source> =
        files("src", &["rs"]).into_iter().map(|(path, text)| Source::new(path, text)).collect();
    assert!(!sources.is_empty(), "no code below src/");
    sources
}

/// All text that people write, the program's and what stands around it.
fn prose() -> Vec<(String, String)> {
    let code = ["src", "kernels", "tests", "benches", "notebooks", "docs", "fuzz/fuzz_targets", "fixtures"];
    let mut found: Vec<_> = code
        .into_iter()
        .flat_map(|folder| files(folder, &["rs", "py", "sh", "md", "cu", "cuh", "h"]))
        .collect();
    found.extend([".ci", ".github"].into_iter().flat_map(|folder| files(folder, &["", "sh", "yml"])));
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile", "build.rs"] {
        if let Ok(text) = fs::read_to_string(root().join(name)) {
            found.push((name.to_owned(), text));
        }
    }
    found
}

#[test]
fn rooms_import_only_what_the_map_allows() {
    let map = rooms::Map::parse(&fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the map"));
    assert_none(&map.inconsistencies());
    let sources = sources();
    assert_none(&map.missing_rooms(&sources));
    assert_none(&sources.iter().flat_map(|source| map.forbidden_imports(source)).collect::<Vec<_>>());
}

#[test]
fn files_and_functions_stay_small() {
    let sources = sources();
    let sizes = sizes::Sizes::of(&sources);
    println!("{sizes}");
    assert_none(&sizes.findings());
    assert_none(&sources.iter().filter_map(sizes::long_main).collect::<Vec<_>>());
}

#[test]
fn every_file_says_what_it_is_and_none_is_a_drawer() {
    let sources = sources();
    assert_none(&sources.iter().filter_map(words::missing_header).collect::<Vec<_>>());
    assert_none(&sources.iter().filter_map(words::drawer_name).collect::<Vec<_>>());
}

#[test]
fn words_with_a_home_stay_there() {
    assert_none(&sources().iter().flat_map(homes::strays).collect::<Vec<_>>());
}

#[test]
fn nothing_unfinished_and_no_machine_of_ours_is_named() {
    assert_none(&prose().iter().flat_map(|(path, text)| words::forbidden(path, text)).collect::<Vec<_>>());
    assert_none(&prose().iter().flat_map(|(path, text)| words::untidy_lines(path, text)).collect::<Vec<_>>());
}

#[test]
fn every_package_of_the_build_has_an_allowed_licence() {
    let allowed = licences::allowed(&fs::read_to_string(root().join("deny.toml")).expect("deny.toml"));
    assert!(allowed.iter().any(|licence| licence == "MIT"), "deny.toml was read as {allowed:?}");
    let packages = licences::packages_of_the_build(root());
    assert!(packages.len() > 50, "cargo metadata named only {} packages", packages.len());
    assert_none(&licences::refused(&packages, &allowed));
}
