//! A file of settings: TOML, read into keys and values, each with its line. What the keys mean is not known here.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{ReadError, read_whole};

/// Most bytes of such a file.
const LONGEST: u64 = 1 << 20;

/// The settings of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The file.
    pub path: PathBuf,
    /// In the order of the file.
    pub entries: Vec<ConfigEntry>,
}

/// One key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    /// The table that it stands in; none at the top.
    pub table: Option<String>,
    /// As written.
    pub key: String,
    /// Line of the key, from 1.
    pub line: usize,
    /// What it is set to.
    pub value: ConfigValue,
}

/// A value as an argument could have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigValue {
    /// `true` or `false`.
    Switch(bool),
    /// A text or a number.
    Text(String),
    /// A list of them.
    Texts(Vec<String>),
}

/// Reads the settings of a file.
///
/// # Errors
/// [`ReadError`] where the file cannot be read, and [`ReadError::Config`] with its line where it is no TOML, or a value is a
/// date, a list of lists or a table inside a table.
pub fn read_config(path: &Path) -> Result<Config, ReadError> {
    let bytes = read_whole(path, LONGEST)?;
    let bad = |line, reason: String| ReadError::Config { path: path.to_owned(), line, reason };
    let text = String::from_utf8(bytes).map_err(|_| bad(1, "not UTF-8".to_owned()))?;
    let line = |span: Range<usize>| 1 + text.bytes().take(span.start).filter(|&byte| byte == b'\n').count();
    let document = DeTable::parse(&text)
        .map_err(|error| bad(error.span().map_or(1, line), error.message().replace('\n', ", ")))?;
    let mut entries = Vec::new();
    for (key, value) in document.get_ref() {
        match value.get_ref() {
            DeValue::Table(table) => {
                for (inner, value) in table {
                    entries.push((Some(key.get_ref().to_string()), inner, value));
                }
            }
            _ => entries.push((None, key, value)),
        }
    }
    let mut entries = entries
        .into_iter()
        .map(|(table, key, value)| {
            let (line, key) = (line(key.span()), key.get_ref().to_string());
            let value = plain(value).ok_or_else(|| {
                bad(line, format!("{key} is no text, number, true or false, or list of texts and numbers"))
            })?;
            Ok(ConfigEntry { table, key, line, value })
        })
        .collect::<Result<Vec<_>, ReadError>>()?;
    entries.sort_by_key(|entry| entry.line);
    Ok(Config { path: path.to_owned(), entries })
}

fn plain(value: &Spanned<DeValue<'_>>) -> Option<ConfigValue> {
    match value.get_ref() {
        DeValue::Boolean(on) => Some(ConfigValue::Switch(*on)),
        DeValue::Array(each) => each.iter().map(text).collect::<Option<_>>().map(ConfigValue::Texts),
        _ => text(value).map(ConfigValue::Text),
    }
}

fn text(value: &Spanned<DeValue<'_>>) -> Option<String> {
    match value.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number.to_string())
        }
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        _ => None,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<Vec<ConfigEntry>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("diagnose.toml");
        std::fs::write(&path, text).unwrap();
        let error = |error: ReadError| error.to_string().rsplit_once("diagnose.toml").unwrap().1.to_owned();
        read_config(&path).map(|config| config.entries).map_err(error)
    }

    #[test]
    fn keys_come_with_their_table_their_line_and_a_plain_value() {
        let text = b"threads = 0x10\n\n[keys] # of one command\nfail-on = \"collapse\"\nmoments = ['a', \"b\"]\nridge = 1e-3\nno-moments = true\n";
        let found = read(text).unwrap();
        let shown: Vec<_> = found
            .iter()
            .map(|entry| (entry.table.as_deref(), entry.key.as_str(), entry.line, entry.value.clone()))
            .collect();
        let text = |text: &str| ConfigValue::Text(text.to_owned());
        assert_eq!(
            shown,
            [
                (None, "threads", 1, text("16")),
                (Some("keys"), "fail-on", 4, text("collapse")),
                (Some("keys"), "moments", 5, ConfigValue::Texts(vec!["a".to_owned(), "b".to_owned()])),
                (Some("keys"), "ridge", 6, text("1e-3")),
                (Some("keys"), "no-moments", 7, ConfigValue::Switch(true)),
            ]
        );
        assert_eq!(read(b""), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_setting_is_told_with_its_line() {
        let told = |text: &[u8]| read(text).unwrap_err();
        assert!(
            told(b"threads = 2\nformat = \n").starts_with(", line 2: "),
            "{}",
            told(b"threads = 2\nformat = \n")
        );
        assert!(told(b"a = 1\n\na = 2\n").starts_with(", line 3: "), "{}", told(b"a = 1\n\na = 2\n"));
        assert!(told(b"[deltas]\nd = 1979-05-27\n").starts_with(", line 2: d is no text, number"));
        assert!(told(b"[deltas.more]\nd = 1\n").starts_with(", line 1: more is no text"));
        assert_eq!(told(b"a = \"\xff\"\n"), ", line 1: not UTF-8");
    }
}
