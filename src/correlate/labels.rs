//! Which rows are collapsed models: a column that says so, or a comparison.

use std::fmt;
use std::str::FromStr;

use super::CorrelateError;
use super::choice::column;
use crate::reader::{Cell, Table};

/// Words that say yes, and words that say no.
const YES: [&str; 6] = ["true", "yes", "y", "collapse", "collapsed", "positive"];
const NO: [&str; 9] = ["false", "no", "n", "healthy", "safe", "normal", "identical", "ok", "negative"];

/// How a row is told to be a collapsed model.
///
/// ```text
/// collapsed                      a column of true and false, yes and no, 1 and 0, collapsed and healthy
/// perplexity>=1000               a comparison with a number: >=, >, <=, <
/// verdict.level=collapse         a cell that is this text, or this number
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The column that is looked at.
    pub(super) column: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Says,
    Compared(Sign, f64),
    Is(String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sign {
    AtLeast,
    Above,
    AtMost,
    Below,
}

const SIGNS: [(&str, Sign); 4] =
    [(">=", Sign::AtLeast), ("<=", Sign::AtMost), (">", Sign::Above), ("<", Sign::Below)];

impl FromStr for Rule {
    type Err = CorrelateError;

    fn from_str(rule: &str) -> Result<Self, CorrelateError> {
        let refused = |reason| CorrelateError::Rule { rule: rule.to_owned(), reason };
        let signed = SIGNS.iter().find_map(|(sign, test)| Some((rule.split_once(sign)?, *test)));
        let (column, test) = if let Some(((column, limit), sign)) = signed {
            let limit = limit.trim().parse().ok().filter(|limit: &f64| !limit.is_nan());
            (column, Test::Compared(sign, limit.ok_or_else(|| refused("no number stands behind the sign"))?))
        } else if let Some((column, text)) = rule.split_once('=') {
            (column, Test::Is(text.trim_start_matches('=').trim().to_owned()))
        } else {
            (rule, Test::Says)
        };
        match column.trim() {
            "" => Err(refused("no column stands in it")),
            column => Ok(Self { column: column.to_owned(), test }),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.column)?;
        match &self.test {
            Test::Says => Ok(()),
            Test::Is(text) => write!(f, "={text}"),
            Test::Compared(sign, limit) => {
                let word = SIGNS.iter().find(|(_, own)| own == sign).map_or("", |(word, _)| word);
                write!(f, "{word}{limit}")
            }
        }
    }
}

impl Rule {
    /// Whether each row is a collapsed model; `None` where the cell is missing, or NaN.
    pub(super) fn labels(&self, table: &Table) -> Result<Vec<Option<bool>>, CorrelateError> {
        let cells = column(table, &self.column)?.cells.iter().enumerate();
        cells.map(|(row, cell)| self.label(row, cell)).collect()
    }

    fn label(&self, row: usize, cell: &Cell) -> Result<Option<bool>, CorrelateError> {
        let unclear = |text: &str| CorrelateError::Label {
            column: self.column.clone(),
            row: row + 1,
            text: text.to_owned(),
        };
        Ok(match (cell, &self.test) {
            (Cell::Missing, _) => None,
            (Cell::Number(x), _) if x.is_nan() => None,
            (Cell::Number(x), Test::Says) => Some(*x != 0.0),
            (Cell::Number(x), Test::Is(text)) => Some(text.parse() == Ok(*x)),
            (Cell::Number(x), Test::Compared(sign, limit)) => Some(match sign {
                Sign::AtLeast => x >= limit,
                Sign::Above => x > limit,
                Sign::AtMost => x <= limit,
                Sign::Below => x < limit,
            }),
            (Cell::Text(text), Test::Is(wanted)) => Some(text.trim() == wanted),
            (Cell::Text(text), Test::Compared(..)) => return Err(unclear(text)),
            (Cell::Text(text), Test::Says) => {
                let word = text.trim().to_ascii_lowercase();
                match (YES.contains(&word.as_str()), NO.contains(&word.as_str())) {
                    (true, _) => Some(true),
                    (_, true) => Some(false),
                    _ => return Err(unclear(text)),
                }
            }
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    fn says(rule: &str, cell: &Cell) -> Option<bool> {
        rule.parse::<Rule>().unwrap().label(0, cell).unwrap()
    }

    #[test]
    fn a_rule_is_a_column_a_comparison_or_a_text() {
        let inf = Cell::Number(f64::INFINITY);
        assert_eq!(
            [says("ppl>=1e3", &Cell::Number(1e3)), says("ppl>1e3", &Cell::Number(1e3))],
            [Some(true), Some(false)]
        );
        assert_eq!(
            [says("ppl <= 5", &Cell::Number(5.0)), says("ppl<5", &Cell::Number(5.0))],
            [Some(true), Some(false)]
        );
        assert_eq!([says("ppl>=1000", &inf), says("c", &Cell::Number(0.0))], [Some(true), Some(false)]);
        let text = |text: &str| Cell::Text(text.to_owned());
        assert_eq!(
            [says("v=collapse", &text("collapse")), says("v==collapse", &text("safe"))],
            [Some(true), Some(false)]
        );
        assert_eq!([says("v=2", &Cell::Number(2.0)), says("c", &text("True"))], [Some(true); 2]);
        assert_eq!([says("c", &Cell::Missing), says("ppl>1", &Cell::Number(f64::NAN))], [None; 2]);
        assert_eq!(says("c", &text("healthy")), Some(false));
    }

    #[test]
    fn a_rule_is_shown_as_it_was_written_and_nonsense_is_refused() {
        for rule in ["ppl>=1000", "a/b<0.5", "c", "v=collapse"] {
            assert_eq!(rule.parse::<Rule>().unwrap().to_string(), rule);
        }
        for rule in ["", ">=3", "ppl>=many", "ppl>nan", " = x"] {
            assert_eq!(rule.parse::<Rule>().unwrap_err().kind(), "collapsed-rule", "{rule}");
        }
        let maybe = "c".parse::<Rule>().unwrap().label(4, &Cell::Text("maybe".to_owned())).unwrap_err();
        assert_eq!(maybe.to_string(), "row 5 of the column `c` is `maybe`, which says neither yes nor no");
    }
}
