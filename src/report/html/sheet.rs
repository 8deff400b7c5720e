//! The page that every command has for people, as the one section of an HTML page.

use std::io::{self, Write};

use super::cell::Table;
use super::page::{self, Figure, Section, Whole};
use crate::report::sheet::Sheet;
use crate::report::text::{self, SENTENCE_COLUMNS};

/// Writes a sheet as a page of its own.
pub(in crate::report) fn write_sheet(
    sheet: &Sheet,
    figures: Vec<Figure>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let section = Section { figures, ..Section::from(sheet) };
    let title = format!("diagnose {}", sheet.command);
    page::write(&Whole { title, glance: None, sections: vec![section] }, out)
}

impl From<&Sheet> for Section {
    fn from(sheet: &Sheet) -> Self {
        let sentence = |text: &str| text::name(text, SENTENCE_COLUMNS);
        Self {
            id: sheet.command.to_owned(),
            command: sheet.command.to_owned(),
            source: None,
            tone: sheet.tone,
            headline: sentence(&sheet.headline),
            notes: sheet.notes.iter().map(|note| sentence(note)).collect(),
            facts: sheet.facts.iter().map(|(label, value)| ((*label).to_owned(), sentence(value))).collect(),
            figures: Vec::new(),
            tables: sheet.grids.iter().filter(|grid| !grid.rows.is_empty()).map(Table::from).collect(),
            more: None,
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use crate::report::paint::Tone;
    use crate::report::sheet::Grid;

    /// What a file may call things: markup, ends of attributes, control characters, marks that turn text around.
    const HOSTILE: &str =
        "</script><script>alert(1)</script><img src=x onerror=y> \" ' & \u{1b}[31m \u{202e}abc";

    fn page() -> String {
        let sheet = Sheet {
            command: "keys",
            tone: Tone::Bad,
            headline: HOSTILE.to_owned(),
            notes: vec![HOSTILE.to_owned()],
            facts: vec![("model", HOSTILE.to_owned())],
            grids: vec![Grid {
                title: HOSTILE.to_owned(),
                headers: vec!["case", "ratio"],
                text_columns: 1,
                rows: vec![
                    vec![HOSTILE.to_owned(), "1,234".to_owned()],
                    vec!["b".to_owned(), "–".to_owned()],
                ],
            }],
        };
        let mut out = Vec::new();
        write_sheet(&sheet, Vec::new(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_hostile_name_is_text_wherever_it_stands() {
        let page = page();
        assert_eq!(page.matches("<script>").count(), 1, "the page's own");
        assert_eq!(page.matches("&#60;img src=x").count(), 5, "headline, note, fact, caption, cell");
        assert!(!page.contains("<img") && !page.contains('\u{1b}') && !page.contains('\u{202e}'));
        assert!(page.contains("&#34; &#39; &#38; \\x1b[31m \\u{202e}abc"), "{page}");
    }

    #[test]
    fn a_page_names_no_other_place() {
        let page = page();
        assert!(!page.contains("://") && !page.contains("url(") && !page.contains("@import"), "{page}");
        assert!(page.contains("default-src 'none'"));
    }

    #[test]
    fn numbers_carry_what_they_are_sorted_by_and_texts_do_not() {
        let page = page();
        assert!(page.contains("<td class=\"number\" data-key=\"1234.0\">1,234</td>"), "{page}");
        assert!(page.contains("<td class=\"number\">–</td>"), "{page}");
    }
}
