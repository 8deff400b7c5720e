//! What the exit code of `diagnose` means. No two meanings share a code.

/// Done, and every check that was asked for holds.
pub const OK: u8 = 0;
/// Done, and a check failed: a verdict at or above `--fail-on`, an expectation not met, a regression.
pub const CHECK_FAILED: u8 = 1;
/// Could not do it: wrong arguments, unreadable or malformed input, a device that was asked for and is absent.
pub const CANNOT: u8 = 2;
