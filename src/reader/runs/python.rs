//! A request as Python's `repr` writes it: a list, a tuple or a dict of strings, read and never run.
//!
//! ```text
//! ['Danielle Darrieux', 'The mother tongue of {} is', 'English']
//! {'prompt': '{} is', 'subject': "Vinson Massif", 'target_new': {'str': 'Europe', 'id': 'Q46'}}
//! ```

use std::iter::Peekable;
use std::str::Chars;

/// Longest text that is read.
const LONGEST: usize = 1 << 16;
/// Deepest nesting.
const DEEPEST: usize = 16;

/// A literal of Python.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    /// `None`, `True`, `False`, or a number: a word without quotes.
    Word(String),
    /// A string.
    Text(String),
    /// A list or a tuple.
    List(Vec<Literal>),
    /// A dict, in its order.
    Dict(Vec<(Literal, Literal)>),
}

/// Reads one literal with nothing behind it; what is wrong is said in words.
pub(super) fn parse(text: &str) -> Result<Literal, String> {
    if text.len() > LONGEST {
        return Err(format!("longer than {LONGEST} bytes"));
    }
    let mut reader = Reader { rest: text.chars().peekable() };
    let literal = reader.literal(0)?;
    match reader.next_filled() {
        None => Ok(literal),
        Some(found) => Err(format!("`{found}` behind its end")),
    }
}

/// The subject of a request: the first of a list of three strings, or what a dict calls so.
pub(super) fn subject(literal: &Literal) -> Option<&str> {
    match literal {
        Literal::List(items) => match items.as_slice() {
            [Literal::Text(subject), Literal::Text(_), Literal::Text(_)] => Some(subject),
            _ => None,
        },
        Literal::Dict(entries) => entries.iter().find_map(|entry| match entry {
            (Literal::Text(key), Literal::Text(subject)) if key == "subject" => Some(subject.as_str()),
            _ => None,
        }),
        _ => None,
    }
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
}

impl Reader<'_> {
    fn literal(&mut self, depth: usize) -> Result<Literal, String> {
        if depth == DEEPEST {
            return Err(format!("nested more than {DEEPEST} deep"));
        }
        match self.next_filled().ok_or("it ends too early")? {
            quote @ ('\'' | '"') => self.text(quote).map(Literal::Text),
            '[' => self.items(']', depth),
            '(' => self.items(')', depth),
            '{' => self.entries(depth),
            first if first.is_ascii_alphanumeric() || first == '-' => Ok(Literal::Word(self.word(first))),
            other => Err(format!("`{other}` where a value should be")),
        }
    }

    fn items(&mut self, close: char, depth: usize) -> Result<Literal, String> {
        let mut items = Vec::new();
        while !self.closes(close) {
            items.push(self.literal(depth + 1)?);
            self.separator(close)?;
        }
        Ok(Literal::List(items))
    }

    fn entries(&mut self, depth: usize) -> Result<Literal, String> {
        let mut entries = Vec::new();
        while !self.closes('}') {
            let key = self.literal(depth + 1)?;
            if self.next_filled() != Some(':') {
                return Err("no colon behind a key".to_owned());
            }
            entries.push((key, self.literal(depth + 1)?));
            self.separator('}')?;
        }
        Ok(Literal::Dict(entries))
    }

    /// Takes the bracket where it is next.
    fn closes(&mut self, close: char) -> bool {
        while self.rest.next_if(|c| c.is_whitespace()).is_some() {}
        self.rest.next_if_eq(&close).is_some()
    }

    /// Takes a comma, or leaves the bracket that ends the list.
    fn separator(&mut self, close: char) -> Result<(), String> {
        while self.rest.next_if(|c| c.is_whitespace()).is_some() {}
        match self.rest.peek() {
            Some(',') => {
                self.rest.next();
                Ok(())
            }
            Some(next) if *next == close => Ok(()),
            Some(other) => Err(format!("`{other}` where a comma or `{close}` should be")),
            None => Err("it ends too early".to_owned()),
        }
    }

    fn word(&mut self, first: char) -> String {
        let mut word = String::from(first);
        while let Some(next) =
            self.rest.next_if(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_'))
        {
            word.push(next);
        }
        word
    }

    fn text(&mut self, quote: char) -> Result<String, String> {
        let mut text = String::new();
        loop {
            match self.rest.next().ok_or("a string without its end")? {
                end if end == quote => return Ok(text),
                '\\' => text.push(self.escape()?),
                other => text.push(other),
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        let digits = match self.rest.next().ok_or("a string without its end")? {
            same @ ('\\' | '\'' | '"') => return Ok(same),
            'n' => return Ok('\n'),
            'r' => return Ok('\r'),
            't' => return Ok('\t'),
            'x' => 2,
            'u' => 4,
            'U' => 8,
            other => return Err(format!("the escape \\{other}, which repr does not write")),
        };
        let code: String = self.rest.by_ref().take(digits).collect();
        let number = u32::from_str_radix(&code, 16).ok().filter(|_| code.len() == digits);
        number.and_then(char::from_u32).ok_or_else(|| format!("no character `{code}`"))
    }

    fn next_filled(&mut self) -> Option<char> {
        self.rest.by_ref().find(|c| !c.is_whitespace())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn requests_are_read_as_python_reads_them() {
        let list = parse(r#"['Carol \'Ann\'', "What {} plays, it's", 'sitcom\n']"#).unwrap();
        assert_eq!(subject(&list), Some("Carol 'Ann'"));
        let dict = r"{'prompt': '{} is', 'subject': 'S\xe3o \u4e2d', 'id': None, 'n': -1.5e-3, 'target_new': {'str': 'x'}}";
        assert_eq!(subject(&parse(dict).unwrap()), Some("São 中"));
        assert_eq!(parse("( 'a' , )"), Ok(Literal::List(vec![Literal::Text("a".into())])));
        assert_eq!(parse("[]"), Ok(Literal::List(vec![])));
        assert_eq!(subject(&parse("['a', 'b']").unwrap()), None);
    }

    #[test]
    fn what_is_no_literal_is_said() {
        for (text, said) in [
            ("", "it ends too early"),
            ("['a'", "it ends too early"),
            ("['a' 'b']", "`'` where a comma or `]` should be"),
            ("'a", "a string without its end"),
            (r"'\q'", "the escape \\q, which repr does not write"),
            (r"'\x4'", "no character `4'`"),
            ("{'a' 1}", "no colon behind a key"),
            ("'a' b", "`b` behind its end"),
            ("@", "`@` where a value should be"),
        ] {
            assert_eq!(parse(text), Err(said.to_owned()), "{text}");
        }
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert!(parse(&"[".repeat(20)).unwrap_err().contains("deep"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r#"[\[\](){}'",:\\xuU0-9a-f \n]{0,80}"#) {
            let _ = parse(&text);
        }
    }
}
