//! Names and paths as a person may safely see them.

use std::fmt::{self, Write as _};

/// Text from a file, shown with every character that could disturb a terminal escaped.
///
/// A valid safetensors file may name a tensor with ANSI escapes, newlines or bidirectional
/// overrides; `Display` turns each into `\x1b`, `\n`, `\u{202e}`.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if c.is_ascii_control() => write!(f, "\\x{:02x}", u32::from(c))?,
                c if is_invisible(c) => write!(f, "\\u{{{:x}}}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Control characters beyond ASCII, and the marks that reorder or hide text.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_escapes_newlines_and_overrides_become_visible() {
        let name = "a\u{1b}[31mb\nc\u{202e}d\u{85}|é";
        assert_eq!(Printable(name).to_string(), "a\\x1b[31mb\\nc\\u{202e}d\\u{85}|é");
    }
}
