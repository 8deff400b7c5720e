//! A Rust file with comments and strings blanked, its test modules and its functions found.
//!
//! No parser: a scan that knows comments, strings and braces, which is all that the rules need.

use std::ops::Range;

/// One file of the program.
pub(super) struct Source {
    /// From the root, with forward slashes: `src/deltas/outcome.rs`.
    pub(super) path: String,
    /// As written.
    pub(super) text: String,
    /// As long as `text`, with comments, strings and character literals turned to spaces.
    pub(super) code: String,
    /// Where in `code` the test modules are.
    tests: Vec<Range<usize>>,
}

impl Source {
    pub(super) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let (path, text) = (path.into(), text.into());
        let code = blanked(&text);
        let tests = test_modules(&code);
        Self { path, text, code, tests }
    }

    /// A file of tests only: `tests.rs`, or below a folder `tests`.
    pub(super) fn is_test_file(&self) -> bool {
        self.path.split('/').any(|part| matches!(part, "test" | "tests" | "tests.rs" | "test.rs"))
    }

    /// `code` with the test modules blanked too; empty for a file of tests.
    pub(super) fn production(&self) -> String {
        if self.is_test_file() {
            return String::new();
        }
        let mut bytes = self.code.clone().into_bytes();
        for byte in self.tests.iter().flat_map(Clone::clone) {
            if bytes[byte] != b'\n' {
                bytes[byte] = b' ';
            }
        }
        String::from_utf8(bytes).expect("only spaces went in")
    }

    /// The line of a position in `text` or `code`, counted from 1.
    pub(super) fn line_of(&self, at: usize) -> usize {
        newlines(&self.code[..at]) + 1
    }

    /// Lines outside test modules.
    pub(super) fn production_lines(&self) -> usize {
        newlines(&self.code)
            - self.tests.iter().map(|range| newlines(&self.code[range.clone()])).sum::<usize>()
    }

    /// Name, first line and number of lines of every function with a body outside test modules.
    pub(super) fn functions(&self) -> Vec<(String, usize, usize)> {
        words(&self.code)
            .filter(|&(at, word)| word == "fn" && !self.tests.iter().any(|range| range.contains(&at)))
            .filter_map(|(at, word)| {
                let after = &self.code[at + word.len()..];
                let name = leading_word(after.trim_start());
                let body = body_start(&self.code, at + word.len())?;
                let lines = newlines(&self.code[at..closing(&self.code, body)]) + 1;
                (after.starts_with(char::is_whitespace) && !name.is_empty())
                    .then(|| (name.to_owned(), self.line_of(at), lines))
            })
            .collect()
    }
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|&byte| byte == b'\n').count()
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The identifier that `text` begins with, or nothing.
pub(super) fn leading_word(text: &str) -> &str {
    &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())]
}

/// Every identifier, keyword or number with its position.
pub(super) fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = rest + text[rest..].find(is_word)?;
        let word = leading_word(&text[start..]);
        rest = start + word.len();
        Some((start, word))
    })
}

/// The text with every comment, string and character literal turned to spaces, newlines kept.
fn blanked(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let previous = code.chars().next_back();
        let hidden = hidden_length(&text[at..], previous);
        if hidden == 0 {
            let character = text[at..].chars().next().expect("not at the end");
            code.push(character);
            at += character.len_utf8();
        } else {
            code.extend(text[at..at + hidden].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
            at += hidden;
        }
    }
    code
}

/// How many bytes of `rest` are one comment, string or character literal; 0 where none begins.
fn hidden_length(rest: &str, previous: Option<char>) -> usize {
    let upto = |end: Option<usize>| end.unwrap_or(rest.len());
    if rest.starts_with("//") {
        upto(rest.find('\n'))
    } else if rest.starts_with("/*") {
        block_comment(rest)
    } else if let Some((start, end)) = raw_string(rest).filter(|_| !previous.is_some_and(is_word)) {
        upto(rest[start..].find(&end).map(|found| start + found + end.len()))
    } else if rest.starts_with('"') {
        upto(closing_quote(rest))
    } else {
        character_literal(rest)
    }
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let step = match rest.as_bytes().get(at..at + 2) {
            Some(b"/*") => {
                depth += 1;
                2
            }
            Some(b"*/") => {
                depth -= 1;
                2
            }
            _ => 1,
        };
        at += step;
        if depth == 0 {
            break;
        }
    }
    at
}

/// Where the text of a raw string begins, and what ends it.
fn raw_string(rest: &str) -> Option<(usize, String)> {
    let prefix = if rest.starts_with("br") || rest.starts_with("cr") { 2 } else { 1 };
    let hashes = rest[rest.starts_with(['b', 'c', 'r']).then_some(prefix)?..]
        .bytes()
        .take_while(|&b| b == b'#')
        .count();
    let opens = rest.as_bytes()[prefix - 1] == b'r' && rest.as_bytes().get(prefix + hashes) == Some(&b'"');
    opens.then(|| (prefix + hashes + 1, format!("\"{}", "#".repeat(hashes))))
}

fn closing_quote(rest: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// `'x'`, `'\n'`, `'\x7f'` and `'\u{2264}'`, but not the tick of a lifetime.
fn character_literal(rest: &str) -> usize {
    let Some(inner) = rest.strip_prefix('\'') else { return 0 };
    let length = match inner.strip_prefix('\\') {
        Some(escape) if escape.starts_with("u{") => 1 + escape.find('}').map_or(0, |at| at + 1),
        Some(escape) if escape.starts_with('x') => 4,
        Some(escape) => 1 + escape.chars().next().map_or(0, char::len_utf8),
        None => inner.chars().next().filter(|&c| c != '\'').map_or(0, char::len_utf8),
    };
    let closed = length > 0 && inner.get(length..).is_some_and(|rest| rest.starts_with('\''));
    if closed { length + 2 } else { 0 }
}

/// The position just past the brace block that opens at or after `from`.
fn closing(code: &str, from: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

/// Where the body of a function opens, or `None` for a signature alone.
fn body_start(code: &str, from: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' if depth == 0 => return Some(at),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// The blocks of `#[cfg(test)] mod name { … }`, other attributes and `all(test, …)` included.
fn test_modules(code: &str) -> Vec<Range<usize>> {
    code.match_indices("#[cfg(")
        .filter_map(|(start, opening)| {
            let inner = &code[start + opening.len()..];
            let inner = inner.strip_prefix("all(").unwrap_or(inner);
            let mut rest = inner.strip_prefix("test").filter(|rest| !rest.starts_with(is_word))?;
            rest = after_attribute(rest)?;
            while rest.starts_with("#[") {
                rest = after_attribute(rest)?;
            }
            rest = without_visibility(rest).strip_prefix("mod")?.trim_start();
            let brace = rest[leading_word(rest).len()..].trim_start();
            brace.starts_with('{').then(|| start..closing(code, code.len() - brace.len()))
        })
        .collect()
}

fn after_attribute(rest: &str) -> Option<&str> {
    rest.find(']').map(|end| rest[end + 1..].trim_start())
}

fn without_visibility(rest: &str) -> &str {
    let Some(rest) = rest.strip_prefix("pub") else { return rest };
    match rest.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
        Some((_, after)) => after.trim_start(),
        None => rest.trim_start(),
    }
}

mod tests {
    use super::*;

    fn code(text: &str) -> String {
        Source::new("src/room/file.rs", text).code
    }

    #[test]
    fn comments_strings_and_characters_are_blanked_and_lifetimes_are_not() {
        assert_eq!(code("a // crate::x\nb"), "a            \nb");
        assert_eq!(code("a /* { /* } */ */ b"), format!("a {} b", " ".repeat(15)));
        assert_eq!(
            code(r#"f("a\"}", '{', '\'', b"x")"#),
            format!("f({}, {}, {}, b{})", " ".repeat(6), "   ", "    ", "   ")
        );
        assert_eq!(code("r#\"{ \" }\"# + 1"), format!("{} + 1", " ".repeat(10)));
        assert_eq!(
            code(r"'\u{7d}' '\x7d' '≤'"),
            format!("{} {} {}", " ".repeat(8), " ".repeat(6), " ".repeat(5))
        );
        assert_eq!(code("fn f<'a>(x: &'a str) {}"), "fn f<'a>(x: &'a str) {}");
        assert_eq!(code("let bar = for_r(\"}\");"), "let bar = for_r(   );");
    }

    #[test]
    fn test_modules_are_no_production_code() {
        let text = "fn a() {\n}\n#[cfg(all(test, feature = \"x\"))]\n#[expect(clippy::y, reason = \"]\")]\npub(crate) mod tests {\n  fn b() {}\n}\nfn c();\n";
        let source = Source::new("src/room/file.rs", text);
        assert_eq!(source.functions(), [("a".to_owned(), 1, 2)]);
        assert_eq!(source.production_lines(), 4);
        assert!(!source.production().contains("fn b"));
        assert!(Source::new("src/room/tests.rs", "fn a() {}").production().is_empty());
    }

    #[test]
    fn a_function_is_as_long_as_from_its_name_to_its_brace() {
        let text =
            "fn long<T: Fn(u8) -> u8>(\n    f: [u8; 2],\n) -> T\nwhere\n    T: X,\n{\n    if x { y }\n}\n";
        assert_eq!(Source::new("src/a.rs", text).functions(), [("long".to_owned(), 1, 8)]);
    }
}
