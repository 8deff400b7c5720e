//! The screen: where the subjects of a whole dataset stand, from the tokenizer alone.
//!
//! The collapse cases of ROME on GPT-2 and GPT-J share one thing that needs no model to be seen: the subject's last token,
//! where the key is read, is the first token of the input (The Fall of ROME, EMNLP 2024). A tokenizer that puts a BOS token
//! before every text takes that position itself, so behind one no subject is at risk for this reason.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::model::{Refused, Tokenizer, place, slot};
use crate::reader::{BAD_RECORD, BadRecord, Case};

/// Where the subject of a case stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubjectPosition {
    /// Tokens of the subject.
    pub subject_tokens: usize,
    /// Position of its first token, special tokens counted.
    pub subject_first: usize,
    /// Position of its last token, special tokens counted: where ROME reads the key.
    pub subject_last: usize,
    /// Whether that token is the first of the prompt's own.
    pub first_token: bool,
    /// Whether special tokens stand before the prompt.
    pub bos: bool,
}

impl SubjectPosition {
    /// Whether the key is read at the very first position of the model's input.
    pub fn at_risk(&self) -> bool {
        self.first_token && !self.bos
    }
}

/// Why a case cannot be screened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScreenRefusal {
    /// A stable word for the cause.
    pub kind: &'static str,
    /// What is wrong, with the values that matter.
    pub reason: String,
}

/// One record of the dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScreenRow<'a> {
    /// Its place among the records, from 0.
    pub index: usize,
    /// As written; none where the record is no case.
    pub case_id: Option<&'a str>,
    /// As written; none where the record is no case.
    pub prompt: Option<&'a str>,
    /// As written; none where the record is no case.
    pub subject: Option<&'a str>,
    /// Where the subject stands, or why that cannot be told.
    pub found: Result<SubjectPosition, ScreenRefusal>,
}

/// What the rows add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScreenSummary {
    /// Records.
    pub cases: usize,
    /// Records whose subject was found.
    pub screened: usize,
    /// Records that were refused, by cause.
    pub refused: BTreeMap<&'static str, usize>,
    /// Cases whose key is read at the first of the prompt's own tokens.
    pub first_token: usize,
    /// Cases whose key is read at the very first position.
    pub at_risk: usize,
    /// Cases by the number of their subject's tokens.
    pub by_length: BTreeMap<usize, usize>,
}

impl ScreenSummary {
    /// Records that were refused, whatever the cause.
    pub fn refused_cases(&self) -> usize {
        self.cases - self.screened
    }

    fn add(mut self, row: &ScreenRow<'_>) -> Self {
        self.cases += 1;
        match &row.found {
            Ok(position) => {
                self.screened += 1;
                self.first_token += usize::from(position.first_token);
                self.at_risk += usize::from(position.at_risk());
                *self.by_length.entry(position.subject_tokens).or_default() += 1;
            }
            Err(refusal) => *self.refused.entry(refusal.kind).or_default() += 1,
        }
        self
    }
}

/// A dataset, screened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Screened<'a> {
    /// A row a record, in their order.
    pub rows: Vec<ScreenRow<'a>>,
    /// What they add up to.
    pub summary: ScreenSummary,
}

/// Finds every subject of a dataset; a record that is bad or refused is a row like the others.
pub fn screen<'a>(tokenizer: &Tokenizer, cases: &'a [Result<Case, BadRecord>]) -> Screened<'a> {
    let rows: Vec<_> =
        cases.par_iter().enumerate().map(|(index, case)| row(tokenizer, index, case)).collect();
    let summary = rows.iter().fold(ScreenSummary::default(), ScreenSummary::add);
    Screened { rows, summary }
}

fn row<'a>(tokenizer: &Tokenizer, index: usize, case: &'a Result<Case, BadRecord>) -> ScreenRow<'a> {
    match case {
        Ok(case) => ScreenRow {
            index,
            case_id: Some(&case.case_id),
            prompt: Some(&case.prompt),
            subject: Some(&case.subject),
            found: position(tokenizer, case)
                .map_err(|refused| ScreenRefusal { kind: refused.kind(), reason: refused.to_string() }),
        },
        Err(bad) => {
            let refusal = ScreenRefusal { kind: BAD_RECORD, reason: bad.to_string() };
            ScreenRow { index, case_id: None, prompt: None, subject: None, found: Err(refusal) }
        }
    }
}

fn position(tokenizer: &Tokenizer, case: &Case) -> Result<SubjectPosition, Refused> {
    let placed = place(tokenizer, &slot(&case.prompt, &case.subject)?, &case.subject)?;
    Ok(SubjectPosition {
        subject_tokens: placed.subject_last - placed.subject_first + 1,
        subject_first: placed.subject_first,
        subject_last: placed.subject_last,
        first_token: placed.first_token,
        bos: placed.bos,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests take apart what they made")]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::reader::parse_cases;

    const CASES: &str = r#"[
        {"case_id": "a", "prompt": "{} is the capital of", "subject": "Paris"},
        {"case_id": "b", "prompt": "Danielle Darrieux spoke", "subject": "Danielle Darrieux"},
        {"case_id": "c", "prompt": "The capital of {} is", "subject": "Italy"},
        {"case_id": "d", "prompt": "The capital of", "subject": "Italy"},
        3]"#;

    fn summary(kind: &str) -> ScreenSummary {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tokenizers").join(kind);
        let cases = parse_cases(CASES.as_bytes()).unwrap();
        screen(&Tokenizer::open(&folder).unwrap(), &cases).summary
    }

    #[test]
    fn one_word_at_the_start_is_at_risk_and_every_record_is_counted() {
        let summary = summary("byte-level");
        assert_eq!((summary.cases, summary.screened, summary.refused_cases()), (5, 3, 2));
        assert_eq!((summary.first_token, summary.at_risk), (1, 1));
        assert_eq!(summary.refused, [("bad-record", 1), ("subject-absent", 1)].into());
        assert_eq!(summary.by_length, [(1, 1), (2, 2)].into(), "Paris; Danielle Darrieux and It·aly");
    }

    #[test]
    fn behind_a_bos_token_a_first_word_is_counted_and_not_at_risk() {
        let summary = summary("byte-level-bos");
        assert_eq!((summary.first_token, summary.at_risk), (1, 0));
    }

    #[test]
    fn rows_keep_the_order_of_the_records() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tokenizers/byte-level");
        let cases = parse_cases(CASES.as_bytes()).unwrap();
        let screened = screen(&Tokenizer::open(&folder).unwrap(), &cases);
        let ids: Vec<_> = screened.rows.iter().map(|row| row.case_id).collect();
        assert_eq!(ids, [Some("a"), Some("b"), Some("c"), Some("d"), None]);
        assert!(screened.rows.iter().enumerate().all(|(at, row)| row.index == at));
    }
}
