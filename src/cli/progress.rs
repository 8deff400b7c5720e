//! How far the work is, on stderr.

use std::io::{self, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::deltas::Progress;
use crate::report::{bytes, count};

const BYTES: &str =
    "{msg} {bar:30} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left";
const THINGS: &str = "{msg} {bar:30} {human_pos} of {human_len}{prefix}, {eta} left";

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Bytes read.
    Bytes,
    /// Texts, layers and the like.
    Things(&'static str),
}

/// In which way progress is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    /// Not at all.
    Silent,
    /// A bar that is drawn over and over.
    Bar,
    /// A line for each tenth, for a log.
    Lines,
}

/// Tells how far the work is.
#[derive(Debug)]
pub(super) enum Narrator {
    Silent,
    Bar(ProgressBar),
    Lines(Mutex<Stage>),
}

/// The stage that is told in lines.
#[derive(Debug)]
pub(super) struct Stage {
    unit: Unit,
    name: String,
    /// What else is to be said.
    note: String,
    total: u64,
    done: u64,
    tenths_told: u64,
}

impl Narrator {
    pub(super) fn new(voice: Voice, unit: Unit) -> Self {
        match voice {
            Voice::Silent => Self::Silent,
            Voice::Bar => {
                let template = if unit == Unit::Bytes { BYTES } else { THINGS };
                let style =
                    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
                Self::Bar(ProgressBar::new(0).with_style(style))
            }
            Voice::Lines => Self::Lines(Mutex::new(Stage::new(unit))),
        }
    }

    /// Says something beside the count, such as a speed.
    pub(super) fn note(&self, note: impl FnOnce() -> String) {
        match self {
            Self::Silent => {}
            Self::Bar(bar) => bar.set_prefix(format!(", {}", note())),
            Self::Lines(lines) => {
                if let Ok(mut stage) = lines.lock() {
                    stage.note = format!(", {}", note());
                }
            }
        }
    }
}

impl Narrator {
    /// Says what the stage is at.
    pub(super) fn at(&self, what: &str) {
        match self {
            Self::Silent => {}
            Self::Bar(bar) => bar.set_prefix(format!(", {what}")),
            Self::Lines(lines) => {
                if let Ok(stage) = lines.lock() {
                    let _ = writeln!(io::stderr(), "{}: {what}", stage.name);
                }
            }
        }
    }
}

/// How fast it goes and how long it will take.
pub(super) fn pace(things: &str, done: usize, left: usize, started: Instant) -> String {
    let seconds = started.elapsed().as_secs_f64() / done.max(1) as f64;
    let left = seconds * left as f64;
    let left = if left < 90.0 {
        format!("{left:.0} s")
    } else if left < 5400.0 {
        format!("{:.0} min", left / 60.0)
    } else {
        format!("{:.1} h", left / 3600.0)
    };
    format!("{:.2} {things}/s, {left} left", 1.0 / seconds.max(1e-9))
}

impl Progress for Narrator {
    fn begin(&self, stage: &str, total_bytes: u64) {
        match self {
            Self::Silent => {}
            Self::Bar(bar) => {
                // The length first: each of these may draw, and no bar is to be of nothing.
                bar.set_length(total_bytes);
                bar.set_message(stage.to_owned());
                bar.reset();
                bar.enable_steady_tick(Duration::from_millis(200));
            }
            Self::Lines(lines) => {
                if let Ok(mut current) = lines.lock() {
                    *current =
                        Stage { name: stage.to_owned(), total: total_bytes, ..Stage::new(current.unit) };
                }
            }
        }
    }

    fn advance(&self, bytes: u64) {
        match self {
            Self::Silent => {}
            Self::Bar(bar) => bar.inc(bytes),
            Self::Lines(lines) => {
                if let Some(line) = lines.lock().ok().and_then(|mut stage| stage.advance(bytes)) {
                    // Nobody is told that telling failed.
                    let _ = writeln!(io::stderr(), "{line}");
                }
            }
        }
    }

    fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

impl Stage {
    const fn new(unit: Unit) -> Self {
        Self { unit, name: String::new(), note: String::new(), total: 0, done: 0, tenths_told: 0 }
    }

    /// Counts, and gives the line of a tenth that was passed.
    fn advance(&mut self, n: u64) -> Option<String> {
        self.done = self.done.saturating_add(n);
        let tenths = self.done.saturating_mul(10).checked_div(self.total)?.min(10);
        if tenths <= self.tenths_told {
            return None;
        }
        self.tenths_told = tenths;
        let total = match self.unit {
            Unit::Bytes => bytes(self.total),
            Unit::Things(name) => format!("{} {name}", count(self.total)),
        };
        Some(format!("{}: {}% of {total}{}", self.name, tenths * 10, self.note))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_gets_a_line_for_each_tenth_and_no_more() {
        let mut stage = Stage { name: "comparing".into(), total: 2048, ..Stage::new(Unit::Bytes) };
        let lines: Vec<String> = (0..2048).filter_map(|_| stage.advance(1)).collect();
        assert_eq!(lines.len(), 10);
        assert_eq!(lines.first().map(String::as_str), Some("comparing: 10% of 2.0 KiB"));
        assert_eq!(lines.last().map(String::as_str), Some("comparing: 100% of 2.0 KiB"));
        assert_eq!(Stage::new(Unit::Bytes).advance(1), None);
        let note = ", 9 tokens/s".to_owned();
        let mut texts =
            Stage { name: "scoring".into(), note, total: 10, ..Stage::new(Unit::Things("texts")) };
        assert_eq!(texts.advance(5).as_deref(), Some("scoring: 50% of 10 texts, 9 tokens/s"));
    }
}
