//! How far the work is, on stderr.

use std::io::{self, Write};
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::deltas::Progress;
use crate::report::bytes;

const BAR: &str = "{msg} {bar:30} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left";

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
#[derive(Debug, Default)]
pub(super) struct Stage {
    name: String,
    total: u64,
    done: u64,
    tenths_told: u64,
}

impl Narrator {
    pub(super) fn new(voice: Voice) -> Self {
        match voice {
            Voice::Silent => Self::Silent,
            Voice::Bar => {
                let style =
                    ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
                Self::Bar(ProgressBar::new(0).with_style(style))
            }
            Voice::Lines => Self::Lines(Mutex::default()),
        }
    }
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
                    *current = Stage { name: stage.to_owned(), total: total_bytes, ..Stage::default() };
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
    /// Counts, and gives the line of a tenth that was passed.
    fn advance(&mut self, n: u64) -> Option<String> {
        self.done = self.done.saturating_add(n);
        let tenths = self.done.saturating_mul(10).checked_div(self.total)?.min(10);
        if tenths <= self.tenths_told {
            return None;
        }
        self.tenths_told = tenths;
        Some(format!("{}: {}% of {}", self.name, tenths * 10, bytes(self.total)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_gets_a_line_for_each_tenth_and_no_more() {
        let mut stage = Stage { name: "comparing".into(), total: 2048, ..Stage::default() };
        let lines: Vec<String> = (0..2048).filter_map(|_| stage.advance(1)).collect();
        assert_eq!(lines.len(), 10);
        assert_eq!(lines.first().map(String::as_str), Some("comparing: 10% of 2.0 KiB"));
        assert_eq!(lines.last().map(String::as_str), Some("comparing: 100% of 2.0 KiB"));
        assert_eq!(Stage::default().advance(1), None);
    }
}
