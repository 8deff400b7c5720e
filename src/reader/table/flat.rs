//! JSON objects as rows: nested objects are flattened with dots, and a document is read once, in the order of the file.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Cell;
use super::builder::Row;

/// A JSON document as a table may be hidden in it.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// Its fields, those of nested objects as `outer.inner`; a document that is no object has one without a name.
    pub(super) fields: Row,
    /// Its lists and those of its fields; a document that is a list has one without a name.
    pub(super) lists: Vec<(String, Vec<Row>)>,
}

impl Document {
    /// Reads one JSON document with nothing behind it.
    pub(super) fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        let Self { mut fields, mut lists } = Self::default();
        let flat = Flat { name: String::new(), row: &mut fields, lists: Some(&mut lists) };
        read(json, flat)?;
        Ok(Self { fields: with_nonfinite(fields), lists })
    }

    /// A text among the fields.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.fields.iter().find_map(|(own, cell)| match cell {
            Cell::Text(text) if own == name => Some(text.as_str()),
            _ => None,
        })
    }

    /// Takes a list out.
    pub(super) fn take(&mut self, name: &str) -> Option<Vec<Row>> {
        let place = self.lists.iter().position(|(own, _)| own == name)?;
        Some(self.lists.swap_remove(place).1)
    }
}

/// Reads one object, whose lists are passed over.
pub(super) fn parse_row(json: &[u8]) -> Result<Row, serde_json::Error> {
    let mut row = Row::new();
    read(json, Flat { name: String::new(), row: &mut row, lists: None })?;
    Ok(with_nonfinite(row))
}

/// Whether it was an object whose fields have names.
pub(super) fn is_object(row: &Row) -> bool {
    row.iter().all(|(name, _)| !name.is_empty())
}

fn read(json: &[u8], flat: Flat<'_>) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    flat.deserialize(&mut deserializer)?;
    deserializer.end()
}

/// Numbers that `nonfinite` tells of, put where they belong: `{"a": null, "nonfinite": {"a": "inf"}}`.
fn with_nonfinite(row: Row) -> Row {
    const MARK: &str = "nonfinite.";
    let is_told = |name: &str| name.starts_with(MARK) || name.contains(".nonfinite.");
    if !row.iter().any(|(name, _)| is_told(name)) {
        return row;
    }
    let (told, mut row): (Row, Row) = row.into_iter().partition(|(name, _)| is_told(name));
    for (name, cell) in told {
        let of = name.replacen(MARK, "", 1);
        match row.iter_mut().find(|(own, _)| *own == of) {
            Some((_, found)) if *found == Cell::Missing => *found = cell,
            _ => {}
        }
    }
    row
}

/// Reads a value into `row` under `name`, and its lists into `lists` where they are wanted.
struct Flat<'a> {
    name: String,
    row: &'a mut Row,
    lists: Option<&'a mut Vec<(String, Vec<Row>)>>,
}

impl Flat<'_> {
    fn put(self, cell: Cell) {
        self.row.push((self.name, cell));
    }
}

impl<'de> DeserializeSeed<'de> for Flat<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Flat<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        // Lists are looked for in the document and in its fields, and no deeper.
        let mut lists = self.lists.filter(|_| self.name.is_empty());
        while let Some(key) = entries.next_key::<String>()? {
            let name = if self.name.is_empty() { key } else { format!("{}.{key}", self.name) };
            entries.next_value_seed(Flat { name, row: &mut *self.row, lists: lists.as_deref_mut() })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Some(lists) = self.lists else {
            while elements.next_element::<IgnoredAny>()?.is_some() {}
            if self.name.is_empty() {
                self.put(Cell::Missing);
            }
            return Ok(());
        };
        let mut rows = Vec::new();
        loop {
            let mut row = Row::new();
            let element = Flat { name: String::new(), row: &mut row, lists: None };
            if elements.next_element_seed(element)?.is_none() {
                break;
            }
            rows.push(with_nonfinite(row));
        }
        lists.push((self.name, rows));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.put(Cell::of_text(text));
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.put(Cell::Text(value.to_string()));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.put(Cell::Number(value as f64));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.put(Cell::Number(value as f64));
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.put(Cell::Number(value));
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.put(Cell::Missing);
        Ok(())
    }
}
