//! Why a file is no table: one variant a cause, each with the line or the column that it is about.

use crate::reader::error::Excerpt;

/// Most cells of one table, missing ones included.
pub(super) const MOST_CELLS: usize = 1 << 25;

/// What is wrong with a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are what the messages say of them")]
pub enum TableError {
    /// A line with bytes that are no UTF-8.
    #[error("line {line} is not UTF-8")]
    NotUtf8 { line: u64 },
    /// A name that two columns have; which one is meant is anyone's guess.
    #[error("the column `{}` stands twice", Excerpt(.name))]
    Twice { name: String },
    /// A line with more or fewer cells than there are columns.
    #[error("line {line} has {found} cells where the header has {wanted}")]
    Ragged { line: u64, found: usize, wanted: usize },
    /// A line that the parser of CSV cannot read.
    #[error("not CSV: {}", Excerpt(.reason))]
    Csv { reason: String },
    /// A document or a line that is not JSON.
    #[error("{}not JSON: {}", .line.map_or_else(String::new, |line| format!("line {line} is ")), Excerpt(.reason))]
    Json { line: Option<usize>, reason: String },
    /// A record that has no named fields.
    #[error("{place} {at} is no object with named fields")]
    NoObject { place: &'static str, at: usize },
    /// A document of this program that holds no list of rows.
    #[error("a record of diagnose {} has no rows to read", Excerpt(.command))]
    NoRowsOf { command: String },
    /// A Parquet file that its reader does not take.
    #[error("not readable as Parquet: {}", Excerpt(.reason))]
    Parquet { reason: String },
    /// A compression that this program is built without.
    #[error("the column `{}` is compressed with {codec}, which is not read here", Excerpt(.column))]
    Codec { column: String, codec: String },
    /// A header or nothing at all.
    #[error("no rows in it")]
    Empty,
    /// More cells than are read.
    #[error("more than {MOST_CELLS} cells")]
    TooMany,
}

impl TableError {
    /// A stable word for the cause, for scripts.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NotUtf8 { .. } => "table-not-utf8",
            Self::Twice { .. } => "duplicate-column",
            Self::Ragged { .. } => "ragged-table",
            Self::Csv { .. } => "table-not-csv",
            Self::Json { .. } => "table-not-json",
            Self::NoObject { .. } => "table-row",
            Self::NoRowsOf { .. } => "record-without-rows",
            Self::Parquet { .. } => "table-not-parquet",
            Self::Codec { .. } => "parquet-codec",
            Self::Empty => "empty-table",
            Self::TooMany => "too-many-cells",
        }
    }

    /// What would fix it, where that is known.
    pub(in crate::reader) const fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotUtf8 { .. } => "save the table as UTF-8",
            Self::Ragged { .. } => "a cell that holds a comma belongs between double quotes",
            Self::Codec { .. } => {
                "write it again with compression snappy, gzip, brotli, lz4 or none: df.to_parquet(path, compression=\"snappy\")"
            }
            Self::NoObject { .. } => "rows are objects such as {\"perplexity\": 12.5, \"task\": 0.71}",
            _ => return None,
        })
    }
}
