//! Tables of Parquet, read without Arrow.

use std::collections::HashSet;
use std::panic::{self, AssertUnwindSafe};

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row as ParquetRow};

use super::Cell;
use super::builder::{Builder, Row};
use super::error::{MOST_CELLS, TableError};

/// How every Parquet file begins.
pub(super) const MAGIC: &[u8] = b"PAR1";

/// The rows of a Parquet file; structs are flattened with dots, lists and maps are left out.
///
/// The parser of the format panics on some malformed files; that becomes an error like any other.
pub(super) fn parquet(bytes: Vec<u8>) -> Result<Builder, TableError> {
    let read = AssertUnwindSafe(|| rows(Bytes::from(bytes)));
    panic::catch_unwind(read)
        .unwrap_or_else(|_| Err(TableError::Parquet { reason: "the file is malformed".to_owned() }))
}

fn rows(bytes: Bytes) -> Result<Builder, TableError> {
    let refused = |error: ParquetError| TableError::Parquet { reason: error.to_string() };
    let reader = SerializedFileReader::new(bytes).map_err(refused)?;
    check(&reader)?;
    let leaves = reader.metadata().file_metadata().schema_descr().columns();
    let single = leaves.iter().filter(|leaf| leaf.max_rep_level() == 0).map(|leaf| leaf.path().string());
    let single: HashSet<String> = single.collect();
    let mut table = Builder::default();
    for row in reader.get_row_iter(None).map_err(refused)? {
        let mut cells = Row::new();
        flatten("", row.map_err(refused)?, &mut cells);
        // A struct or a list that is null is no cell.
        cells.retain(|(name, _)| single.contains(name));
        table.push(cells)?;
    }
    Ok(table)
}

/// What can be said before anything is decompressed.
fn check(reader: &dyn FileReader) -> Result<(), TableError> {
    let metadata = reader.metadata();
    for column in metadata.row_groups().iter().flat_map(RowGroupMetaData::columns) {
        if let codec @ (Compression::ZSTD(_) | Compression::LZO) = column.compression() {
            let codec = codec.to_string();
            let name = codec.split('(').next().unwrap_or(&codec).to_lowercase();
            return Err(TableError::Codec { column: column.column_path().string(), codec: name });
        }
    }
    let rows = usize::try_from(metadata.file_metadata().num_rows()).unwrap_or(usize::MAX);
    let columns = metadata.file_metadata().schema_descr().num_columns();
    if rows.saturating_mul(columns) > MOST_CELLS { Err(TableError::TooMany) } else { Ok(()) }
}

fn flatten(prefix: &str, row: ParquetRow, cells: &mut Row) {
    for (name, field) in row.into_columns() {
        let name = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        let cell = match field {
            Field::Group(inner) => {
                flatten(&name, inner, cells);
                continue;
            }
            Field::ListInternal(_) | Field::MapInternal(_) => continue,
            other => cell(other),
        };
        cells.push((name, cell));
    }
}

fn cell(field: Field) -> Cell {
    match field {
        Field::Null => Cell::Missing,
        Field::Byte(x) => Cell::Number(x.into()),
        Field::Short(x) => Cell::Number(x.into()),
        Field::Int(x) => Cell::Number(x.into()),
        Field::Long(x) => Cell::Number(x as f64),
        Field::UByte(x) => Cell::Number(x.into()),
        Field::UShort(x) => Cell::Number(x.into()),
        Field::UInt(x) => Cell::Number(x.into()),
        Field::ULong(x) => Cell::Number(x as f64),
        Field::Float16(x) => Cell::Number(x.into()),
        Field::Float(x) => Cell::Number(x.into()),
        Field::Double(x) => Cell::Number(x),
        Field::Str(text) => Cell::of_text(&text),
        Field::Bool(value) => Cell::Text(value.to_string()),
        // Decimals are written as numbers; dates and times are text.
        other => Cell::of_text(other.to_string().trim_matches('"')),
    }
}
