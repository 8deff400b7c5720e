//! Text and numbers of files as cells of CSV and of Markdown: nothing in them is acted upon.
//!
//! ```text
//! where   what                                           becomes
//! code    | and `                                        \x7c and \x60
//! prose   & < > | ` * ~ [ ] \ # $, _ but within a word   a character reference
//! prose   @ :// www.                                     the same, broken by an empty HTML comment
//! csv     = + - @ at the start                           a quote before it
//! all     control and invisible characters               an escape, as in the table
//! ```

use std::fmt::Write as _;
use std::io;

use super::number::nonfinite_name;
use crate::tensor::Printable;

/// The writer's own error: a pipe that was closed has to stay known as one.
pub(super) fn as_io(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// Text that neither a terminal nor a spreadsheet acts on.
pub(super) fn plain(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@']) { "'" } else { "" };
    format!("{guard}{}", Printable(text))
}

/// The shortest text that reads back as the same f64.
pub(super) fn number(x: f64) -> String {
    if x.is_finite() { format!("{x:?}") } else { nonfinite_name(x).to_owned() }
}

/// Text as inline code. What would end the code or the cell is shown as its escape: renderers disagree on `\|`.
pub(super) fn code(text: &str) -> String {
    let text = Printable(text).to_string().replace('|', "\\x7c").replace('`', "\\x60");
    if text.is_empty() { "(no name)".to_owned() } else { format!("`{text}`") }
}

/// Text as text: whatever Markdown, HTML or GitHub would act on becomes a character reference.
pub(super) fn prose(text: &str) -> String {
    let text = Printable(text).to_string();
    let mut escaped = String::with_capacity(text.len());
    let mut previous = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let inside_a_word =
            previous.is_alphanumeric() && rest.peek().is_some_and(|next| next.is_alphanumeric());
        match c {
            '_' if inside_a_word => escaped.push(c),
            // A mention is looked for in the rendered text, where only a tag between the two keeps them apart.
            '@' => escaped.push_str("@<!-- -->"),
            '&' | '<' | '>' | '|' | '`' | '*' | '_' | '~' | '[' | ']' | '\\' | '#' | '$' => {
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
            c => escaped.push(c),
        }
        previous = c;
    }
    // An address would become a link.
    escaped.replace("://", ":<!-- -->//").replace("www.", "www<!-- -->.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_code_or_its_cell() {
        assert_eq!(code("a|b`c\nd"), "`a\\x7cb\\x60c\\nd`");
        assert_eq!(code(""), "(no name)");
    }

    #[test]
    fn prose_cannot_open_a_tag_a_link_a_mention_or_a_cell() {
        assert_eq!(
            prose("<img src=x> | *b* [l](u)"),
            "&#60;img src=x&#62; &#124; &#42;b&#42; &#91;l&#93;(u)"
        );
        assert_eq!(prose("@all see https://x.y"), "@<!-- -->all see https:<!-- -->//x.y");
        assert_eq!(prose("mlp.c_proj _x_"), "mlp.c_proj &#95;x&#95;");
    }
}
