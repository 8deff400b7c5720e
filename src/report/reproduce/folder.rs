//! The folder as a whole: made beside its place, then renamed.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::{figure, figure_file, markdown, record, table_file};
use crate::report::checkpoint::beside;
use crate::report::escape::{as_io, number, plain};
use crate::report::{Unwritable, check_destination};
use crate::reproduce::{Cell, Reproduction, Table};

/// Writes a reproduction to a folder that is not there yet, or empty.
///
/// # Errors
/// [`Unwritable`]; nothing is at the destination then, but what was there before.
pub fn write_reproduction(reproduction: &Reproduction, destination: &Path) -> Result<(), Unwritable> {
    check_destination(destination, &reproduction.model)?;
    let temporary = beside(destination)?;
    let made = temporary.path().join("reproduction");
    fill(reproduction, &made).map_err(Unwritable::io(destination))?;
    let target = fs::canonicalize(destination).unwrap_or_else(|_| destination.to_owned());
    fs::rename(&made, target).map_err(Unwritable::io(destination))
}

fn fill(reproduction: &Reproduction, folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)?;
    let write = |name: &str, content: &dyn Fn(&mut dyn Write) -> io::Result<()>| {
        let mut out = BufWriter::new(File::create(folder.join(name))?);
        content(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    };
    write("reproduction.json", &|out| record::write(reproduction, out))?;
    write("reproduction.md", &|out| markdown::write(reproduction, out))?;
    for experiment in &reproduction.experiments {
        for (at, table) in experiment.tables.iter().enumerate() {
            write(&table_file(experiment, at), &|out| csv(table, out))?;
        }
        for drawn in &experiment.figures {
            write(&figure_file(experiment, drawn.name), &|out| figure::write(drawn, out))?;
        }
    }
    Ok(())
}

/// A table with every digit; what was not measured is an empty cell.
fn csv(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    let mut file = csv::Writer::from_writer(out);
    file.write_record(table.columns.iter().map(|column| plain(column))).map_err(as_io)?;
    for row in &table.rows {
        let cells = row.iter().map(|cell| match cell {
            Cell::Text(text) => plain(text),
            Cell::Number(x) => number(*x),
            Cell::Count(n) => n.to_string(),
            Cell::Missing => String::new(),
        });
        file.write_record(cells).map_err(as_io)?;
    }
    file.flush()
}
