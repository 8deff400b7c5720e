//! Text in a fixed number of terminal columns: widths, elision, wrapping.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::tensor::Printable;

/// The longest that a sentence of a report may be: a name in it can have megabytes.
pub(super) const SENTENCE_COLUMNS: usize = 600;

/// A space at which no line is broken.
pub(super) const UNBREAKABLE: &str = "\u{a0}";

/// Columns that a text takes on a terminal (a CJK character takes two).
pub fn width(text: &str) -> usize {
    text.width()
}

/// A name from a file, escaped and shortened to at most `columns`.
pub(super) fn name(raw: &str, columns: usize) -> String {
    elide(&Printable(raw).to_string(), columns)
}

/// `text` in at most `columns`, with `…` for what was taken out of the middle.
///
/// The end of a tensor's name says more than its start, so a quarter of the room goes to the start and the rest to the
/// end, from the first `.` or `/` on where there is one: `tran…h.17.mlp.c_proj.weight`.
pub(super) fn elide(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(1);
    // One column more than there is: a separator just before the end is not shown itself.
    let with_separator = cut_tail(text, room - room / 8 + 1);
    let whole_segments = with_separator.find(['.', '/']).map(|at| &with_separator[at + 1..]);
    let tail = match whole_segments {
        Some(segments) if 2 * width(segments) >= room => segments,
        _ => cut_tail(text, room - room / 4),
    };
    let head = cut_head(text, room.saturating_sub(width(tail)));
    if columns == 0 { String::new() } else { format!("{head}…{tail}") }
}

/// The longest start of `text` that fits.
fn cut_head(text: &str, columns: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|&(_, c)| {
        used += c.width().unwrap_or(0);
        used > columns
    });
    end.map_or(text, |(at, _)| &text[..at])
}

/// The longest end of `text` that fits.
fn cut_tail(text: &str, columns: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().rev().find(|&(_, c)| {
        used += c.width().unwrap_or(0);
        used > columns
    });
    end.map_or(text, |(at, c)| &text[at + c.len_utf8()..])
}

/// A sentence broken into lines of at most `columns` at its spaces; a word that is longer is cut.
pub(super) fn wrap(sentence: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(8);
    let mut lines = vec![String::new()];
    for word in sentence.split(' ') {
        let mut rest = word;
        while !rest.is_empty() {
            let line_width = lines.last().map_or(0, |line| width(line));
            let gap = usize::from(line_width > 0);
            let fits = line_width + gap + width(rest) <= columns;
            if !fits && line_width > 0 {
                lines.push(String::new());
                continue;
            }
            let piece = cut_head(rest, columns - gap.min(columns));
            let piece = if fits { rest } else { piece };
            if let Some(line) = lines.last_mut() {
                line.push_str(if gap == 1 { " " } else { "" });
                line.push_str(piece);
            }
            rest = &rest[piece.len()..];
        }
    }
    lines.into_iter().map(|line| line.replace(UNBREAKABLE, " ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_elided_name_keeps_its_layer_and_module() {
        assert_eq!(elide("transformer.h.17.mlp.c_proj.weight", 27), "tran…h.17.mlp.c_proj.weight");
        assert_eq!(elide("model.layers.17.mlp.down_proj.weight", 27), "mod…17.mlp.down_proj.weight");
        assert_eq!(elide("short", 5), "short");
    }

    #[test]
    fn elision_never_passes_the_width_whatever_the_text() {
        let texts = [
            "x".repeat(200),
            "语言模型的权重".repeat(30),
            "a.b.".repeat(50),
            ".".repeat(99),
            "é\u{301}".repeat(60),
        ];
        for text in texts {
            for columns in 0..120 {
                let short = elide(&text, columns);
                assert!(width(&short) <= columns, "{short:?} at {columns}");
                assert!(
                    columns < 8 || width(&short) + 4 >= columns.min(width(&text)),
                    "{short:?} wastes {columns}"
                );
            }
        }
    }

    #[test]
    fn a_wide_character_is_not_cut_in_half() {
        assert_eq!(elide("模型层权重", 6), "…层权重".split_at(3).0.to_owned() + "权重");
    }

    #[test]
    fn wrapped_sentences_keep_every_word_and_the_width() {
        let sentence = "the update of transformer.h.17.mlp.c_proj is 41 times the norm of the matrix";
        let lines = wrap(sentence, 30);
        assert_eq!(lines.join(" "), sentence);
        assert!(lines.iter().all(|line| width(line) <= 30), "{lines:?}");
        assert_eq!(wrap(&"y".repeat(50), 20).iter().map(String::len).collect::<Vec<_>>(), [20, 20, 10]);
        assert_eq!(wrap("", 20), [""]);
        assert_eq!(wrap("about 982.2\u{a0}KiB", 12), ["about", "982.2 KiB"]);
    }
}
