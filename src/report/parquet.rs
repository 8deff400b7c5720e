//! The rows of a report as Parquet: the columns of its CSV, with types.
//!
//! ```text
//! every cell that is not empty is   the column is
//! true or false                     BOOLEAN
//! an integer                        INT64
//! a number                          DOUBLE, in which nan, inf and -inf are what they say
//! anything else                     UTF8
//! not there: none is filled         of no type (UNKNOWN), which goes with any
//! ```
//!
//! An empty cell is null. What only looks like a number (`007`) stays text. One row group, snappy.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;

use super::escape::{as_io, number};

/// The cells of one column; `None` where a row has none.
enum Cells {
    Switches(Vec<Option<bool>>),
    Integers(Vec<Option<i64>>),
    Numbers(Vec<Option<f64>>),
    Texts(Vec<Option<String>>),
    /// None is filled, of so many.
    Nothing(usize),
}

/// Writes the rows of a CSV file with a header.
pub(super) fn write(rows: &[u8], out: &mut dyn Write) -> io::Result<()> {
    let mut rows = csv::Reader::from_reader(rows);
    let names: Vec<String> = rows.headers().map_err(as_io)?.iter().map(str::to_owned).collect();
    let mut columns = vec![Vec::new(); names.len()];
    for row in rows.records() {
        let row = row.map_err(as_io)?;
        for (column, cell) in columns.iter_mut().zip(row.iter()) {
            column.push((!cell.is_empty()).then(|| cell.to_owned()));
        }
    }
    let columns: Vec<Cells> = columns.into_iter().map(Cells::of).collect();
    out.write_all(&file(&names, &columns).map_err(io::Error::other)?)
}

fn file(names: &[String], columns: &[Cells]) -> Result<Vec<u8>, ParquetError> {
    let fields = names.iter().zip(columns).map(|(name, cells)| cells.field(name).map(Arc::new));
    let schema = Type::group_type_builder("rows").with_fields(fields.collect::<Result<_, _>>()?).build()?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(concat!("diagnose ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    let mut file = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
    let mut group = file.next_row_group()?;
    for cells in columns {
        if let Some(mut column) = group.next_column()? {
            cells.write(&mut column)?;
            column.close()?;
        }
    }
    group.close()?;
    file.into_inner()
}

impl Cells {
    fn of(cells: Vec<Option<String>>) -> Self {
        let filled = cells.iter().any(Option::is_some);
        let switches = || every(&cells, |cell| cell.parse().ok());
        let integers = || every(&cells, |cell| cell.parse().ok().filter(|n: &i64| n.to_string() == cell));
        // As this program writes numbers, so that a name such as `1e5` or `007` is none.
        let float = |cell: &str| cell.parse().ok().filter(|&x: &f64| number(x) == cell);
        let numbers = || every(&cells, |cell| float(cell).or_else(|| integer_as_number(cell)));
        if !filled {
            return Self::Nothing(cells.len());
        }
        switches()
            .map(Self::Switches)
            .or_else(|| integers().map(Self::Integers))
            .or_else(|| numbers().map(Self::Numbers))
            .unwrap_or(Self::Texts(cells))
    }

    fn field(&self, name: &str) -> Result<Type, ParquetError> {
        let (physical, logical) = match self {
            Self::Switches(_) => (Physical::BOOLEAN, None),
            Self::Integers(_) => (Physical::INT64, None),
            Self::Numbers(_) => (Physical::DOUBLE, None),
            Self::Texts(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Self::Nothing(_) => (Physical::INT32, Some(LogicalType::Unknown)),
        };
        Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical)
            .build()
    }

    fn write(&self, column: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        match self {
            Self::Switches(cells) => put::<BoolType>(column, cells.iter().copied()),
            Self::Integers(cells) => put::<Int64Type>(column, cells.iter().copied()),
            Self::Numbers(cells) => put::<DoubleType>(column, cells.iter().copied()),
            Self::Texts(cells) => {
                put::<ByteArrayType>(column, cells.iter().map(|cell| cell.as_deref().map(ByteArray::from)))
            }
            Self::Nothing(rows) => put::<Int32Type>(column, std::iter::repeat_n(None, *rows)),
        }
    }
}

/// Every cell read as one type, where every one that is filled can be.
fn every<T>(cells: &[Option<String>], read: impl Fn(&str) -> Option<T>) -> Option<Vec<Option<T>>> {
    cells.iter().map(|cell| cell.as_deref().map_or(Some(None), |cell| read(cell).map(Some))).collect()
}

/// An integer in a column of numbers, where a f64 has it exactly.
fn integer_as_number(cell: &str) -> Option<f64> {
    let integer: i64 = cell.parse().ok()?;
    (integer.to_string() == cell && integer.unsigned_abs() <= 1 << 53).then_some(integer as f64)
}

fn put<T: DataType>(
    column: &mut SerializedColumnWriter<'_>,
    cells: impl Iterator<Item = Option<T::T>>,
) -> Result<(), ParquetError> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    for cell in cells {
        levels.push(i16::from(cell.is_some()));
        values.extend(cell);
    }
    column.typed::<T>().write_batch(&values, Some(&levels), None).map(drop)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    use super::*;

    /// Name and type of every column, and every cell.
    fn back(csv: &str) -> (Vec<String>, Vec<Vec<Field>>) {
        let mut file = tempfile::tempfile().unwrap();
        write(csv.as_bytes(), &mut file).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let schema = reader.metadata().file_metadata().schema_descr_ptr();
        let columns =
            schema.columns().iter().map(|column| format!("{} {}", column.name(), column.physical_type()));
        let rows = reader.get_row_iter(None).unwrap();
        let cells = rows.map(|row| row.unwrap().get_column_iter().map(|(_, cell)| cell.clone()).collect());
        (columns.collect(), cells.collect())
    }

    #[test]
    fn columns_have_the_type_of_what_fills_them() {
        let (columns, rows) =
            back("id,n,x,on,text,none\n007,3,1.5,true,a,\n8,,nan,,\"b,c\",\n9,-1,inf,false,,\n");
        assert_eq!(
            columns,
            ["id BYTE_ARRAY", "n INT64", "x DOUBLE", "on BOOLEAN", "text BYTE_ARRAY", "none INT32"]
        );
        assert_eq!(rows.len(), 3);
        let text = |text: &str| Field::Str(text.to_owned());
        assert_eq!(
            rows[0],
            [text("007"), Field::Long(3), Field::Double(1.5), Field::Bool(true), text("a"), Field::Null]
        );
        assert_eq!((&rows[1][1], &rows[1][3], &rows[1][4]), (&Field::Null, &Field::Null, &text("b,c")));
        assert!(matches!(rows[1][2], Field::Double(x) if x.is_nan()));
        assert_eq!(rows[2][2], Field::Double(f64::INFINITY));
    }

    #[test]
    fn a_number_comes_back_to_the_last_bit_and_an_integer_too_large_for_it_stays_one() {
        let values = [f64::MIN_POSITIVE / 3.0, 0.1 + 0.2, -0.0, f64::MAX];
        let lines: Vec<String> = values.iter().map(|&x| number(x)).collect();
        let (_, rows) = back(&format!("x\n{}\n", lines.join("\n")));
        for (row, value) in rows.iter().zip(values) {
            assert!(matches!(row[0], Field::Double(x) if x.to_bits() == value.to_bits()), "{row:?}");
        }
        assert_eq!(back("x\n1\n0.5\n").1[0], [Field::Double(1.0)]);
        assert_eq!(back("x\n9007199254740993\n0.5\n").0, ["x BYTE_ARRAY"]);
        assert_eq!(back("x\n9007199254740993\n1\n").1[0], [Field::Long(9_007_199_254_740_993)]);
    }

    #[test]
    fn a_table_without_rows_keeps_its_columns() {
        assert_eq!(back("a,b\n"), (vec!["a INT32".to_owned(), "b INT32".to_owned()], Vec::new()));
    }
}
