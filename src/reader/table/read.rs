//! From a path to a table, whatever the file is.

use std::path::{Path, PathBuf};

use super::builder::Builder;
use super::delimited::delimited;
use super::documents::{Json, json};
use super::parquet::{MAGIC, parquet};
use super::{Cell, Column, Table, TableError};
use crate::reader::records::{LONGEST_DATASET, without_mark};
use crate::reader::{LmEval, ReadError, parse_lm_eval, read_input, read_lm_eval};

/// Reads a table: CSV, JSON, JSON lines, Parquet, a record of this program, or results of lm-evaluation-harness.
///
/// What a file is, its first bytes say: `PAR1` is Parquet, a bracket or a brace is JSON, anything else is delimited text
/// with a header. `-` is standard input. Of a record, the rows are its models, cases, steps or tensors, nested objects
/// flattened with dots; a file of results is one row of `task/metric`, and a folder has a row for each in it, sorted by path.
///
/// # Errors
/// [`ReadError`], where a file cannot be read, and [`ReadError::Table`] where it is no table: lines of unequal length,
/// a column that stands twice, no rows, more cells than are read, a compression that is not.
pub fn read_table(path: &Path) -> Result<Table, ReadError> {
    let (columns, rows) = if path.is_dir() {
        let results = read_lm_eval(path)?.into_iter().collect::<Result<Vec<_>, _>>()?;
        of_results(results).map_err(|cause| ReadError::Table { path: path.to_owned(), cause })?
    } else {
        parse(path, read_input(path, LONGEST_DATASET)?)?
    };
    Ok(Table { path: path.to_owned(), columns, rows })
}

/// Reads several tables as one: rows are appended, columns united by name. `path` is that of the first.
///
/// # Errors
/// As [`read_table`]; where there is no path at all, as of a table without rows.
pub fn read_tables(paths: &[PathBuf]) -> Result<Table, ReadError> {
    let mut tables = paths.iter().map(|path| read_table(path));
    let nothing = || ReadError::Table { path: PathBuf::new(), cause: TableError::Empty };
    let mut whole = tables.next().ok_or_else(nothing)??;
    for table in tables {
        let table = table?;
        let path = table.path.clone();
        whole.append(table).map_err(|cause| ReadError::Table { path, cause })?;
    }
    Ok(whole)
}

fn parse(path: &Path, bytes: Vec<u8>) -> Result<(Vec<Column>, usize), ReadError> {
    let table = if bytes.starts_with(MAGIC) {
        parquet(bytes).and_then(Builder::finish)
    } else {
        let text = without_mark(&bytes);
        match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None => Err(TableError::Empty),
            Some(b'{' | b'[') => match json(text) {
                Ok(Json::HarnessResults) => return harness_results(path, text),
                Ok(Json::Rows(rows)) => rows.finish(),
                Err(cause) => Err(cause),
            },
            Some(_) => delimited(text),
        }
    };
    table.map_err(|cause| ReadError::Table { path: path.to_owned(), cause })
}

fn harness_results(path: &Path, text: &[u8]) -> Result<(Vec<Column>, usize), ReadError> {
    let results =
        parse_lm_eval(path, text).map_err(|cause| ReadError::Dataset { path: path.to_owned(), cause })?;
    of_results([results]).map_err(|cause| ReadError::Table { path: path.to_owned(), cause })
}

/// A row each: the model where it has a name, then its scores. One that is no number is missing.
fn of_results(all: impl IntoIterator<Item = LmEval>) -> Result<(Vec<Column>, usize), TableError> {
    let mut table = Builder::default();
    for results in all {
        let model = results.model.map(|model| ("model".to_owned(), Cell::Text(model)));
        let scores = results.scores.iter().map(|score| (score.name(), Cell::Number(score.value)));
        let unreadable = results.unreadable.into_iter().map(|name| (name, Cell::Missing));
        table.push(model.into_iter().chain(scores).chain(unreadable).collect())?;
    }
    table.finish()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]
mod tests {
    use std::fs;

    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;
    use crate::reader::Cell::{Missing, Number};

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tables").join(name)
    }

    fn put(folder: &TempDir, name: &str, text: &str) -> PathBuf {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn parquet_of_every_compression_and_of_every_kind_of_column_is_read() {
        let text = |text: &str| Cell::Text(text.to_owned());
        for codec in ["none", "snappy", "gzip", "brotli", "lz4"] {
            let table = read_table(&fixture(&format!("{codec}.parquet"))).unwrap();
            let cells = |name: &str| table.column(name).unwrap().cells.clone();
            let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
            assert_eq!(
                names,
                [
                    "perplexity",
                    "acc",
                    "edits",
                    "small",
                    "half",
                    "collapsed",
                    "editor",
                    "task.f1",
                    "task.em",
                    "day"
                ],
                "{codec}"
            );
            let [first, second, third, last] = <[Cell; 4]>::try_from(cells("perplexity")).unwrap();
            assert_eq!([first, second, last], [Number(12.5), Number(f64::INFINITY), Missing]);
            assert!(third.number().is_some_and(f64::is_nan));
            assert_eq!(cells("acc"), [Number(0.5), Number(0.25), Missing, Number(-0.125)]);
            assert_eq!(cells("edits")[3], Number(1_099_511_627_776.0));
            assert_eq!(cells("small"), [Number(1.0), Number(2.0), Number(255.0), Missing]);
            assert_eq!(cells("half")[3], Number(65504.0));
            assert_eq!(cells("collapsed"), [text("false"), text("true"), text("true"), Missing]);
            assert_eq!(cells("editor"), [text("rome"), text("memit"), Missing, Missing]);
            assert_eq!(cells("task.f1"), [Number(0.1), Number(0.2), Missing, Missing]);
            assert!(
                matches!(&cells("day")[0], Cell::Text(day) if day.starts_with("2024-02-01")),
                "{:?}",
                cells("day")
            );
        }
    }

    #[test]
    fn a_compression_that_is_not_read_is_named_with_the_way_out() {
        let error = read_table(&fixture("zstd.parquet")).unwrap_err();
        assert_eq!(error.kind(), "parquet-codec");
        assert!(
            error.to_string().ends_with(
                "zstd.parquet: the column `perplexity` is compressed with zstd, which is not read here"
            ),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("compression=\"snappy\""));
    }

    #[test]
    fn a_parquet_file_that_is_cut_or_changed_is_an_error_and_no_panic() {
        let whole = fs::read(fixture("snappy.parquet")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        for end in (4..whole.len()).step_by(97) {
            fs::write(&path, &whole[..end]).unwrap();
            assert_eq!(read_table(&path).unwrap_err().kind(), "table-not-parquet", "{end}");
        }
        for place in (4..whole.len()).step_by(31) {
            let mut bytes = whole.clone();
            bytes[place] ^= 0x55;
            fs::write(&path, bytes).unwrap();
            let _ = read_table(&path);
        }
    }

    #[test]
    fn tables_are_appended_and_their_columns_united() {
        let folder = tempfile::tempdir().unwrap();
        let first = put(&folder, "a.csv", "ppl,acc\n1,2\n");
        let second = put(&folder, "b.jsonl", "{\"f1\": 5, \"ppl\": 3}\n{\"f1\": 6}\n");
        let table = read_tables(&[first.clone(), second]).unwrap();
        let columns: Vec<_> =
            table.columns.iter().map(|column| (column.name.as_str(), &column.cells[..])).collect();
        assert_eq!(
            columns,
            [
                ("ppl", &[Number(1.0), Number(3.0), Missing][..]),
                ("acc", &[Number(2.0), Missing, Missing]),
                ("f1", &[Missing, Number(5.0), Number(6.0)]),
            ]
        );
        assert_eq!((table.rows, table.path), (3, first));
        assert_eq!(read_tables(&[]).unwrap_err().kind(), "empty-table");
    }

    #[test]
    fn a_folder_of_results_has_a_row_a_file_and_another_folder_says_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        put(&folder, "b/results_2.json", r#"{"results": {"sst2": {"acc,none": 0.5}}, "model_name": "b"}"#);
        put(&folder, "a/results_1.json", r#"{"results": {"rte": {"acc,none": 0.25}}, "model_name": "a"}"#);
        put(&folder, "a/samples_rte_1.jsonl", "{}");
        let table = read_table(folder.path()).unwrap();
        assert_eq!((table.rows, table.path.as_path()), (2, folder.path()));
        assert_eq!(table.column("model").unwrap().cells, ["a", "b"].map(|name| Cell::Text(name.into())));
        assert_eq!(table.column("sst2/acc").unwrap().cells, [Missing, Number(0.5)]);
        let one = read_table(&folder.path().join("a/results_1.json")).unwrap();
        assert_eq!((one.rows, one.columns.len()), (1, 2));
        let error = read_table(tempfile::tempdir().unwrap().path()).unwrap_err();
        assert!(error.to_string().contains("lm-evaluation-harness"), "{error}");
    }

    #[test]
    fn a_mark_before_the_text_is_no_part_of_a_name_and_an_error_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let table = read_table(&put(&folder, "a.csv", "\u{feff}ppl\n1\n")).unwrap();
        assert_eq!(table.columns[0].name, "ppl");
        let error = read_table(&put(&folder, "b.csv", "a,b\n1\n")).unwrap_err();
        assert!(error.to_string().ends_with("b.csv: line 2 has 1 cells where the header has 2"), "{error}");
        assert_eq!(error.kind(), "ragged-table");
        assert_eq!(read_table(&put(&folder, "c.csv", " \n")).unwrap_err().kind(), "empty-table");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(soup in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(Path::new("-"), soup);
        }

        #[test]
        fn no_soup_of_json_or_csv_makes_the_reader_panic(soup in r#"[\[\]{}",:a0-9NaIfinty\\ \n-]{0,80}"#) {
            let _ = parse(Path::new("-"), soup.into_bytes());
        }
    }
}
