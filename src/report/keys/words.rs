//! The names that records give to levels.

use crate::keys::Level;

/// A level as records and `--fail-on` name it.
pub const fn risk_name(level: Level) -> &'static str {
    match level {
        Level::Safe => "safe",
        Level::AtRisk => "at-risk",
        Level::Collapse => "collapse",
    }
}
