//! Sizes of files and functions, test modules apart.

use std::fmt;

use super::Finding;
use super::source::Source;

const FILE_LIMIT: usize = 600;
const FILE_MEDIAN: usize = 250;
const FUNCTION_LIMIT: usize = 100;
const FUNCTION_P90: usize = 40;
/// Of functions, how many may be longer than `FUNCTION_LONG`: one in fifty.
const FUNCTION_LONG: usize = 60;
const LONG_FUNCTIONS_ONE_IN: usize = 50;
const MAIN_LIMIT: usize = 70;

/// Lengths with where they were measured, longest last.
pub(super) struct Sizes {
    files: Vec<(usize, String)>,
    functions: Vec<(usize, String, usize, String)>,
}

impl Sizes {
    pub(super) fn of(sources: &[Source]) -> Self {
        let production = || sources.iter().filter(|source| !source.is_test_file());
        let mut files: Vec<_> =
            production().map(|source| (source.production_lines(), source.path.clone())).collect();
        let mut functions: Vec<_> = production()
            .flat_map(|source| {
                let place = |(name, line, lines)| (lines, source.path.clone(), line, name);
                source.functions().into_iter().map(place)
            })
            .collect();
        files.sort();
        functions.sort();
        Self { files, functions }
    }

    fn file_median(&self) -> usize {
        let (lower, upper) = (self.files.len().saturating_sub(1) / 2, self.files.len() / 2);
        usize::midpoint(self.files[lower].0, self.files[upper].0)
    }

    fn function_p90(&self) -> usize {
        self.functions.get(self.functions.len() * 9 / 10).map_or(0, |function| function.0)
    }

    fn long_functions(&self) -> &[(usize, String, usize, String)] {
        &self.functions[self.functions.partition_point(|function| function.0 <= FUNCTION_LONG)..]
    }

    /// Every limit that is passed.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let tree = |why| Finding { file: "src".to_owned(), line: 0, why };
        let mut found = Vec::new();
        for (lines, path) in self.files.iter().filter(|(lines, _)| *lines > FILE_LIMIT) {
            let why = format!("{lines} lines outside tests, the limit is {FILE_LIMIT}");
            found.push(Finding { file: path.clone(), line: 1, why });
        }
        for (lines, path, line, name) in self.functions.iter().filter(|function| function.0 > FUNCTION_LIMIT)
        {
            let why = format!("{name} has {lines} lines, the limit is {FUNCTION_LIMIT}");
            found.push(Finding { file: path.clone(), line: *line, why });
        }
        if self.file_median() > FILE_MEDIAN {
            found.push(tree(format!(
                "the median file has {} lines, the limit is {FILE_MEDIAN}",
                self.file_median()
            )));
        }
        if self.function_p90() > FUNCTION_P90 {
            found.push(tree(format!(
                "one function in ten has {} lines or more, the limit is {FUNCTION_P90}",
                self.function_p90()
            )));
        }
        if self.long_functions().len() * LONG_FUNCTIONS_ONE_IN > self.functions.len() {
            for (lines, path, line, name) in self.long_functions() {
                let why = format!(
                    "{name} has {lines} lines: more than one function in {LONG_FUNCTIONS_ONE_IN} is above {FUNCTION_LONG}"
                );
                found.push(Finding { file: path.clone(), line: *line, why });
            }
        }
        found
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: usize = self.files.iter().map(|file| file.0).sum();
        writeln!(
            f,
            "{} files, {lines} lines outside tests, median {}",
            self.files.len(),
            self.file_median()
        )?;
        let (p90, long) = (self.function_p90(), self.long_functions().len());
        write!(f, "{} functions, p90 {p90}, above {FUNCTION_LONG}: {long}", self.functions.len())?;
        let longest = |(lines, path, line, name): &(usize, String, usize, String)| {
            format!("{name} {lines} ({path}:{line})")
        };
        write!(f, ", longest: {}", self.functions.last().map(longest).unwrap_or_default())
    }
}

/// `main.rs` where it does more than call the library.
pub(super) fn long_main(source: &Source) -> Option<Finding> {
    let lines = source.text.lines().count();
    (source.path == "src/main.rs" && lines > MAIN_LIMIT).then(|| Finding {
        file: source.path.clone(),
        line: MAIN_LIMIT + 1,
        why: format!("main.rs has {lines} lines, the limit is {MAIN_LIMIT}"),
    })
}

mod tests {
    use super::super::whys;
    use super::*;

    fn function(name: &str, lines: usize) -> String {
        format!("fn {name}() {{{}}}\n", "\n".repeat(lines - 1))
    }

    #[test]
    fn a_function_above_the_limit_is_found_where_it_begins() {
        let source = Source::new("src/room/a.rs", format!("//! x\n\n{}", function("endless", 101)));
        let findings = Sizes::of(&[source]).findings();
        assert_eq!(findings[0].to_string(), "src/room/a.rs:3: endless has 101 lines, the limit is 100");
    }

    #[test]
    fn too_many_long_functions_are_found_and_one_in_fifty_is_not() {
        let short: String = (0..48).map(|i| function(&format!("f{i}"), 1)).collect();
        let long = function("long", 61);
        let sizes = |text: String| Sizes::of(&[Source::new("src/a.rs", text)]);
        assert!(sizes(format!("{short}{short}{long}")).findings().is_empty());
        let findings = sizes(format!("{short}{long}")).findings();
        assert_eq!(whys(&findings), ["long has 61 lines: more than one function in 50 is above 60"]);
    }

    #[test]
    fn long_files_and_a_long_median_are_found() {
        let findings =
            Sizes::of(&[Source::new("src/a.rs", "\n".repeat(601)), Source::new("src/b.rs", "\n")]).findings();
        assert_eq!(
            whys(&findings),
            ["601 lines outside tests, the limit is 600", "the median file has 301 lines, the limit is 250"]
        );
    }

    #[test]
    fn middling_functions_everywhere_are_found() {
        let text: String = (0..5).map(|i| function(&format!("f{i}"), 41)).collect();
        let findings = Sizes::of(&[Source::new("src/a.rs", text)]).findings();
        assert_eq!(whys(&findings), ["one function in ten has 41 lines or more, the limit is 40"]);
    }

    #[test]
    fn a_main_that_does_things_is_found() {
        assert!(long_main(&Source::new("src/main.rs", "\n".repeat(71))).is_some());
        assert!(long_main(&Source::new("src/main.rs", "\n".repeat(70))).is_none());
    }
}
