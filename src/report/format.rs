//! The formats by name and by file extension.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// A format that reports are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// For people at a terminal.
    Table,
    /// One strict JSON document.
    Json,
    /// A JSON document a line: the summary, then one a tensor.
    Jsonl,
    /// A row a tensor.
    Csv,
    /// The rows of CSV with types, for pandas and its like.
    Parquet,
    /// For a comment on a pull request.
    Markdown,
    /// Checks as tests, for the page of a CI run.
    Junit,
    /// Checks as findings, for code scanning.
    Sarif,
    /// One file for a browser, with pictures, that asks nothing of a network.
    Html,
}

/// A format that cannot be written, with those that can.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the format {name} is unknown (available: {})", Format::list(&Format::ALL))]
pub struct UnknownFormat {
    name: String,
}

impl Format {
    /// Every format that can be written.
    pub const ALL: [Self; 9] = [
        Self::Table,
        Self::Json,
        Self::Jsonl,
        Self::Csv,
        Self::Parquet,
        Self::Markdown,
        Self::Junit,
        Self::Sarif,
        Self::Html,
    ];

    /// The formats of a report that judges nothing: all but those that hold checks alone.
    pub fn without_checks() -> Vec<Self> {
        Self::ALL.into_iter().filter(|format| !matches!(format, Self::Junit | Self::Sarif)).collect()
    }

    /// The name that `--format` takes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Markdown => "markdown",
            Self::Junit => "junit",
            Self::Sarif => "sarif",
            Self::Html => "html",
        }
    }

    /// The format that a file's extension asks for, or `None` for a file without one.
    ///
    /// # Errors
    /// [`UnknownFormat`] where the extension belongs to no format.
    pub fn of_path(path: &Path) -> Result<Option<Self>, UnknownFormat> {
        let Some(extension) = path.extension() else { return Ok(None) };
        let extension = extension.to_string_lossy().to_ascii_lowercase();
        match extension.as_str() {
            "txt" => Ok(Some(Self::Table)),
            "md" => Ok(Some(Self::Markdown)),
            "xml" => Ok(Some(Self::Junit)),
            "htm" => Ok(Some(Self::Html)),
            "ndjson" => Ok(Some(Self::Jsonl)),
            other => other.parse().map(Some),
        }
    }

    /// The names of some formats in a sentence.
    pub fn list(formats: &[Self]) -> String {
        formats.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ")
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| UnknownFormat { name: crate::tensor::Printable(name).to_string() })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    #[test]
    fn an_extension_names_its_format() {
        let of = |path: &str| Format::of_path(Path::new(path)).map_err(|error| error.to_string());
        assert_eq!(of("a/report.md"), Ok(Some(Format::Markdown)));
        assert_eq!(of("report.JSON"), Ok(Some(Format::Json)));
        assert_eq!(of("r.xml"), Ok(Some(Format::Junit)));
        assert_eq!(of("r.html"), Ok(Some(Format::Html)));
        assert_eq!(of("r.HTM"), Ok(Some(Format::Html)));
        assert_eq!(of("report"), Ok(None));
        assert_eq!(
            of("r.yaml").unwrap_err(),
            "the format yaml is unknown (available: table, json, jsonl, csv, parquet, markdown, junit, sarif, html)"
        );
    }
}
