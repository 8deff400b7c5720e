//! Who may import whom: the room table of ARCHITECTURE.md, read and held against the code.

use super::Finding;
use super::source::{Source, leading_word};

/// One row of the table.
struct Room {
    name: String,
    line: usize,
    layer: u32,
    may_use: Vec<String>,
    has_invariant: bool,
}

/// The room table.
pub(super) struct Map {
    rooms: Vec<Room>,
}

const MAP: &str = "ARCHITECTURE.md";
/// In the column "may use": all rooms of lower layers.
const EVERYTHING: &str = "everything";

impl Map {
    /// Reads rows of the form ``| 2 | `model/` | what | tensor, reader | invariant |``; "–" stands for none.
    pub(super) fn parse(text: &str) -> Self {
        let rooms = text
            .lines()
            .enumerate()
            .filter_map(|(index, row)| {
                let cells: Vec<&str> = row.split('|').map(str::trim).collect();
                let &["", layer, name, _, may_use, invariant, ""] = cells.as_slice() else { return None };
                let name = name.strip_prefix('`')?.strip_suffix("/`")?.to_owned();
                let may_use = may_use.split(',').map(leading_room).filter(|room| !room.is_empty()).collect();
                let layer = layer.parse().ok()?;
                Some(Room { name, line: index + 1, layer, may_use, has_invariant: !invariant.is_empty() })
            })
            .collect();
        Self { rooms }
    }

    fn room(&self, name: &str) -> Option<&Room> {
        self.rooms.iter().find(|room| room.name == name)
    }

    /// Rows that contradict each other: an unknown room, or an arrow that does not point to a lower layer.
    pub(super) fn inconsistencies(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for room in &self.rooms {
            let mut report =
                |why: String| findings.push(Finding { file: MAP.to_owned(), line: room.line, why });
            if !room.has_invariant {
                report(format!("{} has no invariant", room.name));
            }
            for used in room.may_use.iter().filter(|used| *used != EVERYTHING) {
                match self.room(used) {
                    None => report(format!("{} may use {used}, which has no row", room.name)),
                    Some(other) if other.layer >= room.layer => {
                        report(format!(
                            "{} (layer {}) may use {used} of layer {}",
                            room.name, room.layer, other.layer
                        ));
                    }
                    Some(_) => {}
                }
            }
        }
        findings
    }

    /// Rooms of the table without code, and code without a row in the table.
    pub(super) fn missing_rooms(&self, sources: &[Source]) -> Vec<Finding> {
        let found: Vec<&str> = sources.iter().map(|source| room_of(&source.path)).collect();
        let without_code =
            self.rooms.iter().filter(|room| !found.contains(&room.name.as_str())).map(|room| Finding {
                file: MAP.to_owned(),
                line: room.line,
                why: format!("there is no room {} below src/", room.name),
            });
        let without_row = sources
            .iter()
            .filter(|source| {
                !matches!(room_of(&source.path), "main" | "lib") && self.room(room_of(&source.path)).is_none()
            })
            .map(|source| Finding {
                file: source.path.clone(),
                line: 1,
                why: format!("room {} has no row in {MAP}", room_of(&source.path)),
            });
        without_code.chain(without_row).collect()
    }

    /// Paths in non-test code that lead to a room which the table does not allow.
    pub(super) fn forbidden_imports(&self, source: &Source) -> Vec<Finding> {
        let code = source.production();
        let own = room_of(&source.path);
        let crate_name = if own == "main" { "collapse_diagnostics::" } else { "crate::" };
        let strays = targets(&code, crate_name).into_iter().filter_map(|(at, room)| {
            let why = self.why_not(own, room)?;
            Some(Finding { file: source.path.clone(), line: source.line_of(at), why })
        });
        let climbs = climbs_out(&code, depth(&source.path)).into_iter().map(|at| Finding {
            file: source.path.clone(),
            line: source.line_of(at),
            why: "leaves its room by super::, write crate::room so that it can be seen".to_owned(),
        });
        strays.chain(climbs).collect()
    }

    /// Why code of the room `own` may not name `room`; `None` where it may, or where no room is meant.
    fn why_not(&self, own: &str, room: &str) -> Option<String> {
        self.room(room)?;
        let allowed = match own {
            "lib" => true,
            "main" => room == "cli",
            _ => self
                .room(own)
                .is_some_and(|own| own.may_use.iter().any(|used| used == room || used == EVERYTHING)),
        };
        (!allowed && own != room).then(|| format!("{own} may not use {room} (see {MAP})"))
    }
}

fn leading_room(cell: &str) -> String {
    leading_word(cell.trim()).to_owned()
}

/// `src/deltas/outcome.rs` and `src/deltas.rs` are of the room `deltas`.
fn room_of(path: &str) -> &str {
    let inner = path.strip_prefix("src/").unwrap_or(path);
    inner.split('/').next().unwrap_or(inner).trim_end_matches(".rs")
}

/// How many modules deep the code of a file is: 1 for `src/deltas/mod.rs`.
fn depth(path: &str) -> usize {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    if matches!(inner, "lib" | "main") { 0 } else { inner.split('/').count() }
}

/// First path segments after every `prefix`, with groups (`crate::{a, b::C}`) opened.
fn targets<'a>(code: &'a str, prefix: &str) -> Vec<(usize, &'a str)> {
    code.match_indices(prefix)
        .filter(|(at, _)| !code[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        .flat_map(|(at, _)| {
            let start = at + prefix.len();
            if code[start..].starts_with('{') {
                group(code, start)
            } else {
                vec![(start, leading_word(&code[start..]))]
            }
        })
        .collect()
}

/// First segments of the members of a `{…}` group that opens at `start`.
fn group(code: &str, start: usize) -> Vec<(usize, &str)> {
    let (mut depth, mut fresh, mut found) = (0, false, Vec::new());
    for (at, character) in code.char_indices().skip_while(|&(at, _)| at < start) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ if fresh && !character.is_whitespace() => {
                found.push((at, leading_word(&code[at..])));
                fresh = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
        fresh = depth == 1 && (matches!(character, '{' | ',') || (fresh && character.is_whitespace()));
    }
    found
}

/// Chains of `super::` in a file `depth` modules deep that reach the root of the crate.
fn climbs_out(code: &str, depth: usize) -> Vec<usize> {
    let chain = "super::".repeat(depth.max(1));
    code.match_indices(&chain).map(|(at, _)| at).collect()
}

mod tests {
    use super::super::whys;
    use super::*;

    const TABLE: &str = "\
| layer | room | what lives here | may use | invariant |
|---|---|---|---|---|
| 0 | `tensor/` | dtypes | – | no file |
| 1 | `reader/` | files | tensor | no panic |
| 2 | `model/` | names | tensor, reader (headers only) | names |
| 7 | `cli/` | flags | everything | flags |
";

    fn imports(path: &str, code: &str) -> Vec<Finding> {
        Map::parse(TABLE).forbidden_imports(&Source::new(path, code))
    }

    #[test]
    fn an_import_against_the_table_is_found_at_its_line() {
        let findings = imports("src/tensor/shape.rs", "//! x\nuse crate::reader::open;\n");
        assert_eq!(
            findings[0].to_string(),
            "src/tensor/shape.rs:2: tensor may not use reader (see ARCHITECTURE.md)"
        );
        assert_eq!(imports("src/reader.rs", "use crate::{tensor::{Dtype, Shape}, model::Role};").len(), 1);
        assert_eq!(imports("src/reader.rs", "use crate::{\n    model,\n    tensor,\n};").len(), 1);
        assert_eq!(imports("src/reader/x.rs", "fn f() -> crate::cli::Code { crate::cli::OK }").len(), 2);
        assert_eq!(imports("src/main.rs", "use collapse_diagnostics::{cli, reader};").len(), 1);
    }

    #[test]
    fn allowed_imports_tests_comments_and_the_own_room_pass() {
        assert!(
            imports("src/model/names.rs", "use crate::reader::A; use crate::tensor::B; use crate::model::C;")
                .is_empty()
        );
        assert!(
            imports("src/tensor.rs", "// crate::cli::x\n#[cfg(test)]\nmod tests {\n use crate::cli::X;\n}\n")
                .is_empty()
        );
        assert!(imports("src/cli/run.rs", "use crate::{model, reader};").is_empty());
        assert!(imports("src/lib.rs", "pub use crate::model::Role;").is_empty());
        assert!(imports("src/tensor.rs", "use mycrate::cli;").is_empty());
    }

    #[test]
    fn leaving_a_room_by_super_is_found() {
        assert_eq!(imports("src/tensor/shape.rs", "use super::super::cli::X;").len(), 1);
        assert_eq!(imports("src/tensor/mod.rs", "use super::cli::X;").len(), 1);
        assert!(imports("src/tensor/shape.rs", "use super::Dtype;").is_empty());
    }

    #[test]
    fn a_table_that_points_upward_or_nowhere_is_found() {
        let upward = TABLE.replace("dtypes | –", "dtypes | model, nowhere");
        let findings = Map::parse(&upward).inconsistencies();
        assert_eq!(
            whys(&findings),
            ["tensor (layer 0) may use model of layer 2", "tensor may use nowhere, which has no row"]
        );
        assert!(Map::parse(TABLE).inconsistencies().is_empty());
        assert_eq!(Map::parse("| 0 | `a/` | b | – | |").inconsistencies().len(), 1);
    }

    #[test]
    fn a_room_without_a_row_and_a_row_without_a_room_are_found() {
        let sources = [
            "src/main.rs",
            "src/lib.rs",
            "src/tensor/mod.rs",
            "src/reader.rs",
            "src/model/mod.rs",
            "src/extra/mod.rs",
        ]
        .map(|path| Source::new(path, ""));
        let findings = Map::parse(TABLE).missing_rooms(&sources);
        assert_eq!(
            whys(&findings),
            ["there is no room cli below src/", "room extra has no row in ARCHITECTURE.md"]
        );
    }
}
