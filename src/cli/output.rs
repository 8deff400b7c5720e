//! Where a report goes: to stdout, or whole into a file, or not at all.
//!
//! ```text
//! no --output               stdout; a reader that has gone is no failure
//! --output, a file          a temporary file in the same folder, synced, then renamed over it
//! --output, a link          the file that it leads to, in the same way; the link stays
//! --output, a device, pipe  written directly: there is nothing to rename
//! ```
//!
//! A file gets the mode 0666, or that of the file which it replaces, less the umask.

#[cfg(unix)]
use std::fs::Permissions;
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::exit;
use super::failure::Failure;
use crate::tensor::Printable;

/// Writes a report to a file, or to stdout where none is named.
///
/// A pipe whose reader has gone (`| head`) is no failure: what was asked for was done.
pub(super) fn write(
    destination: Option<&Path>,
    report: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    match destination {
        Some(path) => write_file(path, report).map_err(|error| unwritable(path, &error)),
        None => match write_stdout(report) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Failure::new("output", format!("cannot write the report to stdout: {error}")))
            }
            Ok(()) | Err(_) => Ok(()),
        },
    }
}

/// Refuses a destination whose folder is not there, before the work rather than after it.
///
/// Whether it may be written to is left to the writing: only that tells for certain.
pub(super) fn check(destination: Option<&Path>) -> Result<(), Failure> {
    match destination {
        Some(path) if path.is_dir() => {
            Err(Failure::new("output", format!("cannot write {}: it is a directory", path.display()))
                .at(path))
        }
        Some(path) if !folder_of(path).is_dir() => {
            let folder = folder_of(path).display().to_string();
            Err(Failure::new(
                "output",
                format!("cannot write {}: there is no directory {folder}", path.display()),
            )
            .at(path))
        }
        _ => Ok(()),
    }
}

/// A line on stderr; that it cannot be written changes nothing.
pub(super) fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{}", Printable(line));
}

/// Tells the checks that failed, and gives the exit code.
pub(super) fn judged(failed: &[String], quiet: bool) -> u8 {
    if !quiet {
        for check in failed {
            tell(check);
        }
    }
    if failed.is_empty() { exit::OK } else { exit::CHECK_FAILED }
}

fn write_stdout(report: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    report(&mut out)?;
    out.flush()
}

/// Writes beside the file, then takes its place: a reader sees the old file or the new one and never a part.
fn write_file(path: &Path, report: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    // A link stays a link: the file that it leads to is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let existing = fs::metadata(&path).ok();
    if existing.as_ref().is_some_and(|existing| !existing.is_file()) {
        // A device or a pipe cannot be replaced.
        let mut out = BufWriter::new(File::options().write(true).open(&path)?);
        report(&mut out)?;
        return out.flush();
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(".diagnose-");
    // Readable by all but for the umask; temporary files are private otherwise.
    #[cfg(unix)]
    builder.permissions(
        existing.map_or_else(|| Permissions::from_mode(0o666), |existing| existing.permissions()),
    );
    // Dropped on the way out of any error below, and with it the file.
    let beside = builder.tempfile_in(folder_of(&path))?;
    let mut out = BufWriter::new(beside);
    report(&mut out)?;
    let beside = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    beside.as_file().sync_all()?;
    beside.persist(&path).map_err(|failed| failed.error)?;
    Ok(())
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::new("output", format!("cannot write {}: {error}", path.display())).at(path);
    match error.kind() {
        ErrorKind::StorageFull => {
            failure.hint("nothing of the report was left behind; free some space or name another place")
        }
        _ => failure,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        entries.collect()
    }

    #[test]
    fn a_report_that_fails_half_way_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        write_file(&path, |out| out.write_all(b"old")).unwrap();
        let failed = write_file(&path, |out| {
            out.write_all(&vec![b'x'; 100_000])?;
            Err(io::Error::from(ErrorKind::StorageFull))
        });
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["report.json"]);
    }

    #[test]
    fn a_report_that_fails_leaves_no_file_where_none_was() {
        let folder = tempfile::tempdir().unwrap();
        let failed = write_file(&folder.path().join("r"), |_| Err(io::Error::from(ErrorKind::StorageFull)));
        assert!(failed.is_err());
        assert!(names(folder.path()).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_a_mode_and_a_device_survive_being_written_to() {
        use std::os::unix::fs::{FileTypeExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, Permissions::from_mode(0o640)).unwrap();
        symlink(&real, &link).unwrap();
        write_file(&link, |out| out.write_all(b"new")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"new");
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
        write_file(Path::new("/dev/null"), |out| out.write_all(b"x")).unwrap();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_that_names_the_place() {
        let failure = write(Some(Path::new("/dev/full")), |out| out.write_all(b"x")).unwrap_err();
        assert!(format!("{failure:?}").contains("cannot write /dev/full: No space left"), "{failure:?}");
    }
}
