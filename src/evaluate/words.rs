//! Words of a text, in three published ways of cutting it.
//!
//! | for | words |
//! |---|---|
//! | n-gram entropy | near to `word_tokenize` of NLTK, see [`treebank_words`] |
//! | normalised entropy | lower case, without full stops, cut at every single space; empty words are kept |
//! | TF-IDF | lower case, runs of two or more letters, digits and underscores: scikit-learn's default |

/// Abbreviations whose full stop ends no sentence.
const ABBREVIATIONS: [&str; 16] =
    ["mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr", "vs", "etc", "inc", "co", "corp", "no", "gen", "col"];

/// Words that are cut in two at that byte, whatever their case.
const CUT: [(&str, usize); 7] =
    [("cannot", 3), ("gimme", 3), ("gonna", 3), ("gotta", 3), ("lemme", 3), ("wanna", 3), ("'tis", 2)];

/// Endings that become words of their own, lower case.
const ENDINGS: [&str; 7] = ["n't", "'ll", "'re", "'ve", "'s", "'m", "'d"];

/// Words and punctuation by the conventions of the Penn Treebank, as NLTK's tokenizer applies them.
///
/// Brackets, quotes, dashes of two hyphens, dots of two or more and `; @ # $ % & ? ! *` stand alone; so do commas and colons
/// unless a digit follows, and the full stop that ends a sentence. Contractions are cut (`do n't`, `it 's`, `can not`).
/// Straight double quotes become \`\` where they open and '' where they close.
///
/// Differs from NLTK where its sentence splitter, which is trained, knows better: here a sentence ends at the end of the
/// text, and at a full stop before white space and a capital, digit or quote, unless the word is one letter, has a full stop
/// inside, or is one of a few abbreviations. Rare contractions (`d'ye`, `more'n`, `'twas`) stay whole.
pub fn treebank_words(text: &str) -> Vec<String> {
    let chunks: Vec<&str> = text.split_whitespace().collect();
    let mut words = Vec::new();
    for (at, chunk) in chunks.iter().enumerate() {
        let opens = |next: &&str| {
            next.starts_with(|c: char| c.is_uppercase() || c.is_numeric() || "\"'“‘(".contains(c))
        };
        let is_end = match chunks.get(at + 1) {
            None => true,
            Some(next) => opens(next) && !is_abbreviation(chunk),
        };
        cut_chunk(chunk, is_end, &mut words);
    }
    words
}

/// Whether the full stop at the end of a word says that it is shortened.
fn is_abbreviation(chunk: &str) -> bool {
    let word = chunk.trim_start_matches(|c: char| !c.is_alphanumeric());
    let Some(word) = word.strip_suffix('.') else { return false };
    word.chars().count() == 1 || word.contains('.') || ABBREVIATIONS.contains(&word.to_lowercase().as_str())
}

/// Cuts what stands between white space.
fn cut_chunk(chunk: &str, is_end: bool, words: &mut Vec<String>) {
    let (chunk, stop) = match is_end.then(|| final_stop(chunk)).flatten() {
        Some(at) => chunk.split_at(at),
        None => (chunk, ""),
    };
    cut_marks(chunk, words);
    if let Some(behind) = stop.strip_prefix('.') {
        words.push(".".to_owned());
        cut_marks(behind, words);
    }
}

/// Where the full stop is that ends a sentence: one dot with nothing behind it but closing marks.
fn final_stop(chunk: &str) -> Option<usize> {
    let stem = chunk.trim_end_matches(|c: char| "])}>\"'»”’".contains(c));
    let before = stem.strip_suffix('.')?;
    (!before.is_empty() && !before.ends_with('.')).then_some(before.len())
}

/// Cuts at every mark that stands alone.
fn cut_marks(chunk: &str, words: &mut Vec<String>) {
    let mut rest = chunk;
    let mut word = 0;
    while let Some(c) = rest.get(word..).and_then(|behind| behind.chars().next()) {
        let behind = rest.get(word..).unwrap_or_default();
        let run = |mark| behind.len() - behind.trim_start_matches(mark).len();
        let before = rest.get(..word).unwrap_or_default();
        let mark = match c {
            '.' if run('.') > 1 => run('.'),
            '`' => run('`'),
            '-' if run('-') > 1 => 2,
            ',' | ':'
                if !behind.get(1..).is_some_and(|next| next.starts_with(|c: char| c.is_ascii_digit())) =>
            {
                1
            }
            '"' | ';' | '@' | '#' | '$' | '%' | '&' | '?' | '!' | '*' | '[' | ']' | '(' | ')' | '{' | '}'
            | '<' | '>' => 1,
            '«' | '»' | '“' | '”' | '„' | '‘' | '’' => c.len_utf8(),
            _ => {
                word += c.len_utf8();
                continue;
            }
        };
        cut_word(before, words);
        let opens = before.is_empty()
            && (rest.len() == chunk.len() || words.last().is_some_and(|last| "([{<".contains(last.as_str())));
        words.push(match (c, opens) {
            ('"', true) => "``".to_owned(),
            ('"', false) => "''".to_owned(),
            _ => behind.get(..mark).unwrap_or_default().to_owned(),
        });
        rest = behind.get(mark..).unwrap_or_default();
        word = 0;
    }
    cut_word(rest, words);
}

/// Cuts contractions.
fn cut_word(word: &str, words: &mut Vec<String>) {
    let lower = word.to_ascii_lowercase();
    let ending = ENDINGS.iter().find(|ending| {
        let stem = lower.strip_suffix(**ending);
        stem.is_some_and(|stem| !stem.is_empty() && !stem.ends_with('\''))
    });
    let at = match (CUT.iter().find(|(whole, _)| *whole == lower), ending) {
        (Some((_, at)), _) => *at,
        (None, Some(ending)) => word.len() - ending.len(),
        (None, None) if word.len() > 1 && word.ends_with('\'') => word.len() - 1,
        (None, None) => 0,
    };
    let (stem, end) = word.split_at_checked(at).unwrap_or(("", word));
    words.extend([stem, end].into_iter().filter(|part| !part.is_empty()).map(str::to_owned));
}

/// Lower case, without full stops, cut at every single space; two spaces have an empty word between them.
pub fn spaced_words(text: &str) -> Vec<String> {
    text.to_lowercase().replace('.', "").split(' ').map(str::to_owned).collect()
}

/// Lower case, runs of two or more letters, digits and underscores.
pub fn vector_words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let runs = lower.split(|c: char| !c.is_alphanumeric() && c != '_');
    runs.filter(|run| run.chars().nth(1).is_some()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(treebank_words(text).join(" "), expected);
    }

    #[test]
    fn punctuation_stands_alone_but_not_inside_numbers_and_abbreviations() {
        check("At 3:30, 1,000 men (all) left; why?", "At 3:30 , 1,000 men ( all ) left ; why ?");
        check("Dr. Who met J. Doe in the U.S. Senate.", "Dr. Who met J. Doe in the U.S. Senate .");
        check("It ended. Then it began...", "It ended . Then it began ...");
        check("a--b costs $5 (50%).", "a -- b costs $ 5 ( 50 % ) .");
    }

    #[test]
    fn contractions_are_cut_and_quotes_have_a_direction() {
        check("They don't know it's John's.", "They do n't know it 's John 's .");
        check("I cannot say \"yes\" (\"no\").", "I can not say `` yes '' ( `` no '' ) .");
        check("the cats' toys", "the cats ' toys");
    }

    #[test]
    fn the_other_two_ways_keep_what_they_keep() {
        assert_eq!(spaced_words("A.  b"), ["a", "", "b"]);
        assert_eq!(spaced_words(""), [""]);
        assert_eq!(vector_words("A b-cd e_f été, 42!"), ["cd", "e_f", "été", "42"]);
    }

    #[test]
    fn no_text_makes_it_lose_a_letter() {
        for text in ["'", "''", "'s", "n't", "\"", "...", ".", "a.", "«x»’s", "-", "--", "😀.", "`` x ''"]
        {
            let joined: String = treebank_words(text).concat();
            let letters = |text: &str| text.replace(['"', '`', '\'', ' '], "");
            assert_eq!(letters(&joined), letters(text), "{text}");
        }
    }
}
