//! What could not be done, in one to three lines on stderr.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use clap::error::ErrorKind;

use super::exit;
use super::settings::colour_allowed;
use crate::report::{ErrorRecord, Paint, Tone};
use crate::tensor::Printable;

/// Why a command could not be done, and what would fix it. Every text is escaped for a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    kind: &'static str,
    message: String,
    path: Option<String>,
    hint: Option<String>,
}

impl Failure {
    /// A failure of that kind.
    pub(super) fn new(kind: &'static str, message: impl Display) -> Self {
        Self { kind, message: Printable(&message.to_string()).to_string(), path: None, hint: None }
    }

    /// Names the file that it is about.
    pub(super) fn at(self, path: &Path) -> Self {
        Self { path: Some(Printable(&path.to_string_lossy()).to_string()), ..self }
    }

    /// Says what would fix it.
    pub(super) fn hint(self, hint: impl Display) -> Self {
        Self { hint: Some(Printable(&hint.to_string()).to_string()), ..self }
    }

    /// Says what had a part in it that was not typed.
    pub(super) fn with_settings_of(self, origins: &[String]) -> Self {
        if origins.is_empty() {
            return self;
        }
        let settings = format!("arguments also come from {}", origins.join(", "));
        let hint = self.hint.iter().fold(settings, |settings, hint| format!("{hint}; {settings}"));
        self.hint(hint)
    }

    /// Message and hint.
    pub(super) fn into_parts(self) -> (String, String) {
        (self.message, self.hint.unwrap_or_default())
    }

    /// Arguments that make no sense, from the parser's text: a message up to the first empty line, then tips and usage.
    pub(super) fn usage(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        let mut paragraphs = text.split("\n\n");
        let message: Vec<&str> = paragraphs.next().unwrap_or_default().lines().map(str::trim).collect();
        let message = message.join(" ");
        let tips: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("tip: ")).collect();
        let usage = paragraphs.find_map(|paragraph| paragraph.trim().strip_prefix("Usage: "));
        let hint = match (tips.is_empty(), usage) {
            (false, _) => tips.join("; "),
            (true, _) if error.kind() == ErrorKind::ArgumentConflict => "leave one of the two out".to_owned(),
            (true, Some(usage)) => format!("usage: {}", usage.lines().next().unwrap_or_default()),
            (true, None) => "'diagnose --help' lists commands and options".to_owned(),
        };
        Self::new("usage", message.strip_prefix("error: ").unwrap_or(&message)).hint(hint)
    }
}

/// How failures are told: in words, or as a line of JSON where the report would be JSON.
#[derive(Clone, Copy, Debug)]
pub struct Teller {
    json: bool,
    paint: Paint,
}

impl Teller {
    /// Reads the wish from the arguments and the environment, as it counts for arguments that cannot be parsed too.
    pub fn of(args: &[OsString]) -> Self {
        let is_json = |name: &OsString| name == "json" || name == "jsonl";
        let apart =
            args.windows(2).any(|pair| matches!(pair, [flag, name] if flag == "--format" && is_json(name)));
        let typed =
            args.iter().any(|arg| arg == "--format" || arg.as_encoded_bytes().starts_with(b"--format="));
        let wished = !typed && std::env::var_os("DIAGNOSE_FORMAT").is_some_and(|name| is_json(&name));
        let joined = args.iter().any(|arg| arg == "--format=json" || arg == "--format=jsonl");
        Self {
            json: apart || joined || wished,
            paint: Paint { colour: io::stderr().is_terminal() && colour_allowed() },
        }
    }

    /// Tells it on stderr and gives the exit code. A stderr that takes nothing changes nothing.
    pub fn tell(self, failure: &Failure) -> u8 {
        let _ = self.write(failure, &mut io::stderr().lock());
        exit::CANNOT
    }

    fn write(self, Failure { kind, message, path, hint }: &Failure, out: &mut dyn Write) -> io::Result<()> {
        if self.json {
            return ErrorRecord { kind, message, path: path.as_deref(), hint: hint.as_deref() }.write(out);
        }
        writeln!(out, "{} {message}", self.paint.paint(Tone::Bad, "error:"))?;
        match hint {
            Some(hint) => writeln!(out, "{} {hint}", self.paint.paint(Tone::Strong, "hint:")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    #[test]
    fn escapes_in_a_message_a_path_or_a_hint_are_shown_and_not_sent() {
        let failure = Failure::new("read", "bad \u{1b}[2J").at(Path::new("a\nb")).hint("not\r");
        let mut told = Vec::new();
        Teller { json: false, paint: Paint::default() }.write(&failure, &mut told).unwrap();
        assert_eq!(String::from_utf8(told).unwrap(), "error: bad \\x1b[2J\nhint: not\\r\n");
        assert_eq!(failure.path.as_deref(), Some("a\\nb"));
    }

    #[test]
    fn json_is_told_where_json_was_asked_for() {
        let json = |args: &[&str]| Teller::of(&args.iter().map(OsString::from).collect::<Vec<_>>()).json;
        assert!(json(&["deltas", "--format", "json"]) && json(&["--format=jsonl"]));
        assert!(!json(&["deltas", "json", "--format", "csv"]) && !json(&[]));
    }
}
