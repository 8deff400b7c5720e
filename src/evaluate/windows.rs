//! A text cut into what a model can take.

/// A row of tokens for the model, and how many of its predictions were scored in a row before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) tokens: Vec<u32>,
    /// Predictions at the start of the row that only give context.
    pub(super) known: usize,
}

/// How rows are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Never.
    Whole,
    /// After so many tokens.
    After(usize),
    /// Windows that overlap: `length` tokens each, `stride` further each time.
    Sliding { length: usize, stride: usize },
}

/// Rows in which every token but the first is predicted once, and whether tokens were left out.
///
/// ```text
/// sliding, length 4, stride 2:   a b c d          predicts b c d
///                                    c d e f      predicts e f     (known: d)
///                                        e f g    predicts g       (known: f)
/// ```
///
/// Degenerate: fewer than two tokens predict nothing and give no row.
pub(super) fn windows(tokens: &[u32], cut: Cut) -> (Vec<Window>, bool) {
    if tokens.len() < 2 {
        return (Vec::new(), false);
    }
    let whole = |tokens: &[u32]| vec![Window { tokens: tokens.to_vec(), known: 0 }];
    match cut {
        Cut::Whole => (whole(tokens), false),
        Cut::After(longest) => (whole(tokens.get(..longest).unwrap_or(tokens)), tokens.len() > longest),
        Cut::Sliding { length, stride } => (sliding(tokens, length, stride), false),
    }
}

fn sliding(tokens: &[u32], length: usize, stride: usize) -> Vec<Window> {
    let mut rows = Vec::new();
    let (mut begin, mut predicted) = (0, 1);
    while predicted < tokens.len() {
        let end = tokens.len().min(begin + length);
        // The row's first prediction is of token begin + 1.
        rows.push(Window {
            tokens: tokens.get(begin..end).unwrap_or_default().to_vec(),
            known: predicted - begin - 1,
        });
        predicted = end;
        begin += stride;
    }
    rows
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may fail")]
mod tests {
    use super::*;

    #[test]
    fn sliding_windows_predict_every_token_but_the_first_once() {
        for (n, length, stride) in [(7, 4, 2), (7, 4, 3), (2, 2, 1), (48, 48, 1), (49, 48, 47), (100, 9, 4)] {
            let tokens: Vec<u32> = (0..n).collect();
            let (rows, truncated) = windows(&tokens, Cut::Sliding { length, stride });
            let predicted: Vec<u32> =
                rows.iter().flat_map(|row| row.tokens[1 + row.known..].to_vec()).collect();
            assert_eq!(predicted, tokens[1..], "{n} {length} {stride}");
            assert!(!truncated && rows.iter().all(|row| row.tokens.len() <= length));
        }
    }

    #[test]
    fn a_long_text_is_cut_once_and_said_to_be() {
        let row = |tokens: &[u32]| vec![Window { tokens: tokens.to_vec(), known: 0 }];
        assert_eq!(windows(&[1, 2, 3], Cut::After(2)), (row(&[1, 2]), true));
        assert_eq!(windows(&[1, 2, 3], Cut::After(3)), (row(&[1, 2, 3]), false));
        assert_eq!(windows(&[1, 2, 3], Cut::Whole), (row(&[1, 2, 3]), false));
    }

    #[test]
    fn nothing_is_predicted_from_fewer_than_two_tokens() {
        assert_eq!(windows(&[], Cut::Whole), (vec![], false));
        assert_eq!(windows(&[5], Cut::Sliding { length: 4, stride: 1 }), (vec![], false));
    }
}
